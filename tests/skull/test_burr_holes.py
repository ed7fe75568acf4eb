"""Burr holes are found and measured along their axis; what no plug could close is left out."""

from __future__ import annotations

import numpy as np
import pytest
from drilled import HEAD, NARROW, THICKNESS_MM, WIDE, Drill, drilled, pose

from meshimplant.skull.burr_holes import BurrHole, find_burr_holes


@pytest.fixture(scope="module")
def holes() -> tuple[BurrHole, ...]:
    return find_burr_holes(drilled(NARROW, WIDE), pose())


@pytest.mark.parametrize(("number", "drill"), [(0, WIDE), (1, NARROW)])
def test_a_hole_has_its_width_place_and_axis(holes, number, drill):
    assert len(holes) == 2
    hole = holes[number]
    assert hole.diameter_mm == pytest.approx(drill.width_mm, abs=0.4)
    assert drill.width_mm - 1.0 < hole.narrowest_mm <= hole.diameter_mm <= hole.widest_mm
    assert hole.widest_mm < drill.width_mm + 1.0
    assert np.linalg.norm(hole.centre_mm - drill.centre_mm) < 0.4
    assert hole.axes[2] @ drill.axis > np.cos(np.radians(1.5))
    assert hole.bone_mm == pytest.approx(THICKNESS_MM, abs=0.4)
    np.testing.assert_allclose(hole.axes @ hole.axes.T, np.eye(3), atol=1e-9)


def test_the_outer_surface_goes_on_over_the_hole(holes):
    turn = np.linspace(0, 2 * np.pi, 13)[:-1]
    for radius in (0.0, 4.0, 9.0):
        across = radius * np.column_stack([np.cos(turn), np.sin(turn)])
        for hole in holes:
            points = hole.to_mm(np.column_stack([across, hole.height_mm(across)]))
            away = np.linalg.norm(points, axis=1)
            assert np.abs(away - HEAD.radius_mm(points / away[:, None])).max() < 0.3


def test_large_openings_and_gaps_are_no_burr_holes():
    large = drilled(Drill(WIDE.towards, 32.0), Drill(NARROW.towards, 4.0))
    assert find_burr_holes(large, pose()) == ()
