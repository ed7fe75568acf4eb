"""A part with its holes closed is the part without them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from theatre_parts import CENTRE, RADIUS, on_cap, part

from meshimplant.implant.close_holes import close_holes
from meshimplant.mesh.topology import handles
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.theatre.perforate import Perforated, perforate

PLACES = [on_cap(5, 0), on_cap(13, 0), on_cap(20, 120)]


def holed(**values: object) -> Perforated:
    return perforate(part().mesh, PerforationSpec(**values), places_mm=PLACES)


@pytest.mark.parametrize(
    "values",
    [{}, {"edge": "sharp"}, {"edge": "countersunk", "edge_mm": 1.2}, {"diameter_mm": 4}, {"slot_mm": 5}],
)
def test_closed_holes_leave_the_part_as_it_was(values):
    result = holed(**values)
    closed = close_holes(result.mesh, result.features)
    assert closed.closed == result.features
    assert not closed.missing
    assert handles(closed.mesh) == 0
    assert closed.mesh.is_watertight
    assert closed.mesh.volume == pytest.approx(part().mesh.volume, rel=3e-4)
    radii = np.linalg.norm(closed.mesh.vertices - CENTRE, axis=1)
    assert radii.max() < RADIUS + 1e-3
    np.testing.assert_array_equal(closed.mesh.vertices, result.mesh.vertices[closed.vertices])


def test_a_hole_that_is_not_there_is_missing_and_the_others_are_closed():
    result = holed()
    first, second, third = result.features
    elsewhere = replace(second, point_mm=(*on_cap(20, 240),))
    closed = close_holes(result.mesh, [first, elsewhere, third])
    assert closed.missing == (elsewhere,)
    assert handles(closed.mesh) == 1


def test_a_blind_hole_is_missing():
    result = holed()
    closed = close_holes(part().mesh, result.features)
    assert closed.missing == result.features
