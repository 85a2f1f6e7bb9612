// What the page says to bring the face into the oval, before the film and while it runs. The server remains the judge:
// where the detector does not run, the page films without it.

import { middle } from './camera.js';

// The detector's input: the filmed part of the picture, three to four, in the middle of a square.
const SIDE = 128;
const SHOWN_WIDTH = SIDE * 3 / 4;
// Of the filmed part: where the middle of the oval is, how far from it the middle of a face may be, and how wide a face is.
const CENTRE = { x: 0.5, y: 0.46 };
const ASIDE_MAX = 0.17;
const FAR_WIDTH = 0.26;
const NEAR_WIDTH = 0.74;
// As the server counts faces: by their area, against the largest.
const SHARE_MIN = 0.25;
// Of the face, 0 to 255.
const DARK_MAX = 45;
// A device that is slower than this is left alone.
const SLOW_MS = 1500;

/** What is wrong with these faces, in shares of the filmed part, as the name of a text; `faceGood` if nothing is. */
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

/** Looks at the camera's picture through the detector, one picture at a time. */
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
      // Without workers there is no guide.
    }
  }

  /** True while it can be asked. */
  get works() {
    return this.worker !== undefined;
  }

  /** What is to be done, as the name of a text; nothing where it cannot be told, or while it looks already. */
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

/** The mean brightness of the face, 0 to 255. */
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
