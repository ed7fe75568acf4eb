"""Colours of the pictures: two perceptually uniform colour scales that map millimetres to sRGB.

The lightness of both scales rises evenly, so that their order survives greyscale print and every kind of
colour blindness. Their hues differ, so that a thickness map is not mistaken for a gap map.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError

#: sRGB colours, 0 to 1. Blue-green on ivory stays distinct with any kind of colour blindness.
BONE: Final = (0.925, 0.89, 0.82)
IMPLANT: Final = (0.13, 0.60, 0.74)
NO_VALUE: Final = (0.79, 0.805, 0.825)

# Path of each scale in OKLCh, hue in degrees at equal steps; lightness is linear between its two ends.
_LIGHTNESS = (0.30, 0.92)
_CHROMA = (0.115, 0.135, 0.12, 0.13, 0.165, 0.165)
_HUE_DEG = {
    "thickness": (303.0, 272.0, 230.0, 175.0, 140.0, 104.0),
    "gap": (278.0, 310.0, 345.0, 385.0, 420.0, 465.0),
}

#: Smallest step between the labels of a colour bar, mm. Printers are accurate to about 0.1 mm: a
#: narrower range would colour noise.
_LEAST_STEP_MM = 0.2

# OKLab to linear sRGB (B. Ottosson, "A perceptual color space for image processing", 2020).
_LMS_FROM_LAB = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_RGB_FROM_LMS = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@dataclass(frozen=True)
class ColourScale:
    """A quantity in millimetres, its colours, and the range they span.

    Attributes
    ----------
    quantity : str
        ``"thickness"`` or ``"gap"``; selects the hues.
    low_mm, high_mm : float
        Values of the first and the last colour; values outside the range get the nearest end colour.
    ticks_mm : tuple of float
        Round values inside the range, for the labels of the colour bar.
    """

    quantity: str
    low_mm: float
    high_mm: float
    ticks_mm: tuple[float, ...]

    @classmethod
    def of_values(cls, quantity: str, values_mm: ArrayLike) -> ColourScale:
        """Return a range with round limits that holds the 1st to the 99th percentile of finite values (n,).

        One percent at either end is left out so that a single spike does not flatten the colours of the
        whole part.
        """
        values = np.asarray(values_mm, float)
        finite = values[np.isfinite(values)]
        if not len(finite):
            raise InputError(f"expected at least one finite {quantity} in mm, got none: omit {quantity}_mm")
        low, high = (float(v) for v in np.percentile(finite, (1, 99)))
        step = max(round_step((high - low) / 4), _LEAST_STEP_MM)
        low_index = np.floor(low / step + 1e-6)
        high_index = max(np.ceil(high / step - 1e-6), low_index + 1)
        ticks = tuple(float(round(i * step, 6)) for i in np.arange(low_index, high_index + 0.5))
        return cls(quantity, ticks[0], ticks[-1], ticks)

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The 256 sRGB colours (256, 3), 0 to 1, from low to high."""
        return colour_table(self.quantity)

    def colours(self, values_mm: ArrayLike) -> NDArray[np.float64]:
        """Return the sRGB colours (n, 3), 0 to 1, of values (n,); NaN becomes `NO_VALUE`."""
        values = np.asarray(values_mm, float)
        known = np.isfinite(values)
        fraction = np.clip(
            (np.where(known, values, self.low_mm) - self.low_mm) / (self.high_mm - self.low_mm), 0, 1
        )
        colours = self.table[np.rint(fraction * 255).astype(np.intp)]
        colours[~known] = NO_VALUE
        return colours


def round_step(length: float) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is at least `length` and at least 0.05."""
    length = max(float(length), 0.05)
    power = 10.0 ** np.floor(np.log10(length))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= length * (1 - 1e-9)))


def colour_table(quantity: str) -> NDArray[np.float64]:
    """Return 256 sRGB colours (256, 3), 0 to 1, of uniform OKLab lightness steps, for thickness or gap."""
    if quantity not in _HUE_DEG:
        raise InputError(f"expected quantity to be one of {', '.join(_HUE_DEG)}, got {quantity!r}")
    from scipy.interpolate import PchipInterpolator
    from scipy.ndimage import minimum_filter1d, uniform_filter1d

    place = np.linspace(0, 1, 256)
    knots = np.linspace(0, 1, len(_CHROMA))
    hue = np.radians(PchipInterpolator(knots, _HUE_DEG[quantity])(place))
    lightness = np.interp(place, (0, 1), _LIGHTNESS)
    chroma = np.minimum(PchipInterpolator(knots, _CHROMA)(place), _most_chroma(lightness, hue))
    chroma = uniform_filter1d(
        minimum_filter1d(chroma, 25), 25
    )  # no kinks where the sRGB gamut limits the chroma
    return encode_srgb(np.clip(_linear_rgb(lightness, chroma, hue), 0, 1))


def encode_srgb(linear: ArrayLike) -> NDArray[np.float64]:
    """Convert linear light, 0 to 1, to sRGB values, 0 to 1."""
    light = np.clip(linear, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def decode_srgb(encoded: ArrayLike) -> NDArray[np.float64]:
    """Convert sRGB values, 0 to 1, to linear light, 0 to 1."""
    values = np.clip(encoded, 0, 1)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _linear_rgb(
    lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return linear sRGB (n, 3) of OKLCh colours; out-of-gamut values are not clipped."""
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    return (lab @ _LMS_FROM_LAB.T) ** 3 @ _RGB_FROM_LMS.T


def _most_chroma(lightness: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest chroma (n,) inside the sRGB gamut at each lightness and hue, by bisection."""
    low, high = np.zeros_like(hue), np.full_like(hue, 0.4)
    for _ in range(20):
        middle = (low + high) / 2
        linear = _linear_rgb(lightness, middle, hue)
        in_gamut = ((linear >= 0) & (linear <= 1)).all(axis=1)
        low, high = np.where(in_gamut, middle, low), np.where(in_gamut, high, middle)
    return low
