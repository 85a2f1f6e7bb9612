"""Trains the built-in recogniser: a copy of the published network learns to describe poor pictures as the network describes good ones.

    python tools/training/recognizer/train.py --plain mobilefacenet.onnx --faces ../shared/faces/congress --teachers ../shared/models-upstream \
        --out models/recognizer.onnx

README.md beside this file explains what is learned, and from what.
"""

import argparse
import copy
import json
import math
import sys
import time
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from recognizer import teachers  # noqa: E402
from recognizer.batches import Batches  # noqa: E402
from recognizer.measure import Measure  # noqa: E402
from recognizer.network import Network  # noqa: E402
from recognizer.pictures import portraits, with_morphs  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
SEED = 20261128
# The decay of the moving mean of the weights, which is written in the end.
KEPT = 0.995
# Two faces whose plain templates have a higher cosine than this are not pushed apart.
SAME = 0.4
# The cosine that two different people's poor pictures may have in any case, and beyond that of their good pictures.
CLOSE, SPARE = 0.05, 0.02


def losses(clean, worse, chosen, own, relations, length) -> dict:
    """Takes the student's vectors `clean` and `worse` of the faces `chosen`, and the pool's plain templates `own`."""
    wanted = own[chosen]
    c, w = F.normalize(clean), F.normalize(worse)
    cosines = (w * wanted).sum(dim=1)
    known = own[torch.randperm(len(own))[:2048]]
    logits = torch.cat([cosines[:, None], (w @ known.T).masked_fill(wanted @ known.T > SAME, -1)], dim=1)
    apart = ~torch.eye(len(chosen), dtype=bool)
    should = relations.of(chosen)
    allowed = should.clamp(min=CLOSE) + SPARE
    mixed = [(w @ w.T)[apart], (w @ c.T)[apart]]
    return {
        "clean": 2 * (1 - (c * wanted).sum(dim=1)).mean(),
        "relations": 6 * (c @ c.T - should)[apart].pow(2).mean(),
        "worse": (1 - cosines).mean(),
        "told apart": 0.2 * F.cross_entropy(16 * logits, torch.zeros(len(chosen), dtype=torch.long)),
        "confused": 8 * sum(F.relu(pairs - allowed[apart]).pow(2).mean() for pairs in mixed) / 2,
        # A vector's length states the confidence in its direction.
        "length": 0.3 * (vectors_length(clean, c, wanted, length) + vectors_length(worse, w, wanted, length)) / 2,
    }


def vectors_length(vectors, directions, wanted, length):
    trust = (directions * wanted).sum(dim=1).detach().clamp(min=0)
    return F.smooth_l1_loss(vectors.norm(dim=1) / length, trust, beta=0.1)


def rate(step: int, steps: int, highest: float) -> float:
    """Rises over 50 steps, then falls along a cosine."""
    return highest * min(1, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--plain", required=True, type=Path, help="the published network: mobilefacenet.onnx of tools/convert")
    parser.add_argument("--faces", required=True, type=Path, help="a folder with one portrait (JPEG) of each person")
    parser.add_argument("--teachers", type=Path, help="a folder with intel0095 and foamliu; left out, the plain network teaches alone")
    parser.add_argument("--start", type=Path, help="the network to begin with, if it is not the plain one")
    parser.add_argument("--stop", type=int, help="ends after so many steps, without changing how the rate falls")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--faces-a-step", type=int, default=32, help="each is shown clean and worse")
    parser.add_argument("--morphs", type=int, default=8000)
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--others", type=float, default=0.3, help="the other teachers' share in how alike two people are")
    parser.add_argument("--clean", type=float, default=1.0, help="how much more clean pictures count")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)

    trained, held_out = portraits(options.faces, ROOT / "models")
    pool = with_morphs(trained, options.morphs, SEED)
    plain = Network(options.plain).to(memory_format=torch.channels_last)
    own, length = teachers.plain(plain, pool)
    others = teachers.published(options.teachers, pool) if options.teachers else []
    relations = teachers.Relations(own, others, len(trained.crops), options.others)
    measure = Measure(held_out, plain, length)
    print(json.dumps({"portraits": len(trained.crops), "held out": len(held_out.crops), "pool": len(pool.crops), "plain": measure.of(plain)}), flush=True)

    student = Network(options.start or options.plain).to(memory_format=torch.channels_last)
    mean = copy.deepcopy(student)
    optimizer = torch.optim.AdamW(student.parameters(), lr=options.rate, weight_decay=0)
    sums, started = {}, time.time()
    for step, (chosen, clean, worse) in enumerate(Batches(pool, options.steps, options.faces_a_step, SEED).loader()):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, options.steps, options.rate)
        both = student(torch.cat([clean, worse]).contiguous(memory_format=torch.channels_last))
        parts = losses(*both.chunk(2), chosen, own, relations, length)
        for name in ("clean", "relations"):
            parts[name] = options.clean * parts[name]
        optimizer.zero_grad()
        sum(parts.values()).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        kept = min(KEPT, step / (step + 10))
        with torch.no_grad():
            for slow, fast in zip(mean.parameters(), student.parameters()):
                slow.lerp_(fast, 1 - kept)
        for name, part in parts.items():
            sums[name] = sums.get(name, 0) + part.item()
        last = step + 1 == (options.stop or options.steps)
        if (step + 1) % 100 == 0 or last:
            mean.save(options.out)
            said = {name: round(total / 100, 4) for name, total in sums.items()}
            print(json.dumps({"step": step + 1, "minutes": round((time.time() - started) / 60, 1), **said, "held out": measure.of(mean)}), flush=True)
            sums = {}
        if last:
            break


if __name__ == "__main__":
    main()
