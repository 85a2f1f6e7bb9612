"""Degradations that harm recognition: each function draws a grade, and returns a function that degrades a picture of
112x112 (BGR, 8 bits).

A batch draws a kind and its grade once for several faces, since two people's pictures resemble each other most when
both are degraded in the same way.
"""

import cv2
import numpy

from recognizer.pictures import BRIDGE, INPUT, LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, OVAL, RIGHT_EYE

Random = numpy.random.Generator


def small(rng: Random):
    side, back = int(rng.integers(9, 40)), int(rng.choice([cv2.INTER_CUBIC, cv2.INTER_LINEAR]))

    def change(picture, points, rng):
        less = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.resize(less, (INPUT, INPUT), interpolation=back)

    return change


def blurred(rng: Random):
    sigma = rng.uniform(0.8, 8)
    return lambda picture, points, rng: cv2.GaussianBlur(picture, (0, 0), sigma)


def moved(rng: Random):
    """Motion blur: the mean along a line of `length` pixels."""
    length, angle = int(rng.integers(5, 34)), rng.uniform(0, 180)
    line = numpy.zeros((length, length), numpy.float32)
    line[length // 2] = 1
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), angle, 1)
    line = cv2.warpAffine(line, turn, (length, length))
    return lambda picture, points, rng: cv2.filter2D(picture, -1, line / line.sum())


def dark(rng: Random):
    gamma, light, noise = rng.uniform(1.3, 3), rng.uniform(0.15, 0.8), rng.uniform(0, 8)

    def change(picture, points, rng):
        values = (picture / 255.0) ** gamma * 255 * light + rng.normal(size=picture.shape) * noise
        return values.clip(0, 255).astype(numpy.uint8)

    return change


def masked(rng: Random):
    """A mask over nose and mouth, down to the chin."""
    colour, top = some_colour(rng), rng.uniform(0.2, 0.7)

    def change(picture, points, rng):
        upper = points[BRIDGE] * (1 - top) + points[NOSE_TIP] * top
        line = [points[454], points[454] * 0.3 + upper * 0.7, upper, points[234] * 0.3 + upper * 0.7, points[234]]
        return filled(picture, [*points[list(OVAL[9:28])], *line[::-1]], colour)

    return change


def sunglasses(rng: Random):
    colour, size = some_colour(rng) * rng.uniform(0, 0.6), rng.uniform(0.75, 1.1)

    def change(picture, points, rng):
        worn = picture.copy()
        centres = [points[list(eye)].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE)]
        width = numpy.linalg.norm(centres[1] - centres[0]) * size / 2
        for centre in centres:
            cv2.ellipse(worn, pixels(centre), (int(width), int(width * 0.75)), 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA)
        cv2.line(worn, pixels(centres[0]), pixels(centres[1]), colour.tolist(), max(int(width / 6), 1), cv2.LINE_AA)
        return worn

    return change


def barred(rng: Random):
    """A bar over the eyes."""
    colour, height = some_colour(rng), rng.uniform(0.35, 0.9)

    def change(picture, points, rng):
        left, right = (points[list(eye)].mean(axis=0) for eye in (LEFT_EYE, RIGHT_EYE))
        along = right - left
        across = numpy.array([-along[1], along[0]]) * height / 2
        return filled(picture, [left - along - across, right + along - across, right + along + across, left - along + across], colour)

    return change


def covered(rng: Random):
    """An object of a hand's size and colour before a part of the face."""
    size, at = rng.uniform(18, 36), rng.choice([*LEFT_EYE[:1], *RIGHT_EYE[:1], NOSE_TIP, *MOUTH_CORNERS, 152, 234, 454])

    def change(picture, points, rng):
        colour = picture[40:90, 30:80].reshape(-1, 3).mean(axis=0) * rng.uniform(0.8, 1.1)
        worn, turn = picture.copy(), float(rng.uniform(0, 180))
        for finger in range(-2, 3):
            place = points[at] + finger * size * 0.35 * numpy.array([numpy.sin(numpy.radians(turn)), -numpy.cos(numpy.radians(turn))])
            shade = (colour * rng.uniform(0.92, 1.05)).clip(0, 255)
            cv2.ellipse(worn, pixels(place), (int(size), int(size * 0.22)), turn, 0, 360, shade.tolist(), -1, cv2.LINE_AA)
        return worn

    return change


def cut(rng: Random):
    """The border of the picture runs through the face: the outside is black."""
    side, depth = int(rng.integers(4)), int(rng.integers(12, 46))

    def change(picture, points, rng):
        turned = numpy.rot90(picture, side).copy()
        turned[:depth] = 0
        return numpy.rot90(turned, -side).copy()

    return change


def compressed(rng: Random):
    quality = int(rng.integers(5, 40))
    return lambda picture, points, rng: jpeg(picture, quality)


# The probability of each kind.
KINDS = {small: 0.24, blurred: 0.18, moved: 0.16, dark: 0.08, compressed: 0.06, masked: 0.06, sunglasses: 0.07, barred: 0.05, covered: 0.05, cut: 0.05}


def drawn(rng: Random):
    """Draws a kind of degradation and its grade, then compression in half of all cases."""
    kinds = list(KINDS)
    change = kinds[rng.choice(len(kinds), p=list(KINDS.values()))](rng)
    quality = int(rng.integers(15, 80)) if rng.random() < 0.5 else None

    def degrade(picture, points, rng):
        worse = change(picture, points, rng)
        return worse if quality is None else jpeg(worse, quality)

    return degrade


def jpeg(picture: numpy.ndarray, quality: int) -> numpy.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def some_colour(rng: Random) -> numpy.ndarray:
    grey = rng.uniform(10, 245)
    return (grey + rng.normal(size=3) * rng.uniform(0, 40)).clip(0, 255)


def filled(picture: numpy.ndarray, outline: list, colour: numpy.ndarray) -> numpy.ndarray:
    worn = picture.copy()
    cv2.fillPoly(worn, [numpy.round(outline).astype(numpy.int32)], colour.tolist(), cv2.LINE_AA)
    return worn


def pixels(point: numpy.ndarray) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
