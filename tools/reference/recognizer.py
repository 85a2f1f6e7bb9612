"""Makes crates/face/tests/pipeline/recognizer.json: what onnxruntime says of the built-in recognizer on pictures made by a formula.

    pip install numpy onnxruntime
    python tools/reference/recognizer.py

The formula is that of `drawn` in crates/face/tests/pipeline/reference.rs.
"""

import json
from pathlib import Path

import numpy
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
SIDE = 112
SEEDS = [0, 1, 2]


def picture(seed: int) -> numpy.ndarray:
    """Returns red, green and blue planes of whole numbers 0..255: stripes, a grating and a disc."""
    channel, y, x = numpy.mgrid[0:3, 0:SIDE, 0:SIDE].astype(numpy.int64)
    stripes = 7 * y + 13 * x + 29 * channel + (y * x) % 31
    disc = numpy.where((x - 56) ** 2 + (y - 45 - 8 * seed) ** 2 < 1400, 90 + 40 * seed, 0)
    return ((stripes * (seed + 1) + disc) % 256).astype(numpy.float32)


def main() -> None:
    session = onnxruntime.InferenceSession(ROOT / "models/recognizer.onnx", providers=["CPUExecutionProvider"])
    vectors = []
    for seed in SEEDS:
        (vector,) = session.run(["embedding"], {"image": (picture(seed)[None] - 127.5) / 128})
        vectors.append([round(float(value), 7) for value in vector[0]])
    made = {"onnxruntime": onnxruntime.__version__, "seeds": SEEDS, "vectors": vectors}
    (ROOT / "crates/face/tests/pipeline/recognizer.json").write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
