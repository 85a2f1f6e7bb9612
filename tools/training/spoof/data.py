"""Crops to train and measure on: made once, in chunks, and kept."""

import hashlib
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy

import scenes
from faces import Faces, crop
from teacher import CROPS

Random = numpy.random.Generator
MODELS = Path(__file__).resolve().parents[2] / "models"
SEED = 20261125
CHUNK = 64
HELD_OUT = 0.15
# Chips of UTKFace end where their faces do; the detector wants some room.
CHIP_ROOM = 60
# Scenes of each kind that every portrait is put into.
SCENES = 4


@dataclass
class Portrait:
    path: Path
    is_chip: bool

    @property
    def is_held_out(self) -> bool:
        """By person. UTKFace names nobody; most of its people are there once."""
        person = self.path.name if self.is_chip else self.path.parent.name
        return int(hashlib.sha256(person.encode()).hexdigest(), 16) % 1000 < 1000 * HELD_OUT

    def read(self, faces: Faces):
        """The picture, and its face's box or `None`."""
        picture, room = cv2.imread(str(self.path)), CHIP_ROOM if self.is_chip else 0
        box = faces.box(cv2.copyMakeBorder(picture, room, room, room, room, cv2.BORDER_CONSTANT))
        return picture, box if box is None else box - [room, room, 0, 0]


def portraits(folder: Path) -> list[Portrait]:
    """All pictures of both sets in a random order, always the same."""
    found = [Portrait(path, True) for path in sorted((folder / "utkface").rglob("*.jpg"))]
    found += [Portrait(path, False) for path in sorted((folder / "lfw").rglob("*.jpg"))]
    numpy.random.default_rng(SEED).shuffle(found)
    return found


@dataclass
class Maker:
    """Makes chunk `index`, whatever was made before it: its random numbers follow from the index."""

    everyone: list[Portrait]
    work: Path

    def __call__(self, index: int) -> None:
        kept = self.work / f"{index:04}.npz"
        if kept.exists():
            return
        cv2.setNumThreads(1)
        networks = Faces(MODELS)
        random = numpy.random.default_rng([SEED, index])
        # Nobody's surroundings are both trained on and measured on.
        others = {out: [one.path for one in self.everyone if not one.is_chip and one.is_held_out == out] for out in (0, 1)}
        rows = []
        for portrait in self.everyone[index * CHUNK : (index + 1) * CHUNK]:
            picture, box = portrait.read(networks)
            if box is not None and box[2] > 30:
                rows += of_portrait(portrait, picture, box, others[portrait.is_held_out], random)
        columns = {name: numpy.stack([row[name] for row in rows]) for name in rows[0]}
        partial = kept.with_suffix(".partial.npz")
        numpy.savez(partial, **columns)
        partial.rename(kept)


def of_portrait(portrait: Portrait, picture: numpy.ndarray, box: numpy.ndarray, others: list[Path], random: Random):
    """The portrait as it is, if it has surroundings, genuine scenes and as many attacks."""
    photographs = []
    if not portrait.is_chip:
        photographs.append((scenes.REAL, True, (picture, box)))
    attacks = random.choice(list(scenes.ATTACKS), SCENES)
    for label in [scenes.REAL] * SCENES + attacks.tolist():
        photographs.append((label, False, scenes.taken(picture, box, scenes.SPECIES[label], others, random)))
    return [
        {
            "crops": numpy.stack([crop(view, place, scale) for scale in CROPS]),
            "label": label,
            "plain": plain,
            "chip": portrait.is_chip,
            "held_out": portrait.is_held_out,
        }
        for label, plain, (view, place) in photographs
    ]


def made(faces: Path, work: Path, chunks: int, processes: int) -> dict[str, numpy.ndarray]:
    """The samples of the first chunks; what is missing is made."""
    work.mkdir(parents=True, exist_ok=True)
    everyone = portraits(faces)
    count = min(chunks, -(-len(everyone) // CHUNK))
    with Pool(processes) as pool:
        for at, _ in enumerate(pool.imap(Maker(everyone, work), range(count))):
            if at % 10 == 9:
                print(f"{at + 1} of {count} chunks", flush=True)
    loaded = [dict(numpy.load(work / f"{index:04}.npz")) for index in range(count)]
    return {name: numpy.concatenate([chunk[name] for chunk in loaded]) for name in loaded[0]}
