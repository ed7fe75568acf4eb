"""estimate_vault: which bone counts as missing, seen through the whole reconstruction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.design.reconstruct import reconstruct
from meshimplant.voxels.distance import distance_outside


@pytest.mark.realdata
def test_a_groove_beside_the_defect_is_left_alone(data_folder: Path) -> None:
    """In this skull a venous sinus runs from the defect's corner on under an intact outer table."""
    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "028")
    volumes = read_case(case)
    found = reconstruct(volumes.defective).mask
    astray = distance_outside(volumes.implant.array != 0, found.spacing_mm) > 5
    assert np.count_nonzero(astray & (found.array != 0)) == 0
