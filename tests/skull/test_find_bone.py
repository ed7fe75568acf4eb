"""find_bone: bone of made CTs lies where it truly is, whatever the kernel and the slices."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from made_ct import KERNELS, MadeHead, make_head, scan, surface_errors

from meshimplant.errors import EmptyMaskError
from meshimplant.skull.ct_tissues import BONE_HU, measure_tissues
from meshimplant.skull.find_bone import find_bone
from meshimplant.voxels.volume import Volume

HALF = 0.5


@cache
def _head() -> MadeHead:
    return make_head(3, scale=HALF)


@cache
def _scan(kernel: str, slice_mm: float) -> Volume:
    return scan(_head(), kernel=kernel, slice_mm=slice_mm, pixel_mm=0.5)


@pytest.mark.parametrize(
    ("kernel", "slice_mm", "outer_mm", "p95_mm"),
    [("soft", 1.0, 0.12, 0.3), ("bone", 1.0, 0.12, 0.3), ("standard", 2.5, 0.2, 0.5)],
)
def test_surfaces_are_where_bone_ends_and_closer_than_at_any_fixed_threshold(
    kernel, slice_mm, outer_mm, p95_mm
):
    ct = _scan(kernel, slice_mm)
    auto = surface_errors(_head(), find_bone(ct).bone)
    fixed = surface_errors(_head(), find_bone(ct, 200).bone)
    for own, other in ((auto.outer_mm, fixed.outer_mm), (auto.inner_mm, fixed.inner_mm)):
        assert abs(own.mean()) < outer_mm
        assert np.percentile(np.abs(own), 95) < p95_mm
        assert np.abs(own).mean() < 0.7 * np.abs(other).mean()


def test_bone_between_slices_far_apart_has_no_terraces():
    """Outlined slice by slice, surfaces are 2.7 (outer) and 4.2 mm (inner) off at the 95th percentile."""
    ct = scan(_head(), kernel="standard", slice_mm=7.0, pixel_mm=0.6)
    found = find_bone(ct)
    (finding,) = found.findings
    assert (finding.code, finding.severity, finding.value) == ("input.interpolated_slices", "warning", 7.0)
    assert found.bone.spacing_mm[2] == pytest.approx(1.0)
    assert "0.58 to 0.7 of its height" in found.notes[0]
    errors = surface_errors(_head(), found.bone)
    assert np.percentile(np.abs(errors.outer_mm), 95) < 1.2
    assert np.percentile(np.abs(errors.inner_mm), 95) < 1.3
    assert errors.kept.all()


def test_a_given_threshold_keeps_the_slices_that_are_far_apart():
    ct = _scan("soft", 1.0)
    thick = Volume(ct.array[:, :, ::5], ct.affine @ np.diag([1, 1, 5, 1]))
    found = find_bone(thick, 200)
    assert found.findings == ()
    np.testing.assert_array_equal(found.bone.array, thick.array >= 200)


def test_slices_that_were_resampled_count_as_far_apart_as_they_were():
    ct = _scan("soft", 1.0).crop((40, 0, 30), (180, 999, 60))
    found = find_bone(ct, step_mm=7.0)
    assert [finding.value for finding in found.findings] == [7.0]
    assert found.bone.same_grid(ct)
    assert found.bone.array.sum() < find_bone(ct).bone.array.sum()
    assert find_bone(ct, step_mm=3.0).findings == ()


def test_thin_bone_below_a_fixed_threshold_survives():
    values = np.full((60, 60, 60), -1000.0)
    values[6:-6, 6:-6, 6:-6] = 40
    values[20:22, 6:-6, 6:-6] = 900
    values[36:37, 10:-10, 10:-10] = 170
    ct = Volume(values.astype(np.int16), np.diag([0.7, 0.7, 0.7, 1.0]))
    big = Volume(np.kron(ct.array, np.ones((2, 2, 2), np.int16)), ct.affine)
    found = find_bone(big)
    assert found.tissues is not None
    assert found.tissues.threshold_hu == pytest.approx(150, abs=2)
    assert found.bone.array[72:74, 20:-20, 20:-20].all()
    assert not find_bone(big, BONE_HU).bone.array[72:74].any()


def test_no_bone_is_lost_at_the_temples():
    for kernel, slice_mm in (("soft", 1.0), ("standard", 2.5)):
        errors = surface_errors(_head(), find_bone(_scan(kernel, slice_mm)).bone)
        assert errors.thin.sum() > 500
        assert errors.kept.all()


@pytest.mark.parametrize("threshold_hu", [150.0, 200.5, 700.0])
def test_a_given_threshold_is_used_exactly(threshold_hu):
    ct = _scan("soft", 1.0)
    found = find_bone(ct, threshold_hu)
    np.testing.assert_array_equal(found.bone.array, ct.array >= threshold_hu)
    assert found.findings == ()
    assert found.notes == (f"bone from {threshold_hu:.4g} HU upwards",)
    assert found.tissues is not None
    assert not found.tissues.is_automatic


def test_the_tissues_of_a_ct_are_measured():
    for kernel in ("soft", "bone"):
        tissues = measure_tissues(_scan(kernel, 1.0))
        assert tissues.air_hu == pytest.approx(-1000, abs=5)
        assert tissues.soft_tissue_hu == pytest.approx(_head().tissue_hu["brain"], abs=8)
        expected = KERNELS[kernel].noise_hu * np.sqrt(0.6)
        assert tissues.noise_hu == pytest.approx(expected, rel=0.15)
        assert 400 < tissues.bone_hu < 1200
        rise = tissues.threshold_hu - tissues.soft_tissue_hu
        assert rise == pytest.approx(110) if kernel == "soft" else 110 < rise < 210


def test_the_outline_is_the_same_in_every_order_of_the_axes():
    ct = _scan("soft", 1.0).crop((40, 0, 30), (180, 999, 60))
    one = find_bone(ct).bone
    other = find_bone(ct.reorient("SAR")).bone.reorient(ct.orientation)
    assert np.count_nonzero(one.array != other.array) < 1e-3 * np.count_nonzero(one.array)


def test_a_dry_skull_is_read_at_a_fixed_threshold_and_that_is_said():
    ct = _scan("soft", 1.0)
    dry = ct.with_array(np.where(ct.array < 180, -1000, ct.array).astype(np.int16))
    found = find_bone(dry)
    (finding,) = found.findings
    assert (finding.code, finding.severity, finding.value) == ("input.threshold", "warning", BONE_HU)
    assert "No soft tissue" in finding.message
    np.testing.assert_array_equal(found.bone.array, dry.array >= BONE_HU)


def test_shifted_soft_tissue_moves_the_threshold_and_that_is_said():
    ct = _scan("soft", 1.0)
    shifted = ct.with_array(np.where(ct.array > -500, ct.array + 120, ct.array).astype(np.int16))
    found = find_bone(shifted)
    (finding,) = found.findings
    assert finding.code == "input.threshold"
    assert "not calibrated" in finding.message
    assert found.tissues.threshold_hu == pytest.approx(find_bone(ct).tissues.threshold_hu + 120, abs=2)
    same = found.bone.array == find_bone(ct).bone.array
    assert np.count_nonzero(~same) < 0.01 * np.count_nonzero(found.bone.array)


def test_overwhelming_noise_is_said():
    ct = _scan("soft", 1.0)
    noise = np.random.default_rng(0).normal(0, 200, ct.shape)
    found = find_bone(ct.with_array((ct.array + noise).astype(np.int16)))
    assert [finding.code for finding in found.findings] == ["input.threshold"]
    assert "noise" in found.findings[0].message


def test_a_threshold_above_everything_is_refused():
    with pytest.raises(EmptyMaskError, match="lower threshold_hu"):
        find_bone(_scan("soft", 1.0), 5000)
