"""The examples run, and print or write what they promise."""

from __future__ import annotations

import contextlib
import io
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from docs import ROOT

import meshimplant

EXAMPLES = ROOT / "tests" / "examples"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, phantom: meshimplant.Volume) -> Path:
    """Return a folder with a small case: complete skull, defective skull, and the missing bone."""
    folder = tmp_path_factory.mktemp("examples")
    case = meshimplant.craniectomy(phantom, kind="random", seed=1)
    meshimplant.write_volume(phantom, folder / "prediction.nrrd")
    meshimplant.write_volume(case.defective, folder / "defective.nrrd")
    meshimplant.write_volume(case.truth, folder / "truth.nrrd")
    return folder


@pytest.fixture(scope="module")
def designed(files: Path) -> str:
    """Run the first example once, on whose part the others work; return what it printed."""
    return _run("design_from_mask", files, "defective.nrrd", "case")


def _run(name: str, folder: Path, *arguments: str) -> str:
    """Run an example as a script in a folder, and return what it printed."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.chdir(folder)
        patch.setattr(sys, "argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    return printed.getvalue()


def test_examples_are_short_and_say_how_to_run_them() -> None:
    examples = [path for path in EXAMPLES.glob("*.py") if not path.name.startswith("test_")]
    assert len(examples) == 6
    for path in examples:
        text = path.read_text(encoding="utf-8")
        assert f"python tests/examples/{path.name} " in text
        assert 10 <= len(text.split('"""')[2].strip().splitlines()) <= 30


def test_design_from_mask(designed: str, files: Path) -> None:
    assert "thickness_median_mm: 3.5" in designed
    assert (files / "case" / "implant.stl").stat().st_size > 10_000


def test_part_from_prediction(files: Path) -> None:
    printed = _run("part_from_prediction", files, "defective.nrrd", "prediction.nrrd", "part.stl")
    assert printed.splitlines()[0].endswith((", passed", ", passed with warnings"))
    assert meshimplant.read_mesh(files / "part.stl").is_volume


def test_step_by_step(files: Path) -> None:
    printed = _run("step_by_step", files, "defective.nrrd", "steps.stl")
    assert [line.split(":")[0] for line in printed.splitlines()] == [
        "raw",
        "smooth",
        "trimmed",
        "thin",
        "part",
    ]
    assert meshimplant.read_mesh(files / "steps.stl").is_volume


@pytest.mark.usefixtures("designed")
def test_check_mesh(files: Path) -> None:
    printed = _run("check_mesh", files, "case/implant.stl", "defective.nrrd")
    assert printed.splitlines()[-1].startswith("passed"), printed


@pytest.mark.usefixtures("designed")
def test_thickness_map(files: Path) -> None:
    part = meshimplant.read_mesh(files / "case" / "implant.stl")
    wall = meshimplant.measure_thickness(part)
    middle = part.vertices[np.nanargmax(np.where(wall.counted, wall.border_mm, np.nan))]
    np.savetxt(files / "screws.csv", [middle], delimiter=",")
    assert _run("thickness_map", files, "case/implant.stl", "screws.csv", "thick.stl").startswith("median 3.")
    assert meshimplant.read_mesh(files / "thick.stl").volume != pytest.approx(part.volume, rel=0.01)


@pytest.mark.usefixtures("designed")
def test_metrics(files: Path) -> None:
    printed = _run("metrics", files, "case/reconstruction.nrrd", "truth.nrrd", "defective.nrrd")
    assert float(printed.split()[1].rstrip(",")) > 0.8
