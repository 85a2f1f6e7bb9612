"""Runs onnxruntime on one network of one input.

reference.py MODEL SHAPE FOLDER: for every NAME.in of FOLDER, raw floats in the given shape (as in 1x3x112x112),
writes NAME.out: all outputs in the network's order, one after the other.
"""
import pathlib
import sys

import numpy as np
import onnxruntime

model, shape, folder = sys.argv[1:]
options = onnxruntime.SessionOptions()
# The plain operators are the reference, not an optimised graph.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
(port,) = session.get_inputs()
shape = [int(size) for size in shape.split("x")]
for source in pathlib.Path(folder).glob("*.in"):
    results = session.run(None, {port.name: np.fromfile(source, np.float32).reshape(shape)})
    np.concatenate([result.ravel() for result in results]).astype(np.float32).tofile(source.with_suffix(".out"))
