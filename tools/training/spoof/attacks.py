"""Simulates the effects of a sheet of paper, a display and a camera on a picture.

Pictures are BGR, 32-bit floats in 0..255.
"""

import cv2
import numpy

Random = numpy.random.Generator
FLOAT = numpy.float32


def printed(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Prints on paper: fewer tones and a tint, and sometimes visible halftone dots or the paper's grain."""
    contrast, black = random.uniform(0.6, 1.0), random.uniform(0, 45)
    tint = (1 + random.uniform(-0.08, 0.08, 3)).astype(FLOAT)
    picture = (picture - 128) * FLOAT(contrast) + FLOAT(128 + random.uniform(-15, 15))
    picture = numpy.clip(picture * tint, black, 255)
    picture = saturated(picture, random.uniform(0.5, 1.15))
    if random.random() < 0.4:
        picture = halftone(picture, random)
    if random.random() < 0.4:
        grain = FLOAT(random.uniform(1, 6)) * random.standard_normal(picture.shape[:2], FLOAT)
        picture = picture + cv2.GaussianBlur(grain, (0, 0), random.uniform(0.6, 2))[:, :, None]
    if random.random() < 0.2:
        picture = creased(picture, random)
    return numpy.clip(picture, 0, 255)


def halftone(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Makes dots whose size follows the tone, with another angle for each ink."""
    y, x = places(picture)
    pitch, strength = random.uniform(2.2, 5), FLOAT(random.uniform(0.1, 0.45))
    dotted = numpy.empty_like(picture)
    for ink, angle in enumerate(numpy.radians([15, 75, 0] + random.uniform(-5, 5, 3))):
        along, across = FLOAT(numpy.cos(angle) * 2 * numpy.pi / pitch), FLOAT(numpy.sin(angle) * 2 * numpy.pi / pitch)
        waves = numpy.cos(x * along + y * across) + numpy.cos(y * along - x * across)
        dots = 255 * numpy.clip((picture[:, :, ink] / 255 - waves / 4 - FLOAT(0.5)) * 3 + FLOAT(0.5), 0, 1)
        dotted[:, :, ink] = picture[:, :, ink] * (1 - strength) + dots * strength
    return dotted


def creased(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Folds the paper once: one side of a line is lit differently, and the line itself is worn."""
    side = across(picture, random)
    shade = 1 + random.uniform(-0.15, 0.15) * (side > 0) + random.uniform(-0.2, 0.3) * numpy.exp(-(side**2) / 2)
    return picture * shade.astype(FLOAT)[:, :, None]


def sheen(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Adds the reflection of a lamp on glossy paper: a broad bright streak."""
    wide = random.uniform(0.05, 0.3) * picture.shape[1]
    streak = numpy.exp(-((across(picture, random) / wide) ** 2)).astype(FLOAT)
    return picture + FLOAT(random.uniform(15, 110)) * streak[:, :, None]


def shown(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Shows the picture on a display: compression, gamma, white point and brightness, darker to one side at an angle.
   """
    picture = compressed(picture, int(random.uniform(25, 95))) if random.random() < 0.5 else picture
    white = numpy.array([random.uniform(0.95, 1.25), 1.0, random.uniform(0.78, 1.05)], FLOAT)
    # Cubic interpolation overshoots.
    picture = 255 * (numpy.clip(picture, 0, 255) / 255) ** FLOAT(random.uniform(0.75, 1.5))
    picture = saturated(picture, random.uniform(0.8, 1.4)) * white * FLOAT(random.uniform(0.7, 1.3))
    picture = picture + FLOAT(random.uniform(0, 25))
    if random.random() < 0.5:
        side = across(picture, random) / picture.shape[1]
        slope = random.uniform(-0.3, 0.3) + random.uniform(-0.06, 0.06, 3)
        picture = picture * (1 + side[:, :, None] * slope).astype(FLOAT)
    return numpy.clip(picture, 0, 255)


def emitting(picture: numpy.ndarray, u: numpy.ndarray, v: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Films a display: its colour stripes against the camera's pixels, bands of its refresh, lamps and a room reflected
    in its glass.

    `u`, `v`: the position on the display, in its pixels, for each pixel of the camera; their sampling produces the
    moiré.
    """
    if random.random() < 0.75:
        picture = picture * stripes(u, v, random)
    if random.random() < 0.35:
        rows = numpy.arange(picture.shape[0]) / picture.shape[0] * random.uniform(0.7, 8) + random.uniform(0, 1)
        band = 1 / (1 + numpy.exp(-(numpy.sin(rows * 2 * numpy.pi) - random.uniform(-0.6, 0.6)) * random.uniform(1, 12)))
        picture = picture * (1 - random.uniform(0.03, 0.3) * band).astype(FLOAT)[:, None, None]
    if random.random() < 0.45:
        picture = glare(picture, random)
    return numpy.clip(picture, 0, 255)


def stripes(u: numpy.ndarray, v: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Returns the share of each colour's light at each pixel of the camera, about 1: stripes of blue, green and red,
    and gaps between rows."""
    # Cycles per pixel of the camera; its pixels and lens blur finer patterns.
    finest = numpy.hypot(*[numpy.abs(numpy.gradient(u, axis=axis)).mean() for axis in (0, 1)])
    passed = numpy.abs(numpy.sinc(finest)) * 0.8 + 0.06
    strength = FLOAT(random.uniform(0.1, 0.9) * passed)
    phase = random.uniform(0, 1)
    turns = FLOAT(2 * numpy.pi)
    columns = [numpy.cos(turns * (u + FLOAT(phase + colour / 3))) for colour in range(3)]
    rows = numpy.cos(turns * (v + FLOAT(random.uniform(0, 1)))) * FLOAT(random.uniform(0, 0.8))
    return 1 + strength * (numpy.stack(columns, axis=2) + rows[:, :, None]) / 2


def glare(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Adds the reflection of a lamp or a window in the glass."""
    rows, columns = picture.shape[:2]
    light = numpy.zeros((rows, columns), FLOAT)
    centre = (int(random.uniform(0, columns)), int(random.uniform(0, rows)))
    axes = (int(random.uniform(0.03, 0.3) * columns), int(random.uniform(0.02, 0.15) * rows))
    cv2.ellipse(light, centre, axes, random.uniform(0, 180), 0, 360, 1.0, -1)
    light = cv2.GaussianBlur(light, (0, 0), random.uniform(3, 25))
    return picture + (light * FLOAT(random.uniform(30, 200)))[:, :, None]


def camera(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Applies the same camera to every picture, genuine or not, so that it reveals nothing: exposure, white balance, a
    webcam's lens, sensor and compression."""
    gain = random.uniform(0.6, 1.3) * (1 + random.uniform(-0.1, 0.1, 3))
    picture = numpy.clip(picture * gain.astype(FLOAT) + FLOAT(random.uniform(-12, 12)), 0, 255)
    if random.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 1.8))
    if random.random() < 0.2:
        picture = shaken(picture, random)
    rows, columns = picture.shape[:2]
    if is_coarse := random.random() < 0.3:
        picture = cv2.resize(picture, None, fx=(scale := random.uniform(0.45, 0.9)), fy=scale, interpolation=cv2.INTER_AREA)
    picture = noisy(picture, random)
    if random.random() < 0.35:
        soft = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.6, 2))
        picture = numpy.clip(picture + FLOAT(random.uniform(0.3, 1.8)) * (picture - soft), 0, 255)
    if random.random() < 0.6:
        picture = compressed(picture, int(random.uniform(35, 95)))
    if is_coarse:
        picture = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_LINEAR)
    picture = numpy.clip(picture, 0, 255)
    if random.random() < 0.8:
        picture = compressed(picture, int(random.uniform(45, 98)))
    return picture.astype(numpy.uint8)


