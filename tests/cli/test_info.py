"""info on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dicom_files import write_series, write_study
from shapes import joined, sphere

from meshimplant import write_mesh, write_volume
from meshimplant.datasets.sample_files import sample_path


def test_info_describes_voxels_and_meshes(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(10, (0, 0, 100))
    write_volume(ball.mask((1.0, 1.5, 2.0)), tmp_path / "ball.nii.gz")
    result = cli("info", tmp_path / "ball.nii.gz", "--json").json
    assert result["kind"] == "voxels"
    assert result["spacing_mm"] == [1.0, 1.5, 2.0]
    assert result["nonzero_volume_mm3"] == pytest.approx(ball.volume_mm3, rel=0.05)
    write_mesh(joined(ball.mesh, sphere(3, (30, 0, 0)).mesh), tmp_path / "two.3mf")
    result = cli("info", tmp_path / "two.3mf", "--json").json
    assert result["kind"] == "mesh"
    assert result["watertight"] is True
    assert result["bodies"] == 2
    assert result["high_mm"][2] == pytest.approx(110, abs=0.1)
    assert ["spacing", "1,", "1.5,", "2", "mm"] in [
        line.split() for line in cli("info", tmp_path / "ball.nii.gz").out.splitlines()
    ]


def test_info_lists_the_series_of_a_study_and_describes_the_one_that_is_read(
    cli: Callable, tmp_path: Path
) -> None:
    uids = write_study(tmp_path / "study")
    result = cli("info", tmp_path / "study")
    table = [line.split() for line in result.out.splitlines()[:4]]
    assert table[0][:4] == ["no.", "description", "kernel", "kind"]
    assert [(row[0], row[-1]) for row in table[1:]] == [("2", "no"), ("3", "yes"), ("4", "no")]
    assert "\x1b" not in result.out
    assert "no slices: PDF document (1), dose report (1), localizer (1)" in result.out
    assert "input.other_series" in result.out
    facts = cli("info", tmp_path / "study", "--json").json
    assert (facts["kind"], facts["shape"]) == ("voxels", [24, 24, 80])
    assert [(item["number"], item["uid"]) for item in facts["series"]] == [
        (2, uids["thick"]),
        (3, uids["thin"]),
        (4, uids["mpr"]),
    ]
    assert facts["left_out"]["dose report"] == 1
    assert cli("info", tmp_path / "study", "--series", "2", "--json").json["shape"] == [24, 24, 20]
    refused = cli("info", tmp_path / "study", "--series", "5")
    assert refused.code == 1
    assert "numbers 2, 3, 4" in refused.err


def test_info_lists_the_series_of_a_study_of_which_none_can_be_read(cli: Callable, tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2, 30, 31, 32], SeriesNumber=8)
    result = cli("info", tmp_path, "--json")
    assert result.code == 1
    assert "got 28.0 mm after slice 3" in result.err
    assert [item["number"] for item in result.json["series"]] == [8]
    assert "28.0 mm" in result.json["error"]["message"]
    assert "unreadable" in cli("info", tmp_path).out


def test_info_says_that_there_is_no_flap_to_leave_out(cli: Callable) -> None:
    result = cli("info", sample_path("defective.nrrd"), "--remove-flap", "--json").json
    assert "expected a bone flap" in result["skull"]["reason"]


def test_info_says_why_the_values_of_a_file_have_no_certain_meaning(cli: Callable, tmp_path: Path) -> None:
    background = sphere(10, (0, 0, 100)).mask((2.0, 2.0, 2.0))
    write_volume(background.with_array(1 - background.array), tmp_path / "background.nrrd")
    result = cli("info", tmp_path / "background.nrrd")
    assert result.code == 0
    assert "reason: expected a volume with one meaning" in result.out
