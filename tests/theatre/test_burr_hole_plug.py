"""Plugs of burr holes: they go in, keep their clearance, rest on the bone, and say where they do not."""

from __future__ import annotations

import numpy as np
import pytest
from drilled import HEAD, NARROW, WIDE, Drill, drilled, pose, whole

from meshimplant.check.check_solid import check_solid
from meshimplant.errors import InputError, NoDefectError
from meshimplant.theatre.burr_hole_plug import BurrHolePlug, plug_burr_holes


@pytest.fixture(scope="module")
def plugs() -> tuple[BurrHolePlug, ...]:
    return plug_burr_holes(drilled(WIDE, NARROW), pose=pose())


def above_bone_mm(points: np.ndarray) -> np.ndarray:
    """Return how far points lie above the head's outer surface, along their direction from its middle."""
    away = np.linalg.norm(points, axis=1)
    return away - HEAD.radius_mm(points / away[:, None])


@pytest.mark.parametrize(("number", "drill"), [(0, WIDE), (1, NARROW)])
def test_a_plug_goes_into_its_hole_and_rests_on_the_bone(plugs, number, drill):
    plug = plugs[number]
    assert plug.findings == ()
    assert check_solid(plug.mesh).passed
    points = np.asarray(plug.mesh.vertices)
    off, above = drill.off_axis_mm(points), above_bone_mm(points)
    # All below the surface is the pin, which has the clearance; all above it is over bone, not in it.
    pin = above < -0.3
    gap = drill.width_mm / 2 - off[pin]
    assert gap.min() > 0.4
    assert np.median(gap[off[pin] > off[pin].max() - 0.4]) == pytest.approx(0.8, abs=0.4)
    assert above[off > drill.width_mm / 2].min() > -0.15
    assert above.min() == pytest.approx(-4.0, abs=0.3)
    assert above.max() < 1.5
    assert off.max() > drill.width_mm / 2 + 2.5  # it cannot fall in
    assert plug.measures["seated_fraction"] > 0.9
    assert plug.measures["proud_mm"] == pytest.approx(above.max(), abs=0.3)
    radius = plug.measures["plug_diameter_mm"] / 2
    flange = np.pi * (plug.measures["flange_diameter_mm"] / 2) ** 2
    pin_mm3 = np.pi * radius**2 * 4.0
    assert pin_mm3 + 0.4 * flange < plug.mesh.volume < pin_mm3 + 1.3 * flange
    assert plug.mesh.volume == pytest.approx(plug.measures["volume_mm3"])


def test_a_plug_is_no_deeper_than_the_bone_and_says_so():
    (plug,) = plug_burr_holes(drilled(WIDE), thickness_mm=9.0, flange_thickness_mm=0.6, pose=pose())
    assert plug.measures["plug_depth_mm"] == pytest.approx(6.0, abs=0.4)
    assert [finding.code for finding in plug.findings] == ["plug.thin_bone"]
    assert plug.measures["proud_mm"] < 0.9


def test_a_hole_that_is_not_round_is_covered_and_named():
    beside = np.cross(WIDE.axis, [0, 0, 1.0])
    second = WIDE.centre_mm + 5 * beside / np.linalg.norm(beside)
    (plug,) = plug_burr_holes(drilled(WIDE, Drill(tuple(second), 12.0)), pose=pose())
    assert "plug.not_round" in {finding.code for finding in plug.findings}
    assert plug.measures["flange_diameter_mm"] / 2 > plug.hole.edge_mm.max() + 2.9
    assert plug.measures["penetration_mm"] < 0.05


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"clearance_mm": 0.0}, "a clearance of 0.1 to 3 mm"),
        ({"thickness_mm": 0.5}, "a thickness of 1.5 to 15 mm"),
        ({"flange_mm": 0.0}, "a flange of 1.5 to 8 mm"),
        ({"flange_thickness_mm": 3.0}, "a thickness of the flange of 0.5 to 2 mm"),
    ],
)
def test_numbers_out_of_range_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        plug_burr_holes(whole(), **values)


def test_a_skull_without_a_burr_hole_is_refused():
    with pytest.raises(NoDefectError, match="no burr hole found: expected a hole of 6 to 20 mm"):
        plug_burr_holes(whole(), pose=pose())
