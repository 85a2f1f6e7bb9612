"""Writes the mean of two networks of the same graph, weight by weight: it keeps some of what the second network has
learned, and forgets less.

    python tools/training/recognizer/average.py plain.onnx trained.onnx 0.5 mean.onnx

The number is the share of the second. Source: Wortsman et al., "Robust fine-tuning of zero-shot models", 2022 (arXiv
2109.01903).
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from recognizer.network import Network  # noqa: E402


def main(plain: str, trained: str, share: str, out: str):
    network, other = Network(Path(plain)), Network(Path(trained))
    with torch.no_grad():
        for one, two in zip(network.parameters(), other.parameters(), strict=True):
            one.lerp_(two, float(share))
    network.save(Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
