"""The free border: found where no bone lies opposite, left out of the gap, and measured as it ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import trimesh
from free_parts import (
    BONE_FROM_MM,
    INNER_MM,
    OUTER_MM,
    bone_of,
    disc,
    in_site,
    on_map,
    part_of,
    ragged,
    with_slit,
    with_tongue,
)

from meshimplant.check.check_fit import FitCheck, check_fit
from meshimplant.edit.end_free_border import end_free_border
from meshimplant.report import Finding


def _fit(part: trimesh.Trimesh, *, everywhere: bool = False) -> FitCheck:
    return check_fit(part, bone_of(everywhere=everywhere), inside_mm=(0, 0, 0))


def _found(fit: FitCheck) -> dict[str, Finding]:
    return {finding.code: finding for finding in fit.findings if finding.code.startswith("border.")}


@pytest.fixture(scope="module")
def smooth() -> FitCheck:
    part = part_of(disc)
    return _fit(end_free_border(part, in_site(part)).mesh)


def test_share_and_place_of_the_free_border_are_told(smooth: FitCheck) -> None:
    angle = 2 * np.arccos(-BONE_FROM_MM / 30)  # of the disc's border below the bone
    assert smooth.measures["border_free_fraction"] == pytest.approx(angle / (2 * np.pi), abs=0.04)
    (stretch,) = smooth.measures["border_free_places"]
    assert stretch["length_mm"] == pytest.approx(smooth.measures["border_free_mm"])
    x, y, _ = on_map(np.array(stretch["middle_mm"]))
    assert abs(x) < 12
    assert y < -22
    free = _found(smooth)["border.free"]
    assert (free.severity, free.location_mm) == ("info", tuple(stretch["middle_mm"]))


def test_the_gap_is_measured_against_bone_that_exists(smooth: FitCheck) -> None:
    assert smooth.measures["gap_excludes"] == ["border.free"]
    assert smooth.measures["gap_median_mm"] == pytest.approx(0.8, abs=0.2)
    assert smooth.measures["gap_p95_mm"] < 2.0
    assert abs(smooth.measures["step_median_mm"]) < 0.2
    assert smooth.measures["border_angle_p95_deg"] < 15


def test_bone_all_around_leaves_no_free_border() -> None:
    fit = _fit(part_of(disc), everywhere=True)
    assert fit.measures["border_free_fraction"] == 0
    assert fit.measures["gap_excludes"] == fit.measures["border_free_places"] == []
    assert fit.measures["border_free_tongue_mm"] is None
    assert _found(fit) == {}


def test_a_gap_that_is_too_wide_is_no_free_border() -> None:
    def narrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return disc(x, y) - 2.2  # 3 mm to bone all around

    fit = _fit(part_of(narrow), everywhere=True)
    assert fit.measures["border_free_fraction"] == 0
    assert fit.measures["gap_median_mm"] == pytest.approx(3.0, abs=0.2)


def test_a_part_without_bone_opposite_most_of_its_border_is_a_warning() -> None:
    def beside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.minimum(disc(x, y), -5 - y)

    assert _found(_fit(part_of(beside)))["border.free"].severity == "warning"


def _ended(fit: FitCheck) -> dict[str, Any]:
    return {name: fit.measures[f"border_free_{name}"] for name in ("tongue_mm", "slit_mm", "radius_mm")}


def test_a_ragged_border_is_named_before_and_smooth_after() -> None:
    part = part_of(ragged)
    before, after = _fit(part), _fit(end_free_border(part, in_site(part)).mesh)
    assert {"border.tongue", "border.slit", "border.radius"} <= set(_found(before))
    assert set(_found(after)) == {"border.free"}
    assert _ended(before)["tongue_mm"] < 6
    assert _ended(before)["slit_mm"] < 4.5
    assert after.measures["border_free_edge_mm"] > 3


@pytest.mark.parametrize(("width_mm", "named"), [(7.0, True), (9.5, False)])
def test_both_sides_of_the_limit_of_tongues(width_mm: float, named: bool) -> None:
    fit = _fit(part_of(with_tongue(width_mm)))
    assert ("border.tongue" in _found(fit)) == named
    assert fit.measures["border_free_tongue_mm"] == pytest.approx(width_mm, abs=1.0)
    if named:
        x, y, _ = on_map(np.array(_found(fit)["border.tongue"].location_mm))
        assert abs(x) < 6
        assert y < -27


@pytest.mark.parametrize(("width_mm", "named"), [(4.5, True), (7.5, False)])
def test_both_sides_of_the_limit_of_slits(width_mm: float, named: bool) -> None:
    fit = _fit(part_of(with_slit(width_mm)))
    assert ("border.slit" in _found(fit)) == named
    assert fit.measures["border_free_slit_mm"] == pytest.approx(width_mm, abs=1.0)


@pytest.mark.parametrize(("radius_mm", "named"), [(1.0, True), (5.0, False)])
def test_both_sides_of_the_limit_of_the_radius(radius_mm: float, named: bool) -> None:
    def lobe(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A square end, 24 mm wide, with rounded corners; its neck joins the disc below its border."""
        aside, below = np.abs(x) - (12 - radius_mm), -y - (38 - radius_mm)
        corner = radius_mm - np.hypot(np.maximum(aside, 0), np.maximum(below, 0))
        return np.minimum(np.where((aside < 0) & (below < 0), 12.0, corner), y + 60)

    def body(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The disc above y = -8 with bone, and the lobe, joined in fillets of 8 mm."""
        a, b = disc(x, y), np.where(y < 0, lobe(x, y), -1.0)
        blend = np.clip(0.5 + (a - b) / 16, 0, 1)
        return a * blend + b * (1 - blend) + 8 * blend * (1 - blend)

    fit = _fit(part_of(body))
    assert ("border.radius" in _found(fit)) == named


@pytest.mark.parametrize(("wall_mm", "named"), [(1.2, True), (1.9, False)])
def test_both_sides_of_the_limit_of_the_edge(wall_mm: float, named: bool) -> None:
    def inner_mm(_: np.ndarray, y: np.ndarray) -> np.ndarray:
        return INNER_MM + (4 - wall_mm) * np.clip((-17 - y) / 3, 0, 1)

    fit = _fit(part_of(disc, inner_mm=inner_mm))
    assert ("border.thin" in _found(fit)) == named
    assert fit.measures["border_free_edge_mm"] == pytest.approx(wall_mm, abs=0.3)


@pytest.mark.parametrize(("slope", "named"), [(0.5, False), (8.0, True)])
def test_both_sides_of_the_limit_of_turning_inward(slope: float, named: bool) -> None:
    def sunk(_: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.minimum(slope * np.maximum(-24 - y, 0), 18.0)

    part = part_of(
        disc, outer_mm=lambda x, y: OUTER_MM - sunk(x, y), inner_mm=lambda x, y: INNER_MM - sunk(x, y)
    )
    fit = _fit(part)
    assert ("border.curl" in _found(fit)) == named
