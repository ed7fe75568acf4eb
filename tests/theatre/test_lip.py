"""The onlay lip on analytic heads: its width, its thickness and its gap against surfaces known exactly."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.insertion import find_insertion
from meshimplant.errors import InputError
from meshimplant.implant.site import Site
from meshimplant.mesh.cut_away import body_count
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.rays import RayCaster
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.theatre.fixation import fixate
from meshimplant.theatre.lip import add_lip
from meshimplant.theatre.screws import SIZES
from meshimplant.theatre.smooth_surface import smooth_heights
from meshimplant.voxels.occupancy import occupancy

PLACES = {
    "vertex": (AnalyticHead((0, 0, 1.0), half_angle_deg=14.0), 5.0, 1.0),
    "parietal": (
        AnalyticHead((0.8, 0.2, 0.55), (72.0, 92.0, 85.0), 6.0, 14.0, (20, -15), (120, -250, 400)),
        2.0,
        0.8,
    ),
    "temporal": (AnalyticHead((0.95, -0.2, 0.1), half_angle_deg=14.0, shift_mm=(-300, 80, 900)), 8.0, 1.5),
}


@lru_cache
def _site(head: AnalyticHead) -> Site:
    part = head.part(edge_mm=1.5)
    return Site.around(head.mask(0.65, around=part.vertices), part, inside_mm=head.placed(np.zeros(3)))


def _meridian(head: AnalyticHead, turn: float, over_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points of the outer surface so far beyond the hole's edge, in one direction, and normals."""
    right = np.linalg.svd(head.axis[None])[2][1:]
    aside = np.cos(turn) * right[0] + np.sin(turn) * right[1]
    angles = np.radians(head.half_angle_deg) + np.linspace(0.0, 0.25, 400)
    unit = np.cos(angles)[:, None] * head.axis + np.sin(angles)[:, None] * aside
    line = unit * head.radius_mm(unit)[:, None]
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    points = np.stack([np.interp(over_mm, arc, column) for column in line.T], axis=1)
    normals = points / np.asarray(head.axes_mm) ** 2
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return head.placed(points), normals @ head.turn.T


