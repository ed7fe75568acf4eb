"""Build a mean vault from complete skulls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.align import match_nod, move_points
from meshimplant.complete.template import VaultMean, read_scattered
from meshimplant.errors import InputError
from meshimplant.skull.pose import fit_pose
from meshimplant.skull.sphere import direction_sphere, read_vault
from meshimplant.volume import Volume

_THICKNESS_RANGE_MM = (1.5, 20.0)
_ROUNDS = 3
_FACING = np.array([-1.0, 1.0, 1.0])


def build_vault_mean(skulls: Iterable[Volume], *, about: dict[str, Any]) -> VaultMean:
    """Average complete skulls, each together with its mirror image, after dividing by its own median radius and thickness.

    The skulls are laid on their common mean (nod and centre), the mean is taken again, and so on, three rounds. Over skulls
    the median is taken direction by direction, so that one odd skull does not count.

    Raises `InputError` when no skull is given.
    """
    vaults = [_vault(skull) for skull in skulls]
    if not vaults:
        raise InputError("expected at least one complete skull to average, got none")
    moves = [np.zeros(3)] * len(vaults)
    mean = _median(vaults, moves, about)
    for _ in range(_ROUNDS):
        moves = [match_nod(points[:: max(1, len(points) // 8000)], mean)[:3] for points, _ in vaults]
        moves = [move - np.mean(moves, axis=0) for move in moves]
        mean = _median(vaults, moves, about)
    return mean


def _vault(skull: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return outer points (n, 3) in the head's frame and the thickness (n,) there, where the bone is plausible."""
    directions, _ = direction_sphere()
    pose = fit_pose(skull)
    columns = read_vault(skull, pose)
    thickness = columns.outer_mm.astype(float) - columns.inner_mm.astype(float)
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        good = (thickness > low) & (thickness < high)
    return directions[good] * columns.outer_mm[good, None], thickness[good]


def _median(
    vaults: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
    moves: list[NDArray[np.float64]],
    about: dict[str, Any],
) -> VaultMean:
    directions, _ = direction_sphere()
    rows = []
    for (points, thickness), move in zip(vaults, moves, strict=True):
        moved = move_points(points, move)
        radius = np.linalg.norm(moved, axis=1)
        top = moved[:, 2] > 0
        values = np.stack([radius / np.median(radius[top]), thickness / np.median(thickness[top])], axis=1)
        rows += [
            read_scattered(moved * side / radius[:, None], values, directions)
            for side in (np.ones(3), _FACING)
        ]
    stack = np.array(rows)
    stack[:, np.isnan(stack).all(axis=(0, 2))] = 1.0  # no skull has bone there
    outer, thick = np.nanmedian(stack, axis=0).T
    return VaultMean(outer, thick, {**about, "skulls": len(vaults)})
