"""The skull's thickness over an implant: exact on shells, whatever the defect's wall, place and grid."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from defects import conical_defect
from numpy.typing import NDArray
from shapes import Body, cap, oblique, random_rotation, shell

from meshimplant.edit.thickness import set_thickness
from meshimplant.errors import InputError
from meshimplant.implant.skull_thickness import skull_thickness
from meshimplant.implant.wall_thickness import measure_thickness

SPACING_MM = (0.6, 0.6, 0.8)
FAR_MM = (60.0, -250.0, 180.0)


def _uneven(*, hole_deg: float = 16.0, shift_mm: float = 2.0) -> tuple[Body, trimesh.Trimesh]:
    """Bone between spheres of 80 and 74 mm, one shifted along x: about 6 - shift sin(angle) mm thick."""

    def distance(points: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = np.linalg.norm(points - (shift_mm, 0, 0), axis=-1) - 74
        angle = np.arctan2(np.hypot(points[..., 0], points[..., 1]), points[..., 2])
        bone = np.minimum(80 - np.linalg.norm(points, axis=-1), inside)
        return np.minimum(bone, (angle - np.radians(hole_deg)) * 80)

    body = Body(distance, np.array([-45.0, -45, 60]), np.array([45.0, 45, 80]))
    return body, cap(80, 4, hole_deg - 0.6, edge_mm=1.5).mesh


@pytest.mark.parametrize("lean_deg", [-35, 0, 35])
def test_an_even_skull_has_its_thickness_whatever_the_defects_wall(lean_deg: float) -> None:
    defect = conical_defect(lean_deg=lean_deg, half_angle_deg=14, around_mm=22)
    part = cap(80, 4, 12.5, edge_mm=1.5).mesh
    found = skull_thickness(part, defect.bone.mask(SPACING_MM))
    assert found.shape == (len(part.vertices),)
    np.testing.assert_allclose(found, 6.0, atol=0.1)


def test_an_uneven_skull_is_carried_over_the_implant() -> None:
    bone, part = _uneven()
    found = skull_thickness(part, bone.mask(SPACING_MM))
    there = part.vertices / np.linalg.norm(part.vertices, axis=1, keepdims=True) * 80
    expected = np.linalg.norm(there - (2, 0, 0), axis=1) - 74
    assert np.ptp(expected) > 1
    assert np.median(np.abs(found - expected)) < 0.05
    assert np.abs(found - expected).max() < 0.15


def test_a_rigid_motion_and_another_grid_change_next_to_nothing() -> None:
    bone, part = _uneven()
    turn = random_rotation(3)
    moved = part.copy()
    moved.vertices = part.vertices @ turn.T + FAR_MM
    here = skull_thickness(part, bone.mask(SPACING_MM))
    there = skull_thickness(moved, bone.moved(turn, FAR_MM).mask((0.8, 0.6, 0.6), direction=oblique()))
    assert np.abs(there - here).max() < 0.1


def test_half_of_the_skull_is_half_of_the_skull() -> None:
    bone, part = _uneven()
    result = set_thickness(part, 0.5 * skull_thickness(part, bone.mask(SPACING_MM)))
    wall = measure_thickness(result)
    outer = result.vertices[wall.counted]
    expected = 0.5 * (np.linalg.norm(outer - (2, 0, 0), axis=1) - 74)
    assert np.median(np.abs(wall.thickness_mm[wall.counted] - expected)) < 0.05
    assert np.abs(wall.thickness_mm[wall.counted] - expected).max() < 0.15


def test_bone_in_the_implants_own_place_is_read_there() -> None:
    part = cap(80, 4, 14, edge_mm=1.5).mesh
    found = skull_thickness(part, shell(80, 7).mask((1.0, 1.0, 1.0)))
    np.testing.assert_allclose(found, 7.0, atol=0.15)


def test_pores_do_not_end_the_bone() -> None:
    defect = conical_defect(half_angle_deg=14, around_mm=22)
    solid = defect.bone.mask(SPACING_MM)
    radius = np.linalg.norm(solid.to_mm(np.argwhere(solid.array >= 0)), axis=1).reshape(solid.shape)
    diploe = solid.with_array(np.where(np.abs(radius - 77) < 0.6, 0, solid.array).astype(np.uint8))
    part = cap(80, 4, 12.5, edge_mm=1.5).mesh
    np.testing.assert_allclose(skull_thickness(part, diploe), 6.0, atol=0.1)


def test_a_skull_elsewhere_or_without_bone_around_is_refused() -> None:
    bone = conical_defect(half_angle_deg=14, around_mm=22).bone.mask((1, 1, 1))
    part = cap(80, 4, 12.5).mesh
    away = part.copy()
    away.vertices = away.vertices + (0, 0, 300)
    with pytest.raises(InputError, match="intact bone within 12 mm"):
        skull_thickness(away, bone)
    with pytest.raises(InputError, match="with bone, got an empty one"):
        skull_thickness(part, bone.with_array(np.zeros_like(bone.array)))
    above = part.copy()
    above.vertices = above.vertices + (0, 0, 25)
    with pytest.raises(InputError, match="got 0 mm2"):
        skull_thickness(above, bone)


@pytest.mark.parametrize("widths", [{"around_mm": 0}, {"smooth_mm": -1}, {"smooth_mm": float("nan")}])
def test_impossible_widths_are_refused(widths: dict[str, float]) -> None:
    with pytest.raises(InputError, match="widths above 0"):
        skull_thickness(cap(80, 4, 12).mesh, shell().mask((4, 4, 4)), **widths)
