"""estimate_vault: which bone counts as missing, seen through the whole reconstruction."""

from __future__ import annotations

from pathlib import Path

import edt
import numpy as np
import pytest

from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.design.reconstruct import reconstruct


@pytest.mark.realdata
def test_a_groove_beside_the_defect_is_left_alone(data_folder: Path) -> None:
    """In this skull a venous sinus runs from the defect's corner on under an intact outer table."""
    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "028")
    volumes = read_case(case)
    found = reconstruct(volumes.defective).mask
    spacing = tuple(map(float, found.spacing_mm))
    astray = edt.edt(np.ascontiguousarray(volumes.implant.array == 0), anisotropy=spacing) > 5
    assert np.count_nonzero(astray & (found.array != 0)) == 0
