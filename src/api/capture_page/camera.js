// The camera, and frames of its picture: the middle at 3:4, as the preview shows it.

export const WIDTH = 480;
export const HEIGHT = 640;
const QUALITY = 0.85;
const INTERVAL_MS = 1000 / 15;
// The server drops frames that come sooner after one another, so nobody needs to send them.
const APART_MS = 55;
// The camera's clock and the page's differ a little.
const EARLY_MS = 10;
// The time between two checks of the clock.
const TICK_MS = 20;
// The longest name that a capture may carry, in characters of at most four bytes.
const NAME_LENGTH_MAX = 64;
// A capture may have 150 frames.
const FRAMES_MAX = 150;

/** Starts the camera into a video element, and returns its name; throws what `getUserMedia` throws. */
export async function open(video) {
  // With a width as well, browsers would crop the picture to that shape.
  const wanted = { facingMode: 'user', height: { ideal: 960 }, frameRate: { ideal: 30 } };
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
  await video.play();
  return video.srcObject.getVideoTracks()[0]?.label.slice(0, NAME_LENGTH_MAX) ?? '';
}

/** Turns the camera off. */
export function close(video) {
  for (const track of video.srcObject?.getTracks() ?? []) {
    track.stop();
  }
  video.srcObject = null;
}

/** Returns the filmed part of the camera's picture, in its pixels. */
export function middle({ videoWidth, videoHeight }) {
  const scale = Math.max(WIDTH / videoWidth, HEIGHT / videoHeight);
  const [width, height] = [WIDTH / scale, HEIGHT / scale];
  return { x: (videoWidth - width) / 2, y: (videoHeight - height) / 2, width, height, scale };
}

function shot(video, canvas) {
  const { x, y, width, height, scale } = middle(video);
  // The frame is never enlarged.
  const shrink = Math.min(1, scale);
  canvas.width = Math.round(width * shrink);
  canvas.height = Math.round(height * shrink);
  canvas.getContext('2d').drawImage(video, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/jpeg', QUALITY);
  });
}

/** Calls `see` for each new frame with its capture time, until the returned function is called. */
function watch(video, see) {
  if (!video.requestVideoFrameCallback) {
    const timer = setInterval(() => see(performance.now()), INTERVAL_MS / 2);
    return () => clearInterval(timer);
  }
  let handle;
  const next = () => {
    handle = video.requestVideoFrameCallback((now, { captureTime }) => {
      next();
      see(captureTime ?? now);
    });
  };
  next();
  return () => video.cancelVideoFrameCallback(handle);
}

/** Returns a function that says by the time of a new frame whether a film of `durationMs` milliseconds takes it. */
export function chooser(durationMs) {
  const interval = Math.max(INTERVAL_MS, durationMs / (FRAMES_MAX - 1));
  let [due, last, count] = [0, -Infinity, 0];
  return (over) => {
    const isEarly = over < Math.max(0, due - EARLY_MS) || over - last < APART_MS;
    if (isEarly || over > durationMs || count === FRAMES_MAX) {
      return false;
    }
    // A slow device skips frames.
    due = Math.max(due, over - interval) + interval;
    [last, count] = [over, count + 1];
    return true;
  };
}

/**
 * Films for `durationMs` milliseconds, and calls `tell` with the elapsed ones. Returns the frames, `{ t_ms, jpeg }`;
 * `undefined` if the signal stopped it or the camera went away.
 */
export async function film(video, durationMs, tell, signal) {
  const canvas = document.createElement('canvas');
  const isChosen = chooser(durationMs);
  const begun = performance.now();
  const shots = [];
  const see = (time) => {
    const over = time - begun;
    if (isChosen(over)) {
      shots.push({ t_ms: Math.round(over), blob: shot(video, canvas) });
    }
  };
  const ended = await new Promise((resolve) => {
    const stop = watch(video, see);
    const timer = setInterval(() => {
      const over = performance.now() - begun;
      const goesOn = !signal.aborted && video.srcObject?.getVideoTracks()[0]?.readyState === 'live';
      if (goesOn && over < durationMs) {
        tell(over);
        return;
      }
      clearInterval(timer);
      stop();
      resolve(goesOn);
    }, TICK_MS);
  });
  const frame = async ({ t_ms, blob }) => ({ t_ms, jpeg: new Uint8Array(await (await blob).arrayBuffer()) });
  // Frames that could not be encoded throw here in any case.
  const frames = await Promise.all(shots.map(frame));
  return ended && frames.length ? frames : undefined;
}
