"""evaluate on files and folders: cases, kinds of defect, failures, and the file that is written."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from meshimplant import evaluate, read_volume, write_volume
from meshimplant.evaluation.surface_errors import surface_errors
from meshimplant.report import plain_values

PLACES = ("prediction", "truth", "defective")


def tokens(folder: Path) -> list[str]:
    return ["evaluate", *(f"--{place}={folder / place}" for place in PLACES)]


def put(source: Path, *targets: Path) -> None:
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


@pytest.fixture(scope="module")
def shifted(case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prediction one voxel off."""
    path = tmp_path_factory.mktemp("shifted") / "shifted.nrrd"
    exact = read_volume(case.truth)
    write_volume(exact.with_array(np.roll(exact.array, 1, axis=0)), path)
    return path


def test_the_truth_itself_is_faultless(cli: Callable, case, tmp_path: Path) -> None:
    files = ("--prediction", case.truth, "--truth", case.truth, "--defective", case.defective)
    result = cli("evaluate", *files, "-o", tmp_path / "m.json", "--json")
    assert result.code == 0
    assert result.json["dice"] == result.json["border_dice"] == result.json["border_dice_voxels"] == 1.0
    assert result.json["coverage_fraction"] == 1.0
    assert result.json["hausdorff_mm"] == result.json["hausdorff95_mm"] == result.json["protrusion_mm"] == 0.0
    assert result.json["failure"] is None
    assert set(result.json["surfaces"].values()) == {0.0}
    assert plain_values(json.loads((tmp_path / "m.json").read_text())) == result.json
    text = cli("evaluate", *files).out
    assert text.splitlines()[0].split() == ["dice", "1.000"]
    assert [row.split()[0] for row in text.splitlines()[-4:]] == ["surface", "outer", "inner", "rim"]


def test_a_written_file_holds_unrounded_numbers(cli: Callable, case, shifted: Path, tmp_path: Path) -> None:
    files = ("--prediction", shifted, "--truth", case.truth, "--defective", case.defective)
    volumes = [read_volume(path) for path in (shifted, case.truth, case.defective)]
    expected = {**evaluate(*volumes).to_dict(), **surface_errors(*volumes).to_dict()}
    assert cli("evaluate", *files, "-o", tmp_path / "m.csv").code == 0
    (row,) = csv.DictReader((tmp_path / "m.csv").read_text().splitlines())
    assert {name: float(row[name]) for name in expected} == expected
    assert cli("evaluate", *files, "-o", tmp_path / "m.csv").code == 1
    assert cli("evaluate", *files, "-o", tmp_path / "m.csv", "--force").code == 0
    refused = cli("evaluate", *files, "-o", tmp_path / "m.txt")
    assert refused.code == 2
    assert "expected an output ending in .json .csv" in refused.err


@pytest.fixture
def folders(case, shifted: Path, tmp_path: Path) -> Path:
    """Three cases: a shifted prediction, the folder of a design, a missing one; and a prediction too many."""
    for name in ("a", "b", "c"):
        put(case.truth, tmp_path / "truth" / f"{name}.nrrd")
        put(case.defective, tmp_path / "defective" / f"{name}.nrrd")
    put(shifted, tmp_path / "prediction" / "a.nrrd", tmp_path / "prediction" / "z.nrrd")
    put(case.truth, tmp_path / "prediction" / "b" / "reconstruction.nrrd")
    return tmp_path


def test_a_missing_prediction_is_a_failure(cli: Callable, folders: Path) -> None:
    result = cli(*tokens(folders), "--json").json
    assert result["cases"]["b"]["dice"] == 1.0
    assert 0.5 < result["cases"]["a"]["dice"] < 1.0
    assert result["cases"]["c"]["failure"] == "no prediction"
    assert (result["cases"]["c"]["dice"], result["cases"]["c"]["hausdorff95_mm"]) == (0.0, None)
    assert result["cases"]["c"]["surfaces"] is None
    assert (result["summary"]["failures"], result["kinds"], result["unused_predictions"]) == (1, {}, ["z"])
    dice = result["summary"]["statistics"]["dice"]
    assert dice["mean"] == pytest.approx((1 + result["cases"]["a"]["dice"]) / 3, abs=1e-5)
    assert dice["median"] == pytest.approx(result["cases"]["a"]["dice"], abs=1e-5)
    assert (dice["worst"], dice["worst_case"]) == (0, "c")
    assert result["summary"]["statistics"]["outer_rms_mm"]["worst"] is None


