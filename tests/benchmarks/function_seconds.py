"""Print the CPU seconds of single functions on inputs of ordinary size; their tests check results only.

python tests/benchmarks/function_seconds.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import trimesh

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from shapes import cap

from meshimplant.check.check_solid import check_solid
from meshimplant.evaluation.metrics import evaluate
from meshimplant.line.extract import extract
from meshimplant.preview.render_preview import draw_preview
from meshimplant.voxels.volume import Volume


def solid_check() -> Callable[[], object]:
    """Check a sound mesh of 240 k faces."""
    mesh = extract(cap(90, 6, 38).mask((0.5, 0.5, 0.6)))
    return lambda: check_solid(mesh)


def preview_sheet() -> Callable[[], object]:
    """Draw an implant of 100 k faces in a skull of 330 k faces; 4.5 s where first measured."""
    skull = trimesh.creation.icosphere(subdivisions=7, radius=80.0)
    part = cap(82.0, edge_mm=0.68).mesh
    values = np.linspace(0.5, 5, len(part.vertices))
    return lambda: draw_preview(implant=part, skull=skull, thickness_mm=values, gap_mm=values)


def metrics() -> Callable[[], object]:
    """Evaluate a prediction of 512 x 512 x 256 voxels; 2 s where first measured."""
    spacing = np.array([0.45, 0.45, 0.7])
    i, j, k = np.ogrid[:512, :512, :256]
    radius = np.sqrt(((i - 256) * 0.45) ** 2 + ((j - 256) * 0.45) ** 2 + ((k - 60) * 0.7) ** 2)
    shell = (radius > 78) & (radius < 85)
    truth = shell & (i > 303) & (k > 89)
    masks = shell & (i > 300) & (k > 90), truth, shell & ~truth
    volumes = [Volume(mask.astype(np.uint8), np.diag([*spacing, 1.0])) for mask in masks]
    return lambda: evaluate(*volumes)


def help_seconds() -> float:
    """Return the CPU seconds of `meshimplant --help` in a process of its own; the aim is 0.5."""
    start = os.times()
    subprocess.run([sys.executable, "-m", "meshimplant_cli", "--help"], check=True, stdout=subprocess.DEVNULL)
    stop = os.times()
    return sum(stop[2:4]) - sum(start[2:4])


def main() -> None:
    """Run each function once and print its CPU seconds."""
    print(f"{'--help':15}{help_seconds():8.2f} s")
    for prepare in (solid_check, preview_sheet, metrics):
        run = prepare()
        start = time.process_time()
        run()
        print(f"{prepare.__name__:15}{time.process_time() - start:8.1f} s")


if __name__ == "__main__":
    main()
