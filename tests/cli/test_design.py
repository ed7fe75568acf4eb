"""design on files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshimplant import evaluate, read_mesh, read_volume, write_volume
from meshimplant.runtime.today import today
from meshimplant.spec.implant_spec import ImplantSpec

FILES = [
    "implant.3mf", "implant.stl", "preview.html", "preview.png",
    "reconstruction.nrrd", "report.html", "report.json", "slices.png", "spec.toml", "steps",
]  # fmt: skip


def test_design_writes_every_file_and_a_part_that_is_one(case, designed: Path) -> None:
    assert sorted(path.name for path in designed.iterdir()) == FILES
    part, truth = read_mesh(designed / "implant.stl"), read_volume(case.truth)
    assert part.is_volume
    assert part.body_count == 1
    assert read_mesh(designed / "implant.3mf").volume == pytest.approx(part.volume, rel=1e-4)
    found, defective = read_volume(designed / "reconstruction.nrrd"), read_volume(case.defective)
    assert found.same_grid(defective)
    assert evaluate(found, truth, defective).dice > 0.8
    assert ImplantSpec.read(designed / "spec.toml") == ImplantSpec()
    report = json.loads((designed / "report.json").read_text())
    assert report["passed"] is True
    assert {entry["name"] for entry in report["outputs"]} >= {"implant.stl", "reconstruction.nrrd"}


def test_design_prints_the_report_as_json_and_takes_flags_over_a_spec_file(
    cli: Callable, case, tmp_path: Path
) -> None:
    (tmp_path / "my.toml").write_text(
        'thickness_mm = 5.0\nclearance_mm = 1.2\nmaterial = "PMMA"\nthickness_min_mm = 3.0\n'
    )
    spec = ("--spec", tmp_path / "my.toml", "--thickness-mm", 4.5, "--complete", case.complete)
    result = cli("design", case.defective, "-o", tmp_path / "part", *spec, "--json")
    assert result.code in (0, 3)
    assert result.json["passed"] is (result.code == 0)
    asked = result.json["spec"]
    assert (asked["thickness_mm"], asked["clearance_mm"], asked["material"]) == (4.5, 1.2, "PMMA")
    assert ImplantSpec.read(tmp_path / "part" / "spec.toml").thickness_mm == 4.5
    assert str(tmp_path) not in (tmp_path / "part" / "report.json").read_text()


def test_design_takes_a_prediction_of_the_implant(case, given) -> None:
    assert given.answer.code in (0, 3)
    found, truth = read_volume(given.folder / "reconstruction.nrrd"), read_volume(case.truth)
    assert evaluate(found, truth, read_volume(case.defective)).dice > 0.95


def test_design_takes_a_prediction_of_the_complete_skull_as_probabilities(
    cli: Callable, case, tmp_path: Path
) -> None:
    complete = read_volume(case.complete)
    write_volume(complete.with_array(complete.array.astype(np.float32) * 0.9), tmp_path / "network.nii.gz")
    result = cli("design", case.defective, "-o", tmp_path / "part", "--complete", tmp_path / "network.nii.gz")
    assert result.code in (0, 3)
    found, truth = read_volume(tmp_path / "part" / "reconstruction.nrrd"), read_volume(case.truth)
    assert evaluate(found, truth, read_volume(case.defective)).dice > 0.9


def test_a_second_run_into_the_same_folder_is_refused_and_changes_nothing(
    cli: Callable, case, designed: Path, contents: Callable
) -> None:
    before = contents(designed)
    result = cli("design", case.defective, "-o", designed)
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "holds files: choose another name, or add --force" in result.err
    assert contents(designed) == before


def test_force_replaces_the_run_and_leaves_other_files(cli: Callable, case, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "implant.stl").write_text("old")
    (folder / "report.pdf").write_bytes(b"old")
    named = ("--case-label", "12-7", "--pdf", "letter")
    answer = cli("design", case.defective, "-o", folder, "--implant", case.truth, "--force", *named)
    assert answer.code == 0
    assert "report.json, report.pdf" in answer.out
    assert (folder / "notes.txt").read_text() == "mine"
    assert read_mesh(folder / "implant.stl").is_volume
    assert b"/Title (Design report 12-7)" in (folder / "report.pdf").read_bytes()
    report = json.loads((folder / "report.json").read_text())
    assert (report["label"], report["date"]) == ("12-7", today())
    assert "<title>12-7, " in (folder / "preview.html").read_text()


def test_a_label_that_no_line_can_hold_is_refused(cli: Callable, case, tmp_path: Path) -> None:
    answer = cli("design", case.defective, "-o", tmp_path / "part", "--case-label", "x" * 40)
    assert answer.code == 2
    assert "at most 24 printable characters, got 40" in answer.err


def test_a_part_that_fails_its_check_is_written_and_is_3(cli: Callable, case, tmp_path: Path) -> None:
    """Ask for a wall that is thinner than the material allows."""
    (tmp_path / "thin.toml").write_text('material = "PMMA"\nthickness_mm = 2.5\n')
    given = ("--implant", case.truth, "--spec", tmp_path / "thin.toml")
    result = cli("design", case.defective, "-o", tmp_path / "part", *given)
    assert result.code == 3
    assert result.out.startswith("part: failed\n")
    assert "written to" in result.out
    assert "error thickness.too_thin" in result.out
    assert (tmp_path / "part" / "implant.stl").exists()
    assert json.loads((tmp_path / "part" / "report.json").read_text())["verdict"] == "failed"
