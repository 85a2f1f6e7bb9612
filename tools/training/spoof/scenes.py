"""Makes scenes as a front camera sees them: a face before a background, or a picture of a face held up before one.

Pictures are BGR, 32-bit floats in 0..255. A scene is a picture and the face's box in it.
"""

import cv2
import numpy

import attacks
from rooms import room

Random = numpy.random.Generator
FLOAT = numpy.float32
# Species by label, in the order of the networks' outputs.
SPECIES = ["print", "real", "screen"]
REAL = 1
ATTACKS = {label: species for label, species in enumerate(SPECIES) if label != REAL}
# The range of face widths in scenes, in pixels: from those in a film of 240 lines to those in a film of 1080. Wide
# faces cost more, and portraits lack the pixels for them.
FACE_WIDTHS = (45, 200)
# The sides of a scene, in widths of the face.
VIEWS = (2.4, 5.0)


def scene(portrait: numpy.ndarray, box: numpy.ndarray, random: Random):
    """Returns a genuine scene. `portrait` has a fourth channel with the person's share of each pixel, 0..255."""
    width = numpy.exp(random.uniform(*numpy.log(FACE_WIDTHS)))
    portrait, box = resized(portrait.astype(FLOAT), box, width / box[2])
    if random.random() < 0.5:
        portrait = numpy.ascontiguousarray(portrait[:, ::-1])
        box = numpy.array([portrait.shape[1] - box[0] - box[2], *box[1:]])
    portrait = turned(portrait, box, random)
    picture, person = lit(portrait[:, :, :3], random), portrait[:, :, 3] / 255
    return (picture, box) if random.random() < 0.15 else surrounded(picture, person, box, random)


