"""Write the README's picture, of the packaged sample only: ``python tests/write_picture.py``."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from meshimplant_cli.main import run

PICTURE = Path(__file__).resolve().parent.parent / ".github" / "sample-implant.png"
WIDTH_PX, COLOURS = 1100, 256


def shrink(source: Path, target: Path) -> None:
    """Write a picture at `WIDTH_PX` with `COLOURS` colours."""
    with Image.open(source) as picture:
        size = WIDTH_PX, round(picture.height * WIDTH_PX / picture.width)
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.quantize(COLOURS, method=Image.Quantize.FASTOCTREE).save(target, optimize=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        run(["demo", "-o", folder])
        shrink(Path(folder) / "preview.png", PICTURE)