def test_the_text_shows_cases_intervals_surfaces_and_what_failed(cli: Callable, folders: Path) -> None:
    cases, groups, surfaces, end = cli(*tokens(folders)).out.split("\n\n")
    assert cases.splitlines()[0].split() == [
        *("case", "dice", "border_dice", "border_dice_voxels", "hausdorff_mm", "hausdorff95_mm"),
        *("coverage_fraction", "protrusion_mm"),
    ]
    assert [row.split()[0] for row in cases.splitlines()[1:]] == ["a", "b", "c", "mean", "median", "worst"]
    assert groups.splitlines()[1].split()[:3] == ["all", "3", "1"]
    assert "(0.000 to 1.000)" in groups
    assert [row.split()[0] for row in surfaces.splitlines()] == ["mean", "outer", "inner", "rim"]
    assert end.splitlines() == [
        "failed c: no prediction",
        "not used, because no truth is known: z",
        "3 cases of 3 skulls, 1 failed",
    ]


def test_an_unusable_prediction_fails_alone_and_the_written_rows_say_why(
    cli: Callable, case, folders: Path
) -> None:
    exact = read_volume(case.truth)
    (folders / "prediction" / "c.nrrd").write_bytes(b"NRRD0004\nnot really")
    write_volume(exact.crop((0, 0, 0), (9, 9, 9)), folders / "prediction" / "a.nrrd")
    result = cli(*tokens(folders), "-o", folders / "m.csv")
    assert result.code == 0
    rows = {row["case"]: row for row in csv.DictReader((folders / "m.csv").read_text().splitlines())}
    assert list(rows) == ["a", "b", "c"]
    assert rows["a"]["failure"].startswith("on another grid: Volume(9 x 9 x 9")
    assert "c.nrrd" in rows["c"]["failure"]
    assert (rows["c"]["dice"], rows["c"]["hausdorff_mm"], rows["c"]["rim_p95_mm"]) == ("0.0", "", "")
    assert float(rows["b"]["rim_p95_mm"]) == 0.0
    shutil.rmtree(folders / "prediction" / "b")
    none = cli(*tokens(folders))
    assert none.code == 1
    assert "expected predictions that can be measured, got none" in none.err


def test_kinds_of_defect_have_their_own_numbers(cli: Callable, case, shifted: Path, tmp_path: Path) -> None:
    """Two skulls by sub-folders; the predictions say their kind in their names."""
    for kind in ("bilateral", "random_1"):
        for skull in ("003", "012"):
            put(case.truth, tmp_path / "truth" / kind / f"{skull}.nrrd")
            put(case.defective, tmp_path / "defective" / kind / f"{skull}.nrrd")
    put(case.truth, tmp_path / "prediction" / "bilateral_003.nrrd")
    put(case.truth, tmp_path / "prediction" / "012-bilateral" / "reconstruction.nrrd")
    put(shifted, *(tmp_path / "prediction" / f"random_1-{skull}.nrrd" for skull in ("003", "012")))
    result = cli(*tokens(tmp_path), "--json").json
    assert list(result["cases"]) == ["bilateral/003", "bilateral/012", "random_1/003", "random_1/012"]
    assert (result["cases"]["random_1/012"]["kind"], result["cases"]["random_1/012"]["skull"]) == (
        "random_1",
        "012",
    )
    assert list(result["kinds"]) == ["bilateral", "random_1"]
    assert result["kinds"]["bilateral"]["statistics"]["dice"]["mean"] == 1.0
    off = result["kinds"]["random_1"]["statistics"]["dice"]["mean"]
    assert off < 1.0
    whole = result["summary"]
    assert (whole["cases"], whole["skulls"]) == (4, 2)
    # Both skulls are alike here: drawn together, their defects leave nothing to chance.
    assert whole["statistics"]["dice"]["mean_interval"] == pytest.approx([(1 + off) / 2] * 2, abs=1e-6)
    groups = cli(*tokens(tmp_path)).out.split("\n\n")[1]
    assert [row.split()[:3] for row in groups.splitlines()[1:]] == [
        ["bilateral", "2", "0"],
        ["random_1", "2", "0"],
        ["all", "4", "0"],
    ]


def test_refuses_what_does_not_match(cli: Callable, case, folders: Path) -> None:
    truth = folders / "truth"
    mixed = cli("evaluate", "--prediction", truth, "--truth", case.truth, "--defective", case.defective)
    assert mixed.code == 2
    (folders / "defective" / "b.nrrd").unlink()
    lacking = cli(*tokens(folders))
    assert lacking.code == 1
    assert "got none for b" in lacking.err


def test_refuses_a_probability_map(cli: Callable, case, tmp_path: Path) -> None:
    truth = read_volume(case.truth)
    soft = gaussian_filter(truth.array.astype(np.float32), 0.4)
    write_volume(truth.with_array(soft), tmp_path / "p.nrrd")
    result = cli(
        "evaluate", "--prediction", tmp_path / "p.nrrd", "--truth", case.truth, "--defective", case.defective
    )
    assert result.code == 1
    assert "expected a mask of 0 and 1 for the prediction, got a probability from 0 to 1" in result.err
    assert "--values" in result.err
