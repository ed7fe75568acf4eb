"""Predictions from elsewhere: the guide's commands run on files laid out as the producers write them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clouds import mesh_points, rows, write_ply

from meshimplant import Volume, evaluate, extract, read_volume, write_volume
from meshimplant.design.kept_design import DesignStart
from meshimplant.errors import InputError

GUIDE = Path(__file__).resolve().parents[2] / "cli" / "README.md"
CHAPTER = (
    GUIDE.read_text(encoding="utf-8").partition("\n## Predictions from elsewhere\n")[2].partition("\n## ")[0]
)
COMMANDS = [line for line in CHAPTER.splitlines() if line.startswith("meshimplant ")]


@pytest.fixture(scope="session")
def producers(case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the tiny case as each producer does."""
    from scipy.ndimage import gaussian_filter

    folder = tmp_path_factory.mktemp("producers")
    complete, defective, truth = (read_volume(path) for path in (case.complete, case.defective, case.truth))

    def write(volume: Volume, name: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_volume(volume, folder / name)

    for part, volume in (("complete_skull", complete), ("defective_skull", defective), ("implant", truth)):
        write(volume, f"{part}/000.nrrd")
    labels = defective.array.astype(np.uint8) + 2 * truth.array.astype(np.uint8)
    write(defective, "imagesTs/skull_000_0000.nii.gz")
    write(defective.with_array(labels), "predicted/skull_000.nii.gz")
    # MONAI resamples and turns the axes to R, A and S.
    finer = Volume(np.zeros([int(n * 1.25) for n in complete.shape], bool), complete.affine * [*[0.8] * 3, 1])
    smooth = complete.with_array(gaussian_filter(complete.array.astype(np.float32), 0.5))
    write(defective.reorient("RAS"), "defective.nii.gz")
    write(smooth.resample_to(finer).reorient("RAS"), "out/defective/defective_trans.nii.gz")
    write(defective, "defective.nrrd")
    cloud = mesh_points(extract(complete), 40_000)
    np.savez(folder / "completed.npz", points=cloud.points_mm, normals=cloud.normals)
    write_ply(folder / "implant.ply", rows(mesh_points(extract(truth), 5000)) * [-1, -1, 1, -1, -1, 1])
    return folder


def test_each_producer_has_its_command() -> None:
    assert len(COMMANDS) == 6
    assert [word for word in ("SkullFix", "nnU-Net", "MONAI", "PCDiff") if word not in CHAPTER] == []
    assert len(set(re.findall(r"-o (\S+)", CHAPTER))) == len(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_shown_designs_from_its_producers_files(
    command: str, producers: Path, case, cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last command is run to its end; of the others, what producers have a share in: the missing bone."""
    monkeypatch.chdir(producers)
    tokens = shlex.split(command)[1:]
    output = tmp_path / tokens[tokens.index("-o") + 1]
    tokens[tokens.index("-o") + 1] = str(output)
    if command == COMMANDS[-1]:
        result = cli(*tokens, "--json")
        assert result.code in (0, 3), result.err
        found, notes = read_volume(output / "reconstruction.nrrd"), result.json["steps"][0]["notes"]
    else:
        found, notes = _missing_bone(cli, tokens, monkeypatch)
    kept = found.reorient("LPS"), read_volume(case.truth), read_volume(case.defective)
    assert evaluate(Volume(kept[0].array, kept[1].affine), *kept[1:]).dice > 0.9
    (note,) = (note for note in notes if note.startswith("prediction: "))
    assert not re.search(r"\.(nrrd|nii|npz|ply)", note), "a name may be a patient's"


def _missing_bone(
    cli: Callable, tokens: list[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Volume, tuple[str, ...]]:
    """Return the missing bone that a command line finds, and the notes of its first step; make no part."""
    found: list[DesignStart] = []

    def stop(start: DesignStart, *_others: Any, **_options: Any) -> None:
        found.append(start)
        raise InputError("expected the missing bone alone, got it")

    monkeypatch.setattr("meshimplant.design.design_implant.finish_design", stop)
    assert "got it" in cli(*tokens).err
    return found[0].shape.mask, found[0].report.steps[0].notes


def test_subtract_takes_points_and_labels(cli: Callable, producers: Path, case, tmp_path: Path) -> None:
    for given in (
        ("completed.npz",),
        ("predicted/skull_000.nii.gz",),
        ("predicted/skull_000.nii.gz", "--predicted-label", 2),
    ):
        result = cli(
            "subtract", producers / given[0], case.defective, "-o", tmp_path / "m.nrrd", *given[1:], "--force"
        )
        assert result.code == 0, result.err
        missing, truth = read_volume(tmp_path / "m.nrrd"), read_volume(case.truth)
        inside = missing.resample_to(truth, fill=-10).array > 0
        assert np.count_nonzero(inside & (truth.array > 0)) > 0.9 * np.count_nonzero(truth.array)


def test_what_contradicts_itself_is_refused_before_any_work(
    cli: Callable, producers: Path, case, tmp_path: Path
) -> None:
    output, labels = ("-o", tmp_path / "part"), producers / "predicted" / "skull_000.nii.gz"
    alone = cli("design", case.defective, *output, "--predicted-label", 2)
    assert (alone.code, "expected --predicted-label together with --complete or --implant" in alone.err) == (
        2,
        True,
    )
    both = cli("design", case.defective, *output, "--implant", labels, "--predicted-label", 2, "--level", 1)
    assert (both.code, "a label has none" in both.err) == (2, True)
    several = cli("design", case.defective, *output, "--implant", labels)
    assert several.code == 1
    assert "got the labels 1, 2" in several.err
    assert "--predicted-label" in several.err
    assert not (tmp_path / "part").exists()


def test_points_that_are_not_what_they_must_be_are_one_sentence(
    cli: Callable, producers: Path, case, tmp_path: Path
) -> None:
    points = np.load(producers / "completed.npz")
    np.save(tmp_path / "bare.npy", points["points"])
    np.save(tmp_path / "unit.npy", np.hstack([points["points"] / 300, points["normals"]]))
    for name, words in (("bare.npy", "points without normals"), ("unit.npy", "normalised")):
        result = cli("design", case.defective, "-o", tmp_path / "part", "--complete", tmp_path / name)
        assert result.code == 1
        assert result.err.count("\n") == 1
        assert words in result.err
