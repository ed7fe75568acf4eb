"""trim on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from shapes import skull_with_hole

from meshimplant import read_mesh, write_mesh, write_volume


@pytest.fixture
def hole(tmp_path: Path) -> tuple[Path, Path]:
    """A shell with a hole whose walls point to the shell's centre, and the piece that fills it exactly."""
    _, defective, implant = skull_with_hole(60, 6, 30)
    write_volume(defective.mask(0.8), tmp_path / "skull.nrrd")
    write_mesh(implant.mesh, tmp_path / "raw.stl")
    return tmp_path / "skull.nrrd", tmp_path / "raw.stl"


def test_trim_leaves_the_requested_clearance(cli: Callable, hole: tuple[Path, Path], tmp_path: Path) -> None:
    skull, raw = hole
    result = cli("trim", raw, "--skull", skull, "-o", tmp_path / "fit.stl", "--clearance-mm", 1.5, "--json")
    assert result.code == 0
    trimmed = read_mesh(tmp_path / "fit.stl")
    radius = np.linalg.norm(trimmed.vertices, axis=1)
    polar = np.arccos(trimmed.vertices[:, 2] / radius)
    gap = radius * np.sin(np.radians(30) - polar)
    assert trimmed.is_volume
    assert 1.0 < gap.min() < 2.0
    assert result.json["volume_after_mm3"] < result.json["volume_before_mm3"]


def test_trim_bevels_the_border(cli: Callable, hole: tuple[Path, Path], tmp_path: Path) -> None:
    skull, raw = hole
    for name, bevel in (("even", 0), ("leaning", 30)):
        result = cli("trim", raw, "--skull", skull, "-o", tmp_path / f"{name}.stl", "--bevel-deg", bevel)
        assert result.code == 0
    even, leaning = (read_mesh(tmp_path / f"{name}.stl") for name in ("even", "leaning"))
    assert leaning.is_volume
    assert _widest(leaning, 60) == pytest.approx(_widest(even, 60), abs=0.1)
    drawn_in = _widest(even, 54) - _widest(leaning, 54)
    assert drawn_in == pytest.approx(5.5 * np.tan(np.radians(30)), abs=0.4)


def test_trim_and_bevel_follow_the_regions_of_a_prescription(
    cli: Callable, hole: tuple[Path, Path], tmp_path: Path
) -> None:
    skull, raw = hole
    spec = tmp_path / "s.toml"
    edge = [60 * float(np.sin(np.pi / 6)), 0.0, 60 * float(np.cos(np.pi / 6))]
    spec.write_text(
        f"clearance_mm = 1.5\n[[regions]]\npoints = [{edge}]\nradius_mm = 8\nclearance_mm = 2.5\n"
    )
    result = cli("trim", raw, "--skull", skull, "-o", tmp_path / "fit.stl", "--spec", spec)
    assert result.code == 0
    narrow, wide = _gaps(read_mesh(tmp_path / "fit.stl"))
    assert (narrow, wide) == (pytest.approx(1.5, abs=0.25), pytest.approx(2.5, abs=0.25))
    over = ("--spec", spec, "--clearance-mm", 0.5, "--force")
    assert cli("trim", raw, "--skull", skull, "-o", tmp_path / "fit.stl", *over).code == 0
    narrow, wide = _gaps(read_mesh(tmp_path / "fit.stl"))
    assert (narrow, wide) == (pytest.approx(0.5, abs=0.25), pytest.approx(2.5, abs=0.25))
    spec.write_text(f"[[regions]]\npoints = [{edge}]\nradius_mm = 8\nbevel_deg = 30\n")
    where = ("--spec", spec, "--inside-mm", 0, 0, 0)
    assert cli("bevel", tmp_path / "fit.stl", "-o", tmp_path / "lean.stl", *where).code == 0
    before, after = (read_mesh(tmp_path / f"{name}.stl").volume for name in ("fit", "lean"))
    # Two fifths of a ring of 30 mm: a wedge of 5.5 mm height and 30 degrees, and its transitions.
    wedge = 5.5**2 / 2 * np.tan(np.pi / 6)
    assert wedge * 16 < before - after < wedge * 32
    refused = cli("bevel", tmp_path / "fit.stl", "-o", tmp_path / "no.stl")
    assert refused.code == 2
    assert "--bevel-deg or --spec" in refused.err
    lost = cli("bevel", tmp_path / "fit.stl", "-o", tmp_path / "no.stl", "--spec", spec)
    assert lost.code == 1
    assert "add the skull" in lost.err


def _gaps(mesh: trimesh.Trimesh) -> tuple[float, float]:
    """Median distance of the border from the wall at 30 degrees, at -x and at +x."""
    x, y, z = np.asarray(mesh.vertices).T
    radius = np.linalg.norm(mesh.vertices, axis=1)
    gap = radius * np.sin(np.pi / 6 - np.arctan2(np.hypot(x, y), z))
    border, side = gap < 4, np.arctan2(y, x)
    return tuple(float(np.median(gap[border & at])) for at in (np.abs(side) > 2.8, np.abs(side) < 0.2))


def _widest(mesh: trimesh.Trimesh, radius_mm: float) -> float:
    """Median distance from the middle, along the surface, of the border's vertices at a radius."""
    x, y, z = np.asarray(mesh.vertices).T
    there = np.abs(np.linalg.norm(mesh.vertices, axis=1) - radius_mm) < 0.1
    arc, sector = np.arctan2(np.hypot(x, y), z)[there], np.rint(np.arctan2(y, x)[there] * 9).astype(int)
    return radius_mm * float(np.median([arc[sector == s].max() for s in np.unique(sector)]))
