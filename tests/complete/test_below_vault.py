"""complete_below_vault: the other side's surfaces, bent to this side; a population where both are gone."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from numpy.typing import NDArray

from meshimplant.complete.below_vault import LowerHead, complete_below_vault, shell_share
from meshimplant.complete.complete_skull import complete_skull
from meshimplant.complete.completion_findings import below_vault_findings
from meshimplant.complete.lower_mean import GRID, RADIUS_MM, LowerMean
from meshimplant.complete.shell import Shell
from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.head.chart import CHART_RADIUS_MM, Chart
from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose, identity_pose
from meshimplant.head.sphere import LOWEST_ELEVATION_SIN, direction_sphere, is_vault
from meshimplant.skull.defect import Defect, Openings, covered_fraction
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

POSE = HeadPose(np.array([120.0, -40.0, 310.0]), np.eye(3), 0.1)
VAULT_MM, WALL_MM = 80.0, 6.0
#: Below the vault: an inner wall, and an outer one beyond 8 mm of air, along the same rays.
INNER_WALL_MM, OUTER_WALL_MM = (50.0, 62.0), (70.0, 75.0)
AXIS = np.array([0.45, -0.87, -0.2]) / np.linalg.norm([0.45, -0.87, -0.2])
HALF_DEG = 16.0
#: A hollow in the inner wall, in the middle of the hole: a sinus.
SINUS_MM, SINUS_RADIUS_MM = 56.0 * AXIS, 3.8


def head_mm(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance, roughly, of a symmetric head in its own frame."""
    radius = np.linalg.norm(points, axis=-1)
    vault = is_vault(points / np.maximum(radius, 1e-6)[..., None])
    walls = [np.minimum(radius - low, high - radius) for low, high in (INNER_WALL_MM, OUTER_WALL_MM)]
    face = np.maximum(*walls)
    sinus = np.linalg.norm(points - SINUS_MM * np.where(points[..., :1] < 0, (-1, 1, 1), (1, 1, 1)), axis=-1)
    face = np.minimum(face, sinus - SINUS_RADIUS_MM)
    return np.where(vault, np.minimum(VAULT_MM - radius, radius - VAULT_MM + WALL_MM), face)


