"""bulge: the surface rises where, and as far as, it is told, on a cap and far from the origin."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, random_rotation

from meshimplant.edit.bulge import bulge
from meshimplant.errors import InputError
from meshimplant.mesh.crossings import find_crossings

FAR_MM = np.array([200.0, -150.0, 300.0])
BODY = cap(80, 5, 30, edge_mm=1.5)


@pytest.mark.parametrize(("seed", "by_mm"), [(None, 2.0), (4, -3.0)])
def test_the_surface_moves_by_so_much_at_the_point_and_nowhere_beyond_the_radius(seed, by_mm):
    rotation = np.eye(3) if seed is None else random_rotation(seed)
    mesh = BODY.moved(rotation, FAR_MM).mesh
    direction = rotation @ [np.sin(0.2), 0.0, np.cos(0.2)]
    point = FAR_MM + 80 * direction
    moved = bulge(mesh, point + 3 * direction, by_mm=by_mm, radius_mm=15)
    shift = np.asarray(moved.vertices) - np.asarray(mesh.vertices)
    away = np.linalg.norm(np.cross(np.asarray(mesh.vertices) - point, direction), axis=1)
    nearest = int(np.argmin(away))
    weight = (1 - (away[nearest] / 15) ** 2) ** 3
    assert shift[nearest] == pytest.approx(by_mm * weight * direction, abs=0.03)
    assert not shift[away > 15.2].any()
    outer = np.linalg.norm(np.asarray(mesh.vertices) - FAR_MM, axis=1) > 79.99
    half = np.abs(away - 7.5) < 0.3
    for side in (outer, ~outer):
        mean = np.linalg.norm(shift[half & side], axis=1).mean()
        assert mean == pytest.approx(abs(by_mm) * 0.75**3, abs=0.05)
    assert moved.is_watertight
    assert not len(find_crossings(moved))
    assert np.array_equal(moved.faces, mesh.faces)


def test_a_point_off_the_part_or_a_change_too_steep_is_refused():
    with pytest.raises(InputError, match=r"of the outer surface, got \[0.0, 0.0, 95.0\], 15.0 mm"):
        bulge(BODY.mesh, (0, 0, 95), by_mm=1)
    with pytest.raises(InputError, match=r"at most 0.5 times its radius of 10 mm, got 6"):
        bulge(BODY.mesh, (0, 0, 80), by_mm=6, radius_mm=10)
    with pytest.raises(InputError, match="would change nothing"):
        bulge(BODY.mesh, (0, 0, 80), by_mm=0)
    with pytest.raises(InputError, match="three finite numbers"):
        bulge(BODY.mesh, (0, np.nan, 80), by_mm=1)
