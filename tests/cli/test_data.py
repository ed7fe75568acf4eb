"""Verbs for data sets: what is listed, cut, changed and laid on one grid, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from meshimplant import read_volume, skull_phantom, write_volume
from meshimplant.datasets.craniectomy import KINDS
from meshimplant_cli import data


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "other.nrrd"
    write_volume(skull_phantom(spacing_mm=2.5, seed=6), path)
    return path


def test_cases_lists_a_data_set_with_its_groups(cli: Callable, tmp_path: Path) -> None:
    for folder in ("complete_skull", "implant"):
        (tmp_path / folder).mkdir()
        for name in ("000", "001", "052"):
            (tmp_path / folder / f"{name}.nrrd").touch()
    told = cli("cases", tmp_path, "--json")
    assert told.code == 0
    assert told.json["groups"] == 2
    first = told.json["cases"][0]
    assert (first["name"], first["kind"], first["group"]) == ("000", "challenge", "skullfix-000")
    assert Path(first["complete"]) == tmp_path / "complete_skull" / "000.nrrd"
    assert "defective" not in first
    listed = cli("cases", tmp_path)
    assert "3 cases (3 of skullfix), 2 groups" in listed.out
    refused = cli("cases", tmp_path / "implant")
    assert refused.code == 1
    assert "expected the layout of SkullFix" in refused.err
    assert "got 000.nrrd, 001.nrrd, 052.nrrd" in refused.err


def test_craniectomy_cuts_more_than_one_hole(cli: Callable, case, tmp_path: Path) -> None:
    """Two holes are more than the one that the seed gives alone, and it is among them."""
    masks = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        told = cli(
            "craniectomy", case.complete, "-o", folder, "--kind", "orbital", "--defects", count, "--json"
        )
        assert told.code == 0
        assert told.json["defects"] == count
        masks.append(read_volume(folder / "truth.nrrd").array)
    assert masks[1].sum() > masks[0].sum() + 1000
    assert np.array_equal(masks[0] & masks[1], masks[0])
    assert cli("craniectomy", case.complete, "-o", tmp_path / "4", "--defects", 4).code == 2


def test_craniectomy_cuts_a_case_whose_parts_make_the_whole(cli: Callable, case, tmp_path: Path) -> None:
    told = cli(
        "craniectomy", case.complete, "-o", tmp_path / "cut", "--kind", "bilateral", "--seed", 5, "--json"
    )
    assert told.code == 0
    whole, rest, truth = (
        read_volume(path)
        for path in (case.complete, tmp_path / "cut" / "defective.nrrd", tmp_path / "cut" / "truth.nrrd")
    )
    assert told.json["truth_volume_mm3"] == pytest.approx(truth.array.sum() * 8)
    assert told.json["truth_volume_mm3"] > 10_000
    assert np.array_equal(whole.array != 0, (rest.array != 0) ^ (truth.array != 0))
    assert cli("craniectomy", case.complete, "-o", tmp_path / "cut").code == 1


def test_augment_changes_a_skull_and_its_implant_alike(
    cli: Callable, case, other: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new.nrrd"
    line = ("augment", case.complete, "--implant", case.truth, "--other", other, "--seed", 3)
    told = cli(*line, "-o", out, "--json")
    assert told.code == 0
    assert told.json["outputs"] == ["new.nrrd", "new-implant.nrrd"]
    before, after, implant = (
        read_volume(path) for path in (case.complete, out, tmp_path / "new-implant.nrrd")
    )
    assert after.same_grid(before)
    assert (after.array != before.array).sum() > 10_000
    assert implant.array.sum() > 1000
    assert not (implant.array & ~after.array & 1).any()
    assert cli(*line, "-o", tmp_path / "again.nrrd").code == 0
    assert np.array_equal(read_volume(tmp_path / "again.nrrd").array, after.array)
    assert cli(*line, "-o", out).code == 1  # it is there


def test_link_lays_skulls_on_one_grid(cli: Callable, case, other: Path, tmp_path: Path) -> None:
    told = cli("link", case.complete, other, "-o", tmp_path / "set", "--spacing-mm", 4, "--json")
    assert told.code == 0
    volumes = [read_volume(tmp_path / "set" / name) for name in ("complete.nrrd", "other.nrrd")]
    assert [row["output"] for row in told.json["skulls"]] == ["complete.nrrd", "other.nrrd"]
    assert [list(v.shape) for v in volumes] == [told.json["shape"]] * 2
    assert all(np.allclose(v.spacing_mm, 4) for v in volumes)
    small = cli(
        "link", case.complete, "-o", tmp_path / "small", "--spacing-mm", 4, "--shape", 32, 40, 16,
        "--axes", "scanner", "--json",
    )  # fmt: skip
    assert small.code == 0
    assert small.json["shape"] == [32, 40, 16]
    assert 0 < small.json["skulls"][0]["outside_fraction"] < 1
    twice = cli("link", other, other, "-o", tmp_path / "twice")
    assert twice.code == 2
    assert "of different names" in twice.err
    assert not (tmp_path / "twice").exists()


def test_kinds_are_those_of_the_library() -> None:
    assert get_args(data.Kind) == KINDS
