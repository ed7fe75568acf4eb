"""mirror_below_vault: below the vault, columns of the other side, offset to match this side."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.mirrored_columns import mirror_below_vault
from meshimplant.head.chart import Chart
from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.skull.defect import Defect, Openings
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.volume import Volume

POSE = HeadPose(np.array([120.0, -40.0, 310.0]), np.eye(3), 0.1)
#: Vault and orbit floor, mm.
VAULT_MM, ORBIT_MM, WALL_MM = 80.0, 62.0, 6.0
AXIS = np.array([0.45, -0.87, -0.2]) / np.linalg.norm([0.45, -0.87, -0.2])
HALF_DEG = 16.0


def head(*, wider_mm: float = 0.0, both_open: bool = False) -> Volume:
    """A head with deep bone below the vault, open on the left; the right side is some millimetres wider."""
    line = np.arange(-96, 97, 1.6)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)
    radius = np.linalg.norm(points, axis=-1)
    directions = points / np.maximum(radius, 1e-6)[..., None]
    outer = np.where(is_vault(directions), VAULT_MM, ORBIT_MM) + wider_mm * (points[..., 0] < 0)
    bone = (radius < outer) & (radius > outer - WALL_MM)
    for side in (1, -1) if both_open else (1,):
        bone &= directions @ (AXIS * (side, 1, 1)) < np.cos(np.radians(HALF_DEG))
    affine = np.diag([1.6, 1.6, 1.6, 1.0])
    affine[:3, 3] = POSE.centre_mm + line[0]
    return Volume(bone.astype(np.uint8), affine)


def opening(*, both: bool = False) -> Openings:
    directions, _ = direction_sphere()
    holes = []
    for side in (1, -1) if both else (1,):
        axis = AXIS * (side, 1, 1)
        members = np.flatnonzero(directions @ axis > np.cos(np.radians(HALF_DEG)))
        holes.append(Defect(members, axis, 1.0, POSE.centre_mm, False))
    nothing = np.full(len(directions), np.nan, np.float32)
    return Openings(tuple(holes), (), Columns(nothing, nothing))


def faced(
    skull: Volume, holes: Openings
) -> tuple[Chart, NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    chart = Chart.around(AXIS, half_width_mm=34.0, spacing_mm=1.0)
    flat = np.full(chart.shape, VAULT_MM)
    inner, outer, unknown = mirror_below_vault(skull, POSE, holes, chart, flat - WALL_MM, flat)
    return chart, inner, outer, unknown


def zones(chart: Chart) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the nodes well within the vault, and well below it."""
    vault = is_vault(chart.directions)
    return ndimage.binary_erosion(vault, iterations=9), ndimage.binary_erosion(~vault, iterations=4)


@pytest.mark.parametrize("wider_mm", [0.0, 2.5])
def test_the_estimate_is_kept_on_the_vault_and_the_other_side_used_below(wider_mm: float) -> None:
    chart, inner, outer, unknown = faced(head(wider_mm=wider_mm), opening())
    above, below = zones(chart)
    assert above.sum() > 300
    assert below.sum() > 500
    assert outer[above] == pytest.approx(VAULT_MM)
    assert inner[above] == pytest.approx(VAULT_MM - WALL_MM)
    assert np.median(outer[below]) == pytest.approx(ORBIT_MM, abs=0.3)  # not where the wider side has it
    assert np.median(inner[below]) == pytest.approx(ORBIT_MM - WALL_MM, abs=0.3)
    assert not unknown.any()


def test_where_the_other_side_is_open_too_the_estimate_is_unknown_far_below_the_vault() -> None:
    chart, _, outer, unknown = faced(head(both_open=True), opening(both=True))
    _, below = zones(chart)
    hole = chart.directions @ AXIS > np.cos(np.radians(HALF_DEG - 2))
    assert outer[hole & ~unknown] == pytest.approx(VAULT_MM)
    assert unknown[hole & below].any()
    assert not unknown[is_vault(chart.directions)].any()


def test_a_chart_on_the_vault_is_unchanged() -> None:
    chart = Chart.around((0.3, 0.2, 0.93), half_width_mm=20.0, spacing_mm=1.0)
    flat = np.full(chart.shape, VAULT_MM)
    inner, outer, unknown = mirror_below_vault(head(), POSE, opening(), chart, flat - WALL_MM, flat)
    np.testing.assert_array_equal(outer, flat)
    np.testing.assert_array_equal(inner, flat - WALL_MM)
    assert not unknown.any()


def test_the_other_side_fades_in_towards_the_end_of_the_vault() -> None:
    """Small ripples of the estimate are kept well above the vault's end, halved 4 mm above it, gone below."""
    chart = Chart.around(AXIS, half_width_mm=34.0, spacing_mm=1.0)
    ripple = 1.5 * (-1.0) ** np.add.outer(np.arange(chart.shape[0]), np.arange(chart.shape[0]))
    high = VAULT_MM + ripple
    _, outer, _ = mirror_below_vault(head(), POSE, opening(), chart, high - WALL_MM, high)
    vault = is_vault(chart.directions)
    above = distance_inside(vault)
    assert (np.abs(outer - VAULT_MM)[above > 9] == 1.5).all()
    assert np.ptp(outer[(above > 3) & (above < 5)]) == pytest.approx(1.5, abs=0.6)
    assert np.median(outer[distance_outside(vault) > 4]) == pytest.approx(ORBIT_MM, abs=0.3)
