"""check on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from shapes import cap, plain_mesh

from meshimplant import Volume, read_volume, write_mesh, write_volume
from meshimplant.report import CRITERIA_NOTE


def test_check_passes_the_designed_part_and_fails_it_where_it_does_not_fit(
    cli: Callable, case, designed: Path, tmp_path: Path
) -> None:
    good = cli("check", designed / "implant.stl", "--skull", case.defective, "--json")
    assert good.code == 0
    assert good.json["passed"] is True
    assert good.json["measures"]["insertion_penetration_mm"] is not None
    assert [rated["name"] for rated in good.json["criteria"]][::7] == ["completeness", "feasibility"]
    said = cli("check", designed / "implant.stl", "--skull", case.defective).out
    estimate = said.partition(CRITERIA_NOTE)[2].splitlines()
    assert [line.split()[0] for line in estimate if line] == [
        *("completeness", "false", "fit", "thickness", "border", "seat", "placement", "feasibility")
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
    result = cli("check", tmp_path / "open.stl", "--json")
    assert result.code == 3
    findings = {f["code"]: f for f in result.json["findings"]}
    assert findings["solid.boundary_edges"]["severity"] == "error"
    hole = body.triangles[0].mean(axis=0)
    assert np.linalg.norm(np.array(findings["solid.boundary_edges"]["location_mm"]) - hole) < 2


def test_check_reads_the_prescription(cli: Callable, tmp_path: Path) -> None:
    write_mesh(cap(60, 6, 30).mesh, tmp_path / "part.stl")
    (tmp_path / "thick.toml").write_text("thickness_mm = 9\nthickness_min_mm = 8\nthickness_max_mm = 12\n")
    assert cli("check", tmp_path / "part.stl").code == 0
    result = cli("check", tmp_path / "part.stl", "--spec", tmp_path / "thick.toml")
    assert result.code == 3
    assert "thickness" in result.out
