"""clear_way: a small obstacle is removed from a part; where much blocks it, the part is unchanged."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from defects import conical_defect
from shapes import grid_around, joined, plain_mesh, sample_on

from meshimplant.edit.clear_way import MAX_REMOVED_FRACTION, clear_way
from meshimplant.edit.insertion import find_insertion
from meshimplant.edit.trim import trim
from meshimplant.mesh.convert import to_manifold
from meshimplant.voxels.volume import Volume

CENTRE = (0.0, 0.0, -80.0)
#: A slab of bone 8 mm thick with a square shaft of 40 mm, and a part that leaves 0.8 mm all round.
HALF_MM, THICK_MM, GAP_MM = 20.0, 8.0, 0.8


def _shaft(*, bay: bool = False, beside_mm: float = 0.0) -> tuple[Volume, trimesh.Trimesh]:
    """Return the bone and its part at x = `beside_mm`; with a recess it reaches 2 mm under the bone."""

    def bone(points: np.ndarray) -> np.ndarray:
        x, y, z = np.moveaxis(points, -1, 0)
        hole = np.minimum(HALF_MM - np.abs(x - beside_mm), HALF_MM - np.abs(y))
        if bay:
            under = np.minimum(HALF_MM + 2 + GAP_MM - (x - beside_mm), x - beside_mm)
            hole = np.maximum(hole, np.minimum(under, np.minimum(4 + GAP_MM - np.abs(y), GAP_MM - z)))
        return np.minimum(THICK_MM / 2 - np.abs(z), -hole)

    grid = grid_around((beside_mm - 30, -30, -4), (beside_mm + 30, 30, 4), (0.5, 0.5, 0.5), margin_mm=3)
    skull = Volume((sample_on(bone, grid) > 0).astype(np.uint8), grid.affine)
    half = HALF_MM - GAP_MM
    part = trimesh.creation.box(extents=(2 * half, 2 * half, THICK_MM))
    if bay:
        lip = trimesh.creation.box(extents=(4, 8, THICK_MM / 2))
        lip.apply_translation((half + 1.2 - 0.4, 0, -THICK_MM / 4))
        part = trimesh.boolean.union([part, lip], engine="manifold")
    points, faces = trimesh.remesh.subdivide_to_size(part.vertices, part.faces, 1.2)
    whole = trimesh.Trimesh(points + (beside_mm, 0, 0), faces, process=True)
    return skull, plain_mesh(whole.vertices, whole.faces)


def test_a_free_part_comes_back_itself() -> None:
    skull, part = _shaft()
    cleared = clear_way(part, skull, inside_mm=CENTRE)
    assert cleared.mesh is part
    assert cleared.penetration_before_mm == cleared.penetration_mm <= 0.05
    assert cleared.blocking_mm3 == cleared.removed_mm3 == 0
    assert cleared.directions.shape == (1, 3)
    assert cleared.directions[0] @ (0, 0, 1) > np.cos(np.radians(3))


def test_a_lip_under_the_bone_is_taken_off() -> None:
    skull, part = _shaft(bay=True)
    assert part.is_watertight
    cleared = clear_way(part, skull, inside_mm=CENTRE)
    assert cleared.penetration_before_mm > 1
    assert cleared.penetration_mm <= 0.05
    lip = part.volume - _shaft()[1].volume
    assert 0.5 * lip < cleared.removed_mm3 < 2 * lip
    assert cleared.blocking_mm3 == cleared.removed_mm3 < MAX_REMOVED_FRACTION * part.volume
    assert cleared.mesh.volume == pytest.approx(part.volume - cleared.removed_mm3, abs=0.1)
    assert cleared.mesh.is_volume
    assert find_insertion(cleared.mesh, skull, inside_mm=CENTRE).free
    assert (to_manifold(cleared.mesh) - to_manifold(part)).volume() < 0.01


def test_a_part_larger_than_its_opening_stays_as_it_is() -> None:
    defect = conical_defect(lean_deg=-35, half_angle_deg=12, around_mm=11)
    skull = defect.bone.mask((0.5, 0.5, 0.65))
    part = trim(defect.plug().mesh, skull)
    cleared = clear_way(part, skull)
    assert cleared.mesh is part
    assert cleared.penetration_before_mm == cleared.penetration_mm > 0.5
    assert cleared.blocking_mm3 > MAX_REMOVED_FRACTION * part.volume
    assert cleared.removed_mm3 == 0
    forced = clear_way(part, skull, max_removed_fraction=1.0)
    assert forced.removed_mm3 == pytest.approx(cleared.blocking_mm3)
    assert forced.penetration_mm <= 0.05


def test_a_part_that_nothing_could_be_left_of_stays() -> None:
    grid = grid_around((-20, -20, -20), (20, 20, 20), 1.0)
    skull = Volume(
        sample_on(lambda p: (np.abs(np.linalg.norm(p, axis=-1) - 14) < 4).astype(float), grid).astype(
            np.uint8
        ),
        grid.affine,
    )
    part = trimesh.creation.box(extents=(8, 8, 4)).subdivide_to_size(1.0)
    cleared = clear_way(plain_mesh(part.vertices, part.faces), skull, inside_mm=CENTRE)
    assert cleared.blocking_mm3 == pytest.approx(part.volume)
    assert cleared.removed_mm3 == 0
    assert cleared.penetration_mm > 1


def test_each_body_is_cleared_alone() -> None:
    (left, free), (right, caught) = _shaft(beside_mm=-40), _shaft(bay=True, beside_mm=40)
    grid = grid_around((-72, -30, -4), (72, 30, 4), (0.5, 0.5, 0.5), margin_mm=3)
    bone = np.maximum(left.resample_to(grid).array, right.resample_to(grid).array)
    skull = Volume((bone > 0.5).astype(np.uint8), grid.affine)
    both = joined(free, caught)
    cleared = clear_way(both, skull, inside_mm=CENTRE)
    assert cleared.directions.shape == (2, 3)
    assert cleared.penetration_before_mm > 1
    assert cleared.penetration_mm <= 0.05
    assert cleared.mesh.body_count == 2
    assert {p.tobytes() for p in free.vertices} <= {p.tobytes() for p in cleared.mesh.vertices}
    numbers = cleared.numbers()
    assert numbers["removed_mm3"] == cleared.removed_mm3 > 10
    assert np.shape(numbers["directions"]) == (2, 3)
