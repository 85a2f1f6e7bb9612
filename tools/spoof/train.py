"""Trains the built-in network against spoofs. See README.md beside this file.

    python tools/spoof/train.py --faces DIR --teacher DIR --out models/spoof.onnx
"""

import argparse
import hashlib
import json
from multiprocessing import Pool
from pathlib import Path

import numpy
import onnx
import torch
from torch import nn

import report
import scenes
from network import Network
from teacher import Teacher

ROOT = Path(__file__).resolve().parents[2]
SEED = 20261125
EPOCHS, BATCH, RATE, DECAY = 16, 128, 3e-3, 0.02
# What the simulation says weighs less than what the teacher, who has seen real attacks, says.
LABEL_WEIGHT, LABEL_SMOOTHING = 0.3, 0.1
# Printed, real, shown.
CLASSES = {"print": 0, "real": 1, "screen": 2}
HELD_OUT = 0.15


def is_held_out(person: str) -> bool:
    return int(hashlib.sha256(person.encode()).hexdigest(), 16) % 1000 < 1000 * HELD_OUT


class Maker:
    """Makes sample `index`, whoever asks: its random numbers follow from the index."""

    def __init__(self, portraits: list, teacher: Path):
        self.portraits, self.teacher_folder, self.teacher = portraits, teacher, None

    def __call__(self, index: int):
        self.teacher = self.teacher or Teacher(self.teacher_folder, 1.0)
        random = numpy.random.default_rng([SEED, index])
        portrait = self.portraits[index % len(self.portraits)]
        species = scenes.SPECIES[(index // len(self.portraits) + index) % len(scenes.SPECIES)]
        picture, says = scenes.sample(portrait, self.portraits, self.teacher, species, random)
        return picture, says, CLASSES[species], is_held_out(portrait.person), portrait.is_chip


def samples(arguments: argparse.Namespace) -> dict[str, numpy.ndarray]:
    """Made once and kept beside the output: making them takes as long as training."""
    kept = arguments.work / "samples.npz"
    if not kept.exists():
        portraits = scenes.portraits(arguments.faces, ROOT / "models")
        numpy.random.default_rng(SEED).shuffle(portraits)
        print(f"{len(portraits)} portraits", flush=True)
        with Pool(arguments.processes) as pool:
            made = pool.map(Maker(portraits, arguments.teacher), range(arguments.samples), chunksize=50)
        names = ["pictures", "teacher", "labels", "held_out", "chips"]
        numpy.savez(kept, **{name: numpy.stack(column) for name, column in zip(names, zip(*made))})
    return dict(numpy.load(kept))


def augmented(pictures: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Mirrored, shifted by up to two pixels, brighter or darker, a little noise."""
    count = len(pictures)
    flip = torch.rand(count, generator=random) < 0.5
    pictures = torch.where(flip[:, None, None, None], pictures.flip(3), pictures)
    padded = nn.functional.pad(pictures, (2, 2, 2, 2), mode="replicate")
    x, y = torch.randint(0, 5, (2,), generator=random).tolist()
    pictures = padded[:, :, y : y + 80, x : x + 80]
    gain = 1 + 0.2 * (torch.rand(count, 3, 1, 1, generator=random) - 0.5)
    noise = 0.03 * torch.randn(pictures.shape, generator=random) * torch.rand(count, 1, 1, 1, generator=random)
    return pictures * gain + noise


def normal(pictures: numpy.ndarray) -> torch.Tensor:
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 127.5


def train(data: dict[str, numpy.ndarray]) -> Network:
    torch.manual_seed(SEED)
    random = torch.Generator().manual_seed(SEED)
    chosen = numpy.flatnonzero(~data["held_out"])
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    steps = EPOCHS * (len(chosen) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        order, total = chosen[torch.randperm(len(chosen), generator=random).numpy()], 0.0
        network.train()
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            logits = network(augmented(normal(data["pictures"][batch]), random))
            says = torch.from_numpy(data["teacher"][batch]).float()
            labels = torch.from_numpy(data["labels"][batch])
            distilled = nn.functional.kl_div(logits.log_softmax(1), says, reduction="batchmean")
            told = nn.functional.cross_entropy(logits, labels, label_smoothing=LABEL_SMOOTHING)
            loss = (1 - LABEL_WEIGHT) * distilled + LABEL_WEIGHT * told
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / max(1, len(order) // BATCH):.4f}", flush=True)
    return network.eval()


@torch.no_grad()
def real(network: Network, pictures: numpy.ndarray) -> numpy.ndarray:
    """What the network gives for real, 0 to 1."""
    parts = [network(normal(pictures[start : start + 256])).softmax(1)[:, 1] for start in range(0, len(pictures), 256)]
    return torch.cat(parts).numpy()


def export(network: Network, path: Path) -> None:
    torch.onnx.export(
        network, (torch.zeros(1, 3, 80, 80),), path, dynamo=False, opset_version=17,
        input_names=["image"], output_names=["logits"],
    )
    model = onnx.load(path)
    del model.metadata_props[:]
    model.doc_string, model.graph.doc_string = "", ""
    for node in model.graph.node:
        node.doc_string = ""
    onnx.save(model, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="folder with utkface and lfw in it")
    parser.add_argument("--teacher", type=Path, required=True, help="folder with the two MiniFASNets as ONNX")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("target/spoof"), help="where samples are kept")
    parser.add_argument("--samples", type=int, default=30_000)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    data = samples(arguments)
    network = train(data)
    export(network, arguments.out)
    held_out = {name: column[data["held_out"]] for name, column in data.items()}
    figures = report.figures(held_out, real(network, held_out["pictures"]))
    figures["parameters"] = sum(weights.numel() for weights in network.parameters())
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
