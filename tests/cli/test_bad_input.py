"""Bad input: one sentence that says what to do, exit code 1, and whatever was there is as it was."""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dicom_files import write_series
from shapes import shell, skull_with_hole, sphere

from meshimplant import Volume, read_volume, skull_phantom, write_mesh, write_volume

GRID = Volume(np.zeros((60, 60, 60), np.uint8), np.diag([3.0, 3.0, 3.0, 1.0]))


def _nrrd(
    path: Path, *, directions: str = "(3,0,0) (0,3,0) (0,0,3)", size: int = 20, data: int | None = None
) -> Path:
    """Write a raw NRRD by hand, so that its header can be wrong."""
    header = (
        f"NRRD0004\ntype: uint8\ndimension: 3\nspace: left-posterior-superior\nsizes: {size} {size} {size}\n"
        f"space directions: {directions}\nspace origin: (0,0,0)\nencoding: raw\n\n"
    )
    body = np.ones(size**3, np.uint8).tobytes()
    path.write_bytes(header.encode() + body[: size**3 if data is None else data])
    return path


def empty_mask(folder: Path) -> Path:
    write_volume(GRID, folder / "in.nrrd")
    return folder / "in.nrrd"


def complete_skull(folder: Path) -> Path:
    write_volume(skull_phantom(spacing_mm=3.0, seed=4), folder / "in.nrrd")
    return folder / "in.nrrd"


def sheared(folder: Path) -> Path:
    return _nrrd(folder / "in.nrrd", directions="(3,0,0) (0,3,0.9) (0,0,3)")


def zero_spacing(folder: Path) -> Path:
    return _nrrd(folder / "in.nrrd", directions="(3,0,0) (0,3,0) (0,0,0)")


def not_a_number(folder: Path) -> Path:
    import nibabel

    values = np.zeros((20, 20, 20), np.float32)
    values[3, 4, 5] = np.nan
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / "in.nii.gz")
    return folder / "in.nii.gz"


def truncated(folder: Path) -> Path:
    return _nrrd(folder / "in.nrrd", data=3000)


