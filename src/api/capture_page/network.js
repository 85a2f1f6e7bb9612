// A network in ONNX, limited to the operators of the server's face detector: read from its file, and run on the CPU.
//
// Tensors are `{ shape: [channels, height, width], data }`, without the batch of one, and with channels last in `data`.

/** Yields the fields of a protobuf message: their numbers and values, which are numbers or bytes. */
function* fields(bytes) {
  let place = 0;
  const varint = () => {
    let [value, scale] = [0, 1];
    for (;;) {
      const byte = bytes[place];
      place += 1;
      value += (byte & 127) * scale;
      if (byte < 128) {
        return value;
      }
      scale *= 128;
    }
  };
  while (place < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    const length = { 1: 8, 2: 0, 5: 4 }[wire];
    if (wire === 0) {
      yield [tag >>> 3, varint()];
    } else if (length === undefined) {
      throw new Error('no protobuf');
    } else {
      const size = wire === 2 ? varint() : length;
      yield [tag >>> 3, bytes.subarray(place, place + size)];
      place += size;
    }
  }
}

const words = (bytes) => new TextDecoder().decode(bytes);

/** Reads repeated numbers, packed or not. */
function numbers(value) {
  if (typeof value === 'number') {
    return [value];
  }
  const found = [];
  let [number, scale] = [0, 1];
  for (const byte of value) {
    number += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      found.push(number);
      [number, scale] = [0, 1];
    }
  }
  return found;
}

