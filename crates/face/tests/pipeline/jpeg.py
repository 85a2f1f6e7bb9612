"""Decodes every JPEG of a folder by libjpeg-turbo, as Pillow carries it, and writes the pixels beside it."""

import pathlib
import sys

from PIL import Image, ImageFile, features

assert features.check("libjpeg_turbo"), "this Pillow has another library"
# Without this, Pillow refuses a file without its end marker, which the library reads.
ImageFile.LOAD_TRUNCATED_IMAGES = True
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jpg")):
    try:
        with Image.open(path) as image:
            image.convert("RGB").save(path.with_suffix(".ppm"))
    except (OSError, SyntaxError) as error:
        print(f"{path.name}: {error}")
