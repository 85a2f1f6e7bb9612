"""Trains the built-in network against spoofs. See README.md beside this file.

    python tools/training/spoof/train.py --faces DIR --teacher DIR --out models/spoof.onnx
"""

import argparse
import json
import sys
from pathlib import Path

import numpy
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import data  # noqa: E402
import mixtures  # noqa: E402
import report  # noqa: E402
from network import Network, multiply_adds  # noqa: E402
from scenes import REAL  # noqa: E402
from teacher import Teacher, load  # noqa: E402

# A batch has both crops of BATCH samples.
EPOCHS, BATCH, RATE, DECAY = 14, 256, 2e-3, 0.02
# The teacher's weight is the largest: it has seen real attacks, the simulation has not.
LABEL_WEIGHT, LABEL_SMOOTHING = 0.2, 0.1
# Softens both sides, so that nearly certain answers still differ in their certainty (arXiv 1503.02531).
TEMPERATURE = 2.0
# The label that cross entropy ignores: no label is true of the sample.
UNKNOWN = -1
# Layers with fewer weights stay in 32 bits.
HALVED_MIN = 8192
# The most pictures that are taken from a folder of untouched pictures.
UNTOUCHED = 2000


def normal(pictures: torch.Tensor) -> torch.Tensor:
    return (pictures - 127.5) / 127.5


