"""craniectomy on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshimplant import read_volume


def test_craniectomy_cuts_more_than_one_hole(cli: Callable, case, tmp_path: Path) -> None:
    """Two holes are more than the one that the seed gives alone, and it is among them."""
    masks = []
    for count in (1, 2):
        folder = tmp_path / str(count)
        result = cli(
            "craniectomy", case.complete, "-o", folder, "--kind", "orbital", "--defects", count, "--json"
        )
        assert result.code == 0
        assert result.json["defects"] == count
        masks.append(read_volume(folder / "truth.nrrd").array)
    assert masks[1].sum() > masks[0].sum() + 1000
    assert np.array_equal(masks[0] & masks[1], masks[0])
    assert cli("craniectomy", case.complete, "-o", tmp_path / "4", "--defects", 4).code == 2


def test_craniectomy_cuts_a_case_whose_parts_make_the_whole(cli: Callable, case, tmp_path: Path) -> None:
    result = cli(
        "craniectomy", case.complete, "-o", tmp_path / "cut", "--kind", "bilateral", "--seed", 5, "--json"
    )
    assert result.code == 0
    whole, rest, truth = (
        read_volume(path)
        for path in (case.complete, tmp_path / "cut" / "defective.nrrd", tmp_path / "cut" / "truth.nrrd")
    )
    assert result.json["truth_volume_mm3"] == pytest.approx(truth.array.sum() * 8)
    assert result.json["truth_volume_mm3"] > 10_000
    assert np.array_equal(whole.array != 0, (rest.array != 0) ^ (truth.array != 0))
    assert cli("craniectomy", case.complete, "-o", tmp_path / "cut").code == 1
    (tmp_path / "cut" / "notes.txt").write_text("mine")
    assert cli("craniectomy", case.complete, "-o", tmp_path / "cut", "--force").code == 0
    assert not np.array_equal(read_volume(tmp_path / "cut" / "truth.nrrd").array, truth.array)
    assert (tmp_path / "cut" / "notes.txt").read_text() == "mine"
