"""check, preview and info on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import cap, joined, plain_mesh, sphere

from meshimplant import Volume, read_volume, write_mesh, write_volume
from meshimplant.report import CRITERIA_NOTE


def test_check_passes_the_designed_part_and_fails_it_where_it_does_not_fit(
    cli: Callable, case, designed: Path, tmp_path: Path
) -> None:
    good = cli("check", designed / "implant.stl", "--skull", case.defective, "--json")
    assert good.code == 0
    assert good.json["passed"] is True
    assert good.json["measures"]["insertion_penetration_mm"] is not None
    assert [rated["name"] for rated in good.json["criteria"]][::5] == ["completeness", "feasibility"]
    said = cli("check", designed / "implant.stl", "--skull", case.defective).out
    estimate = said.partition(CRITERIA_NOTE)[2].splitlines()
    assert [line.split()[0] for line in estimate if line] == [
        *("completeness", "false", "fit", "thickness", "border", "feasibility")
    ]
    assert CRITERIA_NOTE not in cli("check", designed / "implant.stl").out
    pushed = read_volume(case.defective)
    moved = pushed.affine.copy()
    moved[:3, 3] += 5
    write_volume(Volume(pushed.array, moved), tmp_path / "moved.nrrd")
    bad = cli("check", designed / "implant.stl", "--skull", tmp_path / "moved.nrrd")
    assert bad.code == 3
    assert "failed" in bad.out
    assert "error fit." in bad.out
    assert " mm" in bad.out.partition("error fit.")[2].splitlines()[0]


def test_check_names_an_open_mesh_with_its_place(cli: Callable, tmp_path: Path) -> None:
    body = cap(60, 6, 30).mesh
    write_mesh(plain_mesh(body.vertices, body.faces[1:]), tmp_path / "open.stl")
    told = cli("check", tmp_path / "open.stl", "--json")
    assert told.code == 3
    findings = {f["code"]: f for f in told.json["findings"]}
    assert findings["solid.boundary_edges"]["severity"] == "error"
    hole = body.triangles[0].mean(axis=0)
    assert np.linalg.norm(np.array(findings["solid.boundary_edges"]["location_mm"]) - hole) < 2


def test_check_reads_the_prescription(cli: Callable, tmp_path: Path) -> None:
    write_mesh(cap(60, 6, 30).mesh, tmp_path / "part.stl")
    (tmp_path / "thick.toml").write_text("thickness_mm = 9\nthickness_min_mm = 8\nthickness_max_mm = 12\n")
    assert cli("check", tmp_path / "part.stl").code == 0
    told = cli("check", tmp_path / "part.stl", "--spec", tmp_path / "thick.toml")
    assert told.code == 3
    assert "thickness" in told.out


@pytest.mark.parametrize("ending", ["png", "html"])
def test_preview_draws_several_parts_with_the_skull(
    cli: Callable, case, designed: Path, tmp_path: Path, ending: str
) -> None:
    write_mesh(sphere(5, (0, 0, 60)).mesh, tmp_path / "ball.stl")
    picture = tmp_path / f"part.{ending}"
    parts = (designed / "implant.stl", tmp_path / "ball.stl")
    told = cli("preview", *parts, "-o", picture, "--skull", case.defective, "--title", "Two & parts")
    assert told.code == 0
    assert picture.stat().st_size > 20_000
    start = picture.read_bytes()[:200].lstrip()
    assert start.startswith(b"\x89PNG") or start.lower().startswith(b"<!doctype html")
    assert cli("preview", *parts, "-o", picture).code == 1
    assert cli("preview", parts[0], "-o", picture, "--force").code == 0


def test_info_tells_of_voxels_and_meshes(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(10, (0, 0, 100))
    write_volume(ball.mask((1.0, 1.5, 2.0)), tmp_path / "ball.nii.gz")
    told = cli("info", tmp_path / "ball.nii.gz", "--json").json
    assert told["kind"] == "voxels"
    assert told["spacing_mm"] == [1.0, 1.5, 2.0]
    assert told["nonzero_volume_mm3"] == pytest.approx(ball.volume_mm3, rel=0.05)
    write_mesh(joined(ball.mesh, sphere(3, (30, 0, 0)).mesh), tmp_path / "two.3mf")
    told = cli("info", tmp_path / "two.3mf", "--json").json
    assert told["kind"] == "mesh"
    assert told["watertight"] is True
    assert told["bodies"] == 2
    assert told["high_mm"][2] == pytest.approx(110, abs=0.1)
    assert "spacing_mm" in cli("info", tmp_path / "ball.nii.gz").out
