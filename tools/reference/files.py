"""Makes crates/face/tests/pipeline/files: one photograph in the forms that the project's own libraries cannot write.

    pip install pillow
    python tools/reference/files.py
"""

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "crates/face/tests/pipeline/files"


def main() -> None:
    FILES.mkdir(exist_ok=True)
    head = Image.open(ROOT / "tests/samples/obama.jpg").convert("RGB").crop((220, 80, 720, 680)).resize((200, 240))
    head.save(FILES / "baseline.jpg", quality=85)
    head.save(FILES / "progressive.jpg", quality=85, progressive=True)
    head.convert("CMYK").save(FILES / "cmyk.jpg", quality=85)
    head.save(FILES / "lossy.webp", quality=80)
    other = head.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    head.save(FILES / "animated.webp", save_all=True, append_images=[other], duration=100, quality=80)
    clear = head.copy()
    clear.putalpha(Image.linear_gradient("L").resize(head.size).point(lambda value: 255 - value // 8))
    clear.save(FILES / "alpha.webp", quality=80)
    head.quantize(200).save(FILES / "palette.png")


if __name__ == "__main__":
    main()
