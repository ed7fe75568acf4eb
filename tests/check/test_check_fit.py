"""The fit of a part whose gap, steps, coverage and overlap are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import trimesh
from defects import Defect, conical_defect
from shapes import Body, cap, oblique, plain_mesh, random_rotation

from meshimplant.check.check_fit import FitCheck, check_fit
from meshimplant.check.check_part import check_part
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.trim import trim
from meshimplant.implant.wall_thickness import measure_thickness
from meshimplant.line.extract import extract
from meshimplant.report import Finding
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

SPACING_MM = (0.5, 0.5, 0.65)
FAR_MM = np.array([260.0, -310.0, 150.0])
#: The ideal implant of the round hole below: 0.8 mm smaller all round, flush, as thick as the skull.
GAP_DEG = float(np.degrees(0.8 / 77))


@cache
def _defect() -> tuple[Defect, Volume]:
    defect = conical_defect()
    return defect, defect.bone.mask(SPACING_MM)


def _ideal(defect: Defect, *, smaller_deg: float = GAP_DEG) -> trimesh.Trimesh:
    return cap(defect.radius_mm, defect.thickness_mm, defect.half_angle_deg - smaller_deg, edge_mm=1.0).mesh


def _finding(fit: FitCheck, code: str) -> Finding:
    found = [finding for finding in fit.findings if finding.code == code]
    assert found, [finding.code for finding in fit.findings]
    assert found[0].location_mm is not None
    return found[0]


def test_the_ideal_part_has_no_finding() -> None:
    defect, skull = _defect()
    fit = check_fit(_ideal(defect), skull)
    assert fit.findings == ()
    assert fit.passed
    assert fit.measures["gap_median_mm"] == pytest.approx(0.8, abs=0.1)
    assert fit.measures["gap_p5_mm"] > 0.65
    assert fit.measures["gap_p95_mm"] < 1.0
    assert fit.measures["penetration_mm3"] == 0
    assert fit.measures["penetration_mm"] == 0
    assert fit.measures["coverage_fraction"] > 0.995
    assert fit.measures["outside_fraction"] == 0
    assert abs(fit.measures["step_median_mm"]) < 0.1
    assert fit.measures["step_p95_mm"] < 0.3
    assert fit.measures["border_angle_median_deg"] < 1.0
    assert fit.measures["border_angle_p95_deg"] < 2.5
    assert fit.measures["bone_thickness_median_mm"] == pytest.approx(6, abs=0.1)
    assert fit.measures["opening_coverage_fraction"] > 0.995
    assert fit.measures["inward_protrusion_mm"] < 0.3
    assert not fit.measures["detached"]


def test_maps_are_per_vertex() -> None:
    defect, skull = _defect()
    mesh = _ideal(defect)
    fit = check_fit(mesh, skull)
    assert fit.gap_mm.shape == fit.thickness_mm.shape == (len(mesh.vertices),)
    wall = ~np.isnan(fit.gap_mm)
    np.testing.assert_allclose(fit.gap_mm[wall], 0.8, atol=0.35)
    assert 0.02 < wall.mean() < 0.2
    assert np.nanmedian(fit.thickness_mm) == pytest.approx(6, abs=0.03)


def test_a_known_thickness_changes_nothing() -> None:
    defect, skull = _defect()
    mesh, centre = _ideal(defect), (1.0, -2.0, 3.0)
    fresh = check_fit(mesh, skull, inside_mm=centre)
    known = check_fit(mesh, skull, inside_mm=centre, wall=measure_thickness(mesh, inside_mm=centre))
    assert known.measures == fresh.measures
    assert known.findings == fresh.findings
    assert np.array_equal(known.gap_mm, fresh.gap_mm, equal_nan=True)


@pytest.mark.parametrize("rotation", [oblique(), random_rotation(3), np.diag([-1.0, 1.0, -1.0])])
def test_the_numbers_do_not_depend_on_place_or_grid(rotation: np.ndarray) -> None:
    defect, skull = _defect()
    home = check_fit(_ideal(defect), skull).measures
    moved = plain_mesh(_ideal(defect).vertices @ rotation.T + FAR_MM, _ideal(defect).faces)
    there = check_fit(moved, defect.bone.moved(rotation, FAR_MM).mask(SPACING_MM)).measures
    for name, tolerance in (
        ("gap_median_mm", 0.05),
        ("gap_p95_mm", 0.1),
        ("coverage_fraction", 0.01),
        ("step_median_mm", 0.1),
        ("border_angle_median_deg", 2.0),
        ("border_angle_p95_deg", 7.0),
    ):
        assert there[name] == pytest.approx(home[name], abs=tolerance), name


def test_overlap_with_bone_is_measured_in_volume_and_depth() -> None:
    defect, skull = _defect()
    smaller = float(np.degrees(-1.5 / 77))
    fit = check_fit(_ideal(defect, smaller_deg=smaller), skull)
    low, high = np.radians(defect.half_angle_deg), np.radians(defect.half_angle_deg - smaller)
    volume = 2 / 3 * np.pi * (80**3 - 74**3) * (np.cos(low) - np.cos(high))
    assert fit.measures["penetration_mm3"] == pytest.approx(volume, rel=0.05)
    finding = _finding(fit, "fit.penetration")
    assert finding.value == pytest.approx(1.5, abs=0.25)
    assert defect.bone.distance(np.array([finding.location_mm]))[0] > 1.0
    assert not fit.passed


def test_a_loose_part_has_too_wide_a_gap() -> None:
    defect, skull = _defect()
    fit = check_fit(_ideal(defect, smaller_deg=float(np.degrees(2.4 / 77))), skull)
    assert _finding(fit, "fit.gap_median").value == pytest.approx(2.4, abs=0.15)
    assert _finding(fit, "fit.gap_p95").limit == pytest.approx(1.3)
    asked = ImplantSpec().with_values(clearance_mm=2.4)
    codes = {
        finding.code
        for finding in check_fit(
            _ideal(defect, smaller_deg=float(np.degrees(2.4 / 77))), skull, spec=asked
        ).findings
    }
    assert not codes & {"fit.gap_median", "fit.gap_p95", "fit.gap_min"}


@pytest.mark.parametrize(
    ("smaller_mm", "severity", "score"), [(0.8, None, 1.0), (2.4, "warning", 0.5), (3.6, "error", 0.0)]
)
def test_a_gap_that_is_not_closed_fails_and_says_how_to_close_it(
    smaller_mm: float, severity: str | None, score: float
) -> None:
    defect, skull = _defect()
    part = _ideal(defect, smaller_deg=float(np.degrees(smaller_mm / 77)))
    check = check_part(part, skull=skull, spec=ImplantSpec(thickness_mm=6.0))
    found = [finding for finding in check.findings if finding.code == "fit.gap_p95"]
    assert [finding.severity for finding in found] == ([severity] if severity else [])
    wide = [finding for finding in check.findings if finding.code.startswith("fit.gap_")]
    assert all("trimming only widens the gap" in finding.message for finding in wide)
    assert {criterion.name: criterion.score for criterion in check.criteria}["fit"] == score
    assert check.passed is (not any(finding.severity == "error" for finding in check.findings))


@pytest.mark.parametrize(
    ("raised_mm", "severity"), [(0.5, "warning"), (-0.5, "warning"), (1.3, "error"), (-1.3, "error")]
)
def test_a_step_all_along_the_border_fails(raised_mm: float, severity: str) -> None:
    defect, skull = _defect()
    mesh = cap(80 + raised_mm, 6, defect.half_angle_deg - GAP_DEG, edge_mm=1.0).mesh
    finding = _finding(check_fit(mesh, skull), "fit.step")
    assert finding.severity == severity
    assert finding.value == pytest.approx(abs(raised_mm), abs=0.15)
    assert finding.value > finding.limit


@pytest.mark.parametrize("smaller_deg", [GAP_DEG, 2.0, 3.0, 6.0])
@pytest.mark.parametrize("given", ["none", "own", "true"])
def test_no_part_passes_with_a_fit_of_0_or_a_completeness_below_08(smaller_deg: float, given: str) -> None:
    defect, skull = _defect()
    half_deg = defect.half_angle_deg - smaller_deg
    masks = {"own": cap(80, 6, half_deg).mask(SPACING_MM, grid=skull), "true": _missing(defect, skull)}
    part = _ideal(defect, smaller_deg=smaller_deg)
    check = check_part(
        part, skull=skull, defect_mask=masks.get(given), spec=ImplantSpec(thickness_mm=6.0, clearance_mm=2.0)
    )
    scores = {criterion.name: criterion.score for criterion in check.criteria}
    low = [name for name, least in (("fit", 0.1), ("completeness", 0.8)) if scores[name] < least]
    assert check.verdict == "failed" or not low
    if smaller_deg > 5:
        assert "completeness" in low
        assert "fit.coverage" in {finding.code for finding in check.findings}


def test_a_tight_part_is_named() -> None:
    defect, skull = _defect()
    fit = check_fit(_ideal(defect, smaller_deg=float(np.degrees(0.3 / 77))), skull)
    finding = _finding(fit, "fit.gap_min")
    assert finding.value == pytest.approx(0.25, abs=0.2)
    assert fit.measures["penetration_mm3"] == 0


def test_a_part_that_covers_half_the_hole() -> None:
    defect, skull = _defect()
    small = _ideal(defect, smaller_deg=6.0)
    share = (1 - np.cos(np.radians(12 + np.degrees(1.4 / 77)))) / (1 - np.cos(np.radians(18)))
    for mask in (None, _missing(defect, skull)):
        fit = check_fit(small, skull, defect_mask=mask)
        assert fit.measures["coverage_fraction"] == pytest.approx(share, abs=0.04)
        place = np.array(_finding(fit, "fit.coverage").location_mm)
        polar = np.degrees(np.arccos(place[2] / np.linalg.norm(place)))
        assert 12 < polar < 18.5
    assert fit.measures["coverage_of"] == "reconstruction"


@pytest.mark.parametrize("raised_mm", [1.0, -1.2])
def test_the_step_at_the_rim_has_a_sign(raised_mm: float) -> None:
    defect, skull = _defect()
    mesh = cap(80 + raised_mm, 6, defect.half_angle_deg - GAP_DEG, edge_mm=1.0).mesh
    fit = check_fit(mesh, skull)
    assert fit.measures["step_median_mm"] == pytest.approx(raised_mm, abs=0.12)
    assert fit.measures["step_p95_mm"] == pytest.approx(abs(raised_mm), abs=0.25)
    place = np.array(_finding(fit, "fit.step").location_mm)
    assert np.degrees(np.arccos(place[2] / np.linalg.norm(place))) == pytest.approx(18, abs=2)


@pytest.mark.parametrize("centre", [(0, 0, -40), (0, 0, 30), (30, 0, 0)])
def test_where_one_looks_from_makes_no_kink(centre: tuple[float, float, float]) -> None:
    defect, skull = _defect()
    fit = check_fit(_ideal(defect), skull, inside_mm=centre)
    assert fit.measures["border_angle_median_deg"] < 1.0
    assert fit.measures["border_angle_p95_deg"] < 2.5


def test_a_tilted_part_meets_the_skull_at_an_angle() -> None:
    defect, skull = _defect()
    tilt, pivot = np.radians(8.0), np.array([0.0, 0, 76])
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    mesh = plain_mesh((_ideal(defect).vertices - pivot) @ turn.T + pivot, _ideal(defect).faces)
    fit = check_fit(mesh, skull, inside_mm=(0, 0, 0))
    shift = np.linalg.norm(pivot - turn @ pivot)
    angle = float(np.degrees(np.arcsin(shift / 80)))
    assert fit.measures["border_angle_median_deg"] == pytest.approx(angle, abs=1.0)
    finding = _finding(fit, "fit.kink")
    assert (finding.severity, finding.unit) == ("warning", "deg")
    assert finding.value > finding.limit
    place = np.array(finding.location_mm)
    assert np.degrees(np.arccos(place[2] / np.linalg.norm(place))) == pytest.approx(18, abs=3.5)


@pytest.mark.parametrize("radius_mm", [50.0, 160.0])
def test_a_part_of_another_curvature_is_flush_but_kinked(radius_mm: float) -> None:
    defect, skull = _defect()
    rim = np.radians(defect.half_angle_deg - GAP_DEG)
    across, height = 80 * np.sin(rim), 80 * np.cos(rim)
    half = np.arcsin(across / radius_mm)
    body = cap(radius_mm, 6, float(np.degrees(half)), edge_mm=1.0).moved(
        None, (0, 0, height - radius_mm * np.cos(half))
    )
    fit = check_fit(body.mesh, skull, inside_mm=(0, 0, 0))
    angle = float(np.degrees(abs(half - rim)))
    assert fit.measures["border_angle_median_deg"] == pytest.approx(angle, rel=0.16)
    assert abs(fit.measures["step_median_mm"]) < 0.1
    codes = {finding.code for finding in fit.findings}
    assert "fit.kink" in codes
    assert "fit.step" not in codes


def test_a_reconstruction_that_is_too_small_does_not_hide_the_open_rest() -> None:
    defect, skull = _defect()
    small = cap(80, 6, 12)
    own = small.mask(SPACING_MM, grid=skull)
    fit = check_fit(_ideal(defect, smaller_deg=6.0), skull, defect_mask=own)
    share = (1 - np.cos(np.radians(12 + np.degrees(1.4 / 77)))) / (1 - np.cos(np.radians(18)))
    assert fit.measures["coverage_fraction"] > 0.99
    assert fit.measures["opening_coverage_fraction"] == pytest.approx(share, abs=0.04)
    assert _finding(fit, "fit.coverage").value == fit.measures["opening_coverage_fraction"]


def test_an_opening_that_runs_on_has_no_share() -> None:
    defect, skull = _defect()
    points = skull.to_mm(np.indices(skull.shape).reshape(3, -1).T)
    slit = ((points[:, 0] > 0) & (np.abs(points[:, 1]) < 5)).reshape(skull.shape)
    cut = skull.with_array(np.where(slit, 0, skull.array).astype(np.uint8))
    fit = check_fit(_ideal(defect), cut, defect_mask=_missing(defect, skull))
    assert fit.measures["opening_coverage_fraction"] is None
    assert fit.measures["coverage_fraction"] > 0.99


def test_a_part_that_reaches_into_the_head() -> None:
    defect, skull = _defect()
    mesh = cap(80, 9.5, defect.half_angle_deg - GAP_DEG, edge_mm=1.0).mesh
    fit = check_fit(mesh, skull)
    assert _finding(fit, "fit.protrusion").value == pytest.approx(3.5, abs=0.3)
    assert fit.measures["inner_step_median_mm"] == pytest.approx(-3.5, abs=0.15)


def test_a_peg_on_a_short_piece_of_the_rim_counts() -> None:
    defect, skull = _defect()
    mesh, lean = _ideal(defect), np.radians(defect.half_angle_deg)
    rim = 74 * np.array([np.sin(lean), 0, np.cos(lean)])
    points = np.asarray(mesh.vertices).copy()
    inner = np.linalg.norm(points, axis=1) < 75
    points *= 1 - (4 / 74 * inner * np.exp(-((np.linalg.norm(points - rim, axis=1) / 5) ** 2)))[:, None]
    fit = check_fit(plain_mesh(points, mesh.faces), skull)
    finding = _finding(fit, "fit.protrusion")
    assert finding.value == pytest.approx(4, abs=0.5)
    assert np.linalg.norm(np.array(finding.location_mm) - rim) < 5
    assert fit.measures["inner_step_median_mm"] == pytest.approx(0, abs=0.2)
    assert not fit.passed


def test_a_wall_cut_at_a_slant_through_steep_bone_is_no_inner_surface() -> None:
    radius, bone_mm, part_mm = 80.0, 8.0, 4.0

    def hole(points: np.ndarray) -> np.ndarray:
        x, y, z = np.moveaxis(points, -1, 0)
        return np.minimum.reduce([x - 40, 66 - x, 15 - np.abs(y), z])

    def shell(points: np.ndarray, thickness_mm: float) -> np.ndarray:
        r = np.linalg.norm(points, axis=-1)
        return np.minimum(radius - r, r - (radius - thickness_mm))

    bone = Body(
        lambda p: np.minimum(shell(p, bone_mm), -hole(p)), np.array([25, -30, 5.0]), np.array([80, 30, 75.0])
    )
    part = Body(lambda p: np.minimum(shell(p, part_mm), hole(p) - 0.8), bone.lower_mm, bone.upper_mm)
    skull, mesh = bone.mask(SPACING_MM), extract(part.field(0.5))
    fit = check_fit(mesh, skull, inside_mm=(0, 0, 0))
    assert fit.measures["inner_step_median_mm"] == pytest.approx(bone_mm - part_mm, abs=0.3)
    assert fit.measures["inward_protrusion_mm"] < 0.3
    assert fit.measures["penetration_mm3"] == 0
    assert fit.passed


def test_a_part_that_lies_over_bone() -> None:
    skull = _defect()[1]
    mesh = cap(82.5, 1.5, 24, edge_mm=1.0).mesh
    fit = check_fit(mesh, skull)
    share = 1 - (1 - np.cos(np.radians(18))) / (1 - np.cos(np.radians(24)))
    assert fit.measures["outside_fraction"] == pytest.approx(share, abs=0.05)
    assert _finding(fit, "fit.outside").unit == "fraction"


@pytest.mark.parametrize(
    "move",
    [
        lambda v: v * np.array([-1, -1, 1]),
        lambda v: v + np.array([0, -32, 24]),
        lambda v: v + np.array([900, 0, 0]),
        lambda v: v / 1000,
    ],
)
def test_a_part_in_another_frame_is_detached(move: Callable[[np.ndarray], np.ndarray]) -> None:
    rotation = np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]])
    defect, _ = _defect()
    skull = defect.bone.moved(rotation).mask((0.8, 0.8, 0.8))
    mesh = plain_mesh(move(_ideal(defect).vertices @ rotation.T), _ideal(defect).faces)
    fit = check_fit(mesh, skull)
    assert fit.measures["detached"]
    assert "frame" in _finding(fit, "fit.detached").message
    assert not fit.passed


@pytest.mark.parametrize("lean_deg", [-35, 35])
def test_trimmed_and_thinned_parts_fit_leaning_walls(lean_deg: float) -> None:
    defect = conical_defect(lean_deg=lean_deg, half_angle_deg=12, around_mm=12)
    skull = defect.bone.mask(SPACING_MM)
    part = set_thickness(trim(defect.plug().mesh, skull), 4.0)
    fit = check_fit(part, skull, defect_mask=_missing(defect, skull))
    assert fit.findings == ()
    assert fit.measures["outside_fraction"] == 0
    assert fit.measures["coverage_fraction"] > 0.97


@pytest.mark.realdata
def test_a_real_implant_fits_after_trimming(data_folder: Path) -> None:
    import nrrd
    from scipy import ndimage

    from meshimplant.line.extract import extract
    from meshimplant.voxels.grid import bounding_box

    def read(name: str) -> Volume:
        array, header = nrrd.read(str(data_folder / "skullfix" / name / "014.nrrd"))
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = header["space directions"].T, header["space origin"]
        return Volume((array != 0).astype(np.uint8), affine)

    complete, missing = read("complete_skull"), read("implant")
    skull = complete.with_array(complete.array & ~missing.array & 1)
    low, high = bounding_box(missing.array)
    box = missing.crop(low - 4, high + 4)
    grown = ndimage.binary_dilation(box.array).astype(np.uint8)
    part = set_thickness(trim(extract(box.with_array(grown)), skull), 4.0)
    fit = check_fit(part, skull, defect_mask=missing)
    assert fit.measures["penetration_mm3"] == 0
    assert fit.measures["gap_median_mm"] == pytest.approx(0.8, abs=0.15)
    assert fit.measures["gap_p95_mm"] <= 1.3
    assert fit.measures["coverage_fraction"] > 0.98
    assert fit.measures["outside_fraction"] < 0.01


def _missing(defect: Defect, skull: Volume) -> Volume:
    """The bone that was removed for the hole, as a mask on the skull's grid."""
    index = np.indices(skull.shape).reshape(3, -1).T
    points = skull.to_mm(index)
    radius = np.linalg.norm(points, axis=1)
    shell = (radius < defect.radius_mm) & (radius > defect.radius_mm - defect.thickness_mm)
    hole = shell & (defect.wall_distance(points) > 0) & (points[:, 2] > 0)
    return skull.with_array(hole.reshape(skull.shape).astype(np.uint8))