def noisy(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Adds the sensor's noise, stronger in bright areas, and sometimes a webcam's denoising."""
    noise = random.standard_normal(picture.shape, FLOAT)
    if random.random() < 0.4:
        # Colour noise that the camera has smoothed is coarser.
        noise = 0.4 * noise + 1.5 * cv2.GaussianBlur(noise, (0, 0), random.uniform(0.7, 1.6))
    strength = FLOAT(random.uniform(0.3, 6)) * (0.6 + 0.8 * picture.mean(axis=2, keepdims=True) / 255)
    picture = numpy.clip(picture + strength * noise, 0, 255).astype(FLOAT)
    return cv2.bilateralFilter(picture, 5, random.uniform(8, 30), 2) if random.random() < 0.3 else picture


def compressed(picture: numpy.ndarray, quality: int) -> numpy.ndarray:
    data = cv2.imencode(".jpg", picture.clip(0, 255).astype(numpy.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(FLOAT)


def shaken(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    length = int(random.uniform(3, 8))
    kernel = numpy.zeros((length, length), FLOAT)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), random.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 0.1))


def saturated(picture: numpy.ndarray, share: float) -> numpy.ndarray:
    """Moves colours towards grey (share below 1) or away from it."""
    grey = picture.mean(axis=2, keepdims=True)
    return grey + (picture - grey) * FLOAT(share)


def across(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Returns each pixel's distance from a line through the picture, in pixels; negative on one side."""
    y, x = places(picture)
    angle, (row, column) = random.uniform(0, numpy.pi), random.uniform(0.2, 0.8, 2) * picture.shape[:2]
    return (x - FLOAT(column)) * FLOAT(numpy.cos(angle)) + (y - FLOAT(row)) * FLOAT(numpy.sin(angle))


def places(picture: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    rows, columns = picture.shape[:2]
    return numpy.arange(rows, dtype=FLOAT)[:, None], numpy.arange(columns, dtype=FLOAT)[None, :]
