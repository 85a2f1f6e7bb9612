"""What a sheet of paper or a display does to a picture, and what a camera does to whatever it sees. All simulated.

Pictures are BGR, 32-bit floats in 0..255.
"""

import cv2
import numpy

Random = numpy.random.Generator
FLOAT = numpy.float32


def printed(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """On paper: fewer tones and a tint of their own, maybe a visible screen of dots or the paper's own grain."""
    contrast, black = random.uniform(0.6, 1.0), random.uniform(0, 45)
    tint = (1 + random.uniform(-0.08, 0.08, 3)).astype(FLOAT)
    picture = (picture - 128) * FLOAT(contrast) + FLOAT(128 + random.uniform(-15, 15))
    picture = numpy.clip(picture * tint, black, 255)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * FLOAT(random.uniform(0.5, 1.15))
    if random.random() < 0.4:
        picture = halftone(picture, random)
    if random.random() < 0.4:
        grain = FLOAT(random.uniform(1, 6)) * random.standard_normal(picture.shape[:2], FLOAT)
        picture = picture + cv2.GaussianBlur(grain, (0, 0), random.uniform(0.6, 2))[:, :, None]
    return numpy.clip(picture, 0, 255)


def halftone(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Dots whose size follows the tone, each ink at an angle of its own."""
    y, x = places(picture)
    pitch, strength = random.uniform(2.2, 5), FLOAT(random.uniform(0.1, 0.45))
    dotted = numpy.empty_like(picture)
    for ink, angle in enumerate(numpy.radians([15, 75, 0] + random.uniform(-5, 5, 3))):
        screen = grid(x, y, pitch, angle, 0) / 4 + FLOAT(0.5)
        dots = 255 * numpy.clip((picture[:, :, ink] / 255 - screen) * 3 + FLOAT(0.5), 0, 1)
        dotted[:, :, ink] = picture[:, :, ink] * (1 - strength) + dots * strength
    return dotted


def shown(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """On a display: its gamma, its white, its grid of pixels against the camera's, bands, glare."""
    white = numpy.array([random.uniform(0.97, 1.2), 1.0, random.uniform(0.82, 1.03)], FLOAT)
    # Cubic interpolation overshoots.
    picture = 255 * (numpy.clip(picture, 0, 255) / 255) ** FLOAT(random.uniform(0.75, 1.4))
    picture = picture * white * FLOAT(random.uniform(0.75, 1.2)) + FLOAT(random.uniform(0, 20))
    if random.random() < 0.6:
        picture = moire(picture, random)
    if random.random() < 0.25:
        rows = numpy.arange(picture.shape[0])
        wave = numpy.sin(rows * 2 * numpy.pi / random.uniform(30, 200) + random.uniform(0, 6))
        picture = picture * (1 + random.uniform(0.02, 0.12) * wave).astype(FLOAT)[:, None, None]
    if random.random() < 0.4:
        picture = glare(picture, random)
    return numpy.clip(picture, 0, 255)


def moire(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """The grid of the display's pixels, seen through the camera's: waves, of each colour their own."""
    y, x = places(picture)
    strength = FLOAT(random.uniform(0.01, 0.13) / 2)
    pitch, angle = random.uniform(2.02, 12), random.uniform(0, numpy.pi)
    bend = FLOAT(random.uniform(-1, 1) * 2e-4)
    x, y = x * (1 + bend * (x + y)), y * (1 + bend * (x - y))
    step = random.uniform(0, numpy.pi)
    waves = numpy.stack([grid(x, y, pitch, angle, colour * step) for colour in range(3)], axis=2)
    return picture * (1 + strength * waves)


def grid(x: numpy.ndarray, y: numpy.ndarray, pitch: float, angle: float, phase: float) -> numpy.ndarray:
    """Two waves across each other; -2 to 2."""
    along, across = FLOAT(numpy.cos(angle) * 2 * numpy.pi / pitch), FLOAT(numpy.sin(angle) * 2 * numpy.pi / pitch)
    return numpy.cos(x * along + y * across + FLOAT(phase)) + numpy.cos(y * along - x * across)


def glare(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """A lamp or a window in the glass."""
    rows, columns = picture.shape[:2]
    light = numpy.zeros((rows, columns), FLOAT)
    centre = (int(random.uniform(0, columns)), int(random.uniform(0, rows)))
    axes = (int(random.uniform(0.03, 0.3) * columns), int(random.uniform(0.02, 0.15) * rows))
    cv2.ellipse(light, centre, axes, random.uniform(0, 180), 0, 360, 1.0, -1)
    light = cv2.GaussianBlur(light, (0, 0), random.uniform(3, 25))
    return picture + (light * FLOAT(random.uniform(30, 200)))[:, :, None]


def camera(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """What every picture goes through, genuine or not, so that none of it tells: exposure, white, blur, noise, JPEG."""
    gain = random.uniform(0.7, 1.25) * (1 + random.uniform(-0.07, 0.07, 3))
    picture = numpy.clip(picture * gain.astype(FLOAT) + FLOAT(random.uniform(-12, 12)), 0, 255)
    if random.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 1.8))
    if random.random() < 0.2:
        picture = shaken(picture, random)
    noise = random.standard_normal(picture.shape, FLOAT)
    picture = picture + FLOAT(random.uniform(0.3, 6)) * noise
    picture = numpy.clip(picture, 0, 255).astype(numpy.uint8)
    if random.random() < 0.8:
        quality = int(random.uniform(40, 97))
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return picture


def shaken(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    length = int(random.uniform(3, 8))
    kernel = numpy.zeros((length, length), FLOAT)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), random.uniform(0, 180), 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(picture, -1, kernel / max(kernel.sum(), 0.1))


def places(picture: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    rows, columns = picture.shape[:2]
    return numpy.arange(rows, dtype=FLOAT)[:, None], numpy.arange(columns, dtype=FLOAT)[None, :]
