"""Trimming: clearance, penetration, edges over and under bone, on holes whose wall is known exactly."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh
from defects import Defect, conical_defect
from numpy.typing import NDArray
from shapes import cap, joined, oblique, plain_mesh, random_rotation, signed_permutations

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.trim import trim, trim_to_clearance
from meshimplant.errors import InputError, MeshError
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import WALL, split_surfaces
from meshimplant.mesh.areas import vertex_areas, weighted_percentiles
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.occupancy import occupancy
from meshimplant.voxels.volume import Volume

SPACING_MM = (0.5, 0.5, 0.65)
FAR_MM = (260.0, -310.0, 150.0)


@cache
def _hole(lean_deg: float = 0.0) -> tuple[Defect, Volume]:
    defect = conical_defect(lean_deg=lean_deg, half_angle_deg=12, around_mm=11)
    return defect, defect.bone.mask(SPACING_MM)


def _wall_gaps(result: trimesh.Trimesh, defect: Defect) -> NDArray[np.float64]:
    """Percentiles 5, 50, 95 by area of the exact distance from the border wall to bone."""
    labels = split_surfaces(result).face_labels
    areas = vertex_areas(result, faces=labels == WALL)
    return weighted_percentiles(
        defect.gap(np.asarray(result.vertices))[areas > 0], areas[areas > 0], (5, 50, 95)
    )


def _bone_inside(result: trimesh.Trimesh, skull: Volume) -> int:
    return int((occupancy(result, skull) & (skull.array != 0)).sum())


def _vertices_in_bone_voxels(result: trimesh.Trimesh, skull: Volume) -> int:
    index = np.rint(skull.to_index(result.vertices)).astype(int)
    inside = ((index >= 0) & (index < skull.shape)).all(axis=1)
    return int((skull.array[tuple(index[inside].T)] != 0).sum())


@pytest.mark.parametrize("lean_deg", [-35, -15, 0, 20, 40])
@pytest.mark.parametrize("clearance_mm", [0.0, 0.8, 2.0])
def test_the_gap_is_what_was_asked(lean_deg: float, clearance_mm: float) -> None:
    defect, skull = _hole(lean_deg)
    result = trim(defect.plug().mesh, skull, clearance_mm=clearance_mm)
    low, middle, high = _wall_gaps(result, defect)
    assert middle == pytest.approx(clearance_mm, abs=0.15)
    assert low > clearance_mm - 0.2
    assert high <= clearance_mm + 0.5
    nearest = float(defect.gap(np.asarray(result.vertices)).min())
    assert nearest > clearance_mm - 0.6  # at the edges of the rims, which no voxel holds
    field = -sample(signed_distance(skull), result.vertices)
    assert np.nanmin(field) > clearance_mm - 0.06
    assert _bone_inside(result, skull) == 0
    if clearance_mm > 0.45:
        assert _vertices_in_bone_voxels(result, skull) == 0
    assert result.is_watertight
    assert result.body_count == 1
    assert result.volume > 0


@pytest.mark.parametrize("direction", [np.eye(3), oblique(), *list(signed_permutations())[3::15]])
def test_orientation_of_the_grid_does_not_matter(direction: NDArray[np.float64]) -> None:
    defect = conical_defect(lean_deg=15, half_angle_deg=12, around_mm=8)
    skull = defect.bone.mask(SPACING_MM, direction=direction)
    result = trim(defect.plug().mesh, skull, clearance_mm=1.0)
    low, middle, high = _wall_gaps(result, defect)
    assert low > 0.85
    assert middle == pytest.approx(1.0, abs=0.15)
    assert high < 1.5
    assert _bone_inside(result, skull) == 0


def test_far_from_the_origin_and_turned() -> None:
    defect, rotation = _hole(-20)[0], random_rotation(11)
    skull = defect.bone.moved(rotation, FAR_MM).mask(SPACING_MM)
    result = trim(defect.plug().moved(rotation, FAR_MM).mesh, skull)
    home = plain_mesh((result.vertices - FAR_MM) @ rotation, result.faces)
    low, middle, high = _wall_gaps(home, defect)
    assert low > 0.65
    assert middle == pytest.approx(0.8, abs=0.15)
    assert high < 1.3


@pytest.mark.parametrize("lean_deg", [-30, 0, 30])
def test_what_lies_over_intact_bone_goes(lean_deg: float) -> None:
    defect, skull = _hole(lean_deg)
    plug = defect.plug(over_mm=8, raised_mm=2.5)
    result = trim(plug.mesh, skull)
    rim = defect.rim_angle(defect.radius_mm)
    radius, polar = _polar(result.vertices)
    over = (radius > defect.radius_mm) & (polar > rim)
    assert not over.any(), (radius[over].max(), np.degrees(polar[over].max()), np.degrees(rim))
    assert (radius > defect.radius_mm + 2.4).any()


def test_what_lies_under_intact_bone_goes() -> None:
    defect, skull = _hole(10)
    plug = cap(defect.radius_mm, defect.thickness_mm + 2.5, defect.half_angle_deg + 6)
    result = trim(plug.mesh, skull)
    inner = defect.radius_mm - defect.thickness_mm
    radius, polar = _polar(result.vertices)
    assert not ((radius < inner) & (polar > defect.rim_angle(inner))).any()
    assert (radius < inner - 2.4).any()


@pytest.mark.parametrize("lean_deg", [25, 45])
def test_no_knife_edge_is_left(lean_deg: float) -> None:
    defect, skull = _hole(lean_deg)
    result = trim(defect.plug().mesh, skull)
    radius, polar = _polar(result.vertices)
    edge = polar > polar.max() - 0.25 / defect.radius_mm  # a knife would be 0.25 mm high here
    assert np.ptp(radius[edge]) > 0.45
    assert radius[edge].max() == pytest.approx(defect.radius_mm, abs=0.05)


def test_what_does_not_reach_the_bone_stays_exactly() -> None:
    defect, skull = _hole()
    small = cap(defect.radius_mm, defect.thickness_mm, defect.half_angle_deg - 3).mesh
    result = trim(small, skull, clearance_mm=0.8)
    np.testing.assert_array_equal(result.vertices, small.vertices)
    affine = skull.affine.copy()
    affine[:3, 3] += 500
    assert trim(small, Volume(skull.array, affine)).volume == pytest.approx(small.volume)


def test_surfaces_away_from_the_border_stay_exactly() -> None:
    defect, skull = _hole(20)
    plug = defect.plug().mesh
    before = plug.vertices.copy()
    result = trim(plug, skull)
    polar = _polar(before)[1]
    kept = before[polar < np.radians(defect.half_angle_deg) - 6 / defect.radius_mm]
    there = {point.tobytes() for point in np.asarray(result.vertices)}
    assert all(point.tobytes() in there for point in np.asarray(kept))
    np.testing.assert_array_equal(plug.vertices, before)


def test_crumbs_are_dropped_and_listed() -> None:
    defect, skull = _hole()
    plug = cap(defect.radius_mm + 5, defect.thickness_mm + 10, defect.half_angle_deg + 5).mesh
    done = trim_to_clearance(plug, Site.around(skull, plug))
    assert done.mesh.body_count == 1
    assert done.removed_mm3 == pytest.approx(plug.volume - done.mesh.volume, abs=1)
    two = joined(plug, cap(85, 16, 4).moved(random_rotation(2)).mesh)
    assert trim_to_clearance(two, Site.around(skull, two)).mesh.body_count == 2


@pytest.mark.parametrize("clearance_mm", [0.0, 0.5])
def test_thin_bone_is_kept_clear_too(clearance_mm: float) -> None:
    """Threads of single bone voxels, which smoothing removes, still count as bone."""
    array = np.zeros((60, 60, 60), np.uint8)
    array[:, 30:33, 30] = 1
    array[:, 20, 28] = 1
    array[10, 15:45, 34] = 1
    skull = Volume(array, np.diag([0.5, 0.5, 0.6, 1.0]))
    block = trimesh.creation.box(extents=(24, 26, 8))
    block.apply_translation((15, 15, 19))
    result = trim(block, skull, clearance_mm=clearance_mm, inside_mm=(15, 15, -80))
    assert _bone_inside(result, skull) == 0
    assert clearance_mm < 0.45 or _vertices_in_bone_voxels(result, skull) == 0
    assert 0 < result.volume < block.volume


def test_a_splinter_within_the_part_leaves_no_closed_hollow() -> None:
    defect, skull = _hole()
    array = skull.array.copy()
    middle = np.rint(skull.to_index((3.0, 2.0, 77.0))).astype(int)
    array[tuple(slice(m - 1, m + 2) for m in middle)] = 1
    splintered = skull.with_array(array)
    result = trim(defect.plug().mesh, splintered)
    assert _bone_inside(result, splintered) == 0
    assert check_solid(result).findings == ()
    assert result.volume < trim(defect.plug().mesh, skull).volume - 20


@pytest.mark.parametrize("lean_deg", [-35, 20])
def test_the_cut_leaves_a_printable_solid(lean_deg: float) -> None:
    defect, skull = _hole(lean_deg)
    result = trim(defect.plug(edge_mm=0.8).mesh, skull)
    check = check_solid(result)
    assert check.findings == ()
    sides = np.linalg.norm(np.diff(result.vertices[result.edges_unique], axis=1)[:, 0], axis=1)
    assert (sides < 0.02).mean() < 0.001


def test_impossible_wishes_are_refused() -> None:
    defect = conical_defect(half_angle_deg=10)
    skull = defect.bone.mask((1, 1, 1))
    plug = defect.plug().mesh
    with pytest.raises(InputError, match="clearance of 0 to 5 mm"):
        trim(plug, skull, clearance_mm=-0.1)
    with pytest.raises(InputError, match="with bone, got an empty one"):
        trim(plug, skull.with_array(np.zeros(skull.shape, np.uint8)))
    with pytest.raises(MeshError, match="all of it"):
        trim(cap(79, 3, 3).moved(random_rotation(1)).mesh, _ball(random_rotation(1) @ [0, 0, 77]))
    plug.update_faces(np.arange(len(plug.faces)) > 3)
    with pytest.raises(MeshError, match="closed"):
        trim(plug, skull)


def _ball(centre: NDArray[np.float64]) -> Volume:
    grid = np.indices((41, 41, 41)).transpose(1, 2, 3, 0) - 20
    affine = np.eye(4)
    affine[:3, 3] = centre - 20
    return Volume((np.linalg.norm(grid, axis=-1) < 15).astype(np.uint8), affine)


def _polar(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    points = np.asarray(points)
    radius = np.linalg.norm(points, axis=1)
    return radius, np.arctan2(np.hypot(points[:, 0], points[:, 1]), points[:, 2])
