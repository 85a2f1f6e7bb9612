"""Presentation attacks, simulated: a scene is printed or shown on a screen, and photographed again."""

import cv2
import numpy

Random = numpy.random.Generator


def print_of(scene: numpy.ndarray, random: Random) -> numpy.ndarray:
    """On paper: fewer tones and a tint of their own, maybe a visible screen of dots, maybe bent."""
    picture = scene.astype(numpy.float32)
    contrast, black = random.uniform(0.6, 0.95), random.uniform(5, 50)
    tint = (1 + random.uniform(-0.08, 0.08, 3)).astype(numpy.float32)
    picture = (picture - 128) * contrast + 128 + random.uniform(-15, 15)
    picture = numpy.clip(picture * tint, black, 255)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * random.uniform(0.5, 1.1)
    if random.random() < 0.5:
        picture = halftone(picture, random)
    if random.random() < 0.5:
        texture = random.uniform(2, 8) * random.standard_normal(picture.shape[:2], numpy.float32)
        picture = picture + cv2.GaussianBlur(texture, (0, 0), random.uniform(0.6, 2))[:, :, None]
    paper = numpy.array([random.uniform(190, 250)] * 3) * (1 + random.uniform(-0.06, 0.06, 3))
    return held(numpy.clip(picture, 0, 255), paper, random, bend=random.uniform(0, 0.08))


