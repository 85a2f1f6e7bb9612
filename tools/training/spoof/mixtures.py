"""Additional training pictures for the student: mixed pictures, and changes that no camera makes.

Only the teacher labels them. A student that follows the teacher there as well also does so for attacks that nobody
foresaw (a patient teacher and a long schedule: arXiv 2106.05237). Pictures are (n, 3, 80, 80), BGR, 0..255.
"""

import torch
from torch.nn import functional

Generator = torch.Generator
# The share of the pictures that is mixed or changed.
SHARE = 0.6
# Pixels on either side of a blur's centre.
REACH = 4


class Chance:
    """Random numbers for each of `n` pictures, shaped for multiplication with them."""

    def __init__(self, n: int, random: Generator):
        self.n, self.random = n, random

    def uniform(self, low: float, high: float, channels: int = 1) -> torch.Tensor:
        numbers = torch.rand(self.n, channels, 1, 1, generator=self.random, device=self.random.device)
        return low + (high - low) * numbers

    def happens(self, probability: float) -> torch.Tensor:
        return self.uniform(0, 1) < probability


def practised(pictures: torch.Tensor, random: Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns the augmented pictures, most of them mixed or changed, and a flag (n) for each of these."""
    chance = Chance(len(pictures), random)
    pictures = moved(pictures, chance)
    is_changed = chance.happens(SHARE)
    pictures = torch.where(is_changed, changed(mixed(pictures, chance), chance), pictures)
    # A camera produces whole numbers.
    return pictures.clamp(0, 255).round(), is_changed.flatten()


def moved(pictures: torch.Tensor, chance: Chance) -> torch.Tensor:
    """Mirrors half of the pictures, and scales and shifts half of them a little, like the errors of detectors."""
    mirror = 1 - 2 * chance.happens(0.5).float()
    moves = chance.happens(0.5).float()
    scale = 1 + moves * chance.uniform(-0.1, 0.1)
    shift = moves * chance.uniform(-0.08, 0.08, 2)
    transform = torch.zeros(chance.n, 2, 3, device=pictures.device)
    transform[:, 0, 0], transform[:, 1, 1] = (scale * mirror).flatten(), scale.flatten()
    transform[:, :, 2] = shift.flatten(1)
    places = functional.affine_grid(transform, list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, places, padding_mode="border", align_corners=False)


def mixed(pictures: torch.Tensor, chance: Chance) -> torch.Tensor:
    """Mixes each picture with another: blended, with a part of the other inserted, or unchanged."""
    partners = pictures[torch.randperm(chance.n, generator=chance.random, device=pictures.device)]
    way, share = chance.uniform(0, 1), chance.uniform(0, 1)
    side = torch.arange(pictures.shape[-1], device=pictures.device)
    top, left, high, wide = chance.uniform(0, 60), chance.uniform(0, 60), chance.uniform(15, 60), chance.uniform(15, 60)
    rows, columns = side[:, None], side[None, :]
    patch = (rows >= top) & (rows < top + high) & (columns >= left) & (columns < left + wide)
    both = share * pictures + (1 - share) * partners
    part = torch.where(patch, partners, pictures)
    return torch.where(way < 0.4, both, torch.where(way < 0.7, part, pictures))


def changed(pictures: torch.Tensor, chance: Chance) -> torch.Tensor:
    """Changes tones, colours, contrast, sharpness and grain."""
    toned = 255 * (pictures / 255).clamp(1e-4, 1) ** chance.uniform(0.6, 1.6, 3)
    pictures = torch.where(chance.happens(0.5), toned, pictures)
    grey = pictures.mean(1, keepdim=True)
    pictures = torch.where(chance.happens(0.4), grey + (pictures - grey) * chance.uniform(0, 1.7), pictures)
    flatter = (pictures - 128) * chance.uniform(0.5, 1.5) + 128 + chance.uniform(-40, 40)
    pictures = torch.where(chance.happens(0.4), flatter, pictures)
    soft = blurred(pictures, chance.uniform(0.3, 2).flatten())
    way = chance.uniform(0, 1)
    sharper = pictures + chance.uniform(0.3, 2) * (pictures - soft)
    pictures = torch.where(way < 0.3, soft, torch.where(way < 0.55, sharper, pictures))
    grain = torch.randn(pictures.shape, generator=chance.random, device=pictures.device)
    grain = torch.where(chance.happens(0.5), grain, grain[:, :1])
    return pictures + chance.happens(0.4) * chance.uniform(1, 15) * grain


def blurred(pictures: torch.Tensor, sigmas: torch.Tensor) -> torch.Tensor:
    """Blurs each picture by its own Gaussian; `sigmas` are (n), in pixels."""
    n, channels, rows, columns = pictures.shape
    places = torch.arange(-REACH, REACH + 1, device=pictures.device)
    weights = torch.exp(-(places**2) / (2 * sigmas[:, None] ** 2))
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    flat = functional.pad(pictures, [REACH] * 4, mode="replicate").reshape(1, n * channels, rows + 2 * REACH, -1)
    flat = functional.conv2d(flat, weights[:, None, None, :], groups=n * channels)
    return functional.conv2d(flat, weights[:, None, :, None], groups=n * channels).reshape(pictures.shape)
