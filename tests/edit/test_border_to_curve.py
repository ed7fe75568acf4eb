"""border_to_curve: the border of a cap follows a circle that lies partly beyond it and partly inside."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, random_rotation

from meshimplant.edit.border_to_curve import border_to_curve
from meshimplant.errors import InputError
from meshimplant.mesh.crossings import find_crossings

FAR_MM = np.array([200.0, -150.0, 300.0])
BODY = cap(80, 5, 30, edge_mm=1.5)
TURN = np.linspace(0, 2 * np.pi, 60, endpoint=False)
#: From 27 to 33 degrees around the cap of 30: about 4 mm inside and beyond.
POLAR = np.radians(30 + 3 * np.cos(TURN))
CURVE_MM = 80 * np.column_stack([np.sin(POLAR) * np.cos(TURN), np.sin(POLAR) * np.sin(TURN), np.cos(POLAR)])


@pytest.mark.parametrize("seed", [None, 5])
def test_the_outer_edge_follows_the_curve_on_the_sphere(seed):
    rotation = np.eye(3) if seed is None else random_rotation(seed)
    mesh = BODY.moved(rotation, FAR_MM).mesh
    moved = border_to_curve(mesh, CURVE_MM @ rotation.T + FAR_MM, inside_mm=FAR_MM)
    points = (np.asarray(moved.vertices) - FAR_MM) @ rotation
    radius = np.linalg.norm(points, axis=1)
    assert radius.max() < 80.15
    turn = np.arctan2(points[:, 1], points[:, 0])
    polar = np.degrees(np.arccos(np.clip(points[:, 2] / radius, -1, 1)))
    for angle in np.radians([0, 60, 120, 180, 240, 300]):
        near = (np.abs(np.angle(np.exp(1j * (turn - angle)))) < 0.06) & (radius > 79.5)
        assert polar[near].max() == pytest.approx(30 + 3 * np.cos(angle), abs=0.35)
    assert moved.is_watertight
    assert not len(find_crossings(moved))


def test_a_curve_inside_only_cuts_and_one_far_beyond_is_refused():
    inside = CURVE_MM * [0.8, 0.8, 1.0]
    assert border_to_curve(BODY.mesh, inside).volume < 0.75 * BODY.mesh.volume
    with pytest.raises(InputError, match="at most 20 mm beyond the border"):
        border_to_curve(BODY.mesh, CURVE_MM * [1.8, 1.8, 0.8])
    with pytest.raises(InputError, match="three or more points"):
        border_to_curve(BODY.mesh, CURVE_MM[:2])