def loss_of(logits: torch.Tensor, teacher: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    says = (teacher / TEMPERATURE).softmax(1)
    distilled = functional.kl_div((logits / TEMPERATURE).log_softmax(1), says, reduction="batchmean")
    told = functional.cross_entropy(
        logits, labels, ignore_index=UNKNOWN, label_smoothing=LABEL_SMOOTHING, reduction="sum"
    )
    return TEMPERATURE**2 * distilled + LABEL_WEIGHT * told / len(labels)


def train(samples: dict[str, numpy.ndarray], teachers: list[Teacher], epochs: int, device: str) -> Network:
    """Trains one network for both crop sizes: it infers the size from the picture, and follows that size's teacher."""
    torch.manual_seed(data.SEED)
    random = torch.Generator(device).manual_seed(data.SEED)
    rows = numpy.flatnonzero(~samples["held_out"])
    crops = torch.from_numpy(samples["crops"][rows]).to(device)
    truth = torch.from_numpy(samples["label"][rows]).to(device)
    network = Network().to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=DECAY)
    steps = len(rows) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=epochs * steps)
    for epoch in range(epochs):
        order, total = torch.randperm(len(rows), generator=random, device=device), torch.zeros((), device=device)
        network.train()
        for batch in order[: steps * BATCH].split(BATCH):
            pictures, says, labels = lesson(crops[batch], truth[batch], teachers, random)
            with torch.autocast(device, torch.bfloat16):
                logits = network(normal(pictures))
            loss = loss_of(logits.float(), says, labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.detach()
        print(f"epoch {epoch + 1}: loss {total.item() / steps:.4f}", flush=True)
    return network.eval()


@torch.no_grad()
def lesson(crops: torch.Tensor, truth: torch.Tensor, teachers: list[Teacher], random: torch.Generator):
    """Returns pictures of both crops, the teachers' answers, and the labels where they are known."""
    parts = []
    for which, teacher in enumerate(teachers):
        pictures, is_changed = mixtures.practised(planes(crops[:, which]), random)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with torch.autocast(pictures.device.type, torch.bfloat16):
            says = teacher(pictures)
        parts.append((pictures, says.float(), torch.where(is_changed, UNKNOWN, truth)))
    return [torch.cat(part) for part in zip(*parts)]


def planes(pictures: torch.Tensor) -> torch.Tensor:
    """Converts (n, 80, 80, 3) bytes to (n, 3, 80, 80) floats."""
    return pictures.permute(0, 3, 1, 2).float()


@torch.no_grad()
def real(network: nn.Module, pictures: torch.Tensor) -> numpy.ndarray:
    """Returns a network's probability for real, 0 to 1."""
    parts = [network(part).softmax(1)[:, REAL] for part in pictures.split(256)]
    return torch.cat(parts).cpu().numpy().astype(numpy.float64)


def export(network: Network, path: Path) -> None:
    """Writes ONNX, with normalisations folded into the convolutions and nothing that differs between runs."""
    torch.onnx.export(
        network, (torch.zeros(1, 3, 80, 80),), path, dynamo=False, opset_version=17,
        input_names=["image"], output_names=["logits"], dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
    )  # fmt: skip
    model = onnx.load(path)
    del model.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
    halved(model.graph)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def halved(graph: onnx.GraphProto) -> None:
    """Stores large weights in 16 bits; executors widen them while loading."""
    for weights in graph.initializer:
        values = numpy_helper.to_array(weights)
        if values.dtype == numpy.float32 and values.size >= HALVED_MIN:
            name = weights.name
            weights.CopyFrom(numpy_helper.from_array(values.astype(numpy.float16), name + ".half"))
            graph.node.insert(0, helper.make_node("Cast", [name + ".half"], [name], name=name, to=onnx.TensorProto.FLOAT))


def measured(samples: dict[str, numpy.ndarray], network: Network, teachers: list[Teacher], device: str) -> dict:
    out = {name: column[samples["held_out"]] for name, column in samples.items()}
    (near, far), theirs = answers(out["crops"], network, teachers, device)
    told = report.figures(out, {"both crops": (near + far) / 2, "2.7 alone": near, "4.0 alone": far}, sum(theirs) / 2)
    told["agreement"] |= {
        "2.7 with the teacher's 2.7": report.agreement(near, theirs[0]),
        "4.0 with the teacher's 4.0": report.agreement(far, theirs[1]),
    }
    told["parameters"] = sum(weights.numel() for weights in network.parameters())
    told["multiply-adds"] = multiply_adds(network.cpu())
    network.to(device)
    return told


def answers(crops: numpy.ndarray, network: Network, teachers: list[Teacher], device: str):
    """Returns the probabilities for real by the student, one row for each crop, and by the teachers."""
    sizes = [planes(torch.from_numpy(crops[:, which]).to(device)) for which in (0, 1)]
    return [real(network, normal(pictures)) for pictures in sizes], [real(*one) for one in zip(teachers, sizes)]


def compared(folder: Path, network: Network, teachers: list[Teacher], device: str) -> dict:
    """Compares student and teachers on other people's unchanged pictures."""
    ours, theirs = (sum(two) / 2 for two in answers(data.untouched(folder, UNTOUCHED), network, teachers, device))
    return report.agreement(ours, theirs) | {"quantiles": report.quantiles(ours), "teachers'": report.quantiles(theirs)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="folder with one portrait of each person")
    parser.add_argument("--teacher", type=Path, required=True, help="folder with the two MiniFASNets as ONNX")
    parser.add_argument("--untouched", type=Path, nargs="*", default=[], help="folders of pictures to compare with the teachers on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("target/spoof"), help="where samples are kept")
    parser.add_argument("--chunks", type=int, default=10_000, help="of 16 portraits each; all if there are fewer")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.processes)
    torch.backends.cudnn.benchmark = True
    samples = data.made(arguments.faces, arguments.work, arguments.chunks, arguments.processes)
    print(f"{len(samples['label'])} samples, {samples['held_out'].sum()} of them held out", flush=True)
    teachers = load(arguments.teacher, arguments.device)
    network = train(samples, teachers, arguments.epochs, arguments.device)
    told = measured(samples, network, teachers, arguments.device)
    told["untouched"] = {one.name: compared(one, network, teachers, arguments.device) for one in arguments.untouched}
    print(json.dumps(told, indent=1))
    export(network.cpu(), arguments.out)


if __name__ == "__main__":
    main()
