// The camera, and frames of what it sees: the middle of its picture, three to four, as the preview shows it.

const WIDTH = 480;
const HEIGHT = 640;
const QUALITY = 0.85;
const INTERVAL_MS = 100;
// The longest name that a capture may carry, in characters of at most four bytes.
const NAME_LENGTH_MAX = 64;
// A capture may have 150.
const FRAMES_MAX = 150;

/** Starts the camera into a video element, and answers its name; throws what `getUserMedia` throws. */
export async function open(video) {
  // A width besides would have browsers cut the picture to the shape of the two.
  const wanted = { facingMode: 'user', height: { ideal: 960 } };
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

function shot(video, canvas) {
  const scale = Math.max(WIDTH / video.videoWidth, HEIGHT / video.videoHeight);
  const [width, height] = [WIDTH / scale, HEIGHT / scale];
  const [x, y] = [(video.videoWidth - width) / 2, (video.videoHeight - height) / 2];
  // What the camera does not have is not made up.
  const shrink = Math.min(1, scale);
  canvas.width = Math.round(width * shrink);
  canvas.height = Math.round(height * shrink);
  canvas.getContext('2d').drawImage(video, x, y, width, height, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('no picture'))), 'image/jpeg', QUALITY);
  });
}

const until = (time) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())));

/**
 * Films for so many milliseconds, and calls `tell` with those that are over. Answers frames, `{ t_ms, jpeg }`; nothing
 * when the signal stopped it, or the camera went away.
 */
export async function film(video, durationMs, tell, signal) {
  const canvas = document.createElement('canvas');
  const interval = Math.max(INTERVAL_MS, durationMs / (FRAMES_MAX - 1));
  const begun = performance.now();
  const shots = [];
  for (let due = 0; due < durationMs && shots.length < FRAMES_MAX; due += interval) {
    await until(begun + due);
    if (signal.aborted || video.srcObject?.getVideoTracks()[0]?.readyState !== 'live') {
      return undefined;
    }
    const over = performance.now() - begun;
    if (over > due + interval) {
      // This device is late: a frame is left out.
      due += interval * Math.floor((over - due) / interval);
    }
    tell(over);
    const t_ms = Math.max(Math.round(over), (shots.at(-1)?.t_ms ?? -1) + 1);
    shots.push({ t_ms, blob: shot(video, canvas) });
  }
  const frame = async ({ t_ms, blob }) => ({ t_ms, jpeg: new Uint8Array(await (await blob).arrayBuffer()) });
  return Promise.all(shots.map(frame));
}
