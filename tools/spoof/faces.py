"""Where the face of a picture is: the upright box around its mesh, as the server has it."""

from pathlib import Path

import cv2
import numpy
import onnxruntime

MESH_SIDE = 192
# Of the longer side of the mesh's box: what its network wants around a face.
MESH_MARGIN = 1.5
PRESENCE_MIN = 0.5


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Meshes:
    """The landmark network on pictures whose face lies about the middle, as UTKFace and LFW have it."""

    def __init__(self, models: Path):
        self.network = session(models / "facemesh.onnx")

    def box(self, picture: numpy.ndarray, width: float) -> numpy.ndarray | None:
        """x, y, width and height of the face; `width` is about how wide it is. `picture` is BGR."""
        rows, columns = picture.shape[:2]
        centre, side = numpy.array([columns / 2, rows / 2]), MESH_MARGIN * width
        for _ in range(3):
            crop = cut(picture, centre, side)
            points, presence = self.network.run(["points", "presence"], {"image": crop})
            if presence[0, 0] < PRESENCE_MIN:
                return None
            flat = points[0, :, :2] * (side / MESH_SIDE) + centre - side / 2
            low, high = flat.min(axis=0), flat.max(axis=0)
            centre, side = (low + high) / 2, MESH_MARGIN * (high - low).max()
        return numpy.concatenate([low, high - low])


def cut(picture: numpy.ndarray, centre: numpy.ndarray, side: float) -> numpy.ndarray:
    scale = MESH_SIDE / side
    offset = MESH_SIDE / 2 - centre * scale
    affine = numpy.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
    crop = cv2.warpAffine(picture, affine, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_LINEAR)
    return crop[:, :, ::-1].transpose(2, 0, 1)[None].astype(numpy.float32) / 255


def crop(picture: numpy.ndarray, box: numpy.ndarray, scale: float, side: int = 80) -> numpy.ndarray:
    """The box, `scale` times as large and pushed back into the picture, as the networks against spoofs take it."""
    rows, columns = picture.shape[:2]
    x, y, width, height = box
    scale = min((rows - 1) / height, (columns - 1) / width, scale)
    wide, high = width * scale, height * scale
    left = min(max(x + width / 2 - wide / 2, 0), columns - 1 - wide)
    top = min(max(y + height / 2 - high / 2, 0), rows - 1 - high)
    part = picture[int(top) : int(top + high) + 1, int(left) : int(left + wide) + 1]
    return cv2.resize(part, (side, side))
