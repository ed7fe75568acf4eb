"""Chart: directions to nodes and back, arc lengths, and the smooth values on its nodes."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.head.chart import CHART_RADIUS_MM, Chart

AXES = [(0, 0, 1), (0, 0, -1), (1, 0, 0), (-0.3, 0.8, 0.5)]


@pytest.mark.parametrize("axis", AXES)
def test_directions_and_nodes_are_inverse(axis) -> None:
    chart = Chart.around(axis, half_width_mm=60, spacing_mm=2.5)
    nodes = np.stack(np.meshgrid(*[np.arange(n) for n in chart.shape], indexing="ij"))
    directions = chart.directions
    assert np.linalg.norm(directions, axis=-1) == pytest.approx(1, abs=1e-12)
    assert chart.to_nodes(directions) == pytest.approx(nodes, abs=1e-9)


@pytest.mark.parametrize("axis", AXES)
def test_the_frame_is_orthonormal_and_the_middle_node_is_the_axis(axis) -> None:
    chart = Chart.around(np.array(axis) * 3, half_width_mm=50, spacing_mm=1.0)
    frame = chart.axes
    assert frame @ frame.T == pytest.approx(np.eye(3), abs=1e-12)
    middle = chart.shape[0] // 2
    assert chart.directions[middle, middle] == pytest.approx(np.array(axis) / np.linalg.norm(axis))


def test_distances_from_the_middle_are_arc_lengths() -> None:
    chart = Chart.around((0.2, -0.5, 0.8), half_width_mm=45, spacing_mm=1.5)
    angle = np.arccos(np.clip(chart.directions @ chart.axes[2], -1, 1))
    line = np.linspace(-chart.half_width_mm, chart.half_width_mm, chart.shape[0])
    assert angle * CHART_RADIUS_MM == pytest.approx(np.hypot(*np.meshgrid(line, line)), abs=1e-5)


@pytest.mark.parametrize(("half_width_mm", "spacing_mm"), [(60.0, 2.5), (61.0, 2.5), (40.2, 0.75)])
def test_a_chart_reaches_at_least_its_half_width(half_width_mm, spacing_mm) -> None:
    chart = Chart.around((0, 0, 1), half_width_mm=half_width_mm, spacing_mm=spacing_mm)
    assert half_width_mm <= chart.half_width_mm < half_width_mm + spacing_mm
    assert chart.directions.shape == (*chart.shape, 3)


def test_refining_preserves_a_quadratic_surface() -> None:
    coarse = Chart.around((0, 0, 1), half_width_mm=40, spacing_mm=2.5)
    fine = coarse.with_spacing(0.75)

    def surface(chart: Chart) -> np.ndarray:
        line = np.linspace(-chart.half_width_mm, chart.half_width_mm, chart.shape[0])
        a, b = np.meshgrid(line, line, indexing="ij")
        return 75 + 0.05 * a - 0.02 * b + 0.002 * a * b - 0.001 * a * a

    middle = slice(14, -14)  # a cubic spline bends at the chart's end
    assert coarse.refine(surface(coarse), fine)[middle, middle] == pytest.approx(
        surface(fine)[middle, middle], abs=0.02
    )
