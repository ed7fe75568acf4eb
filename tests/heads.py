"""Analytic heads for networks: spherical skulls with a round hole, completed with a known error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.sphere import direction_sphere
from meshimplant.networks.channels import opening_field
from meshimplant.networks.head_grid import CLIP_MM, FINE, pack_field
from meshimplant.networks.training_store import CaseName, Store, start_store, write_arrays

THICKNESS_MM, HALF_ANGLE = 6.0, 0.35


def shell(radius_mm: float, grid=FINE) -> NDArray[np.float32]:
    """Return the signed distance of a spherical skull on a grid, mm."""
    depth = radius_mm - np.linalg.norm(grid.points_mm(), axis=-1)
    return np.minimum(depth, THICKNESS_MM - depth).astype(np.float32)


def members_around(axis: tuple[float, float, float]) -> NDArray[np.int64]:
    """Return the indices of the directions within `HALF_ANGLE` of an axis."""
    unit = np.array(axis) / np.linalg.norm(axis)
    return np.flatnonzero(direction_sphere()[0] @ unit > np.cos(HALF_ANGLE))


def shell_store(folder: Path, *, training: int, tuning: int, excess_mm: float) -> Store:
    """Write a training set of spheres with one hole each; the prior's radius is `excess_mm` too large."""
    names = [f"{number:03d}" for number in range(training + tuning)]
    splits = {name: "training" if i < training else "tuning" for i, name in enumerate(names)}
    store = start_store(folder, data="spheres", skulls=splits, seed=0, defects=1)
    rng = np.random.default_rng(5)
    for name in names:
        radius_mm, axis = rng.uniform(74, 80), (rng.uniform(-1, 1), rng.uniform(-0.5, 0.5), 1.0)
        members = members_around(axis)
        complete, opening = shell(radius_mm), opening_field(members, FINE)
        defective = np.minimum(complete, -opening)
        prior = np.maximum(defective, np.minimum(shell(radius_mm + excess_mm), opening + 2))
        flat = np.ones(len(direction_sphere()[0]))
        write_arrays(store.skull_path(name), complete=pack_field(complete))
        write_arrays(
            store.path_of(CaseName(name, 0, "random")),
            defective=pack_field(defective),
            prior=pack_field(np.clip(prior, -CLIP_MM, CLIP_MM)),
            opening=pack_field(opening),
            outer_mm=(radius_mm * flat).astype(np.float16),
            thickness_mm=(THICKNESS_MM * flat).astype(np.float16),
        )
    return store
