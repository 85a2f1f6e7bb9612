"""Runs networks on another runtime, on one thread, on commands from standard input.

The name of the runtime is the only argument; its version is the first line of output. Each further line of input is
JSON: {"load": FILE, "shape": [...]} answers {}, and {"run": N} answers the seconds of each of N runs.
"""

import json
import sys
import time

import numpy as np


def of_onnxruntime():
    import onnxruntime

    def load(path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return lambda image: session.run(None, {name: image})

    return onnxruntime.__version__, load


def of_openvino():
    import openvino

    core = openvino.Core()
    # Uses the same precision as the other runtimes.
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}

    def load(path):
        model = core.read_model(path)
        compiled = None

        def run(image):
            nonlocal compiled
            if compiled is None:
                model.reshape(list(image.shape))
                compiled = core.compile_model(model, "CPU", settings).create_infer_request()
            return compiled.infer([image], share_inputs=True, share_outputs=True)

        return run

    return openvino.__version__, load


def of_opencv():
    import cv2

    cv2.setNumThreads(1)

    def load(path):
        network = cv2.dnn.readNetFromONNX(path)

        def run(image):
            network.setInput(image)
            return network.forward(network.getUnconnectedOutLayersNames())

        return run

    return cv2.__version__, load


def of_tract():
    import importlib.metadata

    import tract

    def load(path):
        model = None

        def run(image):
            nonlocal model
            if model is None:
                loaded = tract.onnx().load(path)
                loaded.set_input_fact(0, ",".join(map(str, image.shape)) + ",f32")
                model = loaded.into_model().into_runnable()
            return model.run([image])

        return run

    return importlib.metadata.version("tract"), load


RUNTIMES = {"onnxruntime": of_onnxruntime, "openvino": of_openvino, "opencv": of_opencv, "tract": of_tract}


def main():
    version, load = RUNTIMES[sys.argv[1]]()
    print(json.dumps(version), flush=True)
    run, image = None, None
    for line in sys.stdin:
        asked = json.loads(line)
        answer = {}
        if "load" in asked:
            run = load(asked["load"])
            image = np.random.default_rng(1).random(asked["shape"], dtype=np.float32)
            run(image)
        else:
            answer = []
            for _ in range(asked["run"]):
                begun = time.perf_counter()
                run(image)
                answer.append(time.perf_counter() - begun)
        print(json.dumps(answer), flush=True)


main()
