"""Colours of the pictures: perceptually uniform colour scales that map each quantity to sRGB.

The lightness of all scales rises evenly, so that their order survives greyscale print and every kind of
colour blindness. The hues of scales in one picture differ, so that a thickness map is not mistaken for
a gap map, or stress for deflection.
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
TEMPLATE: Final = (0.38, 0.64, 0.36)
CUT: Final = (0.80, 0.16, 0.12)
NO_VALUE: Final = (0.79, 0.805, 0.825)

# Path of each scale in OKLCh, hue in degrees at equal steps; lightness is linear between its two ends.
_LIGHTNESS = (0.30, 0.92)
_CHROMA = (0.115, 0.135, 0.12, 0.13, 0.165, 0.165)
_HUE_DEG = {
    "thickness": (303.0, 272.0, 230.0, 175.0, 140.0, 104.0),
    "gap": (278.0, 310.0, 345.0, 385.0, 420.0, 465.0),
    "deflection": (265.0, 235.0, 205.0, 175.0, 145.0, 115.0),
    "stress": (345.0, 370.0, 390.0, 410.0, 440.0, 465.0),
    "deviation": (285.0, 260.0, 215.0, 140.0, 85.0, 65.0),
}
_UNITS = {"thickness": "mm", "gap": "mm", "deflection": "mm", "stress": "MPa", "deviation": "mm"}

#: Smallest step between the labels of a colour bar, in the unit of its quantity. Printers are accurate to
#: about 0.1 mm: a narrower range of thickness or gap would colour noise. Deflection and stress are computed.
_LEAST_STEP = {"thickness": 0.2, "gap": 0.2, "deflection": 0.002, "stress": 0.02, "deviation": 0.5}

#: Fixed range around the prescribed thickness, and of the gap, mm: parts can be compared by eye, and noise of
#: a tenth of a millimetre does not look like variation. A gap of 3 mm is the widest that passes the check.
#: Heads are symmetric to about 2 mm: a deviation from the other side of 4 mm can be seen on the patient.
THICKNESS_AROUND_MM, _GAP_RANGE_MM, _DEVIATION_RANGE_MM = 1.0, (0.0, 3.0), (-4.0, 4.0)

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
    """A quantity, its colours, and the range they span, in the unit of the quantity.

    Attributes
    ----------
    quantity : str
        ``"thickness"``, ``"gap"``, ``"deflection"``, ``"stress"`` or ``"deviation"`` (from the other side of
        the head, positive where the part stands out); selects hues and unit.
    low, high : float
        Values of the first and the last colour; values outside the range get the nearest end colour.
    ticks : tuple of float
        Round values inside the range, for the labels of the colour bar.
    fixed : bool
        Whether the range was chosen without looking at the values, which may then lie outside it.
    """

    quantity: str
    low: float
    high: float
    ticks: tuple[float, ...]
    fixed: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The ticks as text; those of a fixed range say that values beyond it have the colour of its ends."""
        words = [f"{tick:g}" for tick in self.ticks]
        if self.fixed:
            words[-1] = f"\u2265{words[-1]}"
            if self.quantity != "gap":
                words[0] = f"\u2264{words[0]}"
        return tuple(words)

    @property
    def unit(self) -> str:
        """``mm``, or ``MPa`` for stress."""
        return _UNITS[self.quantity]

    @classmethod
    def of_values(cls, quantity: str, values: ArrayLike) -> ColourScale:
        """Return a range with round limits that holds the 1st to the 99th percentile of finite values (n,).

        One percent at either end is left out so that a single spike does not flatten the colours of the
        whole part.
        """
        known = np.asarray(values, float)
        finite = known[np.isfinite(known)]
        if not len(finite):
            raise InputError(f"expected at least one finite {quantity}, got none: leave its values out")
        low, high = (float(v) for v in np.percentile(finite, (1, 99)))
        least = _LEAST_STEP[quantity]
        step = max(round_step((high - low) / 4, least=min(least, 0.05)), least)
        low_index = np.floor(low / step + 1e-6)
        high_index = max(np.ceil(high / step - 1e-6), low_index + 1)
        ticks = tuple(float(round(i * step, 6)) for i in np.arange(low_index, high_index + 0.5))
        return cls(quantity, ticks[0], ticks[-1], ticks)

    @classmethod
    def of_prescription(
        cls, quantity: str, values: ArrayLike, *, asked_thickness_mm: float | None = None
    ) -> ColourScale:
        """Return the range that the prescription fixes, or that of the values (n,) where it fixes none.

        Thickness: 1 mm to either side of what was asked. Gap: 0 to 3 mm. Deviation: 4 mm to either side of
        none. Source: our choice.
        """
        if quantity == "gap":
            low, high = _GAP_RANGE_MM
            return cls(quantity, low, high, (0.0, 1.0, 2.0, 3.0), fixed=True)
        if quantity == "deviation":
            low, high = _DEVIATION_RANGE_MM
            return cls(quantity, low, high, (low, -2.0, 0.0, 2.0, high), fixed=True)
        if quantity != "thickness" or asked_thickness_mm is None:
            return cls.of_values(quantity, values)
        low = max(asked_thickness_mm - THICKNESS_AROUND_MM, 0.0)
        high = asked_thickness_mm + THICKNESS_AROUND_MM
        return cls(quantity, low, high, (low, asked_thickness_mm, high), fixed=True)

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """The 256 sRGB colours (256, 3), 0 to 1, from low to high."""
        return colour_table(self.quantity)

    def colours(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the sRGB colours (n, 3), 0 to 1, of values (n,); NaN becomes `NO_VALUE`."""
        numbers = np.asarray(values, float)
        known = np.isfinite(numbers)
        fraction = np.clip((np.where(known, numbers, self.low) - self.low) / (self.high - self.low), 0, 1)
        colours = self.table[np.rint(fraction * 255).astype(np.intp)]
        colours[~known] = NO_VALUE
        return colours


def round_step(length: float, *, least: float = 0.05) -> float:
    """Return the smallest of 1, 2, 5 times a power of ten that is at least `length` and at least `least`."""
    length = max(float(length), least)
    power = 10.0 ** np.floor(np.log10(length))
    return float(next(m * power for m in (1, 2, 5, 10) if m * power >= length * (1 - 1e-9)))


def colour_table(quantity: str) -> NDArray[np.float64]:
    """Return 256 sRGB colours (256, 3), 0 to 1, of uniform OKLab lightness steps, for a quantity."""
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


def css_colour(colour: ArrayLike) -> str:
    """Return an sRGB colour, 0 to 1, in CSS notation."""
    red, green, blue = (round(255 * float(c)) for c in np.asarray(colour))
    return f"rgb({red} {green} {blue})"


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
