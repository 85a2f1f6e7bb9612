"""Scenes as a front camera sees them: a face before some background, or a picture of one held up before it.

Pictures are BGR, 32-bit floats in 0..255. A scene is a picture and the face's box in it.
"""

from pathlib import Path

import cv2
import numpy

import attacks

Random = numpy.random.Generator
FLOAT = numpy.float32
# By their labels: the places of the networks' answers.
SPECIES = ["print", "real", "screen"]
REAL = 1
ATTACKS = {label: species for label, species in enumerate(SPECIES) if label != REAL}
# How wide faces are in scenes, in pixels. Wider ones would cost more and look the same in a crop of 80.
FACE_WIDTHS = (45, 120)
# Sides of what a scene shows, in widths of the face.
VIEWS = (2.4, 5.0)


def scene(picture: numpy.ndarray, box: numpy.ndarray, others: list[Path], random: Random):
    """A genuine one. `picture` is an aligned portrait with little around it; `others` lend backgrounds."""
    width = numpy.exp(random.uniform(*numpy.log(FACE_WIDTHS)))
    picture, box = resized(picture.astype(FLOAT), box, width / box[2])
    if random.random() < 0.5:
        picture = numpy.ascontiguousarray(picture[:, ::-1])
        box = numpy.array([picture.shape[1] - box[0] - box[2], *box[1:]])
    has_room = min(picture.shape[:2]) > 2 * width
    return (picture, box) if has_room and random.random() < 0.4 else surrounded(picture, box, others, random)


def resized(picture: numpy.ndarray, box: numpy.ndarray, scale: float):
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return numpy.clip(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way), 0, 255), box * scale


