"""move_border: the border of a cap moves along the sphere, at the point by the whole amount."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, random_rotation

from meshimplant.edit.move_border import move_border
from meshimplant.errors import InputError
from meshimplant.mesh.crossings import find_crossings

FAR_MM = np.array([200.0, -150.0, 300.0])
BODY = cap(80, 5, 30, edge_mm=1.5)
EDGE_MM = 80 * np.array([np.sin(np.radians(30)), 0.0, np.cos(np.radians(30))])


@pytest.mark.parametrize(("seed", "by_mm"), [(None, 2.0), (4, -2.0), (None, -6.0)])
def test_the_border_moves_along_the_sphere(seed, by_mm):
    rotation = np.eye(3) if seed is None else random_rotation(seed)
    mesh = BODY.moved(rotation, FAR_MM).mesh
    moved = move_border(mesh, rotation @ EDGE_MM + FAR_MM, by_mm=by_mm, radius_mm=15)
    points = (np.asarray(moved.vertices) - FAR_MM) @ rotation
    before = np.asarray(BODY.mesh.vertices)
    radius = np.linalg.norm(points, axis=1)
    assert np.abs(radius - np.linalg.norm(before, axis=1)).max() < 0.05
    polar = np.degrees(np.arctan2(np.hypot(points[:, 0], points[:, 1]), points[:, 2]))
    at = np.linalg.norm(before - EDGE_MM, axis=1).argmin()
    assert np.radians(polar[at] - 30) * 80 == pytest.approx(by_mm, abs=0.1)
    still = np.linalg.norm(before - EDGE_MM, axis=1) > 17.5
    assert np.abs(points[still] - before[still]).max() < 1e-9
    assert moved.is_watertight
    assert not len(find_crossings(moved))


def test_a_point_that_is_not_on_the_border_is_refused():
    with pytest.raises(InputError, match="within 10 mm of the outer edge of the border"):
        move_border(BODY.mesh, (0, 0, 80), by_mm=1)
    with pytest.raises(InputError, match=r"at most 0.5 times"):
        move_border(BODY.mesh, EDGE_MM, by_mm=9)
