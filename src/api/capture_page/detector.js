// Runs BlazeFace in a worker: pixels in, faces out. It reads the network in the same way as the server's own detector
// (crates/face/src/detect/blazeface.rs).

import { Network } from './network.js';

// Numbers in a row: a box, and six points.
const ROW = 16;
// The grids of the network: the stride between anchors in pixels, and the number of anchors in each cell.
const GRIDS = [[16, 2], [32, 6]];
const CONFIDENCE_MIN = 0.5;
const OVERLAP_MAX = 0.3;

/** Yields the anchor centres of the network's rows, in the order of the rows. */
function* anchors(side) {
  for (const [stride, count] of GRIDS) {
    const cells = side / stride;
    for (let row = 0; row < cells * cells * count; row += 1) {
      const place = Math.floor(row / count);
      yield [(place % cells + 0.5) * stride, (Math.floor(place / cells) + 0.5) * stride];
    }
  }
}

function overlap(one, other) {
  const across = Math.min(one.x + one.width, other.x + other.width) - Math.max(one.x, other.x);
  const down = Math.min(one.y + one.height, other.y + other.height) - Math.max(one.y, other.y);
  const shared = Math.max(0, across) * Math.max(0, down);
  return shared / (one.width * one.height + other.width * other.height - shared);
}

/** Merges the boxes that overlap the most confident one: their mean, weighted by confidence. */
function merged([surest, ...others]) {
  if (!surest) {
    return [];
  }
  const isSame = (other) => overlap(surest, other) > OVERLAP_MAX;
  const same = [surest, ...others.filter(isSame)];
  const weight = same.reduce((sum, { confidence }) => sum + confidence, 0);
  const mean = (side) => same.reduce((sum, face) => sum + face.confidence * face[side], 0) / weight;
  const joined = { x: mean('x'), y: mean('y'), width: mean('width'), height: mean('height'), confidence: surest.confidence };
  return [joined, ...merged(others.filter((other) => !isSame(other)))];
}

/** Returns the faces in the pixels (RGBA) of a square, most confident first, in its pixels. */
export function faces(network, pixels, side) {
  const data = new Float32Array(side * side * 3);
  for (let place = 0; place < side * side; place += 1) {
    for (let colour = 0; colour < 3; colour += 1) {
      data[3 * place + colour] = (pixels[4 * place + colour] - 127.5) / 127.5;
    }
  }
  const values = network.run('image', { shape: [3, side, side], data });
  const [boxes, scores] = [values.get('boxes').data, values.get('scores').data];
  const found = [];
  let row = 0;
  for (const [centreX, centreY] of anchors(side)) {
    const confidence = scores[row];
    const [x, y, width, height] = boxes.subarray(ROW * row, ROW * row + 4);
    if (confidence > CONFIDENCE_MIN && width > 0 && height > 0) {
      found.push({ x: x + centreX - width / 2, y: y + centreY - height / 2, width, height, confidence });
    }
    row += 1;
  }
  return merged(found.sort((one, other) => other.confidence - one.confidence));
}

/** Loads the network from the server. */
export async function load(path) {
  return new Network(new Uint8Array(await (await fetch(path)).arrayBuffer()));
}

if (globalThis.WorkerGlobalScope) {
  const network = load('/capture/detector.onnx');
  globalThis.onmessage = async ({ data: { pixels, side } }) => {
    try {
      globalThis.postMessage({ faces: faces(await network, pixels, side) });
    } catch {
      globalThis.postMessage({});
    }
  };
}
