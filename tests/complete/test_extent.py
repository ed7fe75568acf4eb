"""find_extent: which bone counts as missing, for single columns and through the whole reconstruction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshimplant.complete.extent import _lacks_bone
from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.design.reconstruct import reconstruct
from meshimplant.head.chart import Chart
from meshimplant.head.columns import Columns
from meshimplant.voxels.distance import distance_outside

INNER_MM, OUTER_MM = 74.0, 80.0


@pytest.mark.parametrize(
    ("bone_mm", "lacks"),
    [
        ((74.0, 80.0), False),  # intact
        ((75.5, 80.0), False),  # a groove, 25 % of the thickness, under an intact outer table
        ((77.0, 80.0), True),  # half of the thickness is cut from inside
        ((74.0, 78.5), True),  # the outer table is cut
        ((74.0, 79.5), False),  # within the tolerance of the estimate
        ((np.nan, np.nan), True),  # no bone at all
    ],
)
def test_a_column_lacks_bone_unless_it_is_a_groove_under_an_intact_outer_table(bone_mm, lacks) -> None:
    chart = Chart.around((0, 0, 1), half_width_mm=4, spacing_mm=1)
    inner, outer = (np.full(chart.shape, radius, np.float32) for radius in bone_mm)
    columns = Columns(inner, outer)
    estimated_inner, estimated_outer = np.full(chart.shape, INNER_MM), np.full(chart.shape, OUTER_MM)
    roofed = np.nan_to_num(outer) > OUTER_MM - 1.0
    found = _lacks_bone(columns, chart, estimated_inner, estimated_outer, roofed)
    assert (found == lacks).all()


@pytest.mark.realdata
def test_a_groove_beside_the_defect_is_left_alone_and_the_defect_is_filled(data_folder: Path) -> None:
    """In this skull a venous sinus runs from the defect's corner on, under an intact outer table."""
    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "028")
    volumes = read_case(case)
    missing, truth = reconstruct(volumes.defective).mask.array != 0, volumes.implant.array != 0
    far = distance_outside(truth, volumes.implant.spacing_mm) > 5
    assert not (missing & far).any()
    assert np.count_nonzero(missing & truth) > 0.9 * np.count_nonzero(truth)