def truncated_gzip(folder: Path) -> Path:
    write_volume(shell(80, 7).mask(4.0), folder / "whole.nii.gz")
    whole = (folder / "whole.nii.gz").read_bytes()
    (folder / "whole.nii.gz").unlink()
    (folder / "in.nii.gz").write_bytes(whole[: len(whole) // 2])
    return folder / "in.nii.gz"


def not_what_it_says(folder: Path) -> Path:
    (folder / "in.nii.gz").write_bytes(gzip.compress(b"hello"))
    return folder / "in.nii.gz"


def folder_without_dicom(folder: Path) -> Path:
    (folder / "series").mkdir()
    (folder / "series" / "notes.txt").write_text("nothing here")
    return folder / "series"


def missing_slices(folder: Path) -> Path:
    write_series(folder / "series", [0, 4, 8, 12, 16, 48, 52, 56])
    return folder / "series"


def metre_scaled(folder: Path) -> Path:
    small = sphere(90).mesh.copy()
    small.apply_scale(0.001)
    write_mesh(small, folder / "in.stl")
    return folder / "in.stl"


def open_mesh(folder: Path) -> Path:
    ball = sphere(90).mesh
    ball.update_faces(np.arange(len(ball.faces)) > 40)
    write_mesh(ball, folder / "in.ply")
    return folder / "in.ply"


def missing_file(folder: Path) -> Path:
    return folder / "nothing.nrrd"


def unknown_ending(folder: Path) -> Path:
    (folder / "in.docx").write_text("a letter")
    return folder / "in.docx"


CASES = [
    (empty_mask, "empty|without a single voxel"),
    (complete_skull, "no defect|no hole|defect"),
    (sheared, "shear"),
    (zero_spacing, "spacing|0"),
    (not_a_number, "NaN|finite"),
    (truncated, "truncated|bytes|short|ends"),
    (truncated_gzip, "truncated|bytes|short|ends|damaged"),
    (not_what_it_says, "NIfTI"),
    (folder_without_dicom, "DICOM"),
    (missing_slices, "slice"),
    (metre_scaled, "mm|metre"),
    (open_mesh, "closed|open|watertight"),
    (missing_file, "does not exist|missing"),
    (unknown_ending, r"in\.docx"),
]


@pytest.mark.parametrize(("make", "words"), CASES, ids=[make.__name__ for make, _ in CASES])
@pytest.mark.parametrize("there_before", [False, True], ids=["new", "forced"])
def test_design_refuses_bad_input_in_one_sentence_and_touches_nothing(
    cli: Callable,
    contents: Callable,
    tmp_path: Path,
    make: Callable[[Path], Path],
    words: str,
    there_before: bool,
) -> None:
    source = make(tmp_path)
    output = tmp_path / "out"
    if there_before:
        output.mkdir()
        (output / "implant.stl").write_text("an older part")
    before = contents(tmp_path)
    result = cli("design", source, "-o", output, *(["--force"] if there_before else []))
    assert result.code == 1
    assert result.out == ""
    first, *rest = result.err.splitlines()
    assert first.startswith("meshimplant: error: ")
    assert not first.startswith("meshimplant: error: unexpected")
    assert all(line.startswith("  ") for line in rest)
    assert re.search(words, first), first
    assert str(tmp_path) not in result.err
    assert contents(tmp_path) == before
    assert output.exists() is there_before


def test_volumes_on_other_grids_are_refused_where_one_grid_is_needed(cli: Callable, tmp_path: Path) -> None:
    complete, defective, implant = skull_with_hole(40, 6, 30)
    write_volume(implant.mask(1.0), tmp_path / "truth.nrrd")
    write_volume(complete.mask(1.0), tmp_path / "prediction.nrrd")
    write_volume(defective.mask(1.0), tmp_path / "defective.nrrd")
    tokens = [f"--{name}={tmp_path / name}.nrrd" for name in ("prediction", "truth", "defective")]
    result = cli("evaluate", *tokens)
    assert result.code == 1
    assert "on one grid" in result.err
    assert result.err.count("\n") == 1


def test_a_wrong_value_in_a_spec_file_is_1_and_names_it(cli: Callable, case, tmp_path: Path) -> None:
    for text, words in (("thickness = 4", "got thickness: "), ("clearance_mm = 9", "got 9"), ("= 3", "TOML")):
        (tmp_path / "spec.toml").write_text(text)
        result = cli("design", case.defective, "-o", tmp_path / "out", "--spec", tmp_path / "spec.toml")
        assert result.code == 1
        assert words in result.err
        assert result.err.count("\n") == 1
        assert not (tmp_path / "out").exists()


def test_an_output_without_the_right_to_write_is_refused(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For root every folder is writable: take the right away from the question, not from the folder."""
    (tmp_path / "locked").mkdir()
    write_volume(sphere(10).field(1.0), tmp_path / "ball.nrrd")
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "locked")
    for tokens in (
        ("design", "ball.nrrd", "-o", "locked/out"),
        ("extract", "ball.nrrd", "-o", "locked/a.stl"),
    ):
        result = cli(*(tmp_path / token if "." in token or "/" in token else token for token in tokens))
        assert result.code == 1
        assert "expected a folder that can be written to, got locked" in result.err
        assert result.err.count("\n") == 1
    assert list((tmp_path / "locked").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a file system that refuses even root")
def test_a_place_that_refuses_in_the_end_is_one_sentence(cli: Callable, tmp_path: Path) -> None:
    write_volume(sphere(10).field(1.0), tmp_path / "ball.nrrd")
    result = cli("extract", tmp_path / "ball.nrrd", "-o", "/proc/part.stl")
    assert result.code == 1
    assert result.err.startswith("meshimplant: error: ")
    assert "part.stl" in result.err
    assert result.err.count("\n") == 1


def test_an_output_below_a_file_is_refused_before_any_work(cli: Callable, case, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for output in (tmp_path / "file" / "out", tmp_path / "file"):
        result = cli("design", case.defective, "-o", output)
        assert result.code == 1
        assert result.err.count("\n") == 1
    missing = cli("extract", case.defective, "-o", tmp_path / "nowhere" / "a.stl")
    assert missing.code == 1
    assert "create it first" in missing.err
    assert (tmp_path / "file").read_text() == "mine"


def test_an_existing_file_is_refused_and_forced(cli: Callable, tmp_path: Path) -> None:
    write_volume(sphere(10).field(1.0), tmp_path / "ball.nrrd")
    (tmp_path / "ball.stl").write_text("mine")
    refused = cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "ball.stl")
    assert refused.code == 1
    assert "add --force" in refused.err
    assert (tmp_path / "ball.stl").read_text() == "mine"
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "ball.stl", "--force").code == 0
    assert (tmp_path / "ball.stl").stat().st_size > 1000


def test_a_failed_run_leaves_no_temporary_file(cli: Callable, case, tmp_path: Path) -> None:
    shutil.copy(case.defective, tmp_path / "in.nrrd")
    cut = read_volume(tmp_path / "in.nrrd")
    write_volume(cut.with_array(np.zeros_like(cut.array)), tmp_path / "in.nrrd")
    assert cli("design", tmp_path / "in.nrrd", "-o", tmp_path / "out").code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["in.nrrd"]


@pytest.mark.parametrize("exists", [True, False])
def test_a_name_cannot_command_the_terminal_and_need_not_be_utf8(
    cli: Callable, tmp_path: Path, exists: bool
) -> None:
    name = os.fsdecode(b"a\xff\x1b]0;t\x07\x1b[31m\xe2\x80\xaeb.nrrd")
    if exists:
        shutil.copy(_nrrd(tmp_path / "in.nrrd"), tmp_path / name)
        result = cli("convert", tmp_path / name, tmp_path / f"{name}.nii.gz")
        assert result.code == 0
    else:
        result = cli("info", tmp_path / name)
        assert result.code == 1
    shown = result.out + result.err
    assert r"a\xff\x1b]0;t\x07\x1b[31m\u202eb.nrrd" in shown
    assert not set(shown) & set("\x1b\x07\u202e\udcff")
