"""The two MiniFASNets: how real a face looks to them."""

from pathlib import Path

import numpy

from faces import crop, session

# File and crop, in face boxes.
NETWORKS = [("2.7_80x80_MiniFASNetV2.onnx", 2.7), ("4_0_0_80x80_MiniFASNetV1SE.onnx", 4.0)]


class Teacher:
    def __init__(self, folder: Path, enlarged: float):
        """`enlarged`: how much larger a detector's box is than the mesh's."""
        self.networks = [(session(folder / name), scale * enlarged) for name, scale in NETWORKS]

    def probabilities(self, picture: numpy.ndarray, box: numpy.ndarray) -> numpy.ndarray:
        """Printed, real, shown on a screen: mean of both networks."""
        total = numpy.zeros(3)
        for network, scale in self.networks:
            part = crop(picture, box, scale).transpose(2, 0, 1)[None].astype(numpy.float32)
            logits = network.run(None, {network.get_inputs()[0].name: part})[0][0]
            powers = numpy.exp(logits - logits.max())
            total += powers / powers.sum()
        return total / len(self.networks)
