"""subtract on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import skull_with_hole

from meshimplant import read_volume, write_volume


def test_subtract_takes_a_mask_from_elsewhere(cli: Callable, tmp_path: Path) -> None:
    complete, defective, implant = skull_with_hole(40, 6, 30)
    grid = complete.grid(1.0)
    for body, name in ((complete, "complete.nrrd"), (defective, "defective.nii.gz")):
        write_volume(body.mask(1.0, grid=grid), tmp_path / name)
    result = cli(
        "subtract",
        tmp_path / "complete.nrrd",
        tmp_path / "defective.nii.gz",
        "-o",
        tmp_path / "x.mha",
        "--json",
    )
    assert result.code == 0
    missing = read_volume(tmp_path / "x.mha")
    inside = missing.to_mm(np.argwhere(missing.array > 1))
    assert len(inside) > 500
    assert implant.distance(inside).min() > -1
    assert result.json["volume_mm3"] == pytest.approx(implant.volume_mm3, rel=0.1)
