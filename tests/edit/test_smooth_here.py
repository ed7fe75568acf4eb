"""smooth_here: a bump goes, the sphere under it stays."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, plain_mesh

from meshimplant.edit.smooth_here import smooth_here
from meshimplant.errors import InputError

BODY = cap(80, 5, 30, edge_mm=1.0)
TOP_MM = np.array([0.0, 0.0, 80.0])


def heights(mesh):
    """Return how far the vertices that were on the outer sphere are off it."""
    outer = np.linalg.norm(BODY.mesh.vertices, axis=1) > 79.99
    return np.linalg.norm(mesh.vertices, axis=1)[outer] - 80, np.asarray(BODY.mesh.vertices)[outer]


def bumped(width_mm: float, height_mm: float):
    points = np.asarray(BODY.mesh.vertices)
    away = np.linalg.norm(points - TOP_MM, axis=1)
    bump = np.where(away < width_mm, height_mm * np.cos(np.pi / 2 * np.minimum(away / width_mm, 1)) ** 2, 0)
    outer = np.linalg.norm(points, axis=1) > 79.99
    return plain_mesh(points + (bump * outer / 80)[:, None] * points, BODY.mesh.faces)


def test_a_narrow_bump_goes_and_the_sphere_around_it_stays():
    mesh = bumped(2.0, 1.0)
    assert heights(mesh)[0].max() == pytest.approx(1, abs=0.3)
    smoothed = smooth_here(mesh, TOP_MM, radius_mm=15, width_mm=8)
    off, places = heights(smoothed)
    assert np.abs(off).max() < 0.2 * heights(mesh)[0].max()
    away = np.linalg.norm(places - TOP_MM, axis=1)
    assert np.abs(off[away > 15]).max() < 1e-9
    assert smoothed.is_watertight


def test_a_sphere_is_smooth_already_and_a_wide_bulge_stays():
    off, _ = heights(smooth_here(BODY.mesh, TOP_MM, radius_mm=20, width_mm=8))
    assert np.abs(off).max() < 0.02
    wide = bumped(20.0, 2.0)
    assert heights(smooth_here(wide, TOP_MM, radius_mm=20, width_mm=4))[0].max() == pytest.approx(2, abs=0.1)


def test_the_border_and_the_inner_surface_stay():
    edge = 80 * np.array([np.sin(np.radians(30)), 0.0, np.cos(np.radians(30))])
    smoothed = smooth_here(BODY.mesh, edge, radius_mm=15, width_mm=8)
    points = np.asarray(BODY.mesh.vertices)
    inner = np.linalg.norm(points, axis=1) < 79.99
    assert np.array_equal(np.asarray(smoothed.vertices)[inner], points[inner])
    with pytest.raises(InputError, match="within 10 mm of the outer surface"):
        smooth_here(BODY.mesh, (0, 0, 100))
