"""Evaluation of files and folders: failures, errors, and the files written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from meshimplant import Volume, evaluate_files, evaluate_folders, write_volume
from meshimplant.errors import EmptyMaskError, GeometryError, InputError, OutputError
from meshimplant.evaluation.evaluate_files import write_evaluation


def masks(*, grow: int = 0) -> tuple[Volume, Volume, Volume]:
    """Return a slab with a square hole: prediction (its top raised by some voxels), truth, defective."""
    truth = np.zeros((30, 30, 12), np.uint8)
    truth[8:22, 8:22, 4:8] = 1
    found = truth.copy()
    found[8:22, 8:22, 8 : 8 + grow] = 1
    bone = np.zeros_like(truth)
    bone[2:28, 2:28, 4:8] = 1
    affine = np.diag([0.5, 0.5, 1.0, 1.0])
    return Volume(found, affine), Volume(truth, affine), Volume(bone & ~truth & 1, affine)


def write_case(root: Path, name: str, *, grow: int = 0) -> None:
    for place, volume in zip(("prediction", "truth", "defective"), masks(grow=grow), strict=True):
        path = root / place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_volume(volume, path)


def places(root: Path) -> tuple[Path, Path, Path]:
    return root / "prediction", root / "truth", root / "defective"


def test_folders_are_summarised_by_kind_with_the_skulls_drawn_together(tmp_path: Path) -> None:
    for number, skull in enumerate(("003", "012", "018")):
        write_case(tmp_path, f"bilateral/{skull}.nrrd", grow=number)
        write_case(tmp_path, f"random_1/{skull}.nrrd", grow=number)
    told: list[str] = []
    result = evaluate_folders(*places(tmp_path), progress=told.append)
    assert told[0] == "case 1 of 6: bilateral/003"
    assert (result.summary.cases, result.summary.skulls, result.summary.failures) == (6, 3, 0)
    assert [(k, s.cases, s.skulls) for k, s in result.kinds.items()] == [
        ("bilateral", 3, 3),
        ("random_1", 3, 3),
    ]
    # Both defects of a skull are alike, so six cases say no more than three.
    alone, together = (s.statistics["dice"] for s in (result.kinds["bilateral"], result.summary))
    assert together.mean_interval == pytest.approx(alone.mean_interval, abs=1e-12)
    assert result.summary.statistics["protrusion_mm"].worst == 2.0
    plain = result.to_dict()
    assert plain["kinds"]["random_1"]["statistics"]["dice"]["worst_case"] == "random_1/018"
    assert evaluate_folders(*places(tmp_path)).to_dict() == plain


def test_an_empty_prediction_and_one_on_another_grid_are_failures(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_case(tmp_path, f"{name}.nrrd")
    found = masks()[0]
    write_volume(found.with_array(np.zeros_like(found.array)), tmp_path / "prediction" / "a.nrrd")
    write_volume(found.crop((0, 0, 0), (25, 25, 9)), tmp_path / "prediction" / "b.nrrd")
    result = evaluate_folders(*places(tmp_path))
    assert [bool(case.failure) for case in result.cases] == [True, True, False]
    assert result.cases[0].failure == "empty prediction"
    assert (result.summary.failures, result.summary.statistics["dice"].mean) == (2, pytest.approx(1 / 3))
    told = result.to_dict()["cases"]
    assert {told[name]["hausdorff_mm"] for name in "ab"} == {None}
    assert {told[name]["dice"] for name in "ab"} == {0.0}
    (tmp_path / "prediction" / "c.nrrd").unlink()
    with pytest.raises(InputError, match="got none: a: empty prediction; and 2 other reasons"):
        evaluate_folders(*places(tmp_path))


def test_a_truth_or_skull_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    write_case(tmp_path, "a.nrrd")
    truth = masks()[1]
    write_volume(truth.with_array(np.zeros_like(truth.array)), tmp_path / "truth" / "a.nrrd")
    with pytest.raises(EmptyMaskError, match="true implant"):
        evaluate_folders(*places(tmp_path))
    write_case(tmp_path, "a.nrrd")
    write_volume(truth.crop((0, 0, 0), (25, 25, 9)), tmp_path / "defective" / "a.nrrd")
    with pytest.raises(GeometryError, match="defective skull"):
        evaluate_folders(*places(tmp_path))


def test_a_failure_of_a_single_case_is_an_error(tmp_path: Path) -> None:
    write_case(tmp_path, "a.nrrd", grow=1)
    files = [place / "a.nrrd" for place in places(tmp_path)]
    case = evaluate_files(*files)
    assert case.metrics is not None
    assert case.metrics.protrusion_mm == 1.0
    assert case.surfaces is not None
    write_volume(masks()[0].crop((0, 0, 0), (25, 25, 9)), files[0])
    with pytest.raises(GeometryError, match="prediction and the truth"):
        evaluate_files(*files)


def test_the_files_written_hold_what_was_measured(tmp_path: Path) -> None:
    write_case(tmp_path, "a.nrrd", grow=1)
    result = evaluate_folders(*places(tmp_path))
    write_evaluation(result, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == result.to_dict()
    write_evaluation(result, tmp_path / "m.csv")
    head, row = (tmp_path / "m.csv").read_text().splitlines()
    assert head.startswith("case,kind,skull,failure,dice,border_dice,border_dice_voxels,hausdorff_mm,")
    assert dict(zip(head.split(","), row.split(","), strict=True))["protrusion_mm"] == "1.0"
    with pytest.raises(OutputError, match=r"ending in \.json or \.csv"):
        write_evaluation(result, tmp_path / "m.xlsx")
    with pytest.raises(OutputError, match="does not exist"):
        write_evaluation(result, tmp_path / "nowhere" / "m.json")
