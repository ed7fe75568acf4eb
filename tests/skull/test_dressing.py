"""remove_foreign: sheets outside the skull go, and no bone goes with them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from dressings import Region, around, bandage, holder, sheet
from shapes import shell, union

from meshimplant.design.inputs import read_inputs
from meshimplant.head.pose import HeadPose
from meshimplant.io.volumes import LoadedVolume
from meshimplant.skull.foreign_bodies import remove_foreign
from meshimplant.skull.segment import segment_bone, skull_of
from meshimplant.voxels.volume import Volume

HOLE = around((0.7, 0.1, 0.7), 24)


def with_hole(skull: Volume, pose: HeadPose) -> Volume:
    local = (skull.to_mm(np.argwhere(skull.array)) - pose.centre_mm) @ pose.axes.T
    array = skull.array.copy()
    array[skull.array != 0] &= ~HOLE(local / np.linalg.norm(local, axis=1, keepdims=True))
    return skull.with_array(array)


@pytest.fixture(scope="module")
def roomy(phantom: Volume) -> Volume:
    """The phantom on a grid that holds a dressing."""
    return phantom.pad(8, 0)


@pytest.fixture(scope="module")
def defective(roomy: Volume, phantom_pose: HeadPose) -> Volume:
    return with_hole(roomy, phantom_pose)


def dressed(defective: Volume, layer: np.ndarray) -> Volume:
    return defective.with_array(defective.array | layer.view(np.uint8))


def over_forehead(directions: np.ndarray) -> np.ndarray:
    """A strap 6 cm high from one temple to the other."""
    return (directions[:, 1] < -0.3) & (np.abs(directions[:, 2] - 0.3) < 0.35)


@pytest.mark.parametrize(
    ("region", "gap_mm"),
    [(bandage, 4.0), (bandage, 8.0), (holder, 8.0), (over_forehead, 4.0), (around((0.7, 0.1, 0.7), 36), 3.0)],
)
def test_a_sheet_outside_the_skull_is_removed_and_no_bone(
    region: Region, gap_mm: float, roomy: Volume, defective: Volume, phantom_pose: HeadPose
) -> None:
    layer = sheet(roomy, phantom_pose, region, gap_mm=gap_mm, thickness_mm=2.0)
    cleared, findings = remove_foreign(dressed(defective, layer))
    np.testing.assert_array_equal(cleared.array, defective.array)
    (finding,) = findings
    assert finding.code == "input.dressing"
    assert finding.severity == "warning"
    assert finding.value == pytest.approx(np.count_nonzero(layer & (defective.array == 0)) * 8.0)
    index = np.argwhere(layer)
    assert np.linalg.norm(roomy.to_mm(index) - finding.location_mm, axis=1).min() < 4


def test_a_bandage_that_touches_the_skull_leaves_the_opening_free(
    roomy: Volume, defective: Volume, phantom_pose: HeadPose
) -> None:
    """Where it touches, 1 mm of it may stay on the bone, and single voxels of 2 mm of the surface may go."""
    layer = sheet(roomy, phantom_pose, bandage, gap_mm=_waves, thickness_mm=2.0)
    cleared, findings = remove_foreign(dressed(defective, layer))
    assert [finding.code for finding in findings] == ["input.dressing"]
    lost = np.count_nonzero((defective.array != 0) & (cleared.array == 0))
    assert lost < 0.001 * np.count_nonzero(defective.array)
    left = (defective.array == 0) & (cleared.array != 0)
    assert np.count_nonzero(left) < 0.05 * np.count_nonzero(layer)
    local = (roomy.to_mm(np.argwhere(left)) - phantom_pose.centre_mm) @ phantom_pose.axes.T
    assert not HOLE(local / np.linalg.norm(local, axis=1, keepdims=True)).any()


def _waves(directions: np.ndarray) -> np.ndarray:
    """Distances from 8 mm down to 0, at places of which each is 2 to 3 cm wide."""
    return np.maximum(3.5 + 4.5 * np.cos(9 * directions[:, 0]) * np.cos(9 * directions[:, 1]), 0)


def test_several_layers_of_a_bandage_are_removed(
    roomy: Volume, defective: Volume, phantom_pose: HeadPose
) -> None:
    layers = [sheet(roomy, phantom_pose, bandage, gap_mm=gap, thickness_mm=2.0) for gap in (4.0, 9.0)]
    cleared, findings = remove_foreign(dressed(defective, layers[0] | layers[1]))
    np.testing.assert_array_equal(cleared.array, defective.array)
    assert len(findings) == 1


@pytest.mark.parametrize("orientation", ["LPS", "RAI"])
def test_no_bone_of_a_skull_without_a_dressing_is_removed(orientation: str, phantom: Volume) -> None:
    """The phantom has frontal sinuses, thin temples, cheek bones and brows."""
    skull = phantom.reorient(orientation)
    cleared, findings = remove_foreign(skull)
    assert cleared is skull
    assert findings == ()


@cache
def _two_tables() -> Volume:
    """A spherical head whose diploe are hollow: two tables with 4 mm of air between them, above."""
    outer, inner = shell(82.0, 2.0), shell(76.0, 2.0)
    body = union(outer, inner)
    grid = shell(82.0, 8.0).grid(1.5, margin_mm=4)
    mask = body.mask(1.5, grid=grid)
    points = grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
    radius = np.linalg.norm(points, axis=-1)
    solid = (radius < 82) & (radius > 74) & ((points[..., 2] < 25) | (np.abs(points[..., 0]) < 5))
    return mask.with_array(((mask.array != 0) | solid).view(np.uint8))


@pytest.mark.parametrize("cut", [False, True])
def test_two_tables_with_hollow_diploe_are_bone(cut: bool) -> None:
    """Also where the wall of an opening cuts through them."""
    skull = _two_tables()
    if cut:
        skull = with_hole(skull, HeadPose(np.zeros(3), np.eye(3), 0.2))
    assert remove_foreign(skull)[0] is skull


def test_a_sheet_over_hollow_diploe_is_removed_without_the_outer_table() -> None:
    skull, pose = _two_tables(), HeadPose(np.zeros(3), np.eye(3), 0.2)
    grown = skull.pad(8, 0)
    solid = shell(82.0, 8.0).mask(1.5, grid=grown)
    layer = sheet(solid, pose, around((0.2, -0.6, 0.6), 40), gap_mm=4.0, thickness_mm=1.6)
    cleared, _ = remove_foreign(dressed(grown, layer))
    np.testing.assert_array_equal(cleared.array, grown.array)


def test_a_raised_bone_flap_is_no_dressing(roomy: Volume, phantom_pose: HeadPose) -> None:
    """It is as thick as bone, and nothing lies beneath it; voxels of 2 mm do not show its saw line."""
    local = (roomy.to_mm(np.argwhere(roomy.array)) - phantom_pose.centre_mm) @ phantom_pose.axes.T
    unit = local / np.linalg.norm(local, axis=1, keepdims=True)
    flap = np.argwhere(roomy.array)[HOLE(unit)] + np.rint(np.array([0.7, 0.1, 0.7]) * 3).astype(int)
    skull = with_hole(roomy, phantom_pose).array.copy()
    skull[tuple(flap.T)] = 1
    cleared, findings = remove_foreign(roomy.with_array(skull))
    np.testing.assert_array_equal(cleared.array, skull)
    assert findings == ()


def test_what_is_no_skull_is_left_alone(phantom: Volume) -> None:
    for array in (np.zeros_like(phantom.array), np.ones_like(phantom.array)):
        other = phantom.with_array(array)
        assert remove_foreign(other) == (other, ())


def test_a_ct_with_a_hood_is_not_taken_for_two_heads(
    roomy: Volume, defective: Volume, phantom_pose: HeadPose
) -> None:
    layer = sheet(roomy, phantom_pose, _hood, gap_mm=5.0, thickness_mm=2.0)
    hounsfield = np.where(defective.array != 0, 900, np.where(layer, 350, -1000)).astype(np.int16)
    ct = roomy.with_array(hounsfield)
    np.testing.assert_array_equal(segment_bone(ct).array, defective.array)
    found = skull_of(LoadedVolume(ct, is_ct=True)).findings
    assert "input.dressing" in [finding.code for finding in found]


def _hood(directions: np.ndarray) -> np.ndarray:
    return directions[:, 2] > np.where(directions[:, 1] < 0.2, 0.0, -0.5)


def test_a_mask_in_memory_and_one_from_a_file_lose_their_dressing(
    roomy: Volume, defective: Volume, phantom_pose: HeadPose
) -> None:
    mask = dressed(defective, sheet(roomy, phantom_pose, bandage, gap_mm=4.0, thickness_mm=2.0))
    for inputs in (read_inputs(mask), read_inputs(skull_of(LoadedVolume(mask)))):
        np.testing.assert_array_equal(inputs.defective.array, defective.array)
        assert [finding.code for finding in inputs.findings].count("input.dressing") == 1
