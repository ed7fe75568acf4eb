"""Columns of a field: a surface between the voxels is found where it is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.networks.field_columns import columns_from_field
from meshimplant.networks.head_grid import CLIP_MM, FINE

#: Middle of a hollow ball, off the head's centre, so that rays meet its surfaces at an angle.
MIDDLE_MM = np.array([6.3, -8.1, 4.7])
OUTER_MM, INNER_MM = 71.37, 65.12


@lru_cache(maxsize=1)
def ball() -> np.ndarray:
    radius = np.linalg.norm(FINE.points_mm() - MIDDLE_MM, axis=-1)
    return np.clip(np.minimum(OUTER_MM - radius, radius - INNER_MM), -CLIP_MM, CLIP_MM).astype(np.float32)


def crossing(directions: np.ndarray, radius_mm: float) -> np.ndarray:
    """Return where rays from the head's centre meet a ball around `MIDDLE_MM`."""
    along = directions @ MIDDLE_MM
    return along + np.sqrt(along**2 - MIDDLE_MM @ MIDDLE_MM + radius_mm**2)


def test_both_surfaces_are_found_between_the_voxels() -> None:
    which = np.flatnonzero(is_vault(direction_sphere()[0]))[::7]
    columns = columns_from_field(ball(), which=which)
    directions = direction_sphere()[0][which]
    for radii, truth_mm in ((columns.outer_mm, OUTER_MM), (columns.inner_mm, INNER_MM)):
        error = np.abs(radii - crossing(directions, truth_mm))
        assert np.median(error) < 0.01
        assert error.max() < 0.1


def test_a_hole_has_no_column() -> None:
    field = ball().copy()
    x, _, z = np.moveaxis(FINE.points_mm(), -1, 0)
    field[(np.abs(x) < 20) & (z > 30)] = -CLIP_MM
    which = np.arange(2562)
    through = direction_sphere()[0][which] @ (0.0, 0.0, 1.0) > 0.98
    columns = columns_from_field(field, which=which)
    assert columns.missing[through].all()
    assert np.isnan(columns.outer_mm[through]).all()
    assert not columns.missing[
        (direction_sphere()[0][which, 0] > 0.5) & (direction_sphere()[0][which, 2] > 0)
    ].any()


def test_all_directions_are_read_where_none_are_named() -> None:
    assert columns_from_field(ball()).outer_mm.shape == (len(direction_sphere()[0]),)
