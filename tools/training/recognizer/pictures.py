"""Provides faces to train on: portraits, and morphs of two portraits, which stand for further people."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy

from faces import Faces

# A crop is larger than a recogniser's input, so that it can be shifted: the input begins at `MARGIN`.
SIDE, MARGIN, INPUT = 160, 24, 112
# ArcFace's positions in 112x112 for the eyes, the tip of the nose and the corners of the mouth.
FIVE = numpy.array([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])

# Vertices of the landmark network: corners and lids of the eye on the picture's left, the other eye, and more.
LEFT_EYE = (33, 160, 159, 158, 133, 153, 145, 144)
RIGHT_EYE = (362, 385, 386, 387, 263, 373, 374, 380)
NOSE_TIP, MOUTH_CORNERS, BRIDGE = 4, (57, 287), 6
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
        136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
NOSE = (168, 6, 195, 4, 98, 97, 2, 326, 327)
LIPS = (57, 40, 37, 0, 267, 270, 287, 321, 314, 17, 84, 91, 13, 14)
SHAPE = [*OVAL, *BROWS, *LEFT_EYE, *RIGHT_EYE, *NOSE, *LIPS]


@dataclass
class Pool:
    crops: numpy.ndarray  # [N, SIDE, SIDE, 3], BGR, 8 bits
    points: numpy.ndarray  # [N, 468, 2], pixels of the crop


def five(points: numpy.ndarray) -> numpy.ndarray:
    """Returns eyes, tip of the nose and corners of the mouth, like `Mesh::five` of crates/face."""
    eyes = [points[list(eye)].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE)]
    return numpy.array([*eyes, points[NOSE_TIP], *points[list(MOUTH_CORNERS)]])


def similarity(source: numpy.ndarray, target: numpy.ndarray) -> numpy.ndarray:
    """Returns the rotation, scale and shift [2, 3] that maps `source` to `target` with the least squared distance."""
    s, t = source - source.mean(axis=0), target - target.mean(axis=0)
    spread = (s**2).sum()
    a, b = (s * t).sum() / spread, (s[:, 0] * t[:, 1] - s[:, 1] * t[:, 0]).sum() / spread
    turn = numpy.array([[a, -b], [b, a]])
    return numpy.column_stack([turn, target.mean(axis=0) - turn @ source.mean(axis=0)])


def portraits(folder: Path, models: Path) -> tuple[Pool, Pool]:
    """Returns the faces of a folder with one portrait of each person: the training set, and an eighth held out."""
    faces, trained, held_out = Faces(models), [], []
    for path in sorted(folder.glob("*.jpg")):
        picture = cv2.imread(str(path))
        points = faces.points(picture)
        if points is None:
            continue
        matrix = similarity(five(points), FIVE + MARGIN)
        crop = cv2.warpAffine(picture, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        held = hashlib.sha256(path.stem.encode()).digest()[0] % 8 == 0
        (held_out if held else trained).append((crop, points @ matrix[:, :2].T + matrix[:, 2]))
    return pool(trained), pool(held_out)


def pool(faces: list) -> Pool:
    return Pool(numpy.stack([crop for crop, _ in faces]), numpy.stack([points for _, points in faces]).astype(numpy.float32))


def with_morphs(portraits: Pool, count: int, seed: int) -> Pool:
    """Returns the portraits, and `count` morphs of two of them: shapes are averaged, then colours."""
    rng = numpy.random.default_rng(seed)
    morphs = []
    for _ in range(count):
        one, other = rng.choice(len(portraits.crops), 2, replace=False)
        weights = (share := rng.uniform(0.35, 0.65), 1 - share)
        points = sum(weight * portraits.points[i] for weight, i in zip(weights, (one, other)))
        bent = [bent_to(portraits.crops[i], portraits.points[i], points) for i in (one, other)]
        morphs.append((cv2.addWeighted(bent[0], weights[0], bent[1], weights[1], 0), points))
    made = pool(morphs)
    return Pool(numpy.concatenate([portraits.crops, made.crops]), numpy.concatenate([portraits.points, made.points]))


def bent_to(crop: numpy.ndarray, source: numpy.ndarray, target: numpy.ndarray) -> numpy.ndarray:
    """Warps the crop: the triangles between the points of the face move from `source` to `target`."""
    edge = numpy.array([(x, y) for x in (0, SIDE // 2, SIDE - 1) for y in (0, SIDE // 2, SIDE - 1) if (x, y) != (80, 80)])
    inside = lambda points: numpy.concatenate([points[SHAPE].clip(1, SIDE - 2), edge]).astype(numpy.float32)
    source, target = inside(source), inside(target)
    bent = crop.copy()
    for triangle in triangles(target):
        left, top, width, height = cv2.boundingRect(target[triangle])
        matrix = cv2.getAffineTransform(source[triangle], target[triangle] - numpy.float32((left, top)))
        patch = cv2.warpAffine(crop, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = numpy.zeros((height, width), numpy.uint8)
        cv2.fillConvexPoly(mask, numpy.round(target[triangle] - (left, top)).astype(numpy.int32), 1)
        cv2.copyTo(patch, mask, bent[top : top + height, left : left + width])
    return bent


def triangles(points: numpy.ndarray) -> list:
    """Returns the Delaunay triangles between the points, as three indices each."""
    division = cv2.Subdiv2D((0, 0, SIDE, SIDE))
    index = {division.insert((float(x), float(y))): at for at, (x, y) in enumerate(points)}
    found = []
    for corners in division.getTriangleList().reshape(-1, 3, 2):
        three = [index.get(division.findNearest((float(x), float(y)))[0]) for x, y in corners]
        if None not in three and len(set(three)) == 3:
            found.append(three)
    return found
