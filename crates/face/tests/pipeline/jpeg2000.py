"""Writes JPEG 2000 files of every usual form from a photograph by OpenJPEG, as Pillow carries it, and beside each the
pixels that it reads from it, transparency over a middle grey."""

import pathlib
import sys

from PIL import Image

photograph, folder = Image.open(sys.argv[1]).convert("RGB"), pathlib.Path(sys.argv[2])
shade = photograph.convert("L").point(lambda value: 255 - value // 2)
transparent = photograph.copy()
transparent.putalpha(shade)
grey = photograph.convert("L")
grey_transparent = Image.merge("LA", (grey, shade))
forms = {
    "lossless": {},
    "lossy": {"irreversible": True, "quality_mode": "dB", "quality_layers": [38, 45]},
    "rates": {"irreversible": True, "quality_mode": "rates", "quality_layers": [40, 20, 10]},
    "tiles": {"tile_size": (64, 64)},
    "precincts": {"precinct_size": (64, 64), "codeblock_size": (16, 16), "progression": "RPCL"},
    "one-level": {"num_resolutions": 1, "progression": "CPRL"},
}
pictures = {"grey": grey, "grey-alpha": grey_transparent, "colour": photograph, "colour-alpha": transparent}
for kind, picture in pictures.items():
    for form, options in forms.items():
        for extension in ("jp2", "j2c"):
            path = folder / f"{kind}-{form}-{extension}"
            picture.save(path, format="JPEG2000", no_jp2=extension == "j2c", **options)
            with Image.open(path) as read:
                ground = Image.new("RGB", read.size, (128, 128, 128))
                mask = read.getchannel("A") if "A" in read.getbands() else None
                ground.paste(read.convert("RGB"), mask=mask)
                ground.save(folder / f"{kind}-{form}-{extension}.ppm")
