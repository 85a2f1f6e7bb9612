"""Trains the built-in network against spoofs. See README.md beside this file.

    python tools/spoof/train.py --faces DIR --teacher DIR --out models/spoof.onnx
"""

import argparse
import json
from pathlib import Path

import numpy
import onnx
import torch
from torch import nn

import data
import report
from network import Network, multiply_adds
from teacher import softmax

EPOCHS, BATCH, RATE, DECAY = 10, 96, 3e-3, 0.02
# Of 348 that both sets have: what a few hours of two cores allow.
CHUNKS = 130
# The teacher is followed above all: it has seen real attacks, the simulation has not.
LABEL_WEIGHT, LABEL_SMOOTHING = 0.12, 0.1
# Softens both sides, so that near certain answers still say how near (arXiv 1503.02531).
TEMPERATURE = 2.0
REAL = 1


def normal(pictures: numpy.ndarray) -> torch.Tensor:
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() - 127.5) / 127.5


def loss_of(logits: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    says = (teacher / TEMPERATURE).softmax(1)
    distilled = nn.functional.kl_div((logits / TEMPERATURE).log_softmax(1), says, reduction="batchmean")
    told = nn.functional.cross_entropy(
        logits, labels, ignore_index=data.UNKNOWN, label_smoothing=LABEL_SMOOTHING, reduction="sum"
    )
    return TEMPERATURE**2 * distilled + LABEL_WEIGHT * told / len(labels)


def train(samples: dict[str, numpy.ndarray], epochs: int) -> Network:
    """One network for the crops of both sizes: what it sees tells which it is, and the teacher of that size is followed."""
    torch.manual_seed(data.SEED)
    random = torch.Generator().manual_seed(data.SEED)
    # Of each sample both crops, one after the other.
    rows = numpy.flatnonzero(~samples["held_out"])
    chosen = numpy.concatenate([2 * rows, 2 * rows + 1])
    pictures, teacher = samples["crops"].reshape(-1, 80, 80, 3), torch.from_numpy(samples["teacher"]).reshape(-1, 3)
    labels = torch.from_numpy(samples["label"]).repeat_interleave(2)
    network = Network()
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    steps = epochs * (len(chosen) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for epoch in range(epochs):
        order, total = chosen[torch.randperm(len(chosen), generator=random).numpy()], 0.0
        network.train()
        for start in range(0, len(order) - BATCH + 1, BATCH):
            batch = order[start : start + BATCH]
            images = normal(pictures[batch])
            mirrored = torch.rand(len(batch), 1, 1, 1, generator=random) < 0.5
            images = torch.where(mirrored, images.flip(3), images)
            loss = loss_of(network(images), teacher[batch], labels[batch])
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
    parts = [network(normal(pictures[at : at + 256])).softmax(1)[:, REAL] for at in range(0, len(pictures), 256)]
    return torch.cat(parts).numpy()


def export(network: Network, path: Path) -> None:
    """ONNX, with the normalisations folded into the convolutions and nothing in it that differs from run to run."""
    torch.onnx.export(
        network, (torch.zeros(1, 3, 80, 80),), path, dynamo=False, opset_version=17,
        input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
    )  # fmt: skip
    model = onnx.load(path)
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def measured(samples: dict[str, numpy.ndarray], network: Network) -> dict:
    out = {name: column[samples["held_out"]] for name, column in samples.items()}
    near, far = (real(network, out["crops"][:, which]) for which in (0, 1))
    teacher = softmax(out["teacher"].astype(numpy.float64))[:, :, REAL]
    told = report.figures(out, {"both crops": (near + far) / 2, "2.7 alone": near, "4.0 alone": far}, teacher.mean(1))
    told["agreement"] |= {
        "2.7 with the teacher's 2.7": report.agreement(near, teacher[:, 0]),
        "4.0 with the teacher's 4.0": report.agreement(far, teacher[:, 1]),
    }
    told["parameters"] = sum(weights.numel() for weights in network.parameters())
    told["multiply-adds"] = multiply_adds(network)
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="folder with utkface and lfw in it")
    parser.add_argument("--teacher", type=Path, required=True, help="folder with the two MiniFASNets as ONNX")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("target/spoof"), help="where samples are kept")
    parser.add_argument("--chunks", type=int, default=CHUNKS, help="of samples, 64 pictures each")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.processes)
    samples = data.made(arguments.faces, arguments.teacher, arguments.work, arguments.chunks, arguments.processes)
    print(f"{len(samples['label'])} samples, {samples['held_out'].sum()} of them held out", flush=True)
    network = train(samples, arguments.epochs)
    export(network, arguments.out)
    print(json.dumps(measured(samples, network), indent=1))


if __name__ == "__main__":
    main()
