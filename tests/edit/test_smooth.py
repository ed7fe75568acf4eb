"""smooth: no staircase, no shrinking, no drift, and the border where it was."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shapes import box, cap, oblique, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.smooth import smooth
from meshimplant.errors import MeshError
from meshimplant.line.extract import extract
from meshimplant.mesh.crossings import find_crossings
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.volume import Volume

BODY = cap(90, 6, 30)


def flank(mesh):
    """Faces' normal error (deg, area-weighted mean) and vertices' radial error away from the border."""
    centre = mesh.triangles_center
    radius = np.linalg.norm(centre, axis=1)
    inside = np.degrees(np.arccos(centre[:, 2] / radius)) < 27.5
    truth = centre / radius[:, None] * np.where(radius > 87, 1, -1)[:, None]
    angle = np.degrees(np.arccos(np.clip((mesh.face_normals * truth).sum(axis=1), -1, 1)))
    normal_error = np.average(angle[inside], weights=mesh.area_faces[inside])
    r = np.linalg.norm(mesh.vertices, axis=1)
    flat = np.degrees(np.arccos(mesh.vertices[:, 2] / r)) < 27.5
    radial = np.where(r > 87, r - 90, r - 84)[flat]
    return normal_error, np.sqrt(np.mean(radial**2))


def wall_shift_mm(mesh) -> float:
    """Mean distance by which the middle of the border's wall lies outside its cone."""
    r = np.linalg.norm(mesh.vertices, axis=1)
    polar = np.arccos(mesh.vertices[:, 2] / r)
    wall = (r > 85.5) & (r < 88.5) & (np.abs(polar - np.radians(30)) * r < 1.5)
    return float(np.mean((polar[wall] - np.radians(30)) * r[wall]))


@pytest.fixture(scope="module", params=["straight", "oblique"])
def pair(request):
    mask = BODY.mask((0.5, 0.5, 1.0), direction=oblique() if request.param == "oblique" else None)
    raw = extract(mask)
    return raw, smooth(raw)


def test_the_staircase_is_gone(pair) -> None:
    _, smoothed = pair
    normal_error_deg, radial_rms_mm = flank(smoothed)
    assert normal_error_deg <= 2.5
    assert radial_rms_mm <= 0.08


def test_volume_and_place_stay(pair) -> None:
    raw, smoothed = pair
    assert smoothed.volume == pytest.approx(raw.volume, rel=1e-4)
    assert smoothed.volume == pytest.approx(BODY.volume_mm3, rel=3e-3)
    assert np.abs(smoothed.center_mass - raw.center_mass).max() <= 0.02


def test_the_border_stays(pair) -> None:
    _, smoothed = pair
    assert abs(wall_shift_mm(smoothed)) <= 0.05
    r = np.linalg.norm(smoothed.vertices, axis=1)
    border = np.degrees(np.arccos(smoothed.vertices[:, 2] / r)) > 28
    off = np.abs(BODY.distance(smoothed.vertices[border]))
    assert off.mean() <= 0.09
    assert np.percentile(off, 90) <= 0.25


def test_the_result_is_still_a_solid(pair) -> None:
    raw, smoothed = pair
    assert np.array_equal(raw.faces, smoothed.faces)
    assert check_solid(smoothed).findings == ()


def test_it_commutes_with_translation() -> None:
    mesh = extract(cap(50, 5, 30).mask(1.0))
    shift = np.array((400.0, -400.0, 400.0))
    there = smooth(plain_mesh(mesh.vertices + shift, mesh.faces))
    assert np.abs(there.vertices - shift - smooth(mesh).vertices).max() < 1e-6


def test_it_commutes_with_rotation() -> None:
    mesh = extract(cap(50, 5, 30).mask(1.0))
    turn = random_rotation(4)
    there = smooth(plain_mesh(mesh.vertices @ turn.T, mesh.faces))
    assert np.abs(there.vertices @ turn - smooth(mesh).vertices).max() < 1e-4


def test_a_smooth_body_hardly_moves() -> None:
    ball = sphere(20, subdivisions=5)
    assert np.abs(ball.distance(smooth(ball.mesh).vertices)).max() < 0.02


def test_open_borders_stay_where_they_are() -> None:
    mesh = sphere(20, subdivisions=4).mesh
    half = plain_mesh(mesh.vertices, mesh.faces[mesh.triangles_center[:, 2] > 0])
    used = np.unique(half.faces)
    edges = np.sort(half.edges, axis=1)
    border = np.unique([edge for edge in edges.tolist() if (edges == edge).all(axis=1).sum() == 1])
    moved = np.linalg.norm(smooth(half).vertices - half.vertices, axis=1)
    assert moved[border].max() < 1e-9
    assert moved[used].max() > 0


def test_no_iterations_and_the_input_untouched() -> None:
    mesh = box((20, 20, 20)).mesh.subdivide()
    before = mesh.vertices.copy()
    assert np.array_equal(smooth(mesh, iterations=0).vertices, before)
    smooth(mesh)
    assert np.array_equal(mesh.vertices, before)


def test_bad_parameters_are_refused() -> None:
    mesh = box().mesh
    with pytest.raises(MeshError, match="iterations >= 0"):
        smooth(mesh, iterations=-1)
    with pytest.raises(MeshError, match="0 < pass_band <= 2"):
        smooth(mesh, pass_band=0)
    with pytest.raises(MeshError, match="expected a mesh with faces"):
        smooth(plain_mesh(np.zeros((0, 3)), np.zeros((0, 3))))


def wall_with_a_slit(seed: int) -> trimesh.Trimesh:
    """A wall of bone through which a crack one voxel wide runs obliquely, as in thin vaults."""
    rng = np.random.default_rng(seed)
    deep = 8 if seed == 1 else 10
    wall = np.zeros((deep + 8, 44, 30), np.uint8)
    wall[4 : 4 + deep, 4:40, 4:26] = 1
    field = np.array(signed_distance(Volume(wall, np.diag([0.49, 0.49, 0.625, 1.0]))).array)
    along = np.arange(3, 5 + deep)
    for level in (14, 15):
        field[along, 12 + along, level] = rng.uniform(-0.2, 0.05, len(along))
    return extract(Volume(field.astype(np.float32), np.diag([0.49, 0.49, 0.625, 1.0])), level=0)


def test_a_narrow_slit_does_not_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The filter alone folds such a slit, and no repair within its limits makes a solid of that."""
    folded = 0
    for seed in range(8):
        raw = wall_with_a_slit(seed)
        assert not len(find_crossings(raw))
        smoothed = smooth(raw)
        assert not len(find_crossings(smoothed))
        with monkeypatch.context() as patch:
            patch.setattr("meshimplant.edit.smooth._unfolded", lambda _before, vertices: vertices)
            filtered = smooth(raw)
        folded += len(find_crossings(filtered)) > 0
        moved = np.linalg.norm(smoothed.vertices - filtered.vertices, axis=1)
        assert moved.max() < 0.4
        slit = np.abs(raw.vertices[:, 1] - raw.vertices[:, 0] - 12 * 0.49) / np.sqrt(2)
        assert moved[slit > 5].max(initial=0) == 0
    assert folded >= 2, "the filter alone folds some of them"
