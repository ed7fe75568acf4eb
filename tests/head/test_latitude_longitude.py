"""Maps over azimuth and elevation: where azimuth 0 is, what is read at nodes and at the seam."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.head.latitude_longitude import close_seam, interpolate_map, map_directions, to_direction


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg", "direction"),
    [
        (0, 0, (1, 0, 0)),  # left
        (90, 0, (0, 1, 0)),  # back
        (-90, 0, (0, -1, 0)),  # front
        (180, 0, (-1, 0, 0)),  # right
        (35, 90, (0, 0, 1)),  # up
    ],
)
def test_azimuth_runs_from_the_left_to_the_back(azimuth_deg, elevation_deg, direction) -> None:
    assert to_direction(azimuth_deg, elevation_deg) == pytest.approx(direction, abs=1e-12)


def test_a_map_is_read_at_its_nodes_and_between_them() -> None:
    directions = map_directions(3.0)
    assert directions.shape == (121, 61, 3)
    height = directions[..., 2]
    assert interpolate_map(height, directions[:-1]) == pytest.approx(height[:-1], abs=1e-9)
    points = 80 * np.random.default_rng(1).normal(size=(500, 3))
    radius = np.linalg.norm(points, axis=1)
    assert interpolate_map(height, points, radius) == pytest.approx(points[:, 2] / radius, abs=1e-3)
    assert interpolate_map(height, points.astype(np.float32), radius.astype(np.float32)).dtype == np.float32


def test_a_closed_map_has_no_seam() -> None:
    values = np.random.default_rng(2).normal(size=(2, 121, 61))
    close_seam(values)
    just_above, just_below = interpolate_map(
        values[1], np.stack([to_direction(side, 12) for side in (179.9999999, -179.9999999)])
    )
    assert just_above == pytest.approx(just_below, abs=1e-5)
