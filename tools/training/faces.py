"""Locates the face of a picture in the same way as the server: the upright box around its mesh, and crops around it."""

from pathlib import Path

import cv2
import numpy
import onnxruntime

SIDE = 80
DETECTOR_SIDE, MESH_SIDE = 256, 192
SCORE_MIN, PRESENCE_MIN = 0.5, 0.5
# The size of the landmark network's input, relative to the longer side of a box.
MESH_MARGIN = 1.5
# The outer corners of the eyes, on the left and on the right of the picture.
EYES = (33, 263)


def session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Faces:
    """The server's detector and landmark network. Pictures are BGR, 8 bits."""

    def __init__(self, models: Path):
        self.detector = session(models / "blazeface.onnx")
        self.landmarks = session(models / "facemesh.onnx")
        grid = lambda cells, anchors: [
            ((x + 0.5) / cells, (y + 0.5) / cells) for y in range(cells) for x in range(cells) for _ in range(anchors)
        ]
        self.anchors = numpy.array(grid(16, 2) + grid(8, 6)) * DETECTOR_SIDE

    def box(self, picture: numpy.ndarray) -> numpy.ndarray | None:
        """Returns x, y, width and height of the face nearest to the middle; `None` if there is none."""
        points = self.points(picture)
        if points is None:
            return None
        low, high = points.min(axis=0), points.max(axis=0)
        return numpy.concatenate([low, high - low])

    def points(self, picture: numpy.ndarray) -> numpy.ndarray | None:
        """Returns the 468 points [468, 2] of that face in the picture's pixels."""
        found = self.detected(picture)
        if found is None:
            return None
        centre, side, angle = found
        for _ in range(2):
            points, presence = self.mesh(picture, centre, side, angle)
            if presence < PRESENCE_MIN:
                return None
            eyes = points[EYES[1]] - points[EYES[0]]
            angle = numpy.arctan2(eyes[1], eyes[0])
            turn = turned(-angle)
            level = points @ turn.T
            low, high = level.min(axis=0), level.max(axis=0)
            centre, side = (low + high) / 2 @ turn, MESH_MARGIN * (high - low).max()
        return points

    def detected(self, picture: numpy.ndarray):
        """Returns the centre, side and angle of the landmark network's first crop."""
        rows, columns = picture.shape[:2]
        scale = DETECTOR_SIDE / max(rows, columns)
        small = cv2.resize(picture, (round(columns * scale), round(rows * scale)), interpolation=cv2.INTER_AREA)
        offset = (numpy.array([DETECTOR_SIDE] * 2) - small.shape[1::-1]) // 2
        canvas = numpy.zeros((DETECTOR_SIDE, DETECTOR_SIDE, 3), numpy.float32)
        canvas[offset[1] : offset[1] + small.shape[0], offset[0] : offset[0] + small.shape[1]] = small
        image = (canvas[:, :, ::-1] / 127.5 - 1).transpose(2, 0, 1)[None].astype(numpy.float32)
        boxes, scores = self.detector.run(["boxes", "scores"], {"image": image})
        centres = boxes[0, :, :2] + self.anchors
        distance = numpy.abs(centres - DETECTOR_SIDE / 2).max(axis=1)
        usable = numpy.where(scores[0, :, 0] > SCORE_MIN, scores[0, :, 0] - 2 * distance / DETECTOR_SIDE, -9)
        best = usable.argmax()
        if usable[best] == -9:
            return None
        row = boxes[0, best]
        eyes = row[6:8] - row[4:6]
        side = MESH_MARGIN * row[2:4].max() / scale
        return (centres[best] - offset) / scale, side, numpy.arctan2(eyes[1], eyes[0])

    def mesh(self, picture: numpy.ndarray, centre: numpy.ndarray, side: float, angle: float):
        """Returns the 468 points in the picture's pixels, and the probability that this is a face."""
        matrix = turned(-angle) * (MESH_SIDE / side)
        shift = MESH_SIDE / 2 - matrix @ centre
        affine = numpy.column_stack([matrix, shift])
        crop = cv2.warpAffine(picture, affine, (MESH_SIDE, MESH_SIDE), flags=cv2.INTER_LINEAR)
        image = crop[:, :, ::-1].transpose(2, 0, 1)[None].astype(numpy.float32) / 255
        points, presence = self.landmarks.run(["points", "presence"], {"image": image})
        return (points[0, :, :2] - shift) @ numpy.linalg.inv(matrix).T, presence[0, 0]


def turned(angle: float) -> numpy.ndarray:
    return numpy.array([[numpy.cos(angle), -numpy.sin(angle)], [numpy.sin(angle), numpy.cos(angle)]])


def crop(picture: numpy.ndarray, box: numpy.ndarray, scale: float) -> numpy.ndarray:
    """Crops the box, enlarged by `scale` about its middle; less if the picture is smaller, and shifted to stay inside.

    It matches `crates/face/src/spoof.rs` and `resample::part` of the server: bilinear interpolation without averaging.
    """
    rows, columns = picture.shape[:2]
    x, y, width, height = box
    scale = min((rows - 1) / height, (columns - 1) / width, scale)
    wide, high = width * scale, height * scale
    left = max(min(x + (width - wide) / 2, columns - 1 - wide), 0)
    top = max(min(y + (height - high) / 2, rows - 1 - high), 0)
    back = numpy.array(
        [[wide / SIDE, 0, wide / SIDE / 2 - 0.5 + left], [0, high / SIDE, high / SIDE / 2 - 0.5 + top]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, back, (SIDE, SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
