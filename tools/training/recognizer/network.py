"""Converts a recogniser's ONNX file to a torch module with the same weights, and back."""

from pathlib import Path

import numpy
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


class Network(torch.nn.Module):
    """Runs the operators of MobileFaceNet: Conv, PRelu, Add and Flatten; a Cast may stand before weights."""

    def __init__(self, path: Path):
        super().__init__()
        self.model = onnx.load(path)
        self.weights = torch.nn.ParameterDict()
        self.stored = {}
        tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.model.graph.initializer}
        casts = {node.input[0]: node.output[0] for node in self.model.graph.node if node.op_type == "Cast"}
        for name, values in tensors.items():
            key = f"w{len(self.stored)}"
            self.stored[name] = key
            self.stored[casts.get(name, name)] = key
            self.weights[key] = torch.nn.Parameter(torch.tensor(values.astype(numpy.float32)))
        self.nodes = [
            (node.op_type, list(node.input), node.output[0], {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute})
            for node in self.model.graph.node
            if node.op_type != "Cast"
        ]

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Takes `pictures` [N, 3, 112, 112], normalised for the network; returns the raw vectors [N, 192]."""
        values = {self.model.graph.input[0].name: pictures}
        weight = lambda name: self.weights[self.stored[name]]
        for op, inputs, output, attributes in self.nodes:
            x = values[inputs[0]]
            match op:
                case "Conv":
                    top, left, low, right = attributes["pads"]
                    padding = (top, left)
                    if (top, left) != (low, right):
                        x, padding = F.pad(x, (left, right, top, low)), 0
                    group = attributes["group"]
                    y = F.conv2d(x, weight(inputs[1]), weight(inputs[2]), attributes["strides"], padding, groups=group)
                case "PRelu":
                    y = F.prelu(x, weight(inputs[1]).flatten())
                case "Add":
                    y = x + values[inputs[1]]
                case "Flatten":
                    y = x.flatten(1)
                case _:
                    raise ValueError(f"no {op} here")
            values[output] = y
        return values[self.model.graph.output[0].name]

    def save(self, path: Path):
        """Writes the original file with the current weights; those that had 16 bits are rounded to 16 bits."""
        for tensor in self.model.graph.initializer:
            values = self.weights[self.stored[tensor.name]].detach().numpy()
            tensor.CopyFrom(numpy_helper.from_array(values.astype(numpy_helper.to_array(tensor).dtype), tensor.name))
        onnx.checker.check_model(self.model, full_check=True)
        path.write_bytes(self.model.SerializeToString(deterministic=True))
