"""Thickness, clearance and bevel by region, on caps and holes that are known exactly; and their check."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh
from defects import Defect, conical_defect
from numpy.typing import NDArray
from shapes import cap

from meshimplant.check.check_fit import check_fit
from meshimplant.check.check_part import check_part
from meshimplant.check.check_regions import measure_regions
from meshimplant.check.check_solid import check_solid
from meshimplant.edit.bevel import bevel
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.trim import is_clear, trim
from meshimplant.errors import InputError
from meshimplant.implant.place_regions import PlacedRegions, place_regions
from meshimplant.implant.regional_value import RegionalValue
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import WALL, split_surfaces
from meshimplant.implant.wall_thickness import measure_thickness
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.region_spec import RegionSpec
from meshimplant.voxels.volume import Volume

ORIGIN = (0.0, 0.0, 0.0)
ANGLE = np.radians(14)
#: On the wall of the hole, at y = 0.
EDGE = (80 * float(np.sin(ANGLE)), 0.0, 80 * float(np.cos(ANGLE)))


def placed(*regions: RegionSpec, **values: float) -> PlacedRegions:
    return place_regions(ImplantSpec(**values, regions=regions), ORIGIN)


@cache
def hole() -> tuple[Defect, Volume]:
    defect = conical_defect(half_angle_deg=14, around_mm=11)
    return defect, defect.bone.mask((0.6, 0.6, 0.7))


@cache
def trimmed(clearance_mm: float | None = 0.8) -> trimesh.Trimesh:
    """The part trimmed to one clearance, or with None to 2 mm within 6 mm of `EDGE` and 0.8 elsewhere."""
    defect, skull = hole()
    clearance = by_edge().clearance_mm if clearance_mm is None else clearance_mm
    return trim(defect.plug().mesh, skull, clearance_mm=clearance, inside_mm=ORIGIN)


def by_edge() -> PlacedRegions:
    return placed(RegionSpec(points=(EDGE,), radius_mm=6, clearance_mm=2.0))


def along_edge_mm(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance of points (n, 3) from `EDGE` along the wall of the hole."""
    return np.abs(np.arctan2(points[:, 1], points[:, 0])) * EDGE[0]


def test_a_thicker_region_has_its_thickness_and_nothing_else_changes() -> None:
    mesh = cap(90, 8, 22, edge_mm=1.2).mesh
    spec = ImplantSpec(
        thickness_mm=3, regions=(RegionSpec(points=((0, 0, 90),), radius_mm=5, thickness_mm=5),)
    )
    regions = place_regions(spec, ORIGIN)
    result = set_thickness(mesh, regions.thickness_mm, inside_mm=ORIGIN)
    wall = measure_thickness(result, inside_mm=ORIGIN)
    points = np.asarray(result.vertices)
    arc = 90 * np.arccos(points[:, 2] / np.linalg.norm(points, axis=1))
    middle, around = wall.counted & (arc <= 5), wall.counted & (arc >= 13)
    assert wall.thickness_mm[middle] == pytest.approx(5, abs=0.1)
    assert wall.thickness_mm[around] == pytest.approx(3, abs=0.1)
    rings = [wall.thickness_mm[wall.counted & (arc >= ring) & (arc < ring + 1.5)] for ring in range(0, 15)]
    assert (np.diff([np.median(ring) for ring in rings]) < 0.005).all()
    assert check_solid(result).passed
    check = check_part(result, spec=spec, inside_mm=ORIGIN)
    assert not {f.code for f in check.findings} & {"thickness.median", "thickness.region"}
    assert check.measures["region_1_thickness_median_mm"] == pytest.approx(5, abs=0.05)
    # What was not achieved is said: nothing was made in the region, or elsewhere.
    even = set_thickness(mesh, 3.0, inside_mm=ORIGIN)
    findings = {f.code: f for f in check_part(even, spec=spec, inside_mm=ORIGIN).findings}
    assert findings["thickness.region"].value == pytest.approx(3, abs=0.05)
    assert findings["thickness.region"].limit == 5
    assert np.linalg.norm(np.array(findings["thickness.region"].location_mm) - (0, 0, 90)) < 12
    other = ImplantSpec(thickness_mm=4, regions=spec.regions)
    findings = {f.code: f for f in check_part(result, spec=other, inside_mm=ORIGIN).findings}
    assert findings["thickness.median"].value == pytest.approx(3, abs=0.1)


def test_a_later_region_is_not_held_against_an_earlier_one() -> None:
    around = RegionSpec(points=((0, 0, 90),), radius_mm=12, thickness_mm=4.5)
    inner = RegionSpec(points=((0, 0, 90),), radius_mm=3, thickness_mm=3.0)
    regions = placed(around, inner, thickness_mm=3.5)
    result = set_thickness(cap(90, 6, 22).mesh, regions.thickness_mm, inside_mm=ORIGIN)
    wall = measure_thickness(result, inside_mm=ORIGIN)
    measures, findings = measure_regions(result, wall, None, regions)
    assert findings == []
    assert measures["region_2_thickness_median_mm"] == pytest.approx(3, abs=0.1)


