"""Edits of the shape: what each changes is measured on the finished part."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from edited_places import border_mm, outer_mm, outward, top_mm

from meshimplant.design.redesign import redesign
from meshimplant.edit_log.draft import draft_of
from meshimplant.edit_log.edit_session import EditSession
from meshimplant.errors import DesignRefused, EditRefused
from meshimplant.spec.edits import Edit
from meshimplant.spec.implant_spec import ImplantSpec

SPEC = ImplantSpec(max_faces=8_000)


def height_and_wall_mm(mesh: trimesh.Trimesh, point_mm: list[float]) -> tuple[float, float]:
    """Return how far the outer surface lies over a point along the outward direction, and the wall there."""
    point, axis = np.asarray(point_mm), np.asarray(outward(point_mm))
    hits = mesh.ray.intersects_location([point + 30 * axis], [-axis])[0]
    heights = np.sort((hits - point) @ axis)[::-1]
    return float(heights[0]), float(heights[0] - heights[1])


def gap_near_mm(design, point_mm: list[float], reach_mm: float = 2.5) -> float:
    """Return the median gap of the border around a point."""
    near = np.linalg.norm(design.implant.vertices - np.asarray(point_mm), axis=1) < reach_mm
    return float(np.nanmedian(design.check.gap_mm[near]))


@pytest.fixture(scope="module")
def changed(untouched):
    """Change the shape in four places at once; the border in a fifth."""
    edits = (
        Edit("bulge", {"point_mm": top_mm(), "by_mm": 2.0}),
        Edit("thicken_here", {"point_mm": outer_mm(16, 240), "by_mm": 1.2, "radius_mm": 8}),
        Edit("border", {"point_mm": border_mm(60), "by_mm": -2.0, "radius_mm": 14}),
        Edit("border", {"point_mm": border_mm(150), "by_mm": 2.0, "radius_mm": 12}),
        Edit("smooth_here", {"point_mm": outer_mm(15, 300), "radius_mm": 8}),
    )
    return redesign(untouched, SPEC, edits=edits)


def test_a_bulge_raises_the_outer_surface_by_so_much_and_keeps_the_wall(design, changed):
    before, wall_before = height_and_wall_mm(design.implant, top_mm())
    after, wall_after = height_and_wall_mm(changed.implant, top_mm())
    assert after - before == pytest.approx(2.0, abs=0.1)
    assert wall_after == pytest.approx(wall_before, abs=0.1)
    far = outer_mm(20, 200)
    assert height_and_wall_mm(changed.implant, far) == pytest.approx(
        height_and_wall_mm(design.implant, far), abs=0.1
    )


def test_a_wall_is_thicker_where_it_was_asked_for_and_the_outer_surface_stays(design, changed):
    place = outer_mm(16, 240)
    before, wall_before = height_and_wall_mm(design.implant, place)
    after, wall_after = height_and_wall_mm(changed.implant, place)
    assert wall_after - wall_before == pytest.approx(1.2, abs=0.15)
    assert after == pytest.approx(before, abs=0.1)


def test_a_border_pulled_in_has_a_wider_gap_and_one_pushed_out_is_held_by_the_clearance(design, changed):
    wider = gap_near_mm(changed, border_mm(60, -2.0)) - gap_near_mm(design, border_mm(60))
    assert wider == pytest.approx(2, abs=0.25)
    assert gap_near_mm(changed, border_mm(150)) == pytest.approx(
        gap_near_mm(design, border_mm(150)), abs=0.15
    )
    assert changed.check.measures["penetration_mm"] == 0
    assert changed.check.measures["watertight"]
    assert "fit.gap_local" in {finding.code for finding in changed.report.findings}


def test_the_report_tells_the_edits_as_steps(design, changed):
    names = [step.name for step in changed.report.steps]
    start = names.index("trim")
    assert names[start : start + 6] == [
        *("trim", "edit_bulge", "edit_border", "edit_border", "edit_smooth_here", "trim")
    ]
    bulge = changed.report.steps[start + 1]
    assert bulge.parameters == {"by_mm": 2.0, "radius_mm": 15.0}
    assert bulge.volume_after_mm3 is not None
    assert design.edited is design.trimmed
    assert changed.edited is not changed.trimmed


def test_a_cut_takes_a_side_off_and_one_that_misses_is_refused(case, untouched):
    middle, normal = top_mm(), np.cross(outward(top_mm()), [0.0, 1.0, 0.0])
    plane = {"point_mm": (np.asarray(middle) + 12 * normal).tolist(), "normal": normal.tolist()}
    cut = redesign(untouched, SPEC, edits=[Edit("cut", {"plane": plane})])
    assert ((cut.implant.vertices - plane["point_mm"]) @ normal).max() < 0.1
    assert cut.check.measures["watertight"]
    assert "fit.coverage" in {finding.code for finding in cut.report.findings}
    far = {"lower_mm": [200, 200, 200], "upper_mm": [210, 210, 210]}
    with EditSession.open(case) as session:
        with pytest.raises(
            EditRefused, match="the line stopped at edit_cut: expected a cut that removes part"
        ):
            session.apply(Edit("cut", {"box": far}))
        for edit in (
            Edit("bulge", {"point_mm": [0, 0, 0], "by_mm": 1}),
            Edit("border", {"point_mm": top_mm(), "by_mm": 1}),
            Edit("thicken_here", {"point_mm": [0, 0, 0], "by_mm": 1}),
        ):
            with pytest.raises(EditRefused, match="expected a point within 10 mm") as caught:
                session.apply(edit)
            assert caught.value.place_mm == pytest.approx(edit.parameters["point_mm"])
            assert caught.value.findings[0].code == f"edit.{edit.verb}"
            if edit.verb == "bulge":
                with pytest.raises(EditRefused, match="expected a point within 10 mm"):
                    session.draft(edit)
        assert session.log == ()


def test_walls_out_of_range_are_refused(untouched):
    place = {"point_mm": top_mm(), "by_mm": -2.0, "radius_mm": 10}
    with pytest.raises((DesignRefused, ValueError), match="that make one of 0"):
        redesign(untouched, SPEC, edits=[Edit("thicken_here", place)] * 2)


def test_holes_and_places_of_screws_are_made_where_they_are_asked_for(untouched):
    holes = [("hole", {"point_mm": top_mm()}), ("hole", {"point_mm": outer_mm(10, 90), "diameter_mm": 3.0})]
    places = [border_mm(turn) for turn in (45, 165, 285)]
    edits = [Edit(verb, given) for verb, given in holes] + [Edit("screw", {"points_mm": places})]
    made = redesign(untouched, SPEC, edits=edits)
    drilled = [each for each in made.features if each.kind == "drainage"]
    assert [(each.label, each.diameter_mm) for each in drilled] == [("H1", 2.0), ("H2", 3.0)]
    for hole, (_, given) in zip(drilled, holes, strict=True):
        assert np.linalg.norm(np.asarray(hole.point_mm) - given["point_mm"]) < 3
        axis = np.asarray(outward(given["point_mm"]))
        start = np.asarray(given["point_mm"]) + 30 * axis
        assert not len(made.implant.ray.intersects_location([start], [-axis])[0])
    assert made.report.measures["perforation_count"] == 2
    told = made.report.fixation
    assert len(told["places"]) + len(told["left_out"]) == len(places)
    with pytest.raises(DesignRefused, match=r"stopped at edit_hole: .*too near to the border"):
        redesign(untouched, SPEC, edits=[Edit("hole", {"point_mm": border_mm(0)})])


@pytest.mark.parametrize(
    ("verb", "given", "rise_mm", "thicker_mm"),
    [
        ("bulge", {"point_mm": top_mm(), "by_mm": 2.0}, 2.0, 0.0),
        ("thicken_here", {"point_mm": top_mm(), "by_mm": 1.0}, 0.0, 1.0),
        ("set", {"thickness_mm": 3.0}, 0.0, -1.0),
        ("set", {"clearance_mm": 1.0}, 0.0, 0.0),
        ("smooth_here", {"point_mm": top_mm()}, 0.0, 0.0),
    ],
)
def test_a_draft_shows_what_an_edit_does(design, verb, given, rise_mm, thicker_mm):
    before, wall_before = height_and_wall_mm(design.implant, top_mm())
    after, wall_after = height_and_wall_mm(draft_of(design, Edit(verb, given)), top_mm())
    assert after - before == pytest.approx(rise_mm, abs=0.15)
    assert wall_after - wall_before == pytest.approx(thicker_mm, abs=0.15)
