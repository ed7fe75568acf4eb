"""What info tells about a skull."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import sphere

from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.skull.describe_skull import describe_skull
from meshimplant.voxels.volume import Volume


def _cut(skull: Volume, axis: int, fraction: float, *, from_below: bool) -> Volume:
    """Return the scan without a part of the bone's extent along an axis."""
    filled = np.flatnonzero(skull.array.any(axis=tuple({0, 1, 2} - {axis})))
    low, high = filled[0], filled[-1] + 1
    start, stop = np.zeros(3, int), np.array(skull.shape)
    if from_below:
        start[axis] = low + fraction * (high - low)
    else:
        stop[axis] = high - fraction * (high - low)
    return skull.crop(start, stop)


def test_a_whole_skull_has_no_opening_and_is_in_the_scan(phantom: Volume) -> None:
    facts = describe_skull(phantom)
    assert facts["is_skull"] is True
    assert facts["openings"] == []
    assert facts["vertex_in_scan"] is facts["left_side_in_scan"] is facts["right_side_in_scan"] is True
    assert facts["vault_cut_off_fraction"] == pytest.approx(0, abs=1e-3)
    assert facts["bone_volume_mm3"] == pytest.approx(np.count_nonzero(phantom.array) * 8)


def test_a_defect_is_listed_with_its_place_size_and_side(phantom: Volume) -> None:
    case = craniectomy(phantom, kind="parietotemporal", seed=1)
    (opening,) = describe_skull(case.defective)["openings"]
    assert opening["side"] == (
        "left" if case.centre_mm[0] > phantom.to_mm(np.array(phantom.shape) / 2)[0] else "right"
    )
    assert np.linalg.norm(np.array(opening["centre_mm"]) - case.centre_mm) < 15
    assert 1000 < opening["area_mm2"] < 20_000
    assert opening["ends_with_scan"] is False


@pytest.mark.parametrize(
    ("axis", "from_below", "part"),
    [(2, False, "vertex_in_scan"), (0, True, "right_side_in_scan"), (0, False, "left_side_in_scan")],
)
def test_what_the_scan_cuts_off_is_said(phantom: Volume, axis, from_below, part) -> None:
    facts = describe_skull(_cut(phantom, axis, 0.15, from_below=from_below))
    parts = {name: value for name, value in facts.items() if name.endswith("_in_scan")}
    assert [name for name, whole in parts.items() if not whole] == [part]
    assert facts["vault_cut_off_fraction"] > 0.005


def test_what_is_no_skull_has_a_reason() -> None:
    facts = describe_skull(sphere(40).mask((2.0, 2.0, 2.0)))
    assert facts["is_skull"] is False
    assert "38 mm deep" in facts["reason"]
    assert facts["bone_extents_mm"] == pytest.approx([80, 80, 80], abs=4)