def test_a_region_has_its_clearance_and_the_rest_another_one() -> None:
    defect, skull = hole()
    result = trimmed(None)
    points = np.asarray(result.vertices)[split_surfaces(result, inside_mm=ORIGIN).vertex_labels == WALL]
    gap, along = defect.gap(points), along_edge_mm(points)
    assert np.median(gap[along < 5]) == pytest.approx(2.0, abs=0.15)
    assert np.percentile(gap[along < 5], 5) > 1.8
    assert np.median(gap[along > 15]) == pytest.approx(0.8, abs=0.15)
    steps = [np.median(gap[(along >= low) & (along < low + 2)]) for low in np.arange(5, 15, 2)]
    assert (np.diff(steps) < 0).all()
    assert result.is_watertight
    assert result.body_count == 1
    site = Site.around(skull, result, inside_mm=ORIGIN)
    assert is_clear(result, site, clearance_mm=by_edge().clearance_mm)
    assert not is_clear(trimmed(), site, clearance_mm=by_edge().clearance_mm)


def test_the_gap_is_judged_by_what_is_asked_for_at_its_place() -> None:
    skull = hole()[1]
    spec = ImplantSpec(thickness_mm=6, regions=(RegionSpec(points=(EDGE,), radius_mm=6, clearance_mm=2.0),))
    gaps = ("fit.gap_p95", "fit.gap_local", "fit.gap_region", "fit.gap_median", "fit.gap_min", "fit.coverage")
    check = check_part(trimmed(None), spec=spec, skull=skull, inside_mm=ORIGIN)
    assert not {f.code for f in check.findings} & set(gaps)
    assert check.measures["region_1_gap_median_mm"] == pytest.approx(2.0, abs=0.15)
    assert check.measures["gap_evened_p95_mm"] < 1.0 < check.measures["gap_p95_mm"]
    plain = ImplantSpec(thickness_mm=6)
    unasked = check_fit(trimmed(None), skull, spec=plain, inside_mm=ORIGIN)
    assert "fit.gap_p95" in {f.code for f in unasked.findings}
    missed = check_part(trimmed(), spec=spec, skull=skull, inside_mm=ORIGIN)
    findings = {f.code: f for f in missed.findings}
    assert (findings["fit.gap_region"].value, findings["fit.gap_region"].limit) == (
        pytest.approx(0.85, abs=0.1),
        2.0,
    )
    assert np.linalg.norm(np.array(findings["fit.gap_region"].location_mm) - EDGE) < 9
    assert "fit.gap_min" in findings


@pytest.mark.parametrize(("base", "inside"), [(0.0, 20.0), (20.0, 0.0), (10.0, 30.0)])
def test_a_region_has_its_bevel_and_the_border_beside_it_another_one(base: float, inside: float) -> None:
    before = trimmed()
    regions = placed(RegionSpec(points=(EDGE,), radius_mm=9, bevel_deg=inside, blend_mm=6.0), bevel_deg=base)
    result = bevel(before, regions.bevel_deg, inside_mm=ORIGIN).mesh
    for low, high, asked in ((0, 7, inside), (17, 60, base)):
        found, was = (lean_deg(mesh, low, high) for mesh in (result, before))
        if asked:
            assert found == pytest.approx(asked, abs=1.5)
        else:
            assert found == pytest.approx(was, abs=0.2)
    assert result.is_watertight
    assert result.volume < before.volume


def lean_deg(mesh: trimesh.Trimesh, low_mm: float, high_mm: float) -> float:
    """Return the median lean of the border wall, in its middle, so far along it from `EDGE`."""
    normals = face_normals_and_areas(mesh)[0]
    middles = np.asarray(mesh.triangles_center)
    radius = np.linalg.norm(middles, axis=1)
    outward = np.einsum("ij,ij->i", normals, middles / radius[:, None])
    wall = (radius < 79) & (radius > 75) & (np.arccos(middles[:, 2] / radius) > np.radians(7))
    along = along_edge_mm(middles)
    return float(np.median(np.degrees(np.arcsin(-outward))[wall & (along >= low_mm) & (along < high_mm)]))


def test_a_region_beside_the_part_is_a_finding() -> None:
    away = RegionSpec(points=((0, 80, 0),), radius_mm=5, thickness_mm=5.0)
    inner = RegionSpec(points=((0, 0, 80),), radius_mm=3, clearance_mm=2.0)
    wall = measure_thickness(trimmed(), inside_mm=ORIGIN)
    measures, findings = measure_regions(trimmed(), wall, None, placed(away, inner))
    assert [f.code for f in findings] == ["regions.untouched"] * 2
    assert "nothing of the part in region 1 (points)" in findings[0].message
    assert np.allclose(findings[0].location_mm, (0, 80, 0), atol=4)
    assert "none of the part's border in region 2" in findings[1].message
    assert measures["region_1_thickness_median_mm"] is None


@pytest.mark.parametrize(("field", "value"), [("clearance_mm", 6.0), ("bevel_deg", 50.0)])
def test_a_value_out_of_range_anywhere_is_refused(field: str, value: float) -> None:
    defect, skull = hole()
    regional = RegionalValue(0.5, by_edge().regions, np.array([value]))
    with pytest.raises(InputError, match=f"got {value!r}"):
        trim(defect.plug().mesh, skull, **{field: regional}, inside_mm=ORIGIN)
    with pytest.raises(InputError, match="40"):
        set_thickness(trimmed(), RegionalValue(4.0, by_edge().regions, np.array([40.0])), inside_mm=ORIGIN)
