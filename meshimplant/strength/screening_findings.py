"""`screening_findings`: what a person should know of a screening, with the published limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshimplant.report import Finding
from meshimplant.runtime.value_text import count_of
from meshimplant.strength.screening import LoadCase

#: Largest deflection, mm: Designs 8:31, 2024 (a bar for implants under load, read in an abstract).
MOST_DEFLECTION_MM = 2.0
#: Static force that a part must bear, N: acceptance in the 510(k) K161090 (read in a summary).
ACCEPTED_LOAD_N = 100.0
#: Largest difference between the volumes of the part and of its cubes, as a fraction. Our choice: three times
#: that is missing from the stiffness in bending.
_VOLUME_FRACTION = 0.04


def screening_findings(
    cases: Sequence[LoadCase], failure_load_n: float, strength_mpa: float, cubes_fraction: float, holes: int
) -> tuple[Finding, ...]:
    """Return the findings of a screening.

    Parameters
    ----------
    cases : sequence of LoadCase
    failure_load_n : float
        Force at the weakest place at which the stress reaches the strength.
    strength_mpa : float
        The material's strength.
    cubes_fraction : float
        Volume of the cubes over that of the part.
    holes : int
        Number of holes through the part.
    """
    return (
        *_deflection(cases),
        *_failure_load(cases, failure_load_n),
        *_stress(cases, failure_load_n, strength_mpa),
        *_resolution(cubes_fraction),
        *_holes(holes),
    )


def _deflection(cases: Sequence[LoadCase]) -> Iterator[Finding]:
    worst = max(cases, key=lambda case: case.deflection_mm)
    if worst.deflection_mm > MOST_DEFLECTION_MM:
        yield Finding(
            "strength.deflection",
            "warning",
            f"expected the part to bend by at most {MOST_DEFLECTION_MM:g} mm, got more under {_load(worst)}: "
            "make it thicker, or fix it at more points",
            worst.deflection_mm,
            MOST_DEFLECTION_MM,
            "mm",
            worst.deflection_place_mm,
        )


def _failure_load(cases: Sequence[LoadCase], failure_load_n: float) -> Iterator[Finding]:
    if failure_load_n < ACCEPTED_LOAD_N:
        weakest = next(case for case in cases if case.name == "weakest place")
        yield Finding(
            "strength.failure_load",
            "warning",
            "expected the stress to stay below the material's strength up to the force that a part must "
            "bear, got a lower force at the weakest place: make it thicker there, or fix it at more points",
            failure_load_n,
            ACCEPTED_LOAD_N,
            "N",
            weakest.place_mm,
        )


def _stress(cases: Sequence[LoadCase], failure_load_n: float, strength_mpa: float) -> Iterator[Finding]:
    """Yield the worst stress above the strength, unless a finding of the failure load says it already."""
    known = failure_load_n < ACCEPTED_LOAD_N
    beyond = [case for case in cases if case.strength_ratio < 1 and not (known and case.name != "pressure")]
    if beyond:
        worst = max(beyond, key=lambda case: case.stress_mpa)
        yield Finding(
            "strength.stress",
            "warning",
            f"expected a stress below the material's strength, got more under {_load(worst)}: make the part "
            "thicker there, or fix it at more points",
            worst.stress_mpa,
            strength_mpa,
            "MPa",
            worst.stress_place_mm,
        )


def _resolution(cubes_fraction: float) -> Iterator[Finding]:
    if abs(cubes_fraction - 1) > _VOLUME_FRACTION:
        yield Finding(
            "strength.resolution",
            "warning",
            "expected the voxels to hold the part's volume, got another one, so that thin walls are missing "
            "or swollen and the results are not to be used: take smaller voxels",
            abs(cubes_fraction - 1),
            _VOLUME_FRACTION,
            "fraction",
        )


def _holes(holes: int) -> Iterator[Finding]:
    """Yield a remark on holes: a plate bent beside a hole bears 1.8 to 3 times its stress (Peterson)."""
    if holes:
        yield Finding(
            "strength.holes",
            "info",
            f"the part has {count_of(holes, 'hole')}: the stress beside one of a few millimetres is two to "
            "three times what is shown, so divide the strength ratios by three there",
            float(holes),
        )


def _load(case: LoadCase) -> str:
    where = "from inside" if case.name == "pressure" else f"at the {case.name}"
    return f"{case.load:g} {case.unit} {where}"
