"""sheet: a plate over a cap in a shell of bone; its sizes, holes, screws and stamps; what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from analytic_head import CLEARANCE_MM, AnalyticHead

from meshimplant.check.check_solid import check_solid
from meshimplant.errors import MeshError, SpecError
from meshimplant.manufacture.release import collision
from meshimplant.manufacture.sheet import sheet
from meshimplant.mesh.convert import join_meshes, to_manifold
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.topology import handles
from meshimplant.spec.sheet_spec import SheetSpec
from meshimplant.voxels.volume import Volume

#: A round skull, on which distances along the surface are arcs, and the edge of its opening, mm.
RADIUS, ANGLE = 80.0, 18.0
HEAD = AnalyticHead((1.0, 0.3, 0.6), (RADIUS, RADIUS, RADIUS), half_angle_deg=ANGLE)
EDGE_MM = np.radians(ANGLE) * RADIUS
#: A direction across the part.
ACROSS = np.array([0.0, 0.6, -0.3]) / np.hypot(0.6, 0.3)


@pytest.fixture(scope="module")
def cap():
    return HEAD.part(edge_mm=2.0)


@pytest.fixture(scope="module")
def skull():
    return HEAD.mask(0.8, around=HEAD.part(edge_mm=4.0).vertices)


@pytest.fixture(scope="module")
def plate(cap, skull):
    return sheet(cap, skull, SheetSpec(label="12-7"), stamps=True)


def radii(mesh):
    return np.linalg.norm(np.asarray(mesh.vertices), axis=1)


def from_middle_mm(points):
    """Return distances of points (n, 3) from the middle of the part, along the skull."""
    along = points @ HEAD.axis
    return RADIUS * np.arctan2(np.linalg.norm(points - along[:, None] * HEAD.axis, axis=1), along)


def test_a_plate_is_a_solid_with_its_holes_and_screws(plate):
    solid = check_solid(plate.mesh)
    assert solid.findings == ()
    assert solid.measures["bodies"] == 1
    assert handles(plate.mesh) == plate.measures["sheet_holes"] + plate.measures["sheet_screws"]
    assert plate.measures["sheet_holes"] > 150
    assert plate.findings == ()


def test_it_lies_close_over_part_and_bone_with_the_thickness_asked_for(plate):
    # voxels of 0.8 mm stand up to half their diagonal out of the sphere; the plate lies on the highest
    assert radii(plate.mesh).min() > RADIUS
    assert np.percentile(radii(plate.mesh), 99) < RADIUS + 0.2 + 0.6 + 0.5
    assert 0.2 <= plate.measures["sheet_gap_p50_mm"] < 0.5
    assert plate.measures["sheet_into_bone_mm"] == 0
    rays = np.random.default_rng(0).normal(size=(4000, 3)) * 0.25 + HEAD.axis
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    caster = RayCaster(plate.mesh)
    enters = caster.first(70 * rays, rays)[0]
    leaves = caster.first(95 * rays, -rays)[0]
    wall = 25 - enters - leaves
    assert np.nanmedian(wall) == pytest.approx(0.6, abs=0.01)


def test_it_reaches_over_the_bone_by_its_margin_and_no_further(plate):
    reach = from_middle_mm(np.asarray(plate.mesh.vertices)).max()
    assert reach - EDGE_MM == pytest.approx(8.0, abs=0.5)
    assert plate.measures["sheet_margin_min_mm"] == pytest.approx(8.0, abs=0.3)
    assert plate.measures["sheet_held_fraction"] == 1
    assert plate.measures["sheet_covered_fraction"] == pytest.approx(1)


def test_what_is_drawn_flat_keeps_its_sizes(plate):
    # a cap of 26 degrees cannot be laid flat without stretching it by 2 %
    low, high = plate.measures["sheet_stretch"]
    assert 0.95 < low < high < 1.05
    assert plate.measures["sheet_strut_min_mm"] == pytest.approx(1.5 * low)
    outline = 2 * np.pi * RADIUS**2 * (1 - np.cos((EDGE_MM + 8) / RADIUS))
    assert plate.measures["sheet_area_cm2"] * 100 == pytest.approx(outline, rel=0.03)
    hexagon = np.sqrt(3) / 2 * 2.5**2
    asked = plate.measures["sheet_holes"] * hexagon / (plate.measures["sheet_area_cm2"] * 100)
    assert plate.measures["sheet_open_fraction"] == pytest.approx(asked, rel=0.02)
    grams = 0.6 * outline * (1 - plate.measures["sheet_open_fraction"]) / 1000 * 4.43
    assert plate.measures["sheet_mass_g"] == pytest.approx(grams, rel=0.06)


def test_screws_lie_in_the_margin_flush_and_end_before_the_inner_table(plate):
    assert len(plate.screws) == len(plate.features) == 4
    for screw in plate.screws:
        beside = from_middle_mm(np.array([screw.point_mm]))[0] - EDGE_MM
        assert 3.5 <= beside <= 8 - 2 - 2.6 / 2 + 0.5
        assert screw.held_mm >= 3
        assert screw.tip_to_inner_mm >= 0.5
    assert plate.measures["sheet_head_proud_mm"] == pytest.approx(0, abs=1e-9)


def test_stamps_hold_the_plate_between_them_and_come_apart(plate):
    stamps = plate.stamps
    for body in (stamps.male, stamps.female, *stamps.printed.values()):
        assert check_solid(body).findings == ()
    assert all(body.bounds[0, 2] == pytest.approx(0) for body in stamps.printed.values())
    solid, area_mm2 = to_manifold(plate.mesh), 100 * plate.measures["sheet_area_cm2"]
    for body in (stamps.male, stamps.female):
        assert (to_manifold(body) ^ solid).volume() / area_mm2 < 0.01  # mm deep on average
    assert collision(stamps.female, stamps.male, HEAD.axis).area_mm2 == 0
    within = from_middle_mm(np.asarray(stamps.male.vertices)) < EDGE_MM + 4
    top = radii(stamps.male)[within & (radii(stamps.male) > RADIUS - 3)]
    assert top.min() > RADIUS


def test_a_plate_ends_with_the_part_where_there_is_no_bone(cap, skull):
    points = skull.to_mm(np.moveaxis(np.indices(skull.shape), 0, -1).reshape(-1, 3))
    away = points @ ACROSS > 15.0
    array = skull.array.copy()
    array[away.reshape(skull.shape)] = 0
    made = sheet(cap, Volume(array, skull.affine))
    assert check_solid(made.mesh).findings == ()
    assert {each.code for each in made.findings} == {"sheet.free"}
    assert 0.4 < made.measures["sheet_held_fraction"] < 0.9
    side = np.asarray(made.mesh.vertices) @ ACROSS
    edge = RADIUS * np.sin(np.radians(ANGLE))
    assert side.max() < edge - CLEARANCE_MM + 1.5
    assert side.min() < -edge - 6


def test_a_part_of_another_skull_is_told(cap, skull):
    raised = cap.copy()
    raised.vertices = raised.vertices + 4.0 * HEAD.axis
    step = {each.code: each for each in sheet(raised, skull).findings}["sheet.step"]
    assert 3.8 < step.value < 5.5  # seen from the middle of the raised part, bone falls off beside it
    assert from_middle_mm(np.array([step.location_mm]))[0] == pytest.approx(EDGE_MM + 3, abs=4)


def test_round_holes_and_none(cap, skull):
    spec = SheetSpec(holes="round", hole_mm=5.0, strut_mm=3.0, thickness_mm=0.4, screw_mm=2.0, screws=6)
    made = sheet(cap, skull, spec)
    assert check_solid(made.mesh).findings == ()
    circles = made.measures["sheet_holes"] * np.pi * 2.5**2
    assert made.measures["sheet_open_fraction"] * made.measures["sheet_area_cm2"] * 100 == pytest.approx(
        circles, rel=0.01
    )
    assert made.measures["sheet_head_proud_mm"] == pytest.approx((3.4 - 2.2) / 2 - 0.25)
    plain = sheet(cap, skull, SheetSpec(holes="none"))
    assert handles(plain.mesh) == plain.measures["sheet_screws"] == 4
    assert plain.measures["sheet_strut_min_mm"] is None


def test_what_cannot_be_made_is_refused(cap, skull):
    with pytest.raises(MeshError, match="expected bone around the part, got none"):
        sheet(cap, Volume(np.zeros_like(skull.array), skull.affine), inside_mm=[0, 0, 0])
    with pytest.raises(MeshError, match="a part of one body, got 2"):
        sheet(join_meshes([cap, trimesh.creation.box((5, 5, 5))]), skull)
    with pytest.raises(SpecError, match=r"sheet\.screw_mm to be 1\.5 or 2"):
        SheetSpec(screw_mm=1.8)
    with pytest.raises(SpecError, match="letters A to Z"):
        SheetSpec(label="é")
    with pytest.raises(SpecError, match=r"sheet\.thickness_mm to be a number between 0\.4 and 0\.8"):
        SheetSpec(thickness_mm=1.0)
