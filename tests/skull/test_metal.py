"""remove_metal: plates, screws and wires are no bone, and bone under them is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from made_ct import MadeHead, make_head, scan, surface_errors

from meshimplant.skull.find_bone import find_bone
from meshimplant.skull.metal import LEAST_METAL_MM3, MOST_PLACES, metal_findings, remove_metal
from meshimplant.voxels.volume import Volume

TITANIUM_HU = 9000


@cache
def _head() -> MadeHead:
    return make_head(4, scale=0.5)


def _on_skull(way, depth_mm: float = 0.0) -> np.ndarray:
    """The point of the outer surface along a direction, moved inward."""
    unit = np.asarray(way, float) / np.linalg.norm(way)
    return unit * (float(_head().radii(unit[None])[0][0]) - depth_mm)


def _screw(way, *, length_mm: float = 6.0, radius_mm: float = 1.0):
    """A change of the sharp values that puts a screw through the skull along a direction."""
    unit = np.asarray(way, float) / np.linalg.norm(way)
    top = np.linalg.norm(_on_skull(way)) + 1

    def change(values, points):
        along = points @ unit
        aside = np.linalg.norm(points - along[..., None] * unit, axis=-1)
        values[(aside < radius_mm) & (along < top) & (along > top - length_mm)] = TITANIUM_HU

    return change


def _plate(start, stop, radius_mm: float = 0.9):
    """A change of the sharp values that lays a wire over the skull between two directions."""
    a, b = _on_skull(start, -0.5), _on_skull(stop, -0.5)

    def change(values, points):
        t = np.clip((points - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
        values[np.linalg.norm(points - a - t[..., None] * (b - a), axis=-1) < radius_mm] = TITANIUM_HU

    return change


def _ct(*changes) -> Volume:
    def all_of(values, points):
        for change in changes:
            change(values, points)

    return scan(_head(), kernel="soft", slice_mm=1.0, pixel_mm=0.5, change=all_of, low_mm=5.0)


@cache
def _plain() -> Volume:
    return _ct()


def test_a_screw_is_told_with_its_place_and_leaves_no_hole():
    way = (0.2, 0.6, 0.75)
    ct = _ct(_screw(way))
    found = find_bone(ct)
    (finding,) = [finding for finding in found.findings if finding.code == "input.metal"]
    np.testing.assert_allclose(finding.location_mm, _on_skull(way, 2.0), atol=1.5)
    assert 0.4 < finding.value / (np.pi * 6) < 2.5
    without = find_bone(_plain()).bone
    near = np.linalg.norm(_points(ct) - _on_skull(way, 2.0), axis=-1) < 8
    changed = (found.bone.array != without.array) & near
    assert np.count_nonzero(changed) < 0.06 * np.count_nonzero(without.array & near)
    errors = surface_errors(_head(), found.bone, above_mm=10)
    assert errors.kept.all()
    assert np.percentile(np.abs(errors.outer_mm), 99.9) < 0.9


def test_metal_over_a_hole_does_not_close_it():
    way = np.array([0.1, 0.3, 0.95])

    def hole(values, points):
        away = points / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), 1e-6)
        inside = np.linalg.norm(points, axis=-1) < _head().outer_mm.max() + 1
        bone = inside & (away @ (way / np.linalg.norm(way)) > 0.95) & (values > 100)
        values[bone] = 40

    found = find_bone(_ct(hole, _plate((-0.6, 0.3, 0.95), (0.7, 0.3, 0.95))))
    ct_points = _points(found.bone)
    radius = np.linalg.norm(ct_points, axis=-1)
    aligned = (ct_points @ (way / np.linalg.norm(way))) / np.maximum(radius, 1e-6)
    in_hole = (aligned > 0.965) & (radius > 20)
    assert not (found.bone.array & in_hole).any()
    assert "input.metal" in [finding.code for finding in found.findings]


def test_metal_far_from_the_vault_changes_nothing_there():
    ct = _plain()
    array = ct.array.copy()
    place = ct.to_index(np.array([0.0, -20.0, 12.0])).round().astype(int)
    array[tuple(slice(p - 3, p + 4) for p in place)] = 3071
    filled = find_bone(ct.with_array(array)).bone.array
    plain = find_bone(ct).bone.array
    far = np.linalg.norm(_points(ct) - [0, -20, 12], axis=-1) > 8
    assert (filled == plain)[far].all()
    assert not filled[~far].any()


def test_a_clipped_scale_shows_metal_below_the_threshold():
    ct = _plain()
    array = ct.array.copy()
    array[100:106, 100:106, 10:14] = 2976
    bare, bodies = remove_metal(ct.with_array(array))
    assert bodies[0].volume_mm3 == pytest.approx(144 * ct.voxel_volume_mm3)
    assert bare.array.max() < 2500


def test_a_speck_and_an_image_of_another_unit_are_left_alone():
    ct = _plain()
    array = ct.array.copy()
    array[100, 100, 10] = 3071
    speck = ct.with_array(array)
    assert remove_metal(speck) == (speck, ())
    raw = ct.with_array((np.minimum(array, 2500) + 1024).astype(np.int16))
    assert remove_metal(raw) == (raw, ())


def test_the_largest_pieces_are_told_one_by_one_and_the_others_together():
    ct = _plain()
    array = np.full(ct.shape, -1000, np.int16)
    for number in range(MOST_PLACES + 2):
        start = 20 + 30 * number
        array[start : start + 4 + number, 50:54, 20:24] = 3071
    _, bodies = remove_metal(ct.with_array(array))
    volumes = [body.volume_mm3 for body in bodies]
    assert volumes == sorted(volumes, reverse=True)
    assert len(bodies) == MOST_PLACES + 2
    findings = metal_findings(bodies)
    assert len(findings) == MOST_PLACES + 1
    assert "2 smaller pieces" in findings[-1].message
    assert findings[-1].value == pytest.approx(sum(volumes[MOST_PLACES:]))
    assert all(finding.value > LEAST_METAL_MM3 for finding in findings)
    np.testing.assert_allclose(findings[0].location_mm, ct.to_mm([20 + 30 * 4 + 3.5, 51.5, 21.5]), atol=1e-6)


def _points(volume: Volume) -> np.ndarray:
    return volume.to_mm(np.moveaxis(np.indices(volume.shape), 0, -1))
