"""The two MiniFASNets, each on its own kind of crop, on any device that torch supports."""

from pathlib import Path

import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.nn import functional

# The file, and the size of the crop in face boxes.
NETWORKS = [("2.7_80x80_MiniFASNetV2.onnx", 2.7), ("4_0_0_80x80_MiniFASNetV1SE.onnx", 4.0)]
CROPS = [crop for _, crop in NETWORKS]

OPERATORS = {
    "Add": torch.add,
    "GlobalAveragePool": lambda x: x.mean((2, 3), keepdim=True),
    "MatMul": torch.matmul,
    "Mul": torch.mul,
    # Slopes have the shape (channels, 1, 1).
    "PRelu": lambda x, slopes: functional.prelu(x, slopes.flatten()),
    "Relu": torch.relu,
    "Reshape": lambda x, shape: x.reshape(len(x), *shape[1:].tolist()),
    "Sigmoid": torch.sigmoid,
}


class Teacher(nn.Module):
    """Executes an ONNX graph node by node. It knows only the operators of these two networks."""

    def __init__(self, path: Path):
        super().__init__()
        graph = onnx.load(path).graph
        self.input, self.output = graph.input[0].name, graph.output[0].name
        settings = lambda node: {one.name: helper.get_attribute_value(one) for one in node.attribute}
        nodes = [node for node in graph.node if node.op_type != "Constant"]
        self.nodes = [(node.op_type, list(node.input), node.output[0], settings(node)) for node in nodes]
        constants = {weights.name: weights for weights in graph.initializer}
        constants |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
        self.places, self.shapes = {}, {}
        for at, (name, constant) in enumerate(constants.items()):
            value = torch.from_numpy(numpy_helper.to_array(constant).copy())
            if value.dtype == torch.int64:
                # Shapes stay on the CPU, since the program reads them.
                self.shapes[name] = value
            else:
                self.places[name] = f"value_{at}"
                self.register_buffer(self.places[name], value)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Maps (n, 3, 80, 80), BGR, 0..255, to logits: printed, real, shown on a screen."""
        known = {name: getattr(self, place) for name, place in self.places.items()} | self.shapes
        known[self.input] = pictures
        for operator, inputs, output, settings in self.nodes:
            known[output] = run(operator, [known[name] for name in inputs], settings)
        return known[self.output]


def run(operator: str, inputs: list[torch.Tensor], settings: dict) -> torch.Tensor:
    if operator == "Conv":
        left_top, right_bottom = settings["pads"][:2], settings["pads"][2:]
        assert left_top == right_bottom, "as much room on either side"
        return functional.conv2d(*inputs, stride=settings["strides"], padding=left_top, groups=settings["group"])
    if operator == "BatchNormalization":
        x, scale, bias, mean, variance = inputs
        return functional.batch_norm(x, mean, variance, scale, bias, eps=settings["epsilon"])
    return OPERATORS[operator](*inputs)


def load(folder: Path, device: str) -> list[Teacher]:
    return [Teacher(folder / name).eval().to(device) for name, _ in NETWORKS]