/** Decodes a half-precision number (IEEE 754, binary16). */
function half(bits) {
  const [sign, exponent, fraction] = [bits >> 15 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

const [FLOAT, LONG, HALF] = [1, 7, 10];

function constant(bytes) {
  const found = { dims: [], name: '', type: 0, raw: new Uint8Array() };
  for (const [field, value] of fields(bytes)) {
    if (field === 1) {
      found.dims.push(...numbers(value));
    } else if (field === 2) {
      found.type = value;
    } else if (field === 8) {
      found.name = words(value);
    } else if (field === 9) {
      found.raw = value;
    }
  }
  const view = new DataView(found.raw.buffer, found.raw.byteOffset, found.raw.byteLength);
  const read = {
    [FLOAT]: (place) => view.getFloat32(4 * place, true),
    [LONG]: (place) => Number(view.getBigInt64(8 * place, true)),
    [HALF]: (place) => half(view.getUint16(2 * place, true)),
  }[found.type];
  if (!read) {
    throw new Error(`a constant of type ${found.type}`);
  }
  const data = Float32Array.from({ length: found.dims.reduce((product, dim) => product * dim, 1) }, (_, place) => read(place));
  return [found.name, { dims: found.dims, data }];
}

function node(bytes) {
  const found = { inputs: [], outputs: [], operator: '', attributes: {} };
  for (const [field, value] of fields(bytes)) {
    if (field === 1) {
      found.inputs.push(words(value));
    } else if (field === 2) {
      found.outputs.push(words(value));
    } else if (field === 4) {
      found.operator = words(value);
    } else if (field === 5) {
      const parts = [...fields(value)];
      const name = words(parts.find(([part]) => part === 1)[1]);
      found.attributes[name] = parts.filter(([part]) => part === 3 || part === 8).flatMap(([, part]) => numbers(part));
    }
  }
  return found;
}

/** Convolves: depthwise if each channel has its own filter, over all channels otherwise. */
function convolve(input, filter, bias, { strides, pads, group }) {
  const { shape: [channels, height, width], data: source } = input;
  const [count, inner, rows, columns] = filter.dims;
  const [step] = strides;
  const [top, left, bottom, right] = pads;
  const outHeight = Math.floor((height + top + bottom - rows) / step) + 1;
  const outWidth = Math.floor((width + left + right - columns) / step) + 1;
  const isDepthwise = group[0] === channels && channels > 1;
  const weights = filter.last ??= channelsLast(filter);
  const data = new Float32Array(outHeight * outWidth * count);
  for (let y = 0; y < outHeight; y += 1) {
    for (let x = 0; x < outWidth; x += 1) {
      const out = (y * outWidth + x) * count;
      if (bias) {
        data.set(bias.data, out);
      }
      for (let row = 0; row < rows; row += 1) {
        const fromY = y * step + row - top;
        for (let column = 0; column < columns; column += 1) {
          const fromX = x * step + column - left;
          if (fromY < 0 || fromY >= height || fromX < 0 || fromX >= width) {
            continue;
          }
          const from = (fromY * width + fromX) * channels;
          let weight = (row * columns + column) * inner * count;
          if (isDepthwise) {
            for (let channel = 0; channel < count; channel += 1) {
              data[out + channel] += source[from + channel] * weights[weight + channel];
            }
            continue;
          }
          for (let channel = 0; channel < inner; channel += 1) {
            const value = source[from + channel];
            // Many values after a ReLU are zero.
            if (value !== 0) {
              for (let place = 0; place < count; place += 1) {
                data[out + place] += value * weights[weight + place];
              }
            }
            weight += count;
          }
        }
      }
    }
  }
  return { shape: [count, outHeight, outWidth], data };
}

/** Reorders a filter's weights by row, column, input channel and output channel. */
function channelsLast({ dims: [count, inner, rows, columns], data }) {
  const size = rows * columns;
  const last = new Float32Array(data.length);
  for (let out = 0; out < count; out += 1) {
    for (let channel = 0; channel < inner; channel += 1) {
      for (let place = 0; place < size; place += 1) {
        last[(place * inner + channel) * count + out] = data[(out * inner + channel) * size + place];
      }
    }
  }
  return last;
}

/** Max-pools squares of 2 x 2. */
function halved({ shape: [channels, height, width], data: from }) {
  const [outHeight, outWidth] = [height >> 1, width >> 1];
  const data = new Float32Array(outHeight * outWidth * channels);
  for (let y = 0; y < outHeight; y += 1) {
    for (let x = 0; x < outWidth; x += 1) {
      for (let channel = 0; channel < channels; channel += 1) {
        const corner = (2 * y * width + 2 * x) * channels + channel;
        const below = corner + width * channels;
        data[(y * outWidth + x) * channels + channel] = Math.max(
          from[corner], from[corner + channels], from[below], from[below + channels]);
      }
    }
  }
  return { shape: [channels, outHeight, outWidth], data };
}

/** Appends channels of zeros. */
function widened({ shape: [channels, height, width], data: from }, count) {
  const data = new Float32Array(height * width * count);
  for (let place = 0; place < height * width; place += 1) {
    data.set(from.subarray(place * channels, (place + 1) * channels), place * count);
  }
  return { shape: [count, height, width], data };
}

const same = (input) => input;
const each = (change) => ({ shape, data }) => ({ shape, data: data.map(change) });

/** Take a node's inputs and attributes. Reshape and Transpose change nothing: channels are last already. */
const OPERATORS = {
  Cast: same,
  Transpose: same,
  Reshape: same,
  Conv: (input, filter, bias, attributes) => convolve(input, filter, bias, attributes),
  Relu: each((value) => (value > 0 ? value : 0)),
  Sigmoid: each((value) => 1 / (1 + Math.exp(-value))),
  Add: ({ shape, data }, other) => ({ shape, data: data.map((value, place) => value + other.data[place]) }),
  MaxPool: halved,
  // The pads are for batch, channels, height and width: before, then after.
  Pad: (input, pads) => widened(input, input.shape[0] + pads.data[5]),
  Concat: (one, other) => ({ shape: [one.data.length + other.data.length], data: Float32Array.of(...one.data, ...other.data) }),
};

/** The network in a file. */
export class Network {
  constructor(bytes) {
    const graph = [...fields(bytes)].find(([field]) => field === 7)[1];
    const parts = [...fields(graph)];
    this.nodes = parts.filter(([field]) => field === 1).map(([, value]) => node(value));
    this.constants = parts.filter(([field]) => field === 5).map(([, value]) => constant(value));
    const unknown = this.nodes.find(({ operator }) => !OPERATORS[operator]);
    if (unknown) {
      throw new Error(`the operator ${unknown.operator} is not known here`);
    }
    // Constant weights are converted to floats when they are read.
    const known = new Map(this.constants);
    for (const { inputs, outputs } of this.nodes.filter(({ operator, inputs }) => operator === 'Cast' && known.has(inputs[0]))) {
      known.set(outputs[0], known.get(inputs[0]));
    }
    this.known = known;
  }

  /** Returns all values by name, for an input of this name. */
  run(name, input) {
    const values = new Map(this.known).set(name, input);
    for (const { operator, inputs, outputs, attributes } of this.nodes) {
      if (!values.has(outputs[0])) {
        const [one, other, third] = inputs.map((input) => values.get(input));
        values.set(outputs[0], OPERATORS[operator](one, other, third, attributes));
      }
    }
    return values;
  }
}
