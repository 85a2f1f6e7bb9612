"""Makes crops to train and measure on, once and in chunks, and keeps them."""

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
MODELS = Path(__file__).resolve().parents[3] / "models"
SEED = 20261129
CHUNK = 16
# Scenes of each kind for every portrait.
SCENES = 24


@dataclass
class Portrait:
    path: Path

    @property
    def is_held_out(self) -> bool:
        """True for an eighth of the people, the same as in ../recognizer."""
        return hashlib.sha256(self.path.stem.encode()).digest()[0] % 8 == 0

    def read(self, faces: Faces):
        """Returns the picture with a mask of the person as a fourth channel, and the face's box or `None`."""
        picture = cv2.imread(str(self.path))
        box = faces.box(picture)
        return (picture if box is None else numpy.dstack([picture, scenes.person(picture, box)])), box


def portraits(folder: Path) -> list[Portrait]:
    """Returns all pictures of the folder, one of each person, in a fixed pseudo-random order."""
    found = [Portrait(path) for path in sorted(folder.glob("*.jpg"))]
    numpy.random.default_rng(SEED).shuffle(found)
    return found


@dataclass
class Maker:
    """Makes chunk `index` independently of the others: its random numbers follow from the index."""

    everyone: list[Portrait]
    work: Path

    def __call__(self, index: int) -> None:
        kept = self.work / f"{index:04}.npz"
        if kept.exists():
            return
        cv2.setNumThreads(1)
        networks = Faces(MODELS)
        random = numpy.random.default_rng([SEED, index])
        rows = []
        for portrait in self.everyone[index * CHUNK : (index + 1) * CHUNK]:
            pixels, box = portrait.read(networks)
            if box is not None:
                rows += of_portrait(portrait, pixels, box, random)
        columns = {name: numpy.stack([row[name] for row in rows]) for name in rows[0]}
        partial = kept.with_suffix(".partial.npz")
        numpy.savez(partial, **columns)
        partial.rename(kept)


def of_portrait(portrait: Portrait, pixels: numpy.ndarray, box: numpy.ndarray, random: Random):
    """Returns the portrait itself, genuine scenes and as many attacks."""
    photographs = [(scenes.REAL, True, (pixels[:, :, :3], box))]
    attacks = random.choice(list(scenes.ATTACKS), SCENES)
    for label in [scenes.REAL] * SCENES + attacks.tolist():
        photographs.append((label, False, scenes.taken(pixels, box, scenes.SPECIES[label], random)))
    return [
        {"crops": crops_of(view, place), "label": label, "plain": plain, "held_out": portrait.is_held_out}
        for label, plain, (view, place) in photographs
    ]


def crops_of(view: numpy.ndarray, place: numpy.ndarray) -> numpy.ndarray:
    return numpy.stack([crop(view, place, scale) for scale in CROPS])


def made(faces: Path, work: Path, chunks: int, processes: int) -> dict[str, numpy.ndarray]:
    """Returns the samples of the first chunks; missing chunks are made."""
    work.mkdir(parents=True, exist_ok=True)
    everyone = portraits(faces)
    count = min(chunks, -(-len(everyone) // CHUNK))
    with Pool(processes) as pool:
        for at, _ in enumerate(pool.imap(Maker(everyone, work), range(count))):
            if at % 10 == 9:
                print(f"{at + 1} of {count} chunks", flush=True)
    loaded = [dict(numpy.load(work / f"{index:04}.npz")) for index in range(count)]
    return {name: numpy.concatenate([chunk[name] for chunk in loaded]) for name in loaded[0]}


def untouched(folder: Path, count: int) -> numpy.ndarray:
    """Returns crops of at most `count` unchanged pictures of other people, to compare student and teachers."""
    cv2.setNumThreads(1)
    found = sorted(folder.rglob("*.jpg"))
    networks, crops = Faces(MODELS), []
    for path in found[:: max(len(found) // count, 1)]:
        picture = cv2.imread(str(path))
        box = networks.box(picture)
        if box is not None:
            crops.append(crops_of(picture, box))
    return numpy.stack(crops)
