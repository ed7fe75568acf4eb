"""Colour scales: even, ordered, and true to the numbers."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.errors import InputError
from meshimplant.preview.colour_scales import (
    NO_VALUE,
    ColourScale,
    colour_table,
    decode_srgb,
    encode_srgb,
    round_step,
)

QUANTITIES = ("thickness", "gap", "deflection", "stress")


def _cie_lightness(colours: np.ndarray) -> np.ndarray:
    """Return CIE L* (0 to 100), a measure of lightness that the scales were not made from."""
    luminance = decode_srgb(colours) @ [0.2126, 0.7152, 0.0722]
    return np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_lightness_rises_evenly(quantity: str) -> None:
    lightness = _cie_lightness(colour_table(quantity))
    steps = np.diff(lightness[::16])
    assert lightness[0] < 25
    assert lightness[-1] > 85
    assert steps.min() > 0
    assert steps.max() < 1.8 * steps.min()


@pytest.mark.parametrize("missing", [0, 1, 2])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_order_survives_the_loss_of_a_cone(quantity: str, missing: int) -> None:
    """Replace one cone's signal by the mean of the others: neighbouring sixteenths still differ visibly."""
    lms_from_rgb = np.array([[0.314, 0.640, 0.046], [0.155, 0.758, 0.087], [0.018, 0.109, 0.873]])
    cones = decode_srgb(colour_table(quantity)) @ lms_from_rgb.T
    others = [i for i in range(3) if i != missing]
    cones[:, missing] = cones[:, others].mean(axis=1)
    response = np.cbrt(cones[::16])
    assert np.linalg.norm(np.diff(response, axis=0), axis=1).min() > 0.02


@pytest.mark.parametrize("pair", [("thickness", "gap"), ("deflection", "stress")])
def test_scales_in_one_picture_differ(pair: tuple[str, str]) -> None:
    first, second = map(colour_table, pair)
    difference = np.linalg.norm(first - second, axis=1)
    assert (difference[64:224] > 0.2).all()


def test_colours_follow_values_and_clip() -> None:
    scale = ColourScale("thickness", 2.0, 6.0, (2.0, 4.0, 6.0))
    colours = scale.colours([-10.0, 2.0, 4.0, 6.0, 99.0, np.nan])
    assert np.array_equal(colours[0], scale.table[0])
    assert np.array_equal(colours[1], scale.table[0])
    assert np.array_equal(colours[2], scale.table[128])
    assert np.array_equal(colours[3], scale.table[255])
    assert np.array_equal(colours[4], scale.table[255])
    assert tuple(colours[5]) == NO_VALUE


def test_range_is_round_and_ignores_one_spike() -> None:
    values = np.append(np.linspace(3.1, 5.2, 5000), [400.0, np.nan, np.inf])
    scale = ColourScale.of_values("thickness", values)
    assert (scale.low, scale.high) == (3.0, 6.0)
    assert scale.ticks == (3.0, 4.0, 5.0, 6.0)


def test_the_prescription_fixes_the_colours_whatever_was_measured() -> None:
    """The same thickness has the same colour in two parts, and noise around what was asked has one colour."""
    rough, even = np.linspace(3.9, 4.1, 50), np.linspace(2.0, 9.0, 50)
    scales = [
        ColourScale.of_prescription("thickness", each, asked_thickness_mm=4.0) for each in (rough, even)
    ]
    assert [(scale.low, scale.high) for scale in scales] == [(3.0, 5.0)] * 2
    assert scales[0].labels == ("\u22643", "4", "\u22655")
    assert np.array_equal(scales[0].colours([4.3]), scales[1].colours([4.3]))
    gap = ColourScale.of_prescription("gap", [0.8, 0.9])
    assert (gap.low, gap.high, gap.labels) == (0.0, 3.0, ("0", "1", "2", "\u22653"))
    thin = ColourScale.of_prescription("thickness", [0.6], asked_thickness_mm=0.6)
    assert (thin.low, thin.high) == (0.0, 1.6)
    unknown = ColourScale.of_prescription("thickness", even)
    assert unknown == ColourScale.of_values("thickness", even)
    assert not unknown.fixed


@pytest.mark.parametrize("constant", [0.0, 4.0, -0.3, 4.01])
def test_constant_values_get_a_range_around_them(constant: float) -> None:
    scale = ColourScale.of_values("gap", np.full(10, constant))
    assert scale.low <= constant <= scale.high
    assert scale.high - scale.low >= 0.05 - 1e-9


def test_no_value_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="at least one finite gap"):
        ColourScale.of_values("gap", [np.nan, np.nan])


def test_unknown_quantity_is_refused() -> None:
    with pytest.raises(InputError, match="thickness, gap, deflection, stress, deviation, got 'age'"):
        colour_table("age")


def test_round_steps() -> None:
    assert [round_step(v) for v in (0.001, 0.05, 0.11, 0.5, 0.51, 3.0, 7.0)] == [
        0.05,
        0.05,
        0.2,
        0.5,
        1,
        5,
        10,
    ]


def test_srgb_round_trip() -> None:
    values = np.linspace(0, 1, 256)
    assert np.allclose(encode_srgb(decode_srgb(values)), values, atol=1e-6)


def test_small_deflections_and_stresses_keep_their_range() -> None:
    """A range of 0.04 mm would be noise in a thickness; a computed deflection of it is not."""
    scale = ColourScale.of_values("deflection", np.linspace(0, 0.04, 500))
    assert (scale.low, scale.high, scale.unit) == (0.0, 0.04, "mm")
    assert ColourScale.of_values("stress", np.linspace(0, 12, 500)).unit == "MPa"
