"""augment on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from meshimplant import read_volume, skull_phantom, write_volume


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("other") / "other.nrrd"
    write_volume(skull_phantom(spacing_mm=2.5, seed=6), path)
    return path


def test_augment_changes_a_skull_and_its_implant_alike(
    cli: Callable, case, other: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new.nrrd"
    line = ("augment", case.complete, "--implant", case.truth, "--other", other, "--seed", 3)
    result = cli(*line, "-o", out, "--json")
    assert result.code == 0
    assert result.json["outputs"] == ["new.nrrd", "new-implant.nrrd"]
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
