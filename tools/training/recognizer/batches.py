"""Makes batches of faces, each clean and degraded. The same seed and step give the same batch."""

import cv2
import numpy
import torch
from torch.utils.data import DataLoader, Dataset

from recognizer import degrade
from recognizer.pictures import INPUT, MARGIN, SIDE, Pool

# The number of faces in a batch that are degraded in the same way.
GROUP = 8


class Batches(Dataset):
    """Item `i`: indices of the pool's faces, their clean pictures and the degraded ones, normalised for `network`."""

    def __init__(self, pool: Pool, steps: int, faces: int, seed: int):
        self.pool, self.steps, self.faces, self.seed = pool, steps, faces, seed

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int):
        rng = numpy.random.default_rng([self.seed, step])
        chosen = rng.choice(len(self.pool.crops), self.faces, replace=False)
        clean, worse = [], []
        for at, index in enumerate(chosen):
            if at % GROUP == 0:
                change = degrade.drawn(rng)
            mirrored = rng.random() < 0.5
            picture, _ = placed(self.pool, index, rng, mirrored, 1.0)
            clean.append(lit(picture, rng))
            # Landmarks of a poor picture are less exact.
            picture, points = placed(self.pool, index, rng, mirrored, 2.0)
            worse.append(change(picture, points, rng))
        return torch.from_numpy(chosen), normalised(clean), normalised(worse)

    def loader(self) -> DataLoader:
        """Returns one batch after the other, made in a separate process."""
        return DataLoader(self, batch_size=None, num_workers=1, prefetch_factor=4)


def placed(pool: Pool, index: int, rng: numpy.random.Generator, mirrored: bool, unsure: float):
    """Returns the crop that a recogniser reads, slightly rotated, scaled and shifted, and the landmarks in it."""
    crop, points = pool.crops[index], pool.points[index]
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.normal() * 1.5 * unsure, 1 + rng.normal() * 0.02 * unsure)
    matrix[:, 2] += rng.normal(size=2) * 0.8 * unsure - MARGIN
    picture = cv2.warpAffine(crop, matrix, (INPUT, INPUT), flags=cv2.INTER_LINEAR)
    points = points @ matrix[:, :2].T + matrix[:, 2]
    # The landmarks keep their names in a mirrored picture; drawings on the face are mirrored with it.
    return (picture[:, ::-1].copy(), points_mirrored(points)) if mirrored else (picture, points)


def points_mirrored(points: numpy.ndarray) -> numpy.ndarray:
    return points * (-1, 1) + (INPUT - 1, 0)


def lit(picture: numpy.ndarray, rng: numpy.random.Generator) -> numpy.ndarray:
    """Changes the brightness in three of ten cases, within the range of good pictures."""
    if rng.random() > 0.3:
        return picture
    return (picture * rng.uniform(0.6, 1.3) + rng.uniform(-20, 20)).clip(0, 255).astype(numpy.uint8)


def normalised(pictures: list) -> torch.Tensor:
    """Converts BGR pictures to [N, 3, 112, 112], RGB, `(x - 127.5) / 128`."""
    values = (numpy.stack(pictures)[..., ::-1].astype(numpy.float32) - 127.5) / 128
    return torch.from_numpy(values.transpose(0, 3, 1, 2).copy()).contiguous(memory_format=torch.channels_last)
