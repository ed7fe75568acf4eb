"""The cases of a batch: folders, patterns, tables, what is named after what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshimplant.batch.batch_verbs import command_line, ending_of, require_files
from meshimplant.batch.case_table import COLUMNS, example_table
from meshimplant.batch.find_cases import find_cases
from meshimplant.errors import FileReadError, InputError

HEADER = ",".join(COLUMNS)


def put(folder: Path, *names: str) -> Path:
    """Write files of which only the names count."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def names(*sources: object, **options: object) -> list[str]:
    return [case.name for case in find_cases([str(s) for s in sources], **options).cases]  # type: ignore[arg-type]


def test_a_folder_stands_for_what_the_verb_reads_in_it(tmp_path: Path) -> None:
    put(tmp_path, "b.nrrd", "a.nii.gz", "c.stl", "note.txt", ".hidden.nrrd", "old/implant.stl")
    found = find_cases(tmp_path)
    assert [case.name for case in found.cases] == ["a", "b", "c"]
    assert found.left_out == ("note.txt", "old")
    assert names(tmp_path, verb="check") == ["c", "old"]
    assert find_cases(tmp_path, verb="check").cases[1].input == tmp_path / "old" / "implant.stl"
    assert names(tmp_path, verb="evaluate") == ["a", "b"]


def test_a_dicom_study_is_a_case_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "0001").write_bytes(b"\0" * 128 + b"DICM")
    assert names(tmp_path) == ["study"]
    assert names(tmp_path / "study") == ["study"]
    assert find_cases(tmp_path / "study").cases[0].input == tmp_path / "study"


@pytest.mark.parametrize(
    ("files", "pattern", "expected"),
    [
        (["x/implant.stl", "y/implant.stl"], "*/implant.stl", ["x", "y"]),
        (["x/003.stl", "y/003.stl"], "*/*.stl", ["x", "y"]),
        (["x/003.stl", "y/003.stl", "y/004.stl"], "*/*.stl", ["x_003", "y_003", "004"]),
        (["1.stl", "2.stl"], "[12].stl", ["1", "2"]),
    ],
)
def test_cases_are_named_after_file_folder_or_both(
    tmp_path: Path, files: list[str], pattern: str, expected: list[str]
) -> None:
    put(tmp_path, *files)
    assert names(tmp_path / pattern, verb="check") == expected


def test_files_of_folders_are_matched_by_name(tmp_path: Path) -> None:
    put(tmp_path, "in/1.nrrd", "in/2.nrrd", "truth/1.nii.gz", "truth/2.nrrd", "net/1.nrrd", "spec.toml")
    put(tmp_path, "net/2/reconstruction.nrrd")
    first, second = find_cases(
        tmp_path / "in",
        truth=tmp_path / "truth",
        prediction=tmp_path / "net",
        prediction_is="implant",
        prescription=tmp_path / "spec.toml",
        options=("--seed", "3"),
    ).cases
    assert first.truth == tmp_path / "truth" / "1.nii.gz"
    assert second.prediction == tmp_path / "net" / "2" / "reconstruction.nrrd"
    assert command_line("design", second, Path("out")) == [
        *("design", str(tmp_path / "in" / "2.nrrd"), "-o", "out", "--implant", str(second.prediction)),
        *("--spec", str(tmp_path / "spec.toml"), "--seed", "3", "--json", "--force"),
    ]
    (tmp_path / "net" / "1.nrrd").unlink()
    with pytest.raises(InputError, match="a prediction for each case in the folder net, got none named 1"):
        find_cases(tmp_path / "in", prediction=tmp_path / "net")