def person(picture: numpy.ndarray, box: numpy.ndarray) -> numpy.ndarray:
    """Returns the person's share of each pixel before a plain wall, 0..255 (8 bits): GrabCut, then a soft edge."""
    rows, columns = picture.shape[:2]
    x, y, width, height = box
    likely = numpy.full((rows, columns), cv2.GC_PR_BGD, numpy.uint8)
    head, middle = (int(width * 0.62), int(height * 0.72)), (int(x + width / 2), int(y + height * 0.42))
    cv2.ellipse(likely, middle, head, 0, 0, 360, cv2.GC_PR_FGD, -1)
    likely[int(y + height * 1.25) :, int(columns * 0.1) : int(columns * 0.9)] = cv2.GC_PR_FGD
    body = (int(x + width / 2), int(y + height * 1.95))
    cv2.ellipse(likely, body, (int(width * 1.0), int(height * 0.75)), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.ellipse(likely, middle, (int(width * 0.42), int(height * 0.5)), 0, 0, 360, cv2.GC_FGD, -1)
    likely[: max(int(y * 0.3), 2)] = likely[: int(y + height / 2), :3] = likely[: int(y + height / 2), -3:] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    cv2.grabCut(picture, likely, None, numpy.zeros((1, 65)), numpy.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    kept = numpy.where((likely == cv2.GC_FGD) | (likely == cv2.GC_PR_FGD), 255, 0).astype(numpy.uint8)
    kept = cv2.erode(cv2.morphologyEx(kept, cv2.MORPH_OPEN, numpy.ones((3, 3))), numpy.ones((3, 3)))
    return cv2.GaussianBlur(kept, (0, 0), 1.2)


def resized(picture: numpy.ndarray, box: numpy.ndarray, scale: float):
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return numpy.clip(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=way), 0, 255), box * scale


def turned(picture: numpy.ndarray, box: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Rotates the head a little: parts nearer to the camera move further, as on half an ellipsoid."""
    y, x = attacks.places(picture)
    across, down = (x - FLOAT(box[0] + box[2] / 2)) / FLOAT(box[2] * 0.75), (y - FLOAT(box[1] + box[3] * 0.45)) / FLOAT(box[3] * 0.8)
    depth = numpy.sqrt(numpy.clip(1 - across**2 - down**2, 0, 1)) * FLOAT(box[2] * 0.5)
    yaw, pitch = (FLOAT(angle) for angle in random.uniform(-0.3, 0.3, 2) * (1, 0.6))
    return cv2.remap(picture, x + yaw * depth, y + pitch * depth, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def lit(picture: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Lights the picture from one side with a random colour; portraits are lit evenly."""
    if random.random() < 0.4:
        return picture
    side = attacks.across(picture, random) / picture.shape[1] * random.uniform(2, 8)
    light = random.uniform(0.2, 0.8) / (1 + numpy.exp(-side))
    light = 1 - light.max() / 2 + light[:, :, None] * (1 + random.uniform(-0.15, 0.15, 3))
    return numpy.clip(picture * light.astype(FLOAT), 0, 255)


def surrounded(picture: numpy.ndarray, matte: numpy.ndarray, box: numpy.ndarray, random: Random):
    """Puts the person before another background. The portrait's last row and column continue beyond its border."""
    x, y, width, height = box
    wide = max(int(width * random.uniform(*VIEWS)), int(width * 1.7))
    high = max(int(width * random.uniform(*VIEWS)), int(height * 1.6))
    left = int(wide * random.uniform(0.35, 0.65) - x - width / 2)
    top = int(high * random.uniform(0.35, 0.6) - y - height / 2)
    place = numpy.array([[1, 0, left], [0, 1, top]], FLOAT)
    canvas = room((high, wide), random)
    moved = lambda layer: cv2.warpAffine(layer, place, (wide, high), borderMode=cv2.BORDER_REPLICATE)
    canvas += (moved(picture) - canvas) * moved(matte)[:, :, None]
    return canvas, box + [left, top, 0, 0]


def attack(genuine: numpy.ndarray, box: numpy.ndarray, species: str, random: Random):
    """Puts the genuine scene on paper or a display, and holds that before a camera."""
    content, box = framed(genuine, box, random)
    content, box, matte = sheet(content, box, random) if species == "print" else display(content, box, random)
    return held(content, matte, box, species, random)


def framed(genuine: numpy.ndarray, box: numpy.ndarray, random: Random):
    """Returns the part of a scene that is printed or shown, cropped more or less closely."""
    rows, columns = genuine.shape[:2]
    x, y, width, height = box
    room_around = numpy.exp(random.uniform(numpy.log(0.15), numpy.log(2), 4)) * width
    left, top = max(int(x - room_around[0]), 0), max(int(y - room_around[1]), 0)
    right, bottom = min(int(x + width + room_around[2]), columns), min(int(y + height + room_around[3]), rows)
    return genuine[top:bottom, left:right], box - [left, top, 0, 0]


def sheet(content: numpy.ndarray, box: numpy.ndarray, random: Random):
    """Returns paper with a margin, or cut along the head; flat or bent. Also returns the paper's share of each pixel.
   """
    content = attacks.printed(content, random)
    matte = numpy.ones(content.shape[:2], FLOAT)
    if random.random() < 0.25:
        matte = cut_out(content.shape[:2], box, random)
    elif random.random() < 0.6:
        edge = random.uniform(170, 250) * (1 + random.uniform(-0.06, 0.06, 3))
        content, box = bordered(content, box, edge, random)
        matte = numpy.ones(content.shape[:2], FLOAT)
    if random.random() < 0.5:
        content = bent(content, random)
    if random.random() < 0.3:
        content = attacks.sheen(content, random)
    return numpy.clip(content, 0, 255), box, matte


def cut_out(size: tuple[int, int], box: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Returns the shape of paper cut around the head in short straight cuts."""
    angles = numpy.sort(random.uniform(0, 2 * numpy.pi, random.integers(9, 26)))
    reach = box[2:] * random.uniform(0.6, 0.95) * random.normal(1, 0.05, (len(angles), 1))
    corners = box[:2] + box[2:] * (0.5, 0.42) + numpy.column_stack([numpy.cos(angles), numpy.sin(angles) * 1.15]) * reach
    matte = numpy.zeros(size, FLOAT)
    cv2.fillPoly(matte, [corners.astype(numpy.int32)], 1.0, cv2.LINE_AA)
    return matte


def display(content: numpy.ndarray, box: numpy.ndarray, random: Random):
    """Returns the display of a phone, a tablet or a screen: bars of its program, its case, sometimes round corners."""
    content = attacks.shown(content, random)
    for _ in range(random.integers(0, 3)):
        high = max(int(content.shape[0] * random.uniform(0.02, 0.12)), 1)
        rows = slice(0, high) if random.random() < 0.5 else slice(-high, None)
        content[rows] = random.choice([5, 30, 128, 245]) + random.uniform(-5, 10, 3)
    if random.random() < 0.85:
        content, box = bordered(content, box, random.choice([12, 35, 220]) + random.uniform(-10, 30, 3), random)
    matte = numpy.ones(content.shape[:2], FLOAT)
    if random.random() < 0.4:
        radius = int(box[2] * random.uniform(0.05, 0.25))
        rows, columns = matte.shape
        inner = cv2.rectangle(numpy.zeros_like(matte), (radius, radius), (columns - 1 - radius, rows - 1 - radius), 1.0, -1)
        matte = cv2.dilate(inner, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)))
    return content, box, matte


def bordered(content: numpy.ndarray, box: numpy.ndarray, colour: numpy.ndarray, random: Random):
    sides = (random.uniform(0.01, 0.09, 4) * box[2] * 2).astype(int) + 1
    content = cv2.copyMakeBorder(content, *sides.tolist(), cv2.BORDER_CONSTANT, value=colour.tolist())
    return content, box + [sides[2], sides[0], 0, 0]


def bent(content: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Bends the content about a vertical or a horizontal axis, with the matching shading."""
    rows, columns = content.shape[:2]
    y, x = numpy.mgrid[0:rows, 0:columns].astype(FLOAT)
    strength, turn = FLOAT(random.uniform(-0.06, 0.06)), random.random() < 0.5
    along = y / rows if turn else x / columns
    wave = numpy.sin(along * FLOAT(numpy.pi))
    x, y = (x + strength * columns * wave, y) if turn else (x, y + strength * rows * wave)
    shade = 1 + 3 * strength * numpy.cos(along * FLOAT(numpy.pi))
    return cv2.remap(content, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) * shade[:, :, None]


def held(content: numpy.ndarray, matte: numpy.ndarray, box: numpy.ndarray, species: str, random: Random):
    """Holds a sheet or a display, slightly tilted, before a background; sometimes its edges are out of sight."""
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
    canvas = room((high, wide), random)
    if random.random() < 0.4:
        fingers(canvas, moved, width, random)
    inside = cv2.warpPerspective(matte, seen, (wide, high))[:, :, None]
    flags = cv2.INTER_LINEAR if scale > 0.7 else cv2.INTER_AREA
    picture = cv2.warpPerspective(content, seen, (wide, high), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if species == "screen":
        if random.random() < 0.3:
            picture = picture + FLOAT(random.uniform(0.03, 0.15)) * room((high, wide), random)
        picture = attacks.emitting(picture, *grid(seen, (high, wide), width, scale, random), random)
    canvas += (picture - canvas) * inside
    if random.random() < 0.25:
        fingers(canvas, moved, width, random)
    x, y, box_wide, box_high = box
    outline = numpy.array([[[x, y], [x + box_wide, y], [x + box_wide, y + box_high], [x, y + box_high]]], FLOAT)
    points = cv2.perspectiveTransform(outline, seen)[0]
    low, high_point = points.min(axis=0), points.max(axis=0)
    return canvas, numpy.concatenate([low, high_point - low])


def grid(seen: numpy.ndarray, size: tuple[int, int], width: float, scale: float, random: Random):
    """Returns the display's pixel at each of the camera's: between a fifth of a pixel and three pixels per camera
    pixel; the lens bends them a little."""
    y, x = (places.astype(FLOAT) for places in numpy.mgrid[0 : size[0], 0 : size[1]])
    away = ((x - size[1] / 2) ** 2 + (y - size[0] / 2) ** 2) / FLOAT(width**2)
    bend = 1 + FLOAT(random.uniform(-0.01, 0.01)) * away
    back = numpy.linalg.inv(seen).astype(FLOAT)
    x, y = (x - size[1] / 2) * bend + size[1] / 2, (y - size[0] / 2) * bend + size[0] / 2
    depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
    finer = FLOAT(numpy.exp(random.uniform(numpy.log(0.2), numpy.log(3))) * scale)
    u, v = ((row[0] * x + row[1] * y + row[2]) / depth * finer for row in back[:2])
    return (v, u) if random.random() < 0.3 else (u, v)


def fingers(canvas: numpy.ndarray, corners: numpy.ndarray, width: float, random: Random) -> None:
    """Draws a hand at an edge of the object: a few fingers, or their tips before it."""
    first, second = random.permutation([[3, 2], [0, 3], [1, 2]])[0]
    share, skin = random.uniform(0, 1), numpy.array([0.55, 0.7, 1.0]) * random.uniform(60, 240)
    edge = (corners[second] - corners[first]) / max(numpy.linalg.norm(corners[second] - corners[first]), 1)
    place, thick = corners[first] * share + corners[second] * (1 - share), width * random.uniform(0.06, 0.14)
    for finger in range(random.integers(1, 5)):
        axes = (int(thick * random.uniform(1.5, 4)) + 1, int(thick) + 1)
        turn = numpy.degrees(numpy.arctan2(edge[1], edge[0])) + 90 + random.normal(0, 12)
        colour = (skin * random.uniform(0.8, 1.1)).clip(0, 255).tolist()
        cv2.ellipse(canvas, (place + edge * finger * thick * 2).astype(int).tolist(), axes, turn, 0, 360, colour, -1, cv2.LINE_AA)


def taken(portrait: numpy.ndarray, box: numpy.ndarray, species: str, random: Random):
    """Returns a photograph (8 bits) of a face or of an attack with it, and the box with a detector's typical error."""
    view, place = scene(portrait, box, random)
    if species != SPECIES[REAL]:
        view, place = attack(view, place, species, random)
    return attacks.camera(view, random), place + random.normal(0, 0.015, 4) * place[2]
