"""Insertion: the directions of slanted shafts are known; undercuts block the path and are removed."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from defects import conical_defect
from shapes import grid_around, plain_mesh, random_rotation, sample_on

from meshimplant.edit.insertion import find_insertion, make_insertable
from meshimplant.edit.trim import trim
from meshimplant.errors import InputError
from meshimplant.voxels.volume import Volume

CENTRE = (0.0, 0.0, -80.0)
#: A slab of bone 8 mm thick with a square shaft of 40 mm; the shaft leans by `tilt_deg` towards x, its sides
#: by `draft_deg`.
THICK_MM, HALF_MM = 8.0, 20.0


def _shaft(tilt_deg: float, draft_deg: float) -> tuple[Volume, trimesh.Trimesh, np.ndarray]:
    """Return the bone, the part that fills the shaft with 0.8 mm of clearance, and the shaft's axis."""
    lean, draft = np.tan(np.radians(tilt_deg)), np.tan(np.radians(draft_deg))

    def gap(points: np.ndarray) -> np.ndarray:
        x, y, z = np.moveaxis(points, -1, 0)
        half = HALF_MM + draft * z
        return np.minimum(half - np.abs(x - lean * z), half - np.abs(y)) * np.cos(np.radians(abs(tilt_deg)))

    def bone(points: np.ndarray) -> np.ndarray:
        return np.minimum(THICK_MM / 2 - np.abs(points[..., 2]), -gap(points))

    grid = grid_around((-32, -32, -4), (32, 32, 4), (0.6, 0.6, 0.6), margin_mm=3)
    skull = Volume((sample_on(bone, grid) > 0).astype(np.uint8), grid.affine)
    block = trimesh.creation.box(extents=(2, 2, THICK_MM)).subdivide_to_size(1.2)
    points = np.asarray(block.vertices).copy()
    half = HALF_MM - 0.9 / np.cos(np.radians(tilt_deg)) + draft * points[:, 2]
    points[:, 0] = points[:, 0] * half + lean * points[:, 2]
    points[:, 1] *= half
    return skull, plain_mesh(points, block.faces), np.array([lean, 0, 1]) / np.hypot(lean, 1)


def _degrees(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b, -1, 1))))


@pytest.mark.parametrize("tilt_deg", [0.0, 15.0, -30.0])
@pytest.mark.parametrize("draft_deg", [0.0, 6.0])
def test_the_axis_of_a_slanted_shaft_is_found(tilt_deg: float, draft_deg: float) -> None:
    skull, part, axis = _shaft(tilt_deg, draft_deg)
    way = find_insertion(part, skull, inside_mm=CENTRE)
    assert _degrees(way.direction, axis) < 3
    assert way.free
    assert way.penetration_mm.max() <= 0.05
    assert way.undercut_mm2 == 0
    assert len(way.travel_mm) == len(way.penetration_mm) == 41
    assert way.travel_mm[-1] == 20


def test_a_wrong_direction_is_blocked_with_a_place() -> None:
    skull, part, _ = _shaft(25.0, 0.0)
    way = find_insertion(part, skull, direction=(0, 0, 1), inside_mm=CENTRE)
    assert not way.free
    finding = way.findings[0]
    assert finding.code == "insertion.blocked"
    assert finding.value == pytest.approx(way.penetration_mm.max())
    assert way.penetration_mm.max() > 1
    assert way.penetration_mm[0] == 0
    assert way.undercut_mm2 > 50
    place = np.array(finding.location_mm)
    assert abs(abs(place[0]) - HALF_MM) < 3


def test_it_moves_with_the_head() -> None:
    skull, part, axis = _shaft(20.0, 3.0)
    rotation, shift = random_rotation(5), np.array([100.0, -200.0, 50.0])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = rotation, shift
    moved = Volume(skull.array, affine @ skull.affine)
    part = plain_mesh(part.vertices @ rotation.T + shift, part.faces)
    way = find_insertion(part, moved, inside_mm=rotation @ CENTRE + shift)
    assert _degrees(way.direction, rotation @ axis) < 3
    assert way.free


def test_an_undercut_all_round_is_taken_off() -> None:
    defect = conical_defect(lean_deg=-35, half_angle_deg=12, around_mm=11)
    skull = defect.bone.mask((0.5, 0.5, 0.65))
    part = trim(defect.plug().mesh, skull)
    blocked = find_insertion(part, skull)
    assert blocked.findings
    assert blocked.penetration_mm.max() > 0.5
    assert _degrees(blocked.direction, np.array([0.0, 0, 1])) < 6
    cut = make_insertable(part, skull)
    assert cut.removed_mm3 > 20
    free = find_insertion(cut.mesh, skull, direction=find_insertion(part, skull).direction)
    assert free.penetration_mm.max() <= 0.05
    assert free.undercut_mm2 == 0
    assert cut.mesh.is_watertight
    assert cut.mesh.volume > 0.8 * part.volume


