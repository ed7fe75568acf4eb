"""measure_thickness: exact on shells of known thickness; find_violations: every region outside a limit."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import box, cap, plain_mesh, random_rotation

from meshimplant.edit.thickness import set_thickness
from meshimplant.errors import InputError, MeshError
from meshimplant.implant.surfaces import INNER, OUTER, WALL
from meshimplant.implant.wall_thickness import (
    SCATTER_MM,
    find_violations,
    least_wall_mm,
    measure_thickness,
)
from meshimplant.spec.implant_spec import MATERIALS_MIN_THICKNESS_MM, ImplantSpec

FAR_MM = (300.0, -250.0, 180.0)


@pytest.mark.parametrize("seed", [None, 1, 2])
@pytest.mark.parametrize("half_angle_deg", [10, 30, 75])
def test_a_6_mm_shell_measures_6_00_mm_anywhere(half_angle_deg: float, seed: int | None) -> None:
    body = cap(90, 6, half_angle_deg, edge_mm=1.5)
    if seed is not None:
        body = body.moved(random_rotation(seed), FAR_MM)
    wall = measure_thickness(body.mesh)
    assert wall.median_mm == pytest.approx(6.0, abs=0.02)
    assert wall.p5_mm > 5.95
    assert wall.p95_mm < 6.05
    assert wall.min_mm > 5.9
    both = ~np.isnan(wall.thickness_mm)
    assert both.sum() > 0.6 * len(both)
    np.testing.assert_allclose(wall.thickness_mm[both & (wall.border_mm > 1)], 6.0, atol=0.06)


def test_a_thin_spot_is_measured_and_placed() -> None:
    mesh = cap(90, 6, 20, edge_mm=1.0).mesh
    spot = np.array([10.0, 5.0, np.sqrt(84**2 - 125)])
    weight = np.exp(-(np.linalg.norm(mesh.vertices - spot, axis=1) ** 2) / 18)
    inner = np.linalg.norm(mesh.vertices, axis=1) < 84.5
    mesh.vertices[inner] *= 1 + (weight[inner] * 2.5 / 84)[:, None]
    wall = measure_thickness(mesh)
    assert wall.min_mm == pytest.approx(3.5, abs=0.1)
    assert np.linalg.norm(np.array(wall.min_location_mm) - spot / 84 * 90) < 2
    assert wall.median_mm == pytest.approx(6.0, abs=0.02)


def test_a_steep_pit_is_measured_and_no_border() -> None:
    mesh = cap(60, 6, 30, edge_mm=1.0).mesh
    inner = np.linalg.norm(mesh.vertices, axis=1) < 54.5
    pit = np.array([15.0, 0, np.sqrt(54**2 - 15**2)])
    weight = np.exp(-(np.linalg.norm(mesh.vertices - pit, axis=1) ** 2) / 10)
    mesh.vertices[inner] *= 1 + (weight[inner] * 3.5 / 54)[:, None]
    wall = measure_thickness(mesh)
    assert 2.2 < wall.min_mm < 2.6
    assert np.linalg.norm(np.array(wall.min_location_mm) - pit / 54 * 60) < 2
    (finding,) = find_violations(mesh, wall, least_mm=4.0)
    assert (finding.code, finding.severity, finding.limit, finding.unit) == (
        "thickness.too_thin",
        "error",
        4,
        "mm",
    )
    assert finding.value == wall.min_mm
    assert finding.location_mm == wall.min_location_mm


def test_every_region_beyond_a_limit_is_found_and_no_other() -> None:
    mesh = cap(90, 8, 25, edge_mm=1.5).mesh
    target = np.full(len(mesh.vertices), 4.0)
    places = np.array([[20.0, 0, 0], [-20.0, 0, 0], [0, 20.0, 0]])
    for place, change in zip(places, (1.5, 2.5, -1.5), strict=True):
        target += change * np.exp(-((mesh.vertices[:, :2] - place[:2]) ** 2).sum(axis=1) / 30)
    result = set_thickness(mesh, target)
    found = find_violations(result, measure_thickness(result), least_mm=3.5, most_mm=4.5)
    assert [finding.code for finding in found] == ["thickness.too_thin", *["thickness.too_thick"] * 2]
    assert [finding.value for finding in found] == pytest.approx([2.5, 6.5, 5.5], abs=0.1)
    for finding, place in zip(found, places[[2, 1, 0]], strict=True):
        assert np.linalg.norm(np.array(finding.location_mm)[:2] - place[:2]) < 2
        assert "mm2" in finding.message
    assert find_violations(result, measure_thickness(result)) == ()
    assert find_violations(result, measure_thickness(result), least_mm=2.4, most_mm=6.6) == ()


@pytest.mark.parametrize(
    "limits", [{"least_mm": 0}, {"most_mm": float("nan")}, {"least_mm": 5, "most_mm": 4}]
)
def test_impossible_limits_are_refused(limits: dict[str, float]) -> None:
    mesh = cap(90, 6, 15).mesh
    with pytest.raises(InputError, match="thickness"):
        find_violations(mesh, measure_thickness(mesh), **limits)


def test_the_distance_is_perpendicular_where_the_surfaces_are_not_parallel() -> None:
    """The inner sphere is shifted by 1.5 mm: the thickness along the normal is 6 + 1.5 sin(angle)."""
    mesh = cap(90, 6, 30, edge_mm=1.0).mesh
    inner = np.linalg.norm(mesh.vertices, axis=1) < 84.5
    mesh.vertices[inner] += (1.5, 0, 0)
    wall = measure_thickness(mesh, inside_mm=(0, 0, 0))
    outer = wall.counted
    to_inner = np.linalg.norm(mesh.vertices[outer] - (1.5, 0, 0), axis=1) - 84
    np.testing.assert_allclose(wall.thickness_mm[outer], to_inner, atol=0.03)
    assert (to_inner.min(), to_inner.max()) == pytest.approx((5.3, 6.7), abs=0.05)
    assert wall.min_mm == pytest.approx(to_inner.min(), abs=0.03)
    assert wall.min_location_mm[0] > 35


def test_statistics_are_by_area_and_leave_the_border_out() -> None:
    mesh = cap(90, 6, 20, edge_mm=1.0).mesh
    across = np.hypot(*mesh.vertices[:, :2].T)
    inner = np.linalg.norm(mesh.vertices, axis=1) < 84.5
    thick = inner & (across < 84 * np.sin(np.radians(8)))
    mesh.vertices[thick] *= 82 / 84
    wall = measure_thickness(mesh)
    rim = 90 * np.sin(np.radians(20))
    assert wall.margin_mm == 5
    assert np.hypot(*mesh.vertices[wall.counted][:, :2].T).max() == pytest.approx(rim - 5, abs=1.2)
    share_thick = (1 - np.cos(np.radians(8))) / (1 - np.cos(np.arcsin((rim - 5) / 90)))
    assert 0.2 < share_thick < 0.3
    assert wall.median_mm == pytest.approx(6, abs=0.02), "by vertices, the finer middle would weigh more"
    assert wall.p95_mm == pytest.approx(8, abs=0.05)
    unmeasured = np.isnan(wall.thickness_mm)
    labels = wall.surfaces.vertex_labels
    assert unmeasured[labels == WALL].all()
    assert not unmeasured[(labels != WALL) & (wall.border_mm > 2)].any()
    assert set(labels[wall.counted]) == {OUTER}
    assert np.nanmedian(wall.thickness_mm[labels == INNER]) == pytest.approx(6, abs=0.05)


def test_the_border_zone_of_a_small_part_is_narrowed_until_something_is_left() -> None:
    wall = measure_thickness(cap(90, 6, 2.5, edge_mm=0.5).mesh)
    assert wall.margin_mm == 2.5
    assert wall.median_mm == pytest.approx(6, abs=0.02)
    assert wall.counted.any()


def test_an_inside_out_plate_has_no_thickness() -> None:
    """An inside-out plate has no surface that faces away from the head."""
    plate = box((60, 60, 6)).mesh.subdivide().subdivide().subdivide()
    with pytest.raises(MeshError, match="inside the head"):
        measure_thickness(plain_mesh(plate.vertices, plate.faces[:, ::-1]), inside_mm=(0, 0, -200))


@pytest.mark.parametrize(("depth_mm", "count"), [(SCATTER_MM - 0.03, 0), (SCATTER_MM + 0.03, 1)])
def test_only_more_than_the_scatter_of_the_measurement_violates_a_limit(depth_mm: float, count: int) -> None:
    mesh = cap(90, 6, 20, edge_mm=1.0).mesh
    spot = 84 * np.array([0.1, 0.05, np.sqrt(1 - 0.0125)])
    inner = np.linalg.norm(mesh.vertices, axis=1) < 84.5
    weight = inner * np.exp(-((mesh.vertices - spot) ** 2).sum(axis=1) / 60)
    mesh.vertices *= 1 + (weight * depth_mm / 84)[:, None]
    assert len(find_violations(mesh, measure_thickness(mesh), least_mm=6.0)) == count


@pytest.mark.parametrize("material", sorted(MATERIALS_MIN_THICKNESS_MM))
def test_the_least_wall_is_the_larger_of_prescription_and_material(material: str) -> None:
    needed = MATERIALS_MIN_THICKNESS_MM[material]
    spec = ImplantSpec(
        material=material, thickness_mm=9.0, thickness_max_mm=12.0, thickness_min_mm=needed + 1
    )
    assert least_wall_mm(spec) == needed + 1
    assert least_wall_mm(spec.with_values(thickness_min_mm=max(needed - 0.5, 0.4))) == needed
