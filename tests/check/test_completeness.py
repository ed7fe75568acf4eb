"""Completeness against the opening, the other side and the population, on heads whose truth is known."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_part import check_part
from meshimplant.check.completeness import measure_completeness
from meshimplant.check.reference import Reference
from meshimplant.check.shape import measure_shape
from meshimplant.complete.reference_of import reference_of
from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.edit.cut import trim_plane
from meshimplant.implant.surfaces import split_surfaces
from meshimplant.io.volumes import read_volume
from meshimplant.line.extract import extract
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

SIDE = AnalyticHead((1.0, 0.2, 0.6), half_angle_deg=24.0, turn_deg=(20.0, 8.0), shift_mm=(90.0, -40.0, 300.0))
NAMES = ("opening", "mirrored", "population")
SPEC = ImplantSpec(thickness_mm=6.0, thickness_max_mm=8.0)


@cache
def skull() -> Volume:
    return SIDE.mask(1.0)


@cache
def whole() -> Volume:
    return SIDE.mask(1.0, whole=True)


@cache
def reference() -> Reference:
    return reference_of(skull())


def _fractions(measures: dict) -> list[float | None]:
    return [measures[f"completeness_{name}_fraction"] for name in NAMES]


def test_the_right_part_is_complete_by_each_reference() -> None:
    measures, findings = measure_completeness(SIDE.part(), reference(), SPEC)
    assert findings == []
    assert min(_fractions(measures)) > 0.98
    assert measures["completeness_not_measured"] == {}


def test_half_a_part_is_half_complete_and_the_lack_is_placed() -> None:
    part = SIDE.part()
    upward = SIDE.turn @ (0.0, 0.0, 1.0)
    middle = SIDE.placed(SIDE.axis * SIDE.radius_mm(SIDE.axis[None], 0.5)[0])
    half = trim_plane(part, middle, upward, keep="above").mesh
    measures, findings = measure_completeness(half, reference(), SPEC)
    # The part is credited with what lies beside it, by 3 to 7 mm.
    assert all(0.45 < share < 0.75 for share in _fractions(measures))
    assert {finding.code for finding in findings} == {f"completeness.{name}" for name in NAMES}
    assert {finding.severity for finding in findings} == {"error"}
    lack = part.vertices[(part.vertices - middle) @ upward < -3.0]
    for finding in findings:
        place = np.asarray(finding.location_mm)
        assert (place - middle) @ upward < -3.0
        assert np.linalg.norm(lack - place, axis=1).min() < 5.0


@pytest.mark.parametrize("half_angle_deg", [20.0, 12.0])
def test_a_part_that_is_too_small_all_round(half_angle_deg: float) -> None:
    """Its own reconstruction is covered wholly; none of the three has a share in that."""
    small = AnalyticHead(
        SIDE.towards, half_angle_deg=half_angle_deg, turn_deg=SIDE.turn_deg, shift_mm=SIDE.shift_mm
    )
    missing = whole().with_array(whole().array & ~small.mask(1.0).array & 1)
    check = check_part(small.part(), skull=skull(), spec=SPEC, reference=reference(), defect_mask=missing)
    # Credited beyond the part, and not asked for along the bone, mm on a radius of about 77 mm.
    credited, spared = np.degrees(np.array([[2.8, 7.0, 2.8], [0.0, 4.0, 0.0]]) / 77)
    has, wanted = (1 - np.cos(np.radians(deg)) for deg in (half_angle_deg - 0.6 + credited, 24.0 - spared))
    assert _fractions(check.measures) == pytest.approx(list(np.minimum(has / wanted, 1.0)), abs=0.09)
    assert {criterion.name: criterion.score for criterion in check.criteria}["completeness"] == 0
    assert check.verdict == "failed"


def test_what_cannot_be_measured_is_said_with_its_reason() -> None:
    measures, findings = measure_completeness(SIDE.part(), None, SPEC)
    assert _fractions(measures) == [None] * 3
    assert measures["completeness_fraction"] is None
    assert set(measures["completeness_not_measured"].values()) == {"no reference was given"}
    assert findings == []
    empty = reference_of(whole())
    measures, _ = measure_completeness(SIDE.part(), empty, SPEC)
    assert _fractions(measures) == [None] * 3
    assert all("no defect found" in why for why in measures["completeness_not_measured"].values())


def test_with_both_sides_missing_the_other_side_says_nothing() -> None:
    first = AnalyticHead((1.0, 0.2, 0.6), half_angle_deg=20.0)
    second = AnalyticHead((-1.0, 0.2, 0.6), half_angle_deg=24.0)
    one, two = first.mask(1.0), second.mask(1.0)
    both = Volume(one.array & two.array, one.affine)
    measures, findings = measure_completeness(first.part(), reference_of(both), SPEC)
    opening, mirrored, population = _fractions(measures)
    assert mirrored is None
    assert "other side has no bone there" in measures["completeness_not_measured"]["mirrored"]
    assert min(opening, population) > 0.97
    assert findings == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "kind", "cut"), [(4, "orbital", 1), (4, "orbital", 2), (4, "frontoorbital", 1)]
)
def test_true_bone_beside_the_orbit_is_complete(seed: int, kind: str, cut: int) -> None:
    """The opening runs into the orbit there, which no part closes."""
    case = craniectomy(skull_phantom(spacing_mm=1.5, seed=seed), kind=kind, seed=cut)
    _assert_right(case)


@pytest.mark.slow
@pytest.mark.realdata
def test_the_true_bone_of_a_real_skull_has_no_finding(data_folder: Path) -> None:
    """A training skull; the limits were not chosen on others."""
    whole = read_volume(data_folder / "skullfix" / "complete_skull" / "022.nrrd")
    _assert_right(craniectomy(whole, kind="frontoorbital", seed=1))


def _assert_right(case: Craniectomy) -> None:
    """Assert that the missing bone itself, as a part, is complete and lies where it is expected."""
    low, high = bounding_box(case.truth.array)
    part = extract(case.truth.crop(low - 3, high + 3))
    expected = reference_of(case.defective)
    measures, findings = measure_completeness(part, expected, SPEC)
    assert min(_fractions(measures)) > 0.97
    surfaces = split_surfaces(part, inside_mm=expected.pose.centre_mm)
    assert findings + measure_shape(part, surfaces, expected)[1] == []
