"""`read_values` tells masks, labels, probabilities, distances and CTs apart, and asks where it cannot."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from meshimplant import Volume, read_volume
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.values.read_values import read_values
from meshimplant.values.value_words import PREDICTION_ASKING
from meshimplant.voxels.distance import signed_distance

Array = NDArray[Any]
SPACING = 4.0
RNG = np.random.default_rng(0)


@cache
def _grid() -> Volume:
    size = np.ceil(np.array([200, 260, 220]) / SPACING).astype(int)
    affine = np.diag([SPACING, SPACING, SPACING, 1.0])
    affine[:3, 3] = (-100, -130, -110)
    return Volume(np.zeros(size, np.uint8), affine)


@cache
def _depth() -> Array:
    """Depth under the outer skull of an ellipsoidal head, mm."""
    points = _grid().to_mm(np.moveaxis(np.indices(_grid().shape), 0, -1))
    return np.asarray((1 - np.linalg.norm(points / (66.0, 84.0, 72.0), axis=-1)) * 74)


@cache
def bone_mm() -> Array:
    """Signed distance of a skull of 7 mm with a hole, positive inside."""
    points = _grid().to_mm(np.moveaxis(np.indices(_grid().shape), 0, -1))
    hole = np.linalg.norm(points - (50, 0, 45), axis=-1) - 25
    return np.minimum(np.minimum(_depth(), 7 - _depth()), hole)


@cache
def ct() -> Array:
    """Air, skin and brain, and bone, in Hounsfield units with noise; bone from 900 to 1500."""
    inside = np.clip((_depth() + 9) / SPACING + 0.5, 0, 1)
    bone = np.clip(bone_mm() / SPACING + 0.5, 0, 1)
    dense = 1200 + 300 * np.sin(_depth())
    noise = np.random.default_rng(0).normal(0, 15, bone.shape)
    return np.asarray(-1000 + 1040 * inside + (dense - 40) * bone + noise)


def padded(offset: float, padding: float) -> Array:
    """The CT with an offset, and with padding outside the circle of the scanner."""
    i, j, _ = np.indices(_grid().shape)
    half = np.array(_grid().shape[:2]) / 2
    outside = np.hypot(i - half[0], j - half[1]) > 1.25 * half.min()
    return np.where(outside, padding, np.rint(ct()) + offset).astype(np.int16)


def mask() -> Array:
    return bone_mm() > 0


def probability() -> Array:
    return np.asarray(expit(1.5 * bone_mm()))


def window(low: float, high: float) -> Array:
    return np.asarray(((ct() - low) / (high - low)).clip(0, 1).astype(np.float32))


def distance() -> Array:
    return signed_distance(_grid().with_array(mask())).array


def read(array: Array, values: str | None = None) -> Any:
    return read_values(_grid().with_array(array), values)


CERTAIN: dict[str, tuple[str, Callable[[], Array]]] = {
    "uint8 0/1": ("mask", lambda: mask().astype(np.uint8)),
    "uint8 0/255": ("mask", lambda: mask() * np.uint8(255)),
    "float 0/1": ("mask", lambda: mask().astype(np.float32)),
    "float -0.0/0.4": ("mask", lambda: np.where(mask(), 0.4, -0.0)),
    "float 0/1.00002": ("mask", lambda: mask() * 1.00002 + RNG.normal(0, 1e-5, mask().shape)),
    "all 0": ("mask", lambda: np.zeros(mask().shape, np.int16)),
    "labels": ("labels", lambda: np.where(mask(), 4, bone_mm() > -10)),
    "labels in float": ("labels", lambda: np.where(mask(), 4, bone_mm() > -10) * 1.00002),
    "a skull and its halves": (
        "labels",
        lambda: mask() * np.where(np.indices(mask().shape)[0] < mask().shape[0] // 2, 1, 2),
    ),
    "a skull and its implant": (
        "labels",
        lambda: np.where(mask(), 2, (_depth() > 0) & (_depth() < 7)).astype(np.uint8),
    ),
    "a head and its bone": ("labels", lambda: (_depth() > -9) + mask().astype(np.uint8)),
    "labels up to 255": ("labels", lambda: np.where(mask(), 255, 128 * (bone_mm() > -20)).astype(np.uint8)),
    "probability": ("probability", probability),
    "overshooting probability": ("probability", lambda: probability() * 1.06 - 0.03),
    "percent": ("probability", lambda: probability() * 100),
    "percent in uint8": ("probability", lambda: np.rint(probability() * 100).astype(np.uint8)),
    "0 to 255": ("probability", lambda: np.rint(probability() * 255).astype(np.uint8)),
    "0 to 65535": ("probability", lambda: np.rint(probability() * 65535).astype(np.uint16)),
    "noisy log-odds": (
        "probability",
        lambda: (1.5 * bone_mm()).clip(-9, 9) + np.random.default_rng(0).normal(0, 0.6, mask().shape),
    ),
    "log-odds": ("distance", lambda: (1.5 * bone_mm()).clip(-12, 12)),
    "distance": ("distance", distance),
    "distance capped at 10 mm": ("distance", lambda: distance().clip(-10, 10)),
    "distance in int8": ("distance", lambda: np.rint(distance()).astype(np.int8)),
    "distance in 0.01 mm": ("distance", lambda: np.rint(distance() * 100).astype(np.int16)),
    "distance in voxels": ("distance", lambda: distance() / SPACING),
    "HU": ("ct", lambda: np.rint(ct()).astype(np.int16)),
    "HU in float": ("ct", lambda: ct().astype(np.float32)),
    "HU cut off at -1024": ("ct", lambda: np.maximum(np.rint(ct()), -1024)),
    "HU with padding": ("ct", lambda: padded(0, -2000)),
    "HU with padding that was shifted": ("ct", lambda: padded(0, -3024)),
}


#: Noise or coarse steps move the surface.
INEXACT = ("noisy log-odds", "distance in int8")


@pytest.mark.parametrize("name", CERTAIN)
def test_what_is_certain_is_read_as_what_it_is(name: str) -> None:
    kind, make = CERTAIN[name]
    found = read(make())
    assert found.kind == kind
    if found.level is not None and name not in INEXACT:
        wrong = (found.volume.array > found.level) != mask()
        assert np.count_nonzero(wrong) < 0.04 * np.count_nonzero(mask())


ASKED: dict[str, tuple[str, Callable[[], Array]]] = {
    "HU + 1024": ("hu\\+1024", lambda: np.maximum(np.rint(ct()) + 1024, 0).astype(np.uint16)),
    "HU + 1000": ("hu\\+1000", lambda: np.maximum(np.rint(ct()) + 1000, 0).astype(np.uint16)),
    "HU + 1024, padding -2000": ("hu\\+1024", lambda: padded(1024, -2000)),
    "HU + 1024, padding -1024": ("hu\\+1024", lambda: padded(1024, -1024)),
    "HU + 1024, padding 0": ("hu\\+1024", lambda: padded(1024, 0)),
    "HU / 4096": ("--level 0.0", lambda: ct() / 4096),
    "HU / 1000": ("--level 0.2", lambda: ct() / 1000),
    "(HU + 1024) / 4096": ("--level 0.29", lambda: (ct() + 1024) / 4096),
    "10 HU": ("--level", lambda: np.rint(ct() * 10).astype(np.int16)),
    "inverted HU": ("--level", lambda: -np.rint(ct()).astype(np.int16)),
    "window of 2000 HU": ("probability", lambda: window(-1000, 1000)),
    "window of the brain": ("probability", lambda: window(-100, 300)),
    "window of bone": ("probability", lambda: window(150, 2500)),
    "narrow window of bone": ("probability", lambda: window(150, 500)),
    "narrow window in 8 bits": ("probability-255", lambda: (255 * window(150, 500)).astype(np.uint8)),
    "nine grades up to 255": (
        "probability-255",
        lambda: (np.rint(probability() * 8) * 31.875).astype(np.uint8),
    ),
    "mask resampled": ("probability", lambda: ndimage.shift(mask().astype(np.float32), 0.2, order=1)),
    "CT in few grades": ("labels", lambda: np.rint(20 * window(100, 2500)).astype(np.uint8)),
    "CT in six grades": ("labels", lambda: np.rint(5 * window(100, 2500)).astype(np.uint8)),
    "CT in four grades": ("labels", lambda: np.rint(3 * window(100, 1500)).astype(np.uint8)),
    "CT in three grades": ("labels", lambda: np.rint(2 * window(80, 700)).astype(np.uint8)),
    "four grades up to 255": ("labels", lambda: (np.rint(3 * window(300, 1300)) * 85).astype(np.uint8)),
    "CT in percent": ("percent", lambda: 100 * window(-1000, 2000)),
    "CT in 8 bits": ("probability-255", lambda: (255 * window(-1000, 2000)).astype(np.uint8)),
    "CT in 16 bits": ("probability-65535", lambda: (65535 * window(-1000, 2000)).astype(np.uint16)),
    "CT scaled by metal": ("--level", lambda: (ct().clip(-1000) + 1000) / 31000),
    "standardised CT": ("--level", lambda: (ct() - ct().mean()) / ct().std()),
    "background of a mask": ("inverted-mask", lambda: (~mask()).astype(np.uint8)),
    "signs": ("inverted-mask", lambda: np.where(mask(), 1, -1)),
    "1 and 2": ("inverted-mask", lambda: np.where(mask(), 2, 1)),
    "background probability": ("inverted-probability", lambda: 1 - probability()),
    "background in 8 bits": (
        "inverted-probability",
        lambda: np.rint(255 - 255 * probability()).astype(np.uint8),
    ),
    "distance outside": ("distance-outside", lambda: -distance()),
    "doubtful probability": ("probability", lambda: probability() * 0.7),
    "noise": ("--level", lambda: np.random.default_rng(0).normal(0, 1, mask().shape)),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_not_certain_is_asked_with_the_option_to_type(name: str) -> None:
    option, make = ASKED[name]
    with pytest.raises(InputError, match=rf"give .*{option}"):
        read(make())


@pytest.mark.parametrize(
    ("values", "make", "expected"),
    [
        ("mask", lambda: np.where(mask(), 2, 1), mask),
        ("inverted-mask", lambda: (~mask()).astype(np.uint8), mask),
        ("percent", lambda: probability() * 60, lambda: probability() * 0.6),
        ("inverted-probability", lambda: 255 - 255 * probability(), probability),
        (
            "probability",
            lambda: probability() * 1.06 - 0.03,
            lambda: (probability() * 1.06 - 0.03).clip(0, 1),
        ),
        ("logits", bone_mm, lambda: expit(bone_mm())),
        ("inverted-logits", lambda: -bone_mm(), lambda: expit(bone_mm())),
        ("distance", distance, distance),
        ("distance-outside", lambda: -distance(), distance),
        ("hu+1024", lambda: np.rint(ct() + 1200).astype(np.uint16), lambda: np.rint(ct() + 1200) - 1024),
        ("hu", lambda: ct() / 2, lambda: ct() / 2),
    ],
)
def test_a_stated_kind_overrides_the_values(values: str, make: Any, expected: Any) -> None:
    np.testing.assert_allclose(read(make(), values).volume.array, expected(), atol=1e-5)


def test_distances_of_another_unit_become_millimetres() -> None:
    found = read(np.rint(distance() * 100).astype(np.int16))
    np.testing.assert_allclose(found.volume.array, distance(), rtol=0.1, atol=0.1)
    assert found.note == "signed distances, positive inside, 100 per mm"


def test_one_value_is_no_volume_and_an_unknown_kind_is_refused() -> None:
    with pytest.raises(EmptyMaskError, match="all 7"):
        read(np.full(mask().shape, 7))
    with pytest.raises(InputError, match=r"to be one of mask, .*got 'cm'"):
        read(distance(), "cm")
    with pytest.raises(InputError, match="expected two values in a mask, got more than 64"):
        read(distance(), "mask")
    with pytest.raises(InputError, match="whole numbers for labels"):
        read(distance(), "labels")


@pytest.mark.parametrize("blur_mm", [1, 2, 3])
def test_a_soft_prediction_on_small_voxels_is_a_probability_and_bone_in_a_window_is_not(blur_mm: int) -> None:
    """Both have many values between 0 and 1; those of a prediction are smooth."""
    i, j, k = np.indices((120, 120, 40))
    radius = np.hypot(i - 60, j - 60)
    shell = (abs(radius - 45) < 7) & (abs(k - 20) < 15)
    grid = Volume(shell, np.diag([0.5, 0.5, 1.0, 1.0]))
    soft = ndimage.gaussian_filter(shell.astype(np.float32), blur_mm / grid.spacing_mm)
    assert read_values(grid.with_array(soft)).kind == "probability"
    texture = 0.5 + ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 0.5, shell.shape), 0.5)
    with pytest.raises(InputError, match="--values probability"):
        read_values(grid.with_array((shell * texture).clip(0, 1)))


def test_a_soft_prediction_on_large_voxels_is_asked_for_only_where_a_ct_is_possible() -> None:
    soft = _grid().with_array(ndimage.gaussian_filter(mask().astype(np.float32), 0.6))
    with pytest.raises(InputError, match="--values probability"):
        read_values(soft)
    assert read_values(soft, asking=PREDICTION_ASKING).kind == "probability"
    for scaled in ((ct() + 1024) / 4096, window(-1000, 1000), ct() / 1000):
        with pytest.raises(InputError, match="--predicted-values"):
            read_values(_grid().with_array(scaled), asking=PREDICTION_ASKING)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ct/plastic_skull_philips_std_1mm.nrrd", "ct"),
        ("fixtures/plastic_skull_ct_2mm.nii.gz", "ct"),
        ("fixtures/plastic_skull_bone_1mm_closed.nrrd", "mask"),
        ("seg/colin27_tissues_1mm.nrrd", "labels"),
        ("seg/seg3d_craniotomy_Skull.nrrd", "mask"),
        ("skullfix/implant/003.nrrd", "mask"),
        ("ct/vtk_headsq_quarter.nrrd", r"--values hu\+1024"),
        ("seg/scct_template_2mm.nii.gz", "--level"),
    ],
)
def test_real_volumes_are_read_or_asked_for(data_folder: Path, name: str, kind: str) -> None:
    volume = read_volume(data_folder / name)
    if not kind.startswith("--"):
        assert read_values(volume).kind == kind
        return
    with pytest.raises(InputError, match=kind):
        read_values(volume)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("low", "high"), [(-1024, 3072), (-1000, 1000), (-200, 800), (-40, 120), (150, 1500)]
)
def test_a_real_cast_in_a_window_is_no_probability(data_folder: Path, low: float, high: float) -> None:
    volume = read_volume(data_folder / "ct" / "plastic_skull_philips_std_1mm.nrrd")
    scaled = ((volume.array.astype(np.float32) - low) / (high - low)).clip(0, 1)
    with pytest.raises(InputError, match="give"):
        read_values(volume.with_array(scaled))
