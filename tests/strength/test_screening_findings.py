"""screening_findings: each published limit, from both sides."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.report import Finding
from meshimplant.strength.screening import LoadCase, LoadName
from meshimplant.strength.screening_findings import HOLE_FACTOR, screening_findings

HERE, THERE = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)
STRENGTH_MPA = 90.0


def _case(
    name: LoadName = "middle", *, deflection_mm: float = 0.5, stress_mpa: float = 20.0, load: float = 100.0
) -> LoadCase:
    pressure = name == "pressure"
    place, unit = (None, "kPa") if pressure else (HERE, "N")
    return LoadCase(
        name, load, unit, place, deflection_mm, HERE, stress_mpa, THERE, STRENGTH_MPA / stress_mpa
    )


def _findings(
    *cases: LoadCase,
    failure_load_n: float = 300.0,
    volume: float = 1.0,
    holes: int = 0,
    beside: tuple | None = None,
) -> tuple[Finding, ...]:
    return screening_findings(
        (*cases, _case("weakest place")), failure_load_n, STRENGTH_MPA, volume, holes, beside
    )


def _codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def test_a_stiff_and_strong_part_has_no_findings() -> None:
    assert _findings(_case(deflection_mm=1.99, stress_mpa=89.0), failure_load_n=100.0, volume=0.97) == ()


@pytest.mark.parametrize("name", ["middle", "pressure"])
def test_more_than_two_millimetres_are_a_warning(name: LoadName) -> None:
    (finding,) = _findings(_case(name, deflection_mm=2.01))
    assert (finding.code, finding.severity, finding.value, finding.limit) == (
        "strength.deflection",
        "warning",
        2.01,
        2.0,
    )
    assert (finding.unit, finding.location_mm) == ("mm", HERE)
    assert ("from inside" if name == "pressure" else "at the middle") in finding.message


def test_a_strength_that_is_reached_below_100_n_is_one_warning() -> None:
    (finding,) = _findings(_case(stress_mpa=95.0), failure_load_n=99.0)
    assert (finding.code, finding.severity) == ("strength.failure_load", "warning")
    assert (finding.value, finding.limit, finding.unit, finding.location_mm) == (99.0, 100.0, "N", HERE)


def test_a_stress_above_the_strength_is_a_warning_of_its_own_from_other_loads() -> None:
    (finding,) = _findings(_case(stress_mpa=95.0, load=400.0))
    assert (finding.code, finding.value, finding.limit) == ("strength.stress", 95.0, STRENGTH_MPA)
    assert finding.location_mm == THERE
    inside = _findings(_case("pressure", stress_mpa=95.0), failure_load_n=50.0)
    assert _codes(inside) == ["strength.failure_load", "strength.stress"]


@pytest.mark.parametrize("volume", [0.95, 1.05])
def test_voxels_that_lose_the_wall_are_a_warning(volume: float) -> None:
    (finding,) = _findings(volume=volume)
    assert (finding.code, finding.unit) == ("strength.resolution", "fraction")
    assert finding.value == pytest.approx(0.05)


def test_holes_are_a_remark_because_the_stress_beside_them_is_not_resolved() -> None:
    (finding,) = _findings(holes=12)
    assert (finding.code, finding.severity, finding.value) == ("strength.holes", "info", 12.0)
    (finding,) = _findings(holes=12, beside=(10.0, THERE))
    assert (finding.severity, finding.unit, finding.location_mm) == ("info", "MPa", THERE)
    assert finding.value == pytest.approx(31.0)
    assert "12 holes" in finding.message
    (finding,) = _findings(holes=1, beside=(STRENGTH_MPA / 3, THERE))
    assert finding.severity == "warning"


def test_the_factor_beside_holes_bounds_the_theory_of_plates() -> None:
    first, second = np.ones(201), np.linspace(-1, 1, 201)
    edge = np.maximum(np.abs(3 * first - second), np.abs(3 * second - first))
    ratio = edge / np.sqrt(first**2 - first * second + second**2)
    assert 0.98 * HOLE_FACTOR < ratio.max() <= HOLE_FACTOR
