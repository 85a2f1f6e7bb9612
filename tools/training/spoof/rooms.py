"""Draws backgrounds behind a face: walls, furniture, windows, lamps, in focus or out of focus.

Pictures are BGR, 32-bit floats in 0..255.
"""

import cv2
import numpy

Random = numpy.random.Generator
FLOAT = numpy.float32
# The shortest side at which shapes are drawn, in pixels.
COARSE = 96


def room(size: tuple[int, int], random: Random) -> numpy.ndarray:
    """Returns a room of `size`, rows and columns."""
    rows, columns = size
    scale = max(COARSE / min(size), min(1.0, 320 / max(size)))
    canvas = wall((max(round(rows * scale), 2), max(round(columns * scale), 2)), random)
    for _ in range(random.integers(0, 9)):
        thing(canvas, random)
    canvas = cv2.resize(canvas, (columns, rows), interpolation=cv2.INTER_LINEAR)
    if random.random() < 0.6:
        canvas = cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.5, 0.03 * min(size) + 0.6))
    return numpy.clip(canvas, 0, 255)


def wall(size: tuple[int, int], random: Random) -> numpy.ndarray:
    """Returns a gradient of colour with patches of all sizes, as on plaster, curtains or leaves."""
    grey = random.uniform(20, 235, (2, 2, 1)) if random.random() < 0.5 else random.uniform(20, 235)
    corners = (grey + random.normal(0, 18, (1, 1, 3)) + random.uniform(-20, 20, (2, 2, 3))).astype(FLOAT)
    canvas = cv2.resize(corners, size[::-1], interpolation=cv2.INTER_LINEAR)
    strength = random.uniform(0, 1) ** 2 * 60
    for cells in (4, 9, 20, 45):
        # Stretches the patches along one side.
        stretch = numpy.exp(random.uniform(-1, 1))
        shape = (max(int(cells * stretch), 2), max(int(cells / stretch), 2), 3 if random.random() < 0.1 else 1)
        patches = random.standard_normal(shape, FLOAT)
        patches = cv2.resize(patches, size[::-1], interpolation=cv2.INTER_CUBIC).reshape(*size, -1)
        canvas = canvas + patches * FLOAT(strength * random.uniform(0, 1))
    return numpy.clip(canvas, 0, 255).astype(FLOAT)


def thing(canvas: numpy.ndarray, random: Random) -> None:
    """Draws a rectangle, an ellipse or a line, such as a frame, a window, a shelf, a lamp or an edge, so that none of
    these indicates an attack."""
    rows, columns = canvas.shape[:2]
    centre = (random.uniform(-0.1, 1.1, 2) * (columns, rows)).astype(int).tolist()
    half = (numpy.exp(random.uniform(-3.2, -0.7, 2)) * (columns, rows)).astype(int) + 1
    colour = (random.uniform(0, 255) + random.normal(0, 25, 3)).clip(0, 255).tolist()
    shape, width = random.random(), -1 if random.random() < 0.6 else int(random.integers(1, 6))
    if shape < 0.6:
        turn = random.normal(0, 4) if random.random() < 0.8 else random.uniform(0, 180)
        box = cv2.boxPoints((centre, (2 * half).tolist(), turn)).astype(numpy.int32)
        if width < 0:
            cv2.fillConvexPoly(canvas, box, colour, cv2.LINE_AA)
        else:
            cv2.polylines(canvas, [box], True, colour, width, cv2.LINE_AA)
    elif shape < 0.8:
        cv2.ellipse(canvas, centre, half.tolist(), random.uniform(0, 180), 0, 360, colour, width, cv2.LINE_AA)
    else:
        to = (random.uniform(-0.1, 1.1, 2) * (columns, rows)).astype(int).tolist()
        cv2.line(canvas, centre, to, colour, abs(width), cv2.LINE_AA)
