"""The bevel: its angle, where it begins, and what it leaves alone, on borders whose place is known."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh
from defects import Defect, conical_defect
from numpy.typing import NDArray
from shapes import cap, joined, plain_mesh, random_rotation

from meshimplant import read_mesh
from meshimplant.check.check_solid import check_solid
from meshimplant.datasets.sample_files import sample_path
from meshimplant.edit.bevel import bevel
from meshimplant.edit.trim import trim
from meshimplant.errors import InputError
from meshimplant.mesh.areas import face_normals_and_areas, weighted_percentiles
from meshimplant.mesh.convert import from_manifold, to_manifold
from meshimplant.voxels.occupancy import occupancy
from meshimplant.voxels.volume import Volume

FAR_MM = np.array([260.0, -310.0, 150.0])
POSES = [(np.eye(3), np.zeros(3)), (random_rotation(11), FAR_MM), (random_rotation(4), -FAR_MM)]


@cache
def _trimmed(pose: int, lean_deg: float) -> tuple[Defect, Volume, trimesh.Trimesh]:
    turn, shift = POSES[pose]
    defect = conical_defect(lean_deg=lean_deg, half_angle_deg=12, around_mm=11)
    skull = defect.bone.moved(turn, shift).mask((0.5, 0.5, 0.65))
    return defect, skull, trim(defect.plug().moved(turn, shift).mesh, skull)


def _home(mesh: trimesh.Trimesh, pose: int) -> trimesh.Trimesh:
    turn, shift = POSES[pose]
    return plain_mesh((mesh.vertices - shift) @ turn, mesh.faces)


def _edge_angle(mesh: trimesh.Trimesh, defect: Defect) -> float:
    """Mean polar angle, radians, of the outer edge: the farthest vertex of each of 60 sectors."""
    x, y, z = np.asarray(mesh.vertices).T
    outer = np.abs(np.sqrt(x * x + y * y + z * z) - defect.radius_mm) < 0.02
    sector = ((np.arctan2(y, x)[outer] + np.pi) * 30 / np.pi).astype(int) % 60
    farthest = np.zeros(60)
    np.maximum.at(farthest, sector, np.arctan2(np.hypot(x, y), z)[outer])
    assert farthest.all()
    return float(farthest.mean())


def _wall_angles(mesh: trimesh.Trimesh, edge_angle: float, defect: Defect) -> NDArray[np.float64]:
    """Percentiles 5, 50, 95 by area of the wall's lean (degrees) from outward at the outer edge above it."""
    middles, (normals, areas) = mesh.triangles_center, face_normals_and_areas(mesh)
    radius, round_z = np.linalg.norm(middles, axis=1), middles * (1, 1, 0)
    round_z /= np.linalg.norm(round_z, axis=1, keepdims=True)
    outward = np.sin(edge_angle) * round_z + np.cos(edge_angle) * np.array([0, 0, 1])
    inner = defect.radius_mm - defect.thickness_mm
    wall = (radius < defect.radius_mm - 0.8) & (radius > inner + 0.5)
    lean = np.degrees(np.arcsin(-np.einsum("ij,ij->i", normals, outward)))[wall]
    return weighted_percentiles(lean, areas[wall], (5, 50, 95))


@pytest.mark.parametrize("pose", range(3))
@pytest.mark.parametrize(("lean_deg", "bevel_deg"), [(0, 10), (0, 30), (0, 45), (-20, 20)])
def test_the_border_leans_as_asked_from_the_outer_edge_on(
    pose: int, lean_deg: float, bevel_deg: float
) -> None:
    defect, skull, plain = _trimmed(pose, lean_deg)
    result = trim(plain, skull, bevel_deg=bevel_deg, inside_mm=POSES[pose][1])
    before, after = (_edge_angle(_home(mesh, pose), defect) for mesh in (plain, result))
    assert abs(after - before) * defect.radius_mm < 0.05
    low, middle, high = _wall_angles(_home(result, pose), after, defect)
    assert middle == pytest.approx(bevel_deg, abs=0.5)
    assert low > bevel_deg - 2
    assert high < bevel_deg + 2
    assert (to_manifold(result) - to_manifold(plain)).volume() < 0.01  # only material is removed
    assert not (occupancy(result, skull) & (skull.array != 0)).any()
    check = check_solid(result)
    assert check.findings == ()
    if lean_deg == 0:
        wedge, wall = _wedge(before, bevel_deg, defect)
        assert plain.volume - result.volume == pytest.approx(wedge, abs=0.15 * wall)


def _wedge(edge_angle: float, bevel_deg: float, defect: Defect) -> tuple[float, float]:
    """Volume between a radial wall and a bevelled one, by Pappus' rule, and the area of either."""
    low, slope = defect.thickness_mm - 0.5, np.tan(np.radians(bevel_deg))
    centroid = (defect.radius_mm - 0.5 - low * 2 / 3) * np.sin(edge_angle)
    round_mm = 2 * np.pi * (centroid - low * slope / 3 * np.cos(edge_angle))
    return float(low**2 / 2 * slope * round_mm), float(low * round_mm)


def test_a_border_that_leans_more_is_left() -> None:
    _, _, plain = _trimmed(0, 35.0)
    cut = bevel(plain, 20)
    assert cut.removed_mm3 < 2e-3 * plain.volume
    assert bevel(plain, 0).mesh.volume == plain.volume
    assert bevel(plain, 0).mesh is not plain


def test_a_second_bevel_of_the_same_angle_changes_nothing() -> None:
    once = bevel(_trimmed(0, 0.0)[2], 25).mesh
    twice = bevel(once, 25)
    assert twice.removed_mm3 == 0
    assert np.array_equal(twice.mesh.faces, once.faces)
    assert check_solid(twice.mesh).findings == ()


def test_holes_keep_their_walls_and_every_body_gets_its_bevel() -> None:
    whole = cap(80, 5, 14, edge_mm=1.2).mesh
    drill = trimesh.creation.cylinder(3, 200, sections=60)
    holed = to_manifold(whole) - to_manifold(drill)
    mesh = from_manifold(holed)
    cut = bevel(mesh, 25, inside_mm=(0, 0, 0)).mesh
    on_hole = [np.hypot(*np.asarray(m.vertices)[:, :2].T) < 3.001 for m in (mesh, cut)]
    assert np.count_nonzero(on_hole[1]) == np.count_nonzero(on_hole[0]) > 100
    two = joined(whole, cap(80, 5, 9, edge_mm=1.2).moved(random_rotation(2)).mesh)
    removed = [bevel(mesh, 25, inside_mm=(0, 0, 0)).removed_mm3 for mesh in (*two.split(), two)]
    assert removed[2] == pytest.approx(removed[0] + removed[1], rel=0.01)
    assert min(removed[:2]) > 100


def test_the_sample_implant_stays_a_solid() -> None:
    plain = read_mesh(sample_path("implant.stl"))
    cut = bevel(plain, 20)
    assert check_solid(cut.mesh).findings == ()
    assert cut.fragments == ()
    assert 0.8 * plain.volume < cut.mesh.volume < plain.volume


@pytest.mark.parametrize("bevel_deg", [-1, 46, float("nan")])
def test_impossible_angles_are_refused(bevel_deg: float) -> None:
    _, skull, plain = _trimmed(0, 35.0)
    with pytest.raises(InputError, match="bevel of 0 to 45 degrees"):
        trim(plain, skull, bevel_deg=bevel_deg)
