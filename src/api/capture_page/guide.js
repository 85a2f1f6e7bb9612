// Tells the person how to bring the face into the oval, before the film and during it. The server makes the decision:
// without a working detector, the page films all the same.

import { middle } from './camera.js';

// The detector's input: the filmed part of the picture, at 3:4, in the middle of a square.
const SIDE = 128;
const SHOWN_WIDTH = SIDE * 3 / 4;
// Shares of the filmed part: the centre of the oval, the largest distance of a face's centre from it, and the range of
// a face's width.
const CENTRE = { x: 0.5, y: 0.46 };
const ASIDE_MAX = 0.17;
const FAR_WIDTH = 0.26;
const NEAR_WIDTH = 0.74;
// The server counts faces in the same way: by area relative to the largest.
const SHARE_MIN = 0.25;
// The mean brightness of a dark face, 0 to 255.
const DARK_MAX = 45;
// A device slower than this gets no guidance.
const SLOW_MS = 1500;

/** Returns the name of a text: the problem with these faces, with boxes in shares of the filmed part, or `faceGood`. */
export function judged(faces, brightness) {
  const [largest, ...others] = [...faces].sort((one, other) => other.width * other.height - one.width * one.height);
  if (!largest) {
    return 'faceNone';
  }
  const area = ({ width, height }) => width * height;
  if (others.some((other) => area(other) >= SHARE_MIN * area(largest))) {
    return 'faceSeveral';
  }
  if (largest.width < FAR_WIDTH) {
    return 'faceFar';
  }
  if (largest.width > NEAR_WIDTH) {
    return 'faceNear';
  }
  const aside = [largest.x + largest.width / 2 - CENTRE.x, largest.y + largest.height / 2 - CENTRE.y];
  if (aside.some((distance) => Math.abs(distance) > ASIDE_MAX)) {
    return 'faceAside';
  }
  return brightness(largest) < DARK_MAX ? 'faceDark' : 'faceGood';
}

/** Runs the detector on the camera's picture, one picture at a time. */
export class Guide {
  constructor() {
    this.canvas = document.createElement('canvas');
    [this.canvas.width, this.canvas.height] = [SIDE, SIDE];
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.answered = () => {};
    this.isBusy = false;
    this.tookMs = 0;
    try {
      this.worker = new Worker('/capture/detector.js', { type: 'module' });
      this.worker.onmessage = ({ data }) => this.answered(data.faces);
      this.worker.onerror = () => this.close();
    } catch {
      // There is no guidance without workers.
    }
  }

  /** True if the detector works. */
  get works() {
    return this.worker !== undefined;
  }

  /** Returns an instruction as the name of a text; `undefined` if the detector does not work or is busy. */
  async look(video) {
    if (!this.works || this.isBusy || !video.videoWidth) {
      return undefined;
    }
    const { x, y, width, height } = middle(video);
    this.context.drawImage(video, x, y, width, height, (SIDE - SHOWN_WIDTH) / 2, 0, SHOWN_WIDTH, SIDE);
    const pixels = this.context.getImageData(0, 0, SIDE, SIDE).data;
    const begun = performance.now();
    this.isBusy = true;
    const faces = await new Promise((resolve) => {
      this.answered = resolve;
      this.worker.postMessage({ pixels, side: SIDE });
    });
    this.isBusy = false;
    this.tookMs = performance.now() - begun;
    if (!faces || this.tookMs > SLOW_MS) {
      this.close();
      return undefined;
    }
    const share = (face) => ({
      x: (face.x - (SIDE - SHOWN_WIDTH) / 2) / SHOWN_WIDTH,
      y: face.y / SIDE,
      width: face.width / SHOWN_WIDTH,
      height: face.height / SIDE,
    });
    return judged(faces.map(share), (face) => brightness(pixels, face));
  }

  close() {
    this.worker?.terminate();
    this.worker = undefined;
    this.answered(undefined);
  }
}

/** Returns the mean brightness of the face, 0 to 255. */
function brightness(pixels, face) {
  const across = (share) => Math.round((SIDE - SHOWN_WIDTH) / 2 + share * SHOWN_WIDTH);
  const down = (share) => Math.round(share * SIDE);
  const within = (value) => Math.max(0, Math.min(SIDE, value));
  let [sum, count] = [0, 0];
  for (let y = within(down(face.y)); y < within(down(face.y + face.height)); y += 1) {
    for (let x = within(across(face.x)); x < within(across(face.x + face.width)); x += 1) {
      const place = 4 * (y * SIDE + x);
      sum += 0.299 * pixels[place] + 0.587 * pixels[place + 1] + 0.114 * pixels[place + 2];
      count += 1;
    }
  }
  return count ? sum / count : 0;
}
