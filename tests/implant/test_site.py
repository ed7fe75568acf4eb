"""bone_near: the bone around a part, and distances that are computed once for all steps."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from defects import conical_defect

from meshimplant.check.check_fit import check_fit
from meshimplant.edit.insertion import find_insertion
from meshimplant.edit.trim import is_clear, trim_with_notes
from meshimplant.implant.site import Bone, bone_near
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.volume import Volume

HOLE = conical_defect(lean_deg=10, half_angle_deg=18, around_mm=9)


@pytest.fixture(scope="module")
def skull() -> Volume:
    return HOLE.bone.mask((0.7, 0.7, 0.9))


@pytest.fixture(scope="module")
def plug() -> trimesh.Trimesh:
    return HOLE.plug().mesh


@pytest.fixture(scope="module")
def bone(skull: Volume, plug: trimesh.Trimesh) -> Bone:
    near = bone_near(skull, plug, 25.0)
    assert near is not None
    return near


def test_it_is_a_box_of_the_skull_and_its_distance(skull, plug, bone) -> None:
    start = np.rint(skull.to_index(bone.mask.affine[:3, 3])).astype(int)
    assert np.array_equal(bone.mask.array, skull.crop(start, start + bone.mask.shape).array)
    assert np.array_equal(bone.distance.array, signed_distance(bone.mask).array)
    nearer = bone_near(bone, plug, 3.0)
    assert nearer is not None
    assert np.prod(nearer.mask.shape) < 0.7 * np.prod(bone.mask.shape)
    assert np.shares_memory(nearer.distance.array, bone.distance.array)


def test_a_part_elsewhere_has_none(skull, bone) -> None:
    away = trimesh.creation.box((5, 5, 5), transform=trimesh.transformations.translation_matrix((900, 0, 0)))
    assert bone_near(skull, away, 5.0) is None
    assert bone_near(bone, away, 5.0) is None


def test_every_step_finds_the_same_with_it_and_computes_no_distance(skull, plug, bone, monkeypatch) -> None:
    trimmed = trim_with_notes(plug, skull, inside_mm=(0, 0, 0)).mesh
    way = find_insertion(trimmed, skull, inside_mm=(0, 0, 0))
    fit = check_fit(trimmed, skull, inside_mm=(0, 0, 0))
    assert is_clear(trimmed, skull, clearance_mm=0.8)
    assert not is_clear(trimmed, skull, clearance_mm=1.5)

    def refuse(_mask: Volume) -> Volume:
        raise AssertionError("the distance is known")

    monkeypatch.setattr("meshimplant.implant.site.signed_distance", refuse)
    again = trim_with_notes(plug, bone, inside_mm=(0, 0, 0)).mesh
    np.testing.assert_allclose(again.vertices, trimmed.vertices, atol=1e-6)
    assert np.array_equal(again.faces, trimmed.faces)
    assert is_clear(again, bone, clearance_mm=0.8)
    assert not is_clear(again, bone, clearance_mm=1.5)
    assert find_insertion(again, bone, inside_mm=(0, 0, 0)).direction == pytest.approx(
        way.direction, abs=1e-9
    )
    same = check_fit(again, bone, inside_mm=(0, 0, 0)).measures
    numbers = {name: value for name, value in fit.measures.items() if isinstance(value, float)}
    assert {name: same[name] for name in numbers} == pytest.approx(numbers, abs=1e-6)
