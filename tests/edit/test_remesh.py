"""remesh: one closed surface where the winding number is above a half, whatever the triangles were."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.remesh import remesh
from meshimplant.errors import MeshError
from meshimplant.mesh.deviation import distances_mm

FAR_MM = (140.0, -260.0, 310.0)


@pytest.mark.parametrize("seed", [None, 4])
def test_a_sound_body_keeps_its_surface(seed: int | None) -> None:
    body = cap(40, 5, 25, edge_mm=1.0)
    if seed is not None:
        body = body.moved(random_rotation(seed), FAR_MM)
    result = remesh(body.mesh, spacing_mm=0.3)
    assert check_solid(result).findings == ()
    assert result.volume == pytest.approx(body.mesh.volume, rel=1e-3)
    away = np.abs(distances_mm(result.vertices, body.mesh))
    assert np.percentile(away, 95) < 0.01
    assert away.max() < 0.1
    assert distances_mm(body.mesh.vertices, result).max() < 0.2, "sharp edges lose up to 0.6 voxels"


def test_overlapping_bodies_become_their_union() -> None:
    """Two balls of 10 mm, 12 mm apart: the volume is that of two balls less their lens."""
    first, second = sphere(10, subdivisions=4), sphere(10, (12, 0, 0), subdivisions=4)
    result = remesh(joined(first.mesh, second.mesh), spacing_mm=0.3)
    lens = np.pi * (20 - 12) ** 2 * (12**2 + 4 * 12 * 10) / (12 * 12)
    assert check_solid(result).findings == ()
    assert result.volume == pytest.approx(first.volume_mm3 + second.volume_mm3 - lens, rel=5e-3)
    surface = np.maximum(first.distance(result.vertices), second.distance(result.vertices))
    assert np.abs(surface).max() < 0.15


def test_holes_are_closed_smoothly_and_inner_sheets_vanish() -> None:
    """A ball with a missing patch and a sheet loose inside it gives the ball: its hole is bridged."""
    ball = sphere(12, subdivisions=4)
    mesh = ball.mesh
    hole = mesh.triangles_center[:, 2] > 12 * np.cos(np.radians(12))
    sheet = sphere(5, subdivisions=3).mesh
    loose = plain_mesh(sheet.vertices, sheet.faces[sheet.triangles_center[:, 2] > 4])
    broken = joined(plain_mesh(mesh.vertices, mesh.faces[~hole]), loose)
    result = remesh(broken, spacing_mm=0.3)
    assert check_solid(result).findings == ()
    assert result.volume == pytest.approx(mesh.volume, rel=0.01)
    rim_mm = 12 * np.sin(np.radians(12))
    over = result.vertices[np.hypot(*result.vertices[:, :2].T) < rim_mm]
    lid = over[over[:, 2] > 0, 2]
    assert 12 * np.cos(np.radians(12)) - 0.7 < lid.min()
    assert lid.max() < 12.3


def test_crossing_triangles_and_turned_duplicates_go() -> None:
    """Two boxes, oblique to the voxels, run through each other, and one of their faces stands twice more."""
    turn = random_rotation(4)
    cross = joined(box((20, 6, 6)).moved(turn).mesh, box((6, 20, 6)).moved(turn).mesh)
    broken = plain_mesh(cross.vertices, np.vstack([cross.faces, cross.faces[:1], cross.faces[:1, ::-1]]))
    result = remesh(broken, spacing_mm=0.25)
    assert check_solid(result).findings == ()
    assert result.volume == pytest.approx(2 * 20 * 6 * 6 - 6**3, rel=0.01)


def test_the_default_voxels_follow_the_size() -> None:
    """A 250th of the extent, within 0.2 to 0.4 mm: a ball of 10 mm is meshed at 0.2 mm."""
    faces = len(remesh(sphere(5, subdivisions=4).mesh).faces)
    assert faces == pytest.approx(len(remesh(sphere(5, subdivisions=4).mesh, spacing_mm=0.2).faces), abs=0)


def test_a_surface_that_encloses_nothing_is_refused() -> None:
    plate = box((20, 20, 4)).mesh.subdivide()
    with pytest.raises(MeshError, match="encloses a volume"):
        remesh(plain_mesh(plate.vertices, plate.faces[plate.face_normals[:, 2] > 0.5]), spacing_mm=0.4)
    with pytest.raises(MeshError, match="encloses a volume"):
        remesh(plain_mesh(plate.vertices, plate.faces[:, ::-1]), spacing_mm=0.4)
