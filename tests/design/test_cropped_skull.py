"""A skull that was cropped to its bone: the same part, and nothing that is lost goes unsaid."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.check.check_part import check_part
from meshimplant.complete.complete_skull import complete_skull
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.design.reconstruct import reconstruct
from meshimplant.line.subtract import subtract
from meshimplant.skull.head_room import cut_off_findings, grid_with_room
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume


def _with_hole_at_the_vertex(skull: Volume) -> tuple[Volume, Volume]:
    """Return a skull without the bone within 28 mm of the axis through its vertex, and that bone."""
    points = skull.to_mm(np.moveaxis(np.indices(skull.shape), 0, -1))
    bone = skull.array > 0
    top = points[..., 2][bone].max()
    apex = points[bone & (points[..., 2] > top - 3)].mean(axis=0)
    hole = bone & (np.linalg.norm(points[..., :2] - apex[:2], axis=-1) < 28) & (points[..., 2] > top - 40)
    return skull.with_array((bone & ~hole).astype(np.uint8)), skull.with_array(hole.astype(np.uint8))


def _cropped(mask: Volume) -> Volume:
    return mask.crop(*bounding_box(mask.array))


@pytest.fixture(scope="module")
def case() -> tuple[Volume, Volume]:
    return _with_hole_at_the_vertex(skull_phantom(spacing_mm=2.0, seed=4).reorient("LPS"))


@pytest.fixture(scope="module")
def whole(case) -> Design:
    return design_implant(case[0], implant=case[1])


@pytest.mark.parametrize("orientation", ["LPS", "SAR"])
def test_a_skull_cropped_to_its_bone_gets_the_same_part(case, whole, orientation) -> None:
    skull, truth = case
    cropped = _cropped(skull).reorient(orientation)
    design = design_implant(cropped, implant=truth)
    assert np.array_equal(design.implant.faces, whole.implant.faces)
    assert np.abs(design.implant.vertices - whole.implant.vertices).max() < 1e-6
    assert design.reconstruction.same_grid(cropped)
    (finding,) = (one for one in design.report.findings if one.code == "input.beyond_grid")
    kept = np.count_nonzero(design.reconstruction.array)
    lost = np.count_nonzero(whole.reconstruction.array) - kept
    assert lost > 200
    assert finding.value == pytest.approx(lost * skull.voxel_volume_mm3)
    assert not any(one.code == "input.beyond_grid" for one in whole.report.findings)


def test_a_completed_skull_on_a_larger_grid_is_not_cut_either(case) -> None:
    skull, truth = case
    complete = skull.with_array(skull.array | truth.array)
    made = reconstruct(_cropped(skull), complete=complete)
    filled = made.separation.bodies[0]
    assert np.count_nonzero(filled.array > 0) > 0.98 * np.count_nonzero(truth.array)
    field = subtract(complete, _cropped(skull))
    assert np.count_nonzero(field.array > 0) > 0.98 * np.count_nonzero(truth.array)


def test_our_own_completion_reaches_beyond_the_grid(case) -> None:
    skull, truth = case
    cropped = _cropped(skull)
    field = complete_skull(cropped, method="template").field
    assert field.start_in(cropped)[2] + field.shape[2] > cropped.shape[2]
    inside = field.resample_to(skull, fill=-10.0).array > 0
    beyond = truth.array > 0
    beyond[..., : cropped.start_in(skull)[2] + cropped.shape[2]] = False
    assert np.count_nonzero(beyond) > 50
    assert np.count_nonzero(inside & beyond) > 0.6 * np.count_nonzero(beyond)


def test_the_verdict_of_design_is_that_of_check(case, whole) -> None:
    checked = check_part(whole.implant, spec=whole.spec, skull=case[0])
    assert checked.passed == whole.check.passed
    for name, value in checked.measures.items():
        if isinstance(value, float):
            assert value == pytest.approx(whole.check.measures[name], abs=1e-6), name
    tight = check_part(whole.implant, spec=whole.spec, skull=_cropped(case[0]))
    assert tight.measures["opening_coverage_fraction"] == pytest.approx(
        checked.measures["opening_coverage_fraction"], abs=1e-6
    )


def test_a_grid_grows_where_it_touches_the_bone_and_not_where_it_cuts_through_it(case) -> None:
    cropped = _cropped(case[0])
    box = np.full(3, -9), np.array(cropped.shape) + 9
    roomy = grid_with_room(cropped, *box)
    assert roomy.shape == tuple(np.array(cropped.shape) + (18, 18, 9))  # not downwards
    assert cropped.start_in(roomy).tolist() == [9, 9, 0]
    assert cut_off_findings(cropped) == []
    n = cropped.shape[0]
    halved = cropped.crop((n // 3, 0, 0), cropped.shape)
    (finding,) = cut_off_findings(halved)
    assert "right side" in finding.message
    assert grid_with_room(halved, *box).start_in(halved)[0] == 0