@pytest.mark.parametrize("form", ["csv", "semicolons", "toml"])
def test_a_table_holds_files_and_options_of_each_case(tmp_path: Path, form: str) -> None:
    put(tmp_path, "head.nrrd", "weights.npz")
    path = tmp_path / ("cases.toml" if form == "toml" else "cases.csv")
    if form == "toml":
        text = (
            '[[case]]\nname = "one"\ninput = "head.nrrd"\nprediction = "net/p.nrrd"\n'
            'prediction_is = "complete"\n'
            'options = ["--weights", "weights.npz"]\n[[case]]\ninput = "other.nii.gz"\n'
        )
    else:
        text = (
            "\ufeffname,input,prediction,prediction_is,options\n"
            "one,head.nrrd,net/p.nrrd,complete,--weights weights.npz\n\n,other.nii.gz,,,\n"
        )
        text = text.replace(",", ";") if form == "semicolons" else text
    path.write_text(text, encoding="utf-8")
    one, other = find_cases(path).cases
    assert (one.name, one.input, one.prediction_is) == ("one", tmp_path / "head.nrrd", "complete")
    assert one.prediction == tmp_path / "net" / "p.nrrd"
    assert one.options == ("--weights", str(tmp_path / "weights.npz"))
    assert (other.name, other.input) == ("other", tmp_path / "other.nii.gz")


def test_the_example_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "cases.csv").write_text(example_table())
    found = find_cases(tmp_path / "cases.csv").cases
    assert [case.name for case in found] == ["case-01", "case-02", "case-03"]
    assert found[0].options == ("--thickness-mm", "3.5", "--case-label", "12-7")
    require_files("design", found, metrics=False)
    with pytest.raises(InputError, match=r"truth for each case .*, got none for case-01"):
        require_files("design", found, metrics=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,inputs\n1,a.nrrd\n", "got 'inputs'"),
        (f"{HEADER}\n1,,,,,,,\n", "an input for each case, got none in cases.csv, case 1"),
        (f"{HEADER}\n", "expected cases in cases.csv, got none"),
        ("name,input\n1,a.nrrd,b.nrrd\n", "at most 2 values in row 1"),
        ("name,name,input\n1,2,a.nrrd\n", "each column once"),
        ("name,input\n1,a.nrrd\n1,b.nrrd\n", "got 1 twice"),
        ("name,input\n../1,a.nrrd\n", "names of cases that files can have"),
        ("name,input\n.batch,a.nrrd\n", "names of cases that files can have"),
        ('input,options\na.nrrd,"--x \'y"\n', "as on a command line"),
        ("input,prediction,prediction_is\na.nrrd,b.nrrd,skull\n", "complete or implant, got 'skull'"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        find_cases(tmp_path / "cases.csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case = 3\n", "only tables"),
        ("[[cases]]\ninput = 'a'\n", "got 'cases' too"),
        ("[[case]]\ninput = 3\n", "as text, got 3"),
        ("[[case]\n", "expected a table as TOML"),
    ],
)
def test_a_toml_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cases.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        find_cases(tmp_path / "cases.toml")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match="got missing, which does not exist"):
        find_cases(tmp_path / "missing")
    with pytest.raises(InputError, match="expected files that design reads"):
        find_cases(put(tmp_path, "note.txt"))
    with pytest.raises(InputError, match="expected files that check reads"):
        find_cases(tmp_path / "*.stl", verb="check")
    with pytest.raises(InputError, match="got 'shave'"):
        find_cases(tmp_path, verb="shave")  # type: ignore[arg-type]


def test_files_that_a_verb_does_not_take_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "in/1.stl", "in/1.nrrd", "spec.toml")
    part = find_cases(tmp_path / "in" / "1.stl", verb="convert", prescription=tmp_path / "spec.toml").cases
    with pytest.raises(InputError, match="no prescription for convert, got one for 1"):
        require_files("convert", part, metrics=False)
    with pytest.raises(InputError, match="a prediction for each case, got none for 1"):
        require_files(
            "evaluate", find_cases(tmp_path / "in" / "1.nrrd", verb="evaluate").cases, metrics=False
        )
    stated = find_cases(tmp_path / "in" / "1.nrrd", prediction=tmp_path / "in" / "1.nrrd").cases
    with pytest.raises(InputError, match="together with prediction_is"):
        require_files("design", stated, metrics=False)


def test_endings_that_a_verb_does_not_write_are_refused() -> None:
    assert ending_of("convert", None) == ".stl"
    assert ending_of("preview", ".html") == ".html"
    assert ending_of("check", None) == ""
    with pytest.raises(InputError, match=r"one of \.png \.html, got '\.stl'"):
        ending_of("preview", ".stl")
    with pytest.raises(InputError, match="none, because design writes no such file"):
        ending_of("design", ".stl")
