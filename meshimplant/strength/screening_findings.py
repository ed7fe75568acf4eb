"""`screening_findings`: what a person should know of a screening, with the published limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meshimplant.report import Finding, Place
from meshimplant.runtime.value_text import count_of
from meshimplant.strength.screening import LoadCase

#: Largest deflection, mm: Designs 8:31, 2024 (a bar for implants under load, read in an abstract).
MOST_DEFLECTION_MM = 2.0
#: Static force that a part must bear, N: acceptance in the 510(k) K161090 (read in a summary).
ACCEPTED_LOAD_N = 100.0
#: Stress at the edge of a round hole over the von Mises stress around it, at most: 3 s1 - s2 at the edge
#: (Kirsch) is 3.06 times the von Mises stress of s1 and s2 at the most. In bending it is less: 1.8 to 3
#: (Peterson's Stress Concentration Factors, chapter 4).
HOLE_FACTOR = 3.1
#: Largest difference between the volumes of the part and of its cubes, as a fraction. Our choice: three times
#: that is missing from the stiffness in bending.
_VOLUME_FRACTION = 0.04


def screening_findings(
    cases: Sequence[LoadCase],
    failure_load_n: float,
    strength_mpa: float,
    cubes_fraction: float,
    holes: int,
    beside_holes: tuple[float, Place] | None = None,
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
    beside_holes : (float, Place), optional
        Largest stress read around a hole, MPa, and its place; None where none counts.
    """
    return (
        *_deflection(cases),
        *_failure_load(cases, failure_load_n),
        *_stress(cases, failure_load_n, strength_mpa),
        *_resolution(cubes_fraction),
        *_holes(holes, beside_holes, strength_mpa),
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


def _holes(holes: int, beside: tuple[float, Place] | None, strength_mpa: float) -> Iterator[Finding]:
    """Yield an upper bound of the stress beside holes, a warning where it exceeds the strength."""
    if not holes:
        return
    if beside is None:
        yield Finding(
            "strength.holes",
            "info",
            f"the part has {count_of(holes, 'hole')}, all within the zone around the fixation in which "
            "stresses do not count",
            float(holes),
        )
        return
    around_mpa, place = beside
    bound_mpa = HOLE_FACTOR * around_mpa
    yield Finding(
        "strength.holes",
        "warning" if bound_mpa > strength_mpa else "info",
        f"the part has {count_of(holes, 'hole')}: the stress at the edge of one is not resolved; it is at "
        f"most {bound_mpa:.1f} MPa here, {HOLE_FACTOR:g} times the {around_mpa:.1f} MPa around it (round "
        "holes at least three diameters apart)",
        bound_mpa,
        strength_mpa,
        "MPa",
        place,
    )


def _load(case: LoadCase) -> str:
    where = "from inside" if case.name == "pressure" else f"at the {case.name}"
    return f"{case.load:g} {case.unit} {where}"
