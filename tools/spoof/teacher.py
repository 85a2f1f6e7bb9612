"""The two MiniFASNets, each on the crop that it was made for."""

from pathlib import Path

import numpy

from faces import session

# File and crop, in face boxes.
NETWORKS = [("2.7_80x80_MiniFASNetV2.onnx", 2.7), ("4_0_0_80x80_MiniFASNetV1SE.onnx", 4.0)]
CROPS = [crop for _, crop in NETWORKS]


class Teacher:
    def __init__(self, folder: Path):
        self.networks = [session(folder / name) for name, _ in NETWORKS]

    def logits(self, which: int, crop: numpy.ndarray) -> numpy.ndarray:
        """Printed, real, shown on a screen; of a crop (80, 80, 3; BGR)."""
        network = self.networks[which]
        image = crop.transpose(2, 0, 1)[None].astype(numpy.float32)
        return network.run(None, {network.get_inputs()[0].name: image})[0][0]


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    powers = numpy.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
