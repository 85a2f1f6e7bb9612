"""Scenes as a front camera sees them, from pictures of faces, and crops of them for training."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy

from attacks import ATTACKS, camera
from faces import Meshes, crop
from teacher import Teacher

Random = numpy.random.Generator
# The server's crop, in boxes of the mesh.
CROP = 2.7
SPECIES = ["real", *ATTACKS]


@dataclass
class Portrait:
    path: Path
    # A chip has no surroundings of its own.
    is_chip: bool
    box: numpy.ndarray

    @property
    def person(self) -> str:
        """UTKFace names nobody; most of its people are there once."""
        return self.path.name if self.is_chip else self.path.parent.name


def portraits(faces: Path, models: Path) -> list[Portrait]:
    """All pictures in which the landmark network sees a face."""
    meshes, found = Meshes(models), []
    for folder, is_chip, width in [("utkface", True, 130), ("lfw", False, 100)]:
        for path in sorted((faces / folder).rglob("*.jpg")):
            box = meshes.box(cv2.imread(str(path)), width)
            if box is not None and box[2] > 40:
                found.append(Portrait(path, is_chip, box))
    return found


def scene(portrait: Portrait, backgrounds: list[Portrait], random: Random) -> tuple[numpy.ndarray, numpy.ndarray]:
    """A picture of some hundred pixels, and the face's box in it."""
    picture = cv2.imread(str(portrait.path)).astype(numpy.float32)
    box = portrait.box.copy()
    if random.random() < 0.5:
        picture = picture[:, ::-1]
        box[0] = picture.shape[1] - box[0] - box[2]
    if portrait.is_chip:
        picture, box = surrounded(picture, box, backgrounds, random)
    scale = random.uniform(80, 190) / box[2]
    picture = cv2.resize(numpy.ascontiguousarray(picture), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    return numpy.clip(picture, 0, 255), box * scale


def surrounded(chip: numpy.ndarray, box: numpy.ndarray, backgrounds: list[Portrait], random: Random):
    """The chip before something else: its edges run out into it."""
    rows, columns = chip.shape[:2]
    wide, high = int(columns * random.uniform(1.4, 2.4)), int(rows * random.uniform(1.4, 2.4))
    behind = background((high, wide), backgrounds, random)
    left, top = int(random.uniform(0.3, 0.7) * (wide - columns)), int(random.uniform(0.25, 0.75) * (high - rows))
    # Hair, neck and clothes go on in the colours that the chip ends in.
    spread = cv2.copyMakeBorder(chip, top, high - rows - top, left, wide - columns - left, cv2.BORDER_REPLICATE)
    spread = cv2.GaussianBlur(spread, (0, 0), columns / 12)
    y, x = numpy.mgrid[0:high, 0:wide].astype(numpy.float32)
    centre = (left + columns / 2, top + rows / 2)
    body = 1 / (1 + numpy.exp((numpy.abs(x - centre[0]) / columns - random.uniform(0.5, 0.8)) * 14))
    body = numpy.where(y > centre[1], body, body * numpy.exp(-(((centre[1] - y) / rows) ** 2) * 4))[:, :, None]
    canvas = behind * (1 - body) + spread * body
    matte = numpy.zeros((high, wide), numpy.float32)
    cv2.ellipse(matte, (int(centre[0]), int(centre[1])), (int(columns * 0.47), int(rows * 0.49)), 0, 0, 360, 1.0, -1)
    matte = cv2.GaussianBlur(matte, (0, 0), columns / random.uniform(18, 40))[:, :, None]
    pasted = canvas.copy()
    pasted[top : top + rows, left : left + columns] = chip
    return canvas * (1 - matte) + pasted * matte, box + [left, top, 0, 0]


def background(size: tuple[int, int], backgrounds: list[Portrait], random: Random) -> numpy.ndarray:
    """A wall, or some other picture, out of focus or not."""
    if random.random() < 0.3:
        corner = random.uniform(30, 230, (2, 2, 3)).astype(numpy.float32)
        wall = cv2.resize(corner, size[::-1], interpolation=cv2.INTER_LINEAR)
        return wall + cv2.GaussianBlur(20 * random.standard_normal(wall.shape, numpy.float32), (0, 0), 2)
    other = cv2.imread(str(backgrounds[random.integers(len(backgrounds))].path))
    other = cv2.resize(other[:, : other.shape[1] // 3], size[::-1]).astype(numpy.float32)
    return cv2.GaussianBlur(other, (0, 0), random.uniform(0.5, 12))


def sample(portrait: Portrait, backgrounds: list[Portrait], teacher: Teacher, species: str, random: Random):
    """A crop as the network takes it (80, 80, 3; BGR), and what the teacher says of the scene."""
    picture, box = scene(portrait, backgrounds, random)
    if species != "real":
        picture = ATTACKS[species](picture, random)
    picture = camera(picture, random)
    box = box + random.normal(0, 0.02, 4) * box[2]
    return crop(picture, box, CROP), teacher.probabilities(picture, box)
