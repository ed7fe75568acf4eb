"""demo on files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FILES = [
    "implant.3mf", "implant.stl", "preview.html", "preview.png",
    "reconstruction.nrrd", "report.html", "report.json", "slices.png", "spec.toml", "steps",
]  # fmt: skip


def test_demo_designs_the_sample_alone_in_a_bare_process(tmp_path: Path) -> None:
    """As a newcomer runs it: another process, no display, an empty working folder, its default output."""
    bare = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "MESHIMPLANT_DATA")}
    done = subprocess.run(
        [sys.executable, "-m", "meshimplant_cli", "demo"],
        cwd=tmp_path,
        env=bare,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert sorted(path.name for path in (tmp_path / "meshimplant-demo").iterdir()) == FILES
    dice = next(line for line in done.stdout.splitlines() if line.startswith("against truth dice"))
    assert float(dice.split()[-1]) > 0.8
