"""fixation on files: a part of another program, a skull, and what is written beside the part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant import read_features, read_mesh, write_mesh, write_volume
from meshimplant.check.check_solid import check_solid


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Write the part and the skull once."""
    folder = tmp_path_factory.mktemp("fixation")
    head = AnalyticHead((0, 0, 1.0))
    write_mesh(head.part(edge_mm=2.0), folder / "part.stl")
    write_volume(head.mask(1.2, around=head.part(edge_mm=4.0).vertices), folder / "skull.nrrd")
    return folder / "part.stl", folder / "skull.nrrd"


def test_fixation_writes_part_places_and_plates(
    cli: Callable, files: tuple[Path, Path], tmp_path: Path
) -> None:
    part, skull = files
    command = ("fixation", part, "--skull", skull, "--inside-mm", 0, 0, 0, "-o", tmp_path / "fixed.stl")
    result = cli(*command, "--places-out", tmp_path / "f.json", "--plates-out", tmp_path / "plates", "--json")
    assert result.code == 0
    assert result.json["points"] == 4
    assert [screw["label"] for screw in result.json["screw_table"]] == [f"S{n}" for n in range(1, 9)]
    assert all(screw["held_mm"] >= 2.5 for screw in result.json["screw_table"])
    assert check_solid(read_mesh(tmp_path / "fixed.stl")).passed
    kinds = [feature.kind for feature in read_features(tmp_path / "f.json")]
    assert kinds == ["plate"] * 4 + ["screw"] * 8
    plates = sorted((tmp_path / "plates").iterdir())
    assert [plate.name for plate in plates] == [f"plate-P{n}.stl" for n in range(1, 5)]
    assert all(read_mesh(plate).is_volume for plate in plates)


def test_fixation_prints_a_table_and_takes_points(
    cli: Callable, files: tuple[Path, Path], tmp_path: Path
) -> None:
    part, skull = files
    (tmp_path / "points.csv").write_text("31,0,78\n-31,0,78\n")
    command = ("fixation", part, "--skull", skull, "--inside-mm", 0, 0, 0, "-o", tmp_path / "fixed.stl")
    result = cli(*command, "--style", "tabs", "--points", tmp_path / "points.csv")
    assert result.code == 0
    assert "fixed.stl: 2 points, tabs, 2 screws" in result.out
    assert "S2" in result.out
    both = cli(*command, "--points", tmp_path / "points.csv", "--count", 3)
    assert both.code == 2


def test_fixation_where_nothing_holds_is_a_warning(cli: Callable, tmp_path: Path) -> None:
    head = AnalyticHead((0, 0, 1.0), thickness_mm=2.6)
    part = head.part(edge_mm=2.5)
    write_mesh(part, tmp_path / "part.stl")
    write_volume(head.mask(1.0, around=part.vertices), tmp_path / "skull.nrrd")
    command = ("fixation", tmp_path / "part.stl", "--skull", tmp_path / "skull.nrrd", "--inside-mm", 0, 0, 0)
    result = cli(*command, "-o", tmp_path / "fixed.stl")
    assert result.code == 0
    assert "warning fixation.few" in result.out
    assert "mm thick" in result.out
    assert cli(*command, "-o", tmp_path / "strict.stl", "--strict").code == 3
    assert np.allclose(read_mesh(tmp_path / "fixed.stl").volume, part.volume, rtol=1e-4)
