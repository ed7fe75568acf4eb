"""A body is split into regions at its necks, each connected piece independently of the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.line.necks import ranked_regions
from meshimplant.voxels.volume import Volume

OPENING_MM = 1.5


def dumbbells(shift: int = 0) -> NDArray[np.bool_]:
    """Return balls of 6 and 4 voxels radius joined by a thread one voxel wide, with ties of depth."""
    i, j, k = np.ogrid[:60, :30, :30]
    balls = (i - 12 - shift) ** 2 + (j - 15) ** 2 + (k - 15) ** 2 <= 36
    balls = balls | ((i - 30 - shift) ** 2 + (j - 15) ** 2 + (k - 15) ** 2 <= 16)
    balls[12 + shift : 30 + shift, 15, 15] = True
    return balls


def test_a_neck_separates_two_cores_and_no_voxel_is_lost() -> None:
    body = dumbbells()
    regions, ranking = ranked_regions(Volume(body, np.eye(4)), OPENING_MM, None)
    assert np.array_equal(regions > 0, body)
    assert sorted(ranking) == [1, 2]
    assert regions[12, 15, 15] == ranking[0] != regions[30, 15, 15] == ranking[1]


def test_debris_elsewhere_does_not_change_a_piece_and_is_ranked_last() -> None:
    body = dumbbells()
    alone, _ = ranked_regions(Volume(body, np.eye(4)), OPENING_MM, None)
    among = body.copy()
    among[45:49, 4:26, 4:26] = True  # a thick sheet with a core of its own
    among[2, :, :3] = True  # a film without one
    regions, ranking = ranked_regions(Volume(among, np.eye(4)), OPENING_MM, None)
    assert sorted(ranking) == [1, 2, 3, 4]
    pairs = np.unique(np.stack([alone[body], regions[body]]), axis=1)
    assert pairs.shape[1] == 2
    assert regions[2, 0, 0] == ranking[-1]
    assert len(np.unique(regions[45:49, 4:26, 4:26])) == 1