def test_what_is_free_stays_as_it_is() -> None:
    skull, part, _ = _shaft(10.0, 5.0)
    cut = make_insertable(part, skull, inside_mm=CENTRE)
    np.testing.assert_array_equal(cut.mesh.vertices, part.vertices)
    assert cut.removed_mm3 == 0


def test_a_direction_needs_a_length() -> None:
    skull, part, _ = _shaft(0.0, 0.0)
    with pytest.raises(InputError, match="direction of three finite numbers, not all 0"):
        find_insertion(part, skull, direction=(0, 0, 0), inside_mm=CENTRE)


def _overhung() -> tuple[Volume, trimesh.Trimesh]:
    """Return a shaft of 12 degrees draft with a knob of bone 4 mm over one side, and its part."""
    skull, part, _ = _shaft(0.0, 12.0)
    grid = grid_around((-32, -32, -4), (32, 32, 16), (0.6, 0.6, 0.6), margin_mm=3)
    whole = np.zeros(grid.shape, np.uint8)
    whole[tuple(slice(0, n) for n in skull.shape)] = skull.array
    x, y, z = np.moveaxis(grid.to_mm(np.indices(grid.shape).reshape(3, -1).T).reshape(*grid.shape, 3), -1, 0)
    whole |= ((x > 18.9) & (np.abs(y) < 1.0) & (z > 8) & (z < 11)).astype(np.uint8)
    return Volume(whole, grid.affine), part


def test_points_that_were_not_probed_are_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    skull, part = _overhung()
    assert not find_insertion(part, skull, direction=(0, 0, 1), inside_mm=CENTRE).free
    monkeypatch.setattr("meshimplant.edit.insertion._PROBES", 40)
    way = find_insertion(part, skull, inside_mm=CENTRE)
    assert way.free
    assert way.direction[0] < -np.sin(np.radians(2))


def test_a_way_that_is_just_blocked_ranks_behind_a_free_one() -> None:
    skull, part, axis = _shaft(12.0, 0.4)
    way = find_insertion(part, skull, inside_mm=CENTRE)
    assert way.penetration_mm.max() <= 0.05
    assert _degrees(way.direction, axis) < 3


def test_large_triangles_are_moved_by_more_than_their_corners() -> None:
    skull, _, _ = _shaft(0.0, 0.0)
    knob = skull.to_mm(np.indices(skull.shape).reshape(3, -1).T)
    knob = ((knob[:, 0] > 17) & (np.abs(knob[:, 1]) < 3) & (knob[:, 2] > 2) & (knob[:, 2] < 4)).reshape(
        skull.shape
    )
    whole = skull.with_array(skull.array | knob.astype(np.uint8))
    part = trimesh.creation.box(extents=(2 * HALF_MM - 1.8, 2 * HALF_MM - 1.8, 4))
    part.apply_translation((0, 0, -1))
    assert len(part.vertices) == 8
    way = find_insertion(part, whole, direction=(0, 0, 1), inside_mm=CENTRE)
    assert way.penetration_mm.max() > 0.5
    assert way.undercut_mm2 > 3
    assert find_insertion(part, skull, direction=(0, 0, 1), inside_mm=CENTRE).free
    cut = make_insertable(part, whole, direction=(0, 0, 1), inside_mm=CENTRE)
    assert find_insertion(cut.mesh, whole, direction=(0, 0, 1), inside_mm=CENTRE).free


@pytest.mark.parametrize("spacing_mm", [0.8, 2.0, 2.5])
def test_coarse_voxels_leave_the_way_as_free(spacing_mm: float) -> None:
    defect = conical_defect(lean_deg=-40, half_angle_deg=12, around_mm=11)
    skull = defect.bone.mask(spacing_mm)
    part = trim(defect.plug(edge_mm=1.2).mesh, skull, clearance_mm=0.3)
    blocked = find_insertion(part, skull)
    assert blocked.penetration_mm.max() > 0.2
    cut = make_insertable(part, skull, direction=blocked.direction)
    assert find_insertion(cut.mesh, skull, direction=blocked.direction).penetration_mm.max() <= 0.05