def halftone(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Dots whose size follows the tone, each ink at an angle of its own."""
    rows, columns = picture.shape[:2]
    y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.float32)
    pitch, strength = random.uniform(2.5, 5), random.uniform(0.15, 0.5)
    dotted = numpy.empty_like(picture)
    for ink, angle in enumerate(numpy.radians([15, 75, 0] + random.uniform(-5, 5, 3)).astype(numpy.float32)):
        u = (x * numpy.cos(angle) + y * numpy.sin(angle)) * 2 * numpy.pi / pitch
        v = (y * numpy.cos(angle) - x * numpy.sin(angle)) * 2 * numpy.pi / pitch
        screen = (numpy.cos(u) + numpy.cos(v)) / 4 + 0.5
        dots = 255.0 / (1 + numpy.exp(-(picture[:, :, ink] / 255 - screen) * 8))
        dotted[:, :, ink] = picture[:, :, ink] * (1 - strength) + dots * strength
    return dotted


def screen_of(scene: numpy.ndarray, random: Random) -> numpy.ndarray:
    """On a display: its gamma, its white, its grid of pixels against the camera's, glare, a bezel."""
    picture = scene.astype(numpy.float32) / 255
    picture = picture ** random.uniform(0.7, 1.4)
    white = numpy.float32([random.uniform(1.0, 1.2), 1.0, random.uniform(0.82, 1.0)])
    picture = picture * white * random.uniform(0.75, 1.15) + random.uniform(0, 0.08)
    if random.random() < 0.7:
        picture = moire(picture, random)
    if random.random() < 0.3:
        rows = numpy.arange(picture.shape[0])
        wave = numpy.sin(rows * 2 * numpy.pi / random.uniform(40, 200) + random.uniform(0, 6))
        picture = picture * (1 + random.uniform(0.03, 0.12) * wave).astype(numpy.float32)[:, None, None]
    if random.random() < 0.5:
        picture = glare(picture, random)
    bezel = numpy.array([random.uniform(5, 60)] * 3)
    return held(numpy.clip(picture * 255, 0, 255), bezel, random, bend=0.0)


def moire(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """The grid of the display's pixels, seen through the camera's: slow waves, of each colour their own."""
    rows, columns = picture.shape[:2]
    y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.float32)
    strength = random.uniform(0.02, 0.15)
    pitch, angle = random.uniform(2.02, 9), numpy.float32(random.uniform(0, numpy.pi))
    bend = numpy.float32(random.uniform(-1, 1) * 1e-4)
    waves = numpy.empty_like(picture)
    for colour in range(3):
        phase = colour * 2 * numpy.pi / 3 * random.uniform(0.5, 1.5)
        u = (x * numpy.cos(angle) + y * numpy.sin(angle)) * (1 + bend * (x + y))
        v = (y * numpy.cos(angle) - x * numpy.sin(angle)) * (1 + bend * (x - y))
        wave = numpy.cos(u * 2 * numpy.pi / pitch + phase) + numpy.cos(v * 2 * numpy.pi / pitch)
        waves[:, :, colour] = 1 + strength * wave / 2
    return picture * waves


def glare(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    rows, columns = picture.shape[:2]
    light = numpy.zeros((rows, columns), numpy.float32)
    centre = (int(random.uniform(0, columns)), int(random.uniform(0, rows)))
    axes = (int(random.uniform(0.03, 0.3) * columns), int(random.uniform(0.02, 0.15) * rows))
    cv2.ellipse(light, centre, axes, random.uniform(0, 180), 0, 360, 1.0, -1)
    light = cv2.GaussianBlur(light, (0, 0), random.uniform(4, 40))
    return picture + (light * random.uniform(0.15, 0.8))[:, :, None]


def held(picture: numpy.ndarray, edge: numpy.ndarray, random: Random, bend: float) -> numpy.ndarray:
    """The sheet or the display in a hand: tilted a little, its edge seen where it is smaller than the view."""
    rows, columns = picture.shape[:2]
    frame = picture.copy()
    if random.random() < 0.6:
        border = int(random.uniform(0.01, 0.06) * columns)
        frame[:border], frame[-border:], frame[:, :border], frame[:, -border:] = edge, edge, edge, edge
    if bend > 0:
        y, x = numpy.mgrid[0:rows, 0:columns].astype(numpy.float32)
        x = (x + bend * columns * numpy.sin(y / rows * numpy.pi) * random.choice([-1, 1])).astype(numpy.float32)
        frame = cv2.remap(frame.astype(numpy.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    corners = numpy.float32([[0, 0], [columns, 0], [columns, rows], [0, rows]])
    shrunk = random.uniform(0.8, 1.1) if random.random() < 0.6 else 1.15
    moved = (corners - [columns / 2, rows / 2]) * shrunk + [columns / 2, rows / 2]
    moved = moved + random.uniform(-0.04, 0.04, (4, 2)) * columns
    around = numpy.zeros_like(frame, numpy.float32) + random.uniform(20, 220, 3).astype(numpy.float32)
    seen = cv2.getPerspectiveTransform(corners, moved.astype(numpy.float32))
    inside = cv2.warpPerspective(numpy.ones((rows, columns), numpy.float32), seen, (columns, rows))[:, :, None]
    around = cv2.GaussianBlur(around + 30 * random.standard_normal(around.shape, numpy.float32), (0, 0), 15)
    warped = cv2.warpPerspective(frame.astype(numpy.float32), seen, (columns, rows), flags=cv2.INTER_LINEAR)
    return numpy.clip(warped * inside + around * (1 - inside), 0, 255)


ATTACKS = {"print": print_of, "screen": screen_of}


def camera(scene: numpy.ndarray, random: Random) -> numpy.ndarray:
    """What every picture goes through, genuine or not: exposure, white, blur, noise and compression."""
    picture = scene.astype(numpy.float32)
    picture = picture * random.uniform(0.65, 1.3) * (1 + random.uniform(-0.08, 0.08, 3)).astype(numpy.float32) + random.uniform(-12, 12)
    picture = 255 * (numpy.clip(picture, 0, 255) / 255) ** random.uniform(0.8, 1.25)
    if random.random() < 0.6:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.3, 2.2))
    if random.random() < 0.25:
        length = int(random.uniform(3, 9))
        kernel = numpy.zeros((length, length), numpy.float32)
        kernel[length // 2] = 1 / length
        turn = cv2.getRotationMatrix2D((length / 2 - 0.5, length / 2 - 0.5), random.uniform(0, 180), 1)
        picture = cv2.filter2D(picture, -1, cv2.warpAffine(kernel, turn, (length, length)))
    picture = picture + random.uniform(0.5, 7) * random.standard_normal(picture.shape, numpy.float32)
    picture = numpy.clip(picture, 0, 255).astype(numpy.uint8)
    if random.random() < 0.8:
        quality = int(random.uniform(35, 96))
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
    return picture
