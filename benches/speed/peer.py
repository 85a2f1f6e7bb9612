"""Runs tasks on another runtime, on one thread, on commands from standard input.

The name of the peer is the only argument; its name and version are the first line of output. Each further line of input
is JSON: {"load": FILE, "shape": [...]} loads a network and answers {}. {"picture": FILE, "detector": FILE, "recognizer": FILE} loads a
picture for a pipeline and answers {"template": [...]}. {"run": N} answers the seconds of each of N runs.
"""

import functools
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

# The places of eyes, nose and corners of the mouth in a recognizer's input of 112 x 112 pixels (InsightFace).
FIVE = [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
# The longer side of the picture that the detector sees, in pixels.
DETECTED_SIDE = 320


def pipeline(load, asked):
    """Returns a function from the bytes of a picture to the template of its largest face; None if there is none."""
    import cv2

    cv2.setNumThreads(1)
    detector = cv2.FaceDetectorYN.create(asked["detector"], "", (DETECTED_SIDE, DETECTED_SIDE), 0.6)
    recognize = load(asked["recognizer"])
    file = np.fromfile(asked["picture"], np.uint8)

    def run():
        image = cv2.imdecode(file, cv2.IMREAD_COLOR)
        scale = DETECTED_SIDE / max(image.shape[:2])
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        padded = np.zeros((DETECTED_SIDE, DETECTED_SIDE, 3), np.uint8)
        padded[: small.shape[0], : small.shape[1]] = small
        _, faces = detector.detect(padded)
        if faces is None:
            return None
        largest = max(faces, key=lambda face: face[2] * face[3])
        five = largest[4:14].reshape(5, 2) / scale
        map_, _ = cv2.estimateAffinePartial2D(five, np.array(FIVE), method=cv2.LMEDS)
        aligned = cv2.warpAffine(image, map_, (112, 112))
        planes = cv2.dnn.blobFromImages([aligned, cv2.flip(aligned, 1)], 1 / 128, mean=(127.5,) * 3, swapRB=True)
        # The recognizers of all peers take one picture at a time.
        vectors = [np.array(recognize(planes[i : i + 1])[0]).ravel() for i in range(2)]
        template = vectors[0] + vectors[1]
        return template / np.linalg.norm(template)

    return run


def main():
    peer = sys.argv[1]
    version, load = RUNTIMES[peer.removeprefix("pipeline-")]()
    name = f"{peer} {version.split('-')[0]}".replace("pipeline-", "OpenCV and ").replace("OpenCV and opencv", "OpenCV")
    print(json.dumps(name), flush=True)
    run = None
    for line in sys.stdin:
        asked = json.loads(line)
        answer = {}
        if "picture" in asked:
            run = pipeline(load, asked)
            template = run()
            answer["template"] = None if template is None else template.tolist()
        elif "load" in asked:
            network = load(asked["load"])
            run = functools.partial(network, np.random.default_rng(1).random(asked["shape"], dtype=np.float32))
            run()
        else:
            answer = []
            for _ in range(asked["run"]):
                begun = time.perf_counter()
                run()
                answer.append(time.perf_counter() - begun)
        print(json.dumps(answer), flush=True)


main()