def surrounded(portrait: numpy.ndarray, box: numpy.ndarray, others: list[Path], random: Random):
    """The portrait before something else; its edges run out into it as hair, neck and clothes would."""
    rows, columns = portrait.shape[:2]
    wide = max(int(box[2] * random.uniform(*VIEWS)), columns + 8)
    high = max(int(box[2] * random.uniform(*VIEWS)), rows + 8)
    left, top = int(random.uniform(0.3, 0.7) * (wide - columns)), int(random.uniform(0.2, 0.7) * (high - rows))
    spread = cv2.copyMakeBorder(portrait, top, high - rows - top, left, wide - columns - left, cv2.BORDER_REPLICATE)
    spread = cv2.blur(cv2.blur(spread, (columns // 4 + 1, columns // 4 + 1)), (columns // 4 + 1, columns // 4 + 1))
    y, x = numpy.arange(high, dtype=FLOAT)[:, None], numpy.arange(wide, dtype=FLOAT)[None, :]
    middle_x, middle_y = left + columns / 2, top + rows / 2
    across, up = numpy.abs(x - middle_x) / columns, numpy.maximum(middle_y - y, 0) / rows
    body = 1 / (1 + numpy.exp((across - random.uniform(0.45, 0.75)) * 14)) * numpy.exp(-(up**2) * 4)
    canvas = background((high, wide), others, random)
    canvas += (spread - canvas) * body[:, :, None].astype(FLOAT)
    matte = numpy.zeros((rows, columns), FLOAT)
    cv2.ellipse(matte, (columns // 2, rows // 2), (int(columns * 0.46), int(rows * 0.47)), 0, 0, 360, 1.0, -1)
    soft = int(columns / random.uniform(10, 25)) + 1
    matte = cv2.blur(cv2.blur(matte, (soft, soft), borderType=cv2.BORDER_CONSTANT), (soft, soft))[:, :, None]
    inside = canvas[top : top + rows, left : left + columns]
    inside += (portrait - inside) * matte
    return canvas, box + [left, top, 0, 0]


def background(size: tuple[int, int], others: list[Path], random: Random) -> numpy.ndarray:
    """A wall, or the side of some other picture, out of focus or not; maybe a frame hangs there."""
    if random.random() < 0.3:
        corner = random.uniform(30, 230, 3) + random.uniform(-40, 40, (2, 2, 3))
        wall = cv2.resize(corner.astype(FLOAT), size[::-1], interpolation=cv2.INTER_LINEAR)
        canvas = wall + FLOAT(random.uniform(0, 8)) * random.standard_normal((*size, 1), FLOAT)
    else:
        canvas = side_of(others, size, random)
        canvas = cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.4, 6))
    # So that a rectangle alone is no sign of an attack.
    if random.random() < 0.25:
        low = (random.uniform(-0.2, 0.8, 2) * size).astype(int)
        high = low + (random.uniform(0.15, 0.6, 2) * size).astype(int)
        colour = random.uniform(0, 255, 3).tolist()
        cv2.rectangle(canvas, low[::-1].tolist(), high[::-1].tolist(), colour, int(random.integers(1, 9)))
    return numpy.clip(canvas, 0, 255)


def side_of(others: list[Path], size: tuple[int, int], random: Random) -> numpy.ndarray:
    """A third of another picture, in which its face is not."""
    other = cv2.imread(str(others[random.integers(len(others))]))
    third = other.shape[1] // 3
    part = other[:, :third] if random.random() < 0.5 else other[:, -third:]
    return cv2.resize(part, size[::-1], interpolation=cv2.INTER_CUBIC).astype(FLOAT)


def attack(genuine: numpy.ndarray, box: numpy.ndarray, species: str, others: list[Path], random: Random):
    """The genuine scene on paper or a display, and that before a camera."""
    content, box = framed(genuine, box, random)
    if species == "print":
        content = attacks.printed(content, random)
        edge = random.uniform(180, 250) * (1 + random.uniform(-0.06, 0.06, 3)) if random.random() < 0.6 else None
    else:
        content = attacks.shown(content, random)
        edge = random.choice([12, 35, 220]) + random.uniform(-10, 30, 3) if random.random() < 0.85 else None
    if edge is not None:
        sides = (random.uniform(0.01, 0.09, 4) * box[2] * 2).astype(int) + 1
        content = cv2.copyMakeBorder(content, *sides.tolist(), cv2.BORDER_CONSTANT, value=edge.tolist())
        box = box + [sides[2], sides[0], 0, 0]
    if species == "print" and random.random() < 0.5:
        content = bent(content, random)
    return held(content, box, others, random)


def framed(genuine: numpy.ndarray, box: numpy.ndarray, random: Random):
    """The part of a scene that is printed or shown: how closely differs."""
    rows, columns = genuine.shape[:2]
    x, y, width, height = box
    room = numpy.exp(random.uniform(numpy.log(0.15), numpy.log(2), 4)) * width
    left, top = max(int(x - room[0]), 0), max(int(y - room[1]), 0)
    right, bottom = min(int(x + width + room[2]), columns), min(int(y + height + room[3]), rows)
    return genuine[top:bottom, left:right], box - [left, top, 0, 0]


def bent(sheet: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Bent about an upright or a level axis, with the shade that goes with it."""
    rows, columns = sheet.shape[:2]
    y, x = numpy.mgrid[0:rows, 0:columns].astype(FLOAT)
    strength, turn = FLOAT(random.uniform(-0.06, 0.06)), random.random() < 0.5
    along = y / rows if turn else x / columns
    wave = numpy.sin(along * FLOAT(numpy.pi))
    x, y = (x + strength * columns * wave, y) if turn else (x, y + strength * rows * wave)
    shade = 1 + 3 * strength * numpy.cos(along * FLOAT(numpy.pi))
    return cv2.remap(sheet, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * shade[:, :, None]


def held(content: numpy.ndarray, box: numpy.ndarray, others: list[Path], random: Random):
    """A sheet or a display, a little tilted, before a background; sometimes so near that its edges are out of sight."""
    rows, columns = content.shape[:2]
    width = numpy.exp(random.uniform(*numpy.log(FACE_WIDTHS)))
    scale = width / box[2]
    if random.random() < 0.3:
        wide, high = int(columns * scale * 0.92), int(rows * scale * 0.92)
    else:
        wide, high = (int(width * random.uniform(*VIEWS)) for _ in range(2))
    middle = (box[:2] + box[2:] / 2) * scale
    goal = numpy.array([wide, high]) * (0.5 + random.uniform(-0.12, 0.12, 2))
    if wide < columns * scale and high < rows * scale:
        goal = numpy.clip(goal, middle + [wide, high] - numpy.array([columns, rows]) * scale, middle)
    corners = numpy.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], FLOAT)
    turn = random.normal(0, 0.05)
    matrix = numpy.array([[numpy.cos(turn), -numpy.sin(turn)], [numpy.sin(turn), numpy.cos(turn)]])
    moved = (corners * scale - middle) @ matrix.T + goal + random.normal(0, 0.02, (4, 2)) * width * 2
    seen = cv2.getPerspectiveTransform(corners, moved.astype(FLOAT))
    canvas = background((high, wide), others, random)
    if random.random() < 0.3:
        hand(canvas, moved, width, random)
    inside = cv2.warpPerspective(numpy.ones((rows, columns), FLOAT), seen, (wide, high))[:, :, None]
    sheet = cv2.warpPerspective(content, seen, (wide, high), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    canvas += (sheet - canvas) * inside
    x, y, box_wide, box_high = box
    outline = numpy.array([[[x, y], [x + box_wide, y], [x + box_wide, y + box_high], [x, y + box_high]]], FLOAT)
    points = cv2.perspectiveTransform(outline, seen)[0]
    low, high_point = points.min(axis=0), points.max(axis=0)
    return canvas, numpy.concatenate([low, high_point - low])


def hand(canvas: numpy.ndarray, corners: numpy.ndarray, width: float, random: Random) -> None:
    """Something in the colours of skin behind the lower edge."""
    share = random.uniform(0, 1)
    place = corners[3] * share + corners[2] * (1 - share)
    skin = numpy.array([0.55, 0.7, 1.0]) * random.uniform(60, 240)
    axes = (int(width * random.uniform(0.15, 0.4)), int(width * random.uniform(0.3, 0.8)))
    cv2.ellipse(canvas, place.astype(int).tolist(), axes, random.uniform(-40, 40), 0, 360, skin.tolist(), -1)


def taken(picture: numpy.ndarray, box: numpy.ndarray, species: str, others: list[Path], random: Random):
    """A photograph (8 bits) of a face or of an attack with it, and the box that a detector would give, more or less."""
    view, place = scene(picture, box, others, random)
    if species != SPECIES[REAL]:
        view, place = attack(view, place, species, others, random)
    return attacks.camera(view, random), place + random.normal(0, 0.015, 4) * place[2]
