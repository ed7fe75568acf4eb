"""`surface_errors`: each fault of a cap in a shell shows on its own surface only."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, capsule, shell

from meshimplant.errors import EmptyMaskError, GeometryError
from meshimplant.evaluation.metrics import evaluate
from meshimplant.evaluation.surface_errors import SurfaceErrors, surface_errors
from meshimplant.voxels.volume import Volume

RADIUS_MM, THICK_MM, HALF_DEG = 40.0, 5.0, 22.0


@pytest.fixture(scope="module")
def whole() -> Volume:
    return shell(RADIUS_MM, THICK_MM).mask(0.6, margin_mm=3)


@pytest.fixture(scope="module")
def truth(whole: Volume) -> Volume:
    return piece(whole)


def piece(grid: Volume, *, radius: float = RADIUS_MM, thick: float = THICK_MM) -> Volume:
    return cap(radius, thick, HALF_DEG).mask(0.6, grid=grid)


def errors(prediction: Volume, truth: Volume, whole: Volume) -> SurfaceErrors:
    return surface_errors(prediction, truth, whole.with_array(whole.array & (truth.array == 0)))


def test_the_truth_has_no_errors(truth, whole) -> None:
    found = errors(truth, truth, whole).to_dict()
    assert len(found) == 15
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize("beyond_mm", [0.8, -0.8])
def test_a_wrong_head_shows_on_the_outer_surface(truth, whole, beyond_mm) -> None:
    bad = piece(whole, radius=RADIUS_MM + beyond_mm, thick=THICK_MM + beyond_mm)
    found = errors(bad, truth, whole)
    assert found.outer_bias_mm == pytest.approx(beyond_mm, abs=0.1)
    assert found.outer_rms_mm == pytest.approx(abs(beyond_mm), abs=0.1)
    assert found.outer_rms_mm < found.outer_p95_mm < 2 * abs(beyond_mm)
    assert abs(found.inner_bias_mm) < 0.1


@pytest.mark.parametrize("beyond_mm", [1.2, -1.2])
def test_a_wrong_thickness_shows_on_the_inner_surface(truth, whole, beyond_mm) -> None:
    found = errors(piece(whole, thick=THICK_MM + beyond_mm), truth, whole)
    assert found.inner_bias_mm == pytest.approx(beyond_mm, abs=0.15)
    assert abs(found.outer_bias_mm) < 0.1
    assert abs(found.rim_bias_mm) < abs(beyond_mm) / 2


def test_a_part_cut_two_degrees_too_small_shows_at_the_rim(truth, whole) -> None:
    small = cap(RADIUS_MM, THICK_MM, HALF_DEG - 2).mask(0.6, grid=whole)
    found = errors(small, truth, whole)
    assert found.rim_bias_mm < -0.7
    assert abs(found.outer_bias_mm) < 0.3
    assert abs(found.inner_bias_mm) < 0.3


@pytest.mark.parametrize(("surface", "tip_mm", "beyond_mm"), [("outer", 42.4, 2.4), ("inner", 29.0, 6.0)])
def test_a_spike_is_a_protrusion_of_the_surface_it_stands_on(
    truth, whole, surface, tip_mm, beyond_mm
) -> None:
    """The spike is too thin to change the errors, but too long for an implant."""
    found = errors(with_pin(truth, whole, tip_mm), truth, whole)
    assert getattr(found, f"{surface}_protrusion_mm") == pytest.approx(beyond_mm, abs=0.7)  # one voxel
    others = {"outer", "inner", "rim"} - {surface}
    assert [getattr(found, f"{other}_protrusion_mm") for other in others] == [0.0, 0.0]
    assert getattr(found, f"{surface}_protrusion99_mm") < beyond_mm - 1
    assert getattr(found, f"{surface}_p95_mm") < 0.1


def test_the_largest_protrusion_is_that_of_the_metrics(truth, whole) -> None:
    bad = with_pin(piece(whole, radius=RADIUS_MM + 0.8, thick=THICK_MM + 2.0), whole, RADIUS_MM + 2.4)
    defective = whole.with_array(whole.array & (truth.array == 0) & (bad.array == 0))
    found = surface_errors(bad, truth, defective).to_dict()
    largest = max(found[f"{surface}_protrusion_mm"] for surface in ("outer", "inner", "rim"))
    assert largest == evaluate(bad, truth, defective).protrusion_mm
    assert found["inner_protrusion99_mm"] == pytest.approx(1.2, abs=0.7)


def test_a_prediction_inside_the_truth_protrudes_nowhere(truth, whole) -> None:
    found = errors(piece(whole, thick=THICK_MM - 2.0), truth, whole)
    assert (found.outer_protrusion_mm, found.inner_protrusion_mm, found.rim_protrusion_mm) == (0, 0, 0)
    assert found.inner_bias_mm < -1.5


def with_pin(mask: Volume, grid: Volume, tip_mm: float) -> Volume:
    """Add a pin of 2 mm from the middle of the cap along z to a height above the sphere's centre."""
    end = tip_mm - 1.0 if tip_mm > RADIUS_MM else tip_mm + 1.0
    pin = capsule((0, 0, RADIUS_MM - THICK_MM / 2), (0, 0, end), 1.0).mask(0.6, grid=grid)
    return mask.with_array(mask.array | pin.array)


def test_other_grids_and_empty_masks_are_refused(truth, whole) -> None:
    with pytest.raises(GeometryError):
        surface_errors(truth.crop((0, 0, 0), (9, 9, 9)), truth, whole)
    with pytest.raises(EmptyMaskError, match="expected a prediction"):
        surface_errors(truth.with_array(np.zeros_like(truth.array)), truth, whole)
