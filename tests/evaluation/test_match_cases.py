"""Predictions are matched to truths by the names of files and folders alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshimplant.errors import FileReadError, InputError
from meshimplant.evaluation.match_cases import match_cases


def lay(root: Path, **folders: str) -> tuple[Path, Path, Path]:
    """Create empty files in the folders prediction, truth and defective; names are separated by spaces."""
    for place in ("prediction", "truth", "defective"):
        (root / place).mkdir()
        for name in folders.get(place, folders["truth"]).split():
            path = root / place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return root / "prediction", root / "truth", root / "defective"


def test_plain_names_are_skulls_without_a_kind(tmp_path: Path) -> None:
    cases, unused = match_cases(
        *lay(
            tmp_path,
            truth="003.nrrd 012.nii.gz case_7.mha .hidden.nrrd notes.txt empty/readme.txt",
            prediction="003.nii 012/reconstruction.nrrd 012/report.json extra.nrrd",
            defective="003.nrrd 012.NRRD case_7.nrrd other.nrrd",
        )
    )  # fmt: skip
    assert [(case.name, case.kind, case.skull) for case in cases] == [
        ("003", None, "003"),
        ("012", None, "012"),
        ("case_7", None, "case_7"),
    ]
    assert [case.prediction and case.prediction.name for case in cases] == [
        *("003.nii", "reconstruction.nrrd", None)
    ]
    assert cases[1].defective.name == "012.NRRD"
    assert unused == ("extra",)


@pytest.mark.parametrize(
    "prediction",
    [
        "bilateral/003.nrrd random_1/003.nrrd",
        "bilateral_003.nrrd random_1_003.nrrd",
        "bilateral-003.nrrd random_1-003.nrrd",
        "003-bilateral.nrrd 003-random_1.nrrd",
        "003_bilateral/reconstruction.nrrd 003_random_1/reconstruction.nrrd",
        "bilateral/003/reconstruction.nrrd random_1/random_1-003.nrrd",
    ],
)
def test_a_kind_may_be_stated_by_folder_or_name(tmp_path: Path, prediction: str) -> None:
    """The longest kind counts (random_1, not random), and each folder may state it in its own way."""
    places = lay(
        tmp_path,
        prediction=prediction,
        truth="bilateral/003.nrrd random_1/003.nrrd",
        defective="bilateral_003.nrrd 003-random_1.nrrd",
    )
    cases, unused = match_cases(*places)
    assert [(case.name, case.kind, case.skull) for case in cases] == [
        ("bilateral/003", "bilateral", "003"),
        ("random_1/003", "random_1", "003"),
    ]
    assert all(case.prediction for case in cases)
    assert unused == ()


def test_a_folder_may_name_a_kind_of_its_own(tmp_path: Path) -> None:
    cases, _ = match_cases(*lay(tmp_path, truth="clinical/003.nrrd burr/003.nrrd"))
    assert [(case.kind, case.skull) for case in cases] == [("burr", "003"), ("clinical", "003")]


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        ({"truth": "readme.txt"}, "expected voxel files in the truth folder truth, got none"),
        ({"truth": "a.nrrd b.nrrd", "defective": "a.nrrd"}, "a defective skull for .* got none for b"),
        ({"truth": "a.nrrd b.nrrd", "prediction": "c.nrrd"}, r"named like the truth \(a, b\), got c: rename"),
        ({"truth": "a.nrrd", "prediction": "notes.txt"}, r"named like the truth \(a\), got none"),
        ({"truth": "a.nrrd a.nii.gz"}, "each case once, got a as a.nii.gz and as a.nrrd"),
        ({"truth": "bilateral/003.nrrd 003-bilateral.nrrd"}, "each case once, got bilateral/003"),
        ({"truth": "003.nrrd bilateral/003.nrrd"}, "for each case in truth or for none, got none for 003"),
        ({"truth": "random_1.nrrd"}, "named after its skull, got random_1, which is a kind of defect"),
    ],
)  # fmt: skip
def test_names_that_do_not_match_are_refused(tmp_path: Path, folders: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        match_cases(*lay(tmp_path, **folders))


def test_a_file_is_no_folder_of_cases(tmp_path: Path) -> None:
    prediction, truth, defective = lay(tmp_path, truth="a.nrrd")
    with pytest.raises(
        FileReadError, match=r"expected a folder of cases, got a\.nrrd, which is not a folder"
    ):
        match_cases(prediction, truth / "a.nrrd", defective)