def _profile(head: AnalyticHead, rays: RayCaster, turn: float, over_mm: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the heights of the lip's upper and lower side over the bone; nan where there is none."""
    points, normals = _meridian(head, turn, over_mm)
    top = 3.0 - rays.first(points + 3.0 * normals, -normals)[0]
    low = rays.first(points - 0.1 * normals, normals)[0] - 0.1
    return top, low


@pytest.mark.parametrize("where", PLACES)
def test_a_lip_has_its_width_its_thickness_and_its_gap_and_the_part_goes_in(where):
    head, width_mm, thick_mm = PLACES[where]
    part, site = head.part(edge_mm=1.5), _site(head)
    lip = add_lip(part, site, width_mm, thickness_mm=thick_mm)
    assert check_solid(lip.mesh).passed
    assert find_insertion(lip.mesh, site, direction=head.placed(head.axis) - head.shift_mm).free
    assert not lip.findings
    assert lip.plain is part
    far = np.asarray(part.vertices)[distances_mm(part.vertices, lip.mesh) > 1e-6]
    assert not len(far) or distances_mm(far, part).max() < 1e-6
    over_mm, rays = np.arange(0.0, width_mm + 1.5, 0.05), RayCaster(lip.mesh)
    for turn in np.arange(8) * np.pi / 4:
        top, low = _profile(head, rays, turn, over_mm)
        assert over_mm[~np.isnan(top)].max() == pytest.approx(width_mm, abs=0.3)
        within = over_mm < width_mm - 1.2
        np.testing.assert_allclose(low[within], 0.2, atol=0.05)
        np.testing.assert_allclose((top - low)[within], thick_mm, atol=0.1)
        assert top[~np.isnan(top)][-1] < 0.2 + 0.7 * thick_mm
    assert lip.measures["lip_width_mm"] == pytest.approx(width_mm, abs=0.3)
    assert lip.measures["lip_thickness_mm"] == pytest.approx(thick_mm, abs=0.05)
    assert lip.measures["lip_share"] == 1.0


def test_a_lip_ends_smoothly_where_no_bone_lies_opposite():
    head = PLACES["vertex"][0]
    site = _site(head)
    assert site.bone is not None
    mask = site.bone.mask
    points = mask.to_mm(np.argwhere(np.ones(mask.shape, bool)))
    open_side = ((points[:, 0] > 12) & (np.abs(points[:, 1]) < 13)).reshape(mask.shape)
    gone = Site.around(
        mask.with_array(np.where(open_side, 0, mask.array)), head.part(edge_mm=1.5), inside_mm=(0, 0, 0)
    )
    lip = add_lip(head.part(edge_mm=1.5), gone, 4.0)
    assert check_solid(lip.mesh).passed
    (finding,) = lip.findings
    assert (finding.code, finding.severity) == ("lip.left_out", "info")
    assert 18 < finding.value < 45
    widths, rays = [], RayCaster(lip.mesh)
    for turn in np.arange(72) * np.pi / 36:
        place = _meridian(head, turn, np.zeros(1))[0][0]
        top = _profile(head, rays, turn, np.arange(0.0, 6.0, 0.1))[0]
        widths.append(np.count_nonzero(~np.isnan(top)) / 10)
        if place[0] > 12 and abs(place[1]) < 7:
            assert widths[-1] == 0
        if place[0] < 0:
            assert widths[-1] == pytest.approx(4.0, abs=0.4)
    assert any(0.5 < width < 3.5 for width in widths)


def test_screws_of_tabs_stay_open_under_a_lip():
    head = PLACES["vertex"][0]
    part, site = head.part(edge_mm=1.5), _site(head)
    fixed = fixate(part, site, spec=FixationSpec("tabs", count=2))
    lip = add_lip(fixed.mesh, site, 6.0, features=fixed.features)
    assert check_solid(lip.mesh).passed
    rays = RayCaster(lip.mesh)
    for screw in fixed.screws:
        axis = np.asarray(screw.axis)
        sideways = np.cross(axis, [0.3, 0.5, 0.1])
        sideways /= np.linalg.norm(sideways)
        start = np.asarray(screw.point_mm) + 1.2 * axis
        reach = rays.first(start[None], sideways[None])[0][0]
        assert 2 * reach == pytest.approx(SIZES[1.5].hole_mm, abs=0.1)
        assert rays.first((start - 5 * axis)[None], axis[None])[1][0] < 0


def test_rough_bone_lifts_a_lip_clear_of_its_voxels():
    head = PLACES["vertex"][0]
    part, site = head.part(edge_mm=1.5), _site(head)
    assert site.bone is not None
    mask = site.bone.mask
    points = mask.to_mm(np.argwhere(np.ones(mask.shape, bool)))
    bump = (np.linalg.norm(points - [0.0, 25.0, 82.5], axis=1) < 2.0).reshape(mask.shape)
    rough = mask.with_array(np.where(bump, 1, mask.array))
    lip = add_lip(part, Site.around(rough, part, inside_mm=(0, 0, 0)), 5.0)
    assert body_count(lip.mesh) == 1
    assert lip.measures["lip_lift_max_mm"] > 0.05 or lip.findings
    assert not (occupancy(lip.mesh, rough) & (rough.array != 0)).any()


def test_lips_that_cannot_be_made_are_refused():
    head = PLACES["vertex"][0]
    part, site = head.part(edge_mm=1.5), _site(head)
    for width, thickness in ((0.5, 1.0), (9.0, 1.0), (float("nan"), 1.0), (5.0, 0.5), (5.0, 2.0)):
        with pytest.raises(InputError, match="expected a lip"):
            add_lip(part, site, width, thickness_mm=thickness)
    with pytest.raises(InputError, match="expected bone around the part"):
        add_lip(part, Site(site.inside_mm, None), 5.0)


def test_a_surface_is_smoothed_without_being_pulled_in_at_its_edge():
    first, second = np.meshgrid(np.arange(0, 60, 0.5), np.arange(0, 60, 0.5), indexing="ij")
    true = 70.0 + 0.2 * first - 0.1 * second - 0.004 * (first - 30) ** 2
    known = (np.hypot(first - 30, second - 30) > 18) & (np.hypot(first - 30, second - 30) < 28)
    noisy = true + 0.1 * np.sign(np.sin(3 * first) * np.sin(3 * second))
    found = smooth_heights(noisy, known, 0.5, terrace_mm=0.1)
    near = np.hypot(first - 30, second - 30) > 16
    np.testing.assert_allclose(found[near & known], true[near & known], atol=0.03)
    np.testing.assert_allclose(
        found[near & ~known & (np.hypot(first - 30, second - 30) < 18)],
        true[near & ~known & (np.hypot(first - 30, second - 30) < 18)],
        atol=0.05,
    )