def uneven_mm(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same head with a right half that is 2 % larger and 1 mm farther to the front."""
    right = (points[..., :1] < 0) * np.clip(-points[..., :1] / 40, 0, 1)
    return head_mm(points - right * ((0.0, -1.0, 0.0) + 0.02 * points))


def cone(directions: NDArray[np.float64], *sides: int) -> NDArray[np.bool_]:
    inside = np.zeros(directions.shape[:-1], bool)
    for side in sides:
        inside |= directions @ (AXIS * (side, 1, 1)) > np.cos(np.radians(HALF_DEG))
    return inside


@lru_cache(maxsize=2)
def skull(*sides: int) -> Volume:
    """The uneven head, cut open on the given sides (1 is left)."""
    line = np.arange(-92, 93, 1.3)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1)
    radius = np.linalg.norm(points, axis=-1)
    bone = (uneven_mm(points) > 0) & ~cone(points / np.maximum(radius, 1e-6)[..., None], *sides)
    affine = np.diag([1.3, 1.3, 1.3, 1.0])
    affine[:3, 3] = POSE.centre_mm + line[0]
    return Volume(bone.astype(np.uint8), affine)


def openings(*sides: int) -> Openings:
    directions, _ = direction_sphere()
    holes = [
        Defect(np.flatnonzero(cone(directions, side)), AXIS * (side, 1, 1), 1.0, POSE.centre_mm, False)
        for side in sides
    ]
    nothing = np.full(len(directions), np.nan, np.float32)
    return Openings(tuple(holes), (), Columns(nothing, nothing))


def estimated(axis: NDArray[np.float64] = AXIS) -> Shell:
    chart = Chart.around(axis, half_width_mm=34.0, spacing_mm=1.0)
    extent = CHART_RADIUS_MM * (np.radians(HALF_DEG) - np.arccos(chart.directions @ axis))
    flat = np.full(chart.shape, VAULT_MM)
    return Shell(chart, flat - WALL_MM, flat, extent)


@lru_cache(maxsize=4)
def completed(*sides: int, population: bool = True) -> LowerHead:
    points = GRID.to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1))
    size = VAULT_MM / RADIUS_MM
    mean = LowerMean(np.clip(head_mm(points * size) / size, -8, 8), {}) if population else None
    lower = complete_below_vault(skull(*sides), POSE, openings(*sides), estimated(), mean, VAULT_MM)
    assert lower is not None
    return lower


def missing_points() -> NDArray[np.float64]:
    """Points of the head's frame in the hole, well below the vault."""
    chart = estimated().chart
    below = distance_outside(is_vault(chart.directions)) > 5
    rays = chart.directions[below & cone(chart.directions, 1)][::7]
    return (rays[:, None] * np.arange(46.0, 79.0, 0.5)[:, None]).reshape(-1, 3)


def errors_mm(lower: LowerHead) -> NDArray[np.float64]:
    """Return the distances at points near the true surfaces, away from the true ones."""
    points = missing_points()
    true = uneven_mm(points)
    near = np.abs(true) < 1.0
    assert near.sum() > 500
    return np.abs(sample(lower.field, points[near], fill=-8.0) - true[near])


def test_both_walls_of_the_other_side_are_bent_to_this_side() -> None:
    lower = completed(1)
    assert lower.report() == {"source": "other side", "other_side_fraction": 1.0}
    assert np.median(errors_mm(lower)) < 0.4
    assert np.percentile(errors_mm(lower), 95) < 1.2
    between = AXIS * 66.0  # air between the two walls
    assert sample(lower.field, between[None])[0] < -2
    mirrored = missing_points() * (-1, 1, 1)
    unbent = np.abs(uneven_mm(mirrored) - uneven_mm(missing_points()))
    assert np.median(unbent[np.abs(uneven_mm(missing_points())) < 1]) > 1.0  # what bending has to make good


def test_a_sinus_stays_open_and_the_bone_around_it_is_closed() -> None:
    field = completed(1).field
    assert sample(field, SINUS_MM[None])[0] < -1
    side = np.cross(AXIS, (0, 0, 1.0))
    around = SINUS_MM + 7.0 * np.array([side, -side]) / np.linalg.norm(side)
    assert (sample(field, around) > 1).all()


def test_where_both_sides_are_gone_the_population_is_used_and_said() -> None:
    lower = completed(1, -1)
    assert lower.report()["source"] == "population"
    assert lower.other_side_fraction < 0.02
    assert np.median(errors_mm(lower)) < 0.4
    (warning,) = below_vault_findings([completed(1), lower])
    assert (warning.code, warning.severity) == ("complete.no_other_side", "warning")
    assert warning.value == pytest.approx(1 - lower.other_side_fraction)
    assert "mean of a population" in warning.message
    assert below_vault_findings([completed(1)]) == []
    assert below_vault_findings([]) == []


def test_without_a_population_the_vault_is_carried_on_and_said() -> None:
    lower = completed(1, -1, population=False)
    assert lower.report()["source"] == "vault"
    assert sample(lower.field, (AXIS * (VAULT_MM - 1))[None])[0] == pytest.approx(1.0, abs=0.2)
    (warning,) = below_vault_findings([lower])
    assert "the vault, carried on" in warning.message


def test_an_opening_in_the_vault_has_no_lower_head() -> None:
    shell = estimated(np.array([0.3, 0.2, 0.93]) / np.linalg.norm([0.3, 0.2, 0.93]))
    assert complete_below_vault(skull(1), POSE, openings(1), shell, None, VAULT_MM) is None


def test_the_shells_share_falls_to_zero_where_the_vault_ends() -> None:
    chart = estimated().chart
    share, above = shell_share(chart, 12.0), distance_inside(is_vault(chart.directions))
    assert (share[above > 13] == 1).all()
    assert (share[above == 0] == 0).all()
    assert share[(above > 5) & (above < 7)] == pytest.approx(0.5, abs=0.1)


def test_the_completed_field_is_that_of_the_lower_head_below_the_vault() -> None:
    lower, shell = completed(1), estimated()
    whole = Shell(shell.chart, shell.inner_mm, shell.outer_mm, shell.extent_mm, lower.field, lower.share)
    grid = lower.field
    field = whole.field(grid, identity_pose())
    points = missing_points()
    inside = shell.chart.to_nodes(points / np.linalg.norm(points, axis=1)[:, None])
    assert inside.min() > 0
    both = np.stack([sample(volume, points, fill=-8.0) for volume in (field, lower.field)])
    deep = (cone(points / np.linalg.norm(points, axis=1)[:, None], 1)) & (np.abs(both[1]) < 2)
    assert np.median(np.abs(both[0] - both[1])[deep]) < 0.1


def test_beyond_the_end_of_the_population_the_vault_is_carried_on() -> None:
    """Of an opening in the nape the population knows nothing, and the other side is open."""
    case = craniectomy(skull_phantom(spacing_mm=2.0), kind="suboccipital", seed=1)
    completion = complete_skull(case.defective)
    found = completion.field.resample_to(case.truth, fill=-1.0).array > 0
    assert covered_fraction(completion.defects[0], completion.pose, case.truth.with_array(found)) > 0.95
    rays = direction_sphere()[0][completion.defects[0].members]
    assert rays[:, 2].min() < LOWEST_ELEVATION_SIN  # the opening ends at the rim of the foramen magnum
