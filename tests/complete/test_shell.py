"""Shell: the signed distance to the solid between two surfaces on a chart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shapes import cap, grid_around, oblique

from meshimplant.complete.shell import Shell
from meshimplant.head.chart import CHART_RADIUS_MM, Chart
from meshimplant.head.pose import HeadPose
from meshimplant.voxels.volume import Volume

AXES = [(0, 0, 1), (0, 0, -1), (1, 0, 0), (-0.3, 0.8, 0.5)]
TURN = Rotation.from_euler("xyz", (12, -8, 20), degrees=True).as_matrix()
POSE = HeadPose(np.array([50.0, -220.0, 310.0]), TURN.T, 0.0)
INNER_MM, OUTER_MM, REACH_MM = 70.0, 76.0, 38.0


@pytest.fixture(scope="module", params=AXES[2:], ids=["left", "back"])
def shell(request) -> Shell:
    chart = Chart.around(request.param, half_width_mm=REACH_MM + 14, spacing_mm=0.75)
    line = np.linspace(-chart.half_width_mm, chart.half_width_mm, chart.shape[0])
    arc = np.hypot(*np.meshgrid(line, line, indexing="ij"))
    size = chart.shape
    return Shell(chart, np.full(size, INNER_MM), np.full(size, OUTER_MM), REACH_MM - arc)


def placed_cap(shell: Shell):
    turn = TURN @ Rotation.align_vectors([shell.chart.axes[2]], [(0, 0, 1)])[0].as_matrix()
    return cap(OUTER_MM, OUTER_MM - INNER_MM, np.degrees(REACH_MM / CHART_RADIUS_MM)).moved(
        turn, POSE.centre_mm
    )


@pytest.mark.parametrize("direction", [np.eye(3), oblique()])
def test_the_field_of_a_spherical_shell_is_the_true_distance_near_its_surface(shell, direction) -> None:
    body = placed_cap(shell)
    grid = grid_around(body.lower_mm, body.upper_mm, (1.0, 1.0, 1.3), direction=direction)
    field = shell.field(grid, POSE)
    centres = grid.to_mm(np.argwhere(np.ones(grid.shape, bool)))
    true, got = body.distance(centres), field.array.ravel()
    away = centres - POSE.centre_mm
    polar = np.arccos(away @ (shell.chart.axes[2] @ POSE.axes) / np.linalg.norm(away, axis=1))
    near = (np.abs(true) < 3) & (polar * CHART_RADIUS_MM < REACH_MM - 4)
    assert near.sum() > 5_000
    assert got[near] == pytest.approx(true[near], abs=0.05)
    border = (np.abs(true) < 1) & (np.abs(polar * CHART_RADIUS_MM - REACH_MM) < 1)
    assert got[border] == pytest.approx(true[border], abs=0.4)
    clear = np.abs(true) > 0.05
    assert np.array_equal(got[clear] > 0, true[clear] > 0)


def test_slanted_surfaces_are_measured_along_their_normal() -> None:
    """An off-centre ball as the outer surface: the ray meets it at up to 20 degrees."""
    ball_mm, shift = 60.0, np.array([22.0, 0.0, 0.0])
    chart = Chart.around((0, 0, 1), half_width_mm=40, spacing_mm=0.75)
    along = chart.directions @ shift
    outer = along + np.sqrt(along**2 - shift @ shift + ball_mm**2)
    shell = Shell(chart, outer - 8, outer, np.full(outer.shape, 50.0))
    points = (chart.directions * (outer - 0.8)[..., None])[10:-10:4, 10:-10:4].reshape(-1, 3)
    true = ball_mm - np.linalg.norm(points - shift, axis=1)
    layers = grid_around(points.min(0), points.max(0), 0.7, margin_mm=2)
    field = shell.field(layers, HeadPose(np.zeros(3), np.eye(3), 0.0))
    from meshimplant.voxels.fields import sample

    assert sample(field, points) == pytest.approx(true, abs=0.05)
    assert (0.8 - true).max() > 0.03


def test_the_box_holds_the_whole_shell_and_its_field_is_the_same_there(shell) -> None:
    body = placed_cap(shell)
    grid = grid_around(body.lower_mm - 20, body.upper_mm + 20, 2.0)
    start, stop = shell.box(grid, POSE, margin_mm=4)
    whole, part = shell.field(grid, POSE), shell.field(grid.crop(start, stop), POSE)
    inside = whole.crop(start, stop)
    assert np.array_equal(inside.array, part.array)
    assert np.count_nonzero(whole.array > -3) == np.count_nonzero(inside.array > -3)
    assert part.array.size < 0.5 * whole.array.size


def _moved_to(origin_mm) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, 3] = origin_mm
    return affine


def test_the_predicted_head_is_used_where_the_shell_has_no_weight() -> None:
    """A hollow in the middle of the shell: kept where the predicted head counts, filled by the surfaces."""
    head_grid = Volume(np.zeros((81, 81, 81), np.float32), _moved_to((-40.0, -40.0, 33.0)))
    points = head_grid.to_mm(np.argwhere(np.ones(head_grid.shape, bool)))
    radius = np.linalg.norm(points, axis=1)
    bone = np.minimum(radius - INNER_MM, OUTER_MM - radius)
    hollow = np.linalg.norm(points - (0.0, 0.0, 73.0), axis=1) - 2.0
    predicted = head_grid.with_array(np.minimum(bone, hollow).reshape(head_grid.shape).astype(np.float32))
    chart = Chart.around((0, 0, 1), half_width_mm=REACH_MM, spacing_mm=0.75)
    flat, far = np.ones(chart.shape), np.full(chart.shape, 20.0)
    middle = POSE.centre_mm + np.array([0.0, 0.0, 73.0]) @ POSE.axes
    place = Volume(np.zeros((1, 1, 1), np.uint8), _moved_to(middle))
    for share, wanted_mm in ((1.0, 3.0), (0.5, 0.5), (0.0, -2.0)):
        shell = Shell(chart, INNER_MM * flat, OUTER_MM * flat, far, predicted, share * flat)
        assert shell.field(place, POSE).array.item() == pytest.approx(wanted_mm, abs=0.1)
    beyond = Shell(chart, INNER_MM * flat, OUTER_MM * flat, -far, predicted, 0 * flat)
    assert beyond.field(place, POSE).array.item() == pytest.approx(-20.0)
