"""Analytic heads and models along directions, for tests of what is left out: no voxels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from meshimplant.complete.shape_model import POINTS, LooseModel, ShapeModel
from meshimplant.head.columns import Columns
from meshimplant.head.mean_vault import Model, flat_vault
from meshimplant.head.sphere import direction_sphere
from meshimplant.skull.defect import Defect, Openings

X = direction_sphere()[0]
SIZE_MM, THICKNESS_MM = 80.0, 6.0
SIDE = np.array([0.8, 0.0, 0.6])


def long_head(length: float, directions: np.ndarray = X) -> np.ndarray:
    """Return the outer radii, relative to the size, of a smooth head."""
    return 1 + 0.04 * length * directions[:, 1] ** 2


def waves(directions: np.ndarray = X) -> np.ndarray:
    """Return a relief, of 6 % of the size, that every head of the population has."""
    x, y, z = directions.T
    return 0.06 * np.sin(16 * y) * np.cos(14 * z) * np.cos(11 * x)


def random_relief(seed: int) -> np.ndarray:
    """Return a smooth relief of a head of its own, 1 mm RMS, with waves 60 to 120 mm long."""
    rng = np.random.default_rng(seed)
    turns = rng.normal(size=(30, 3))
    turns *= rng.uniform(4, 8, size=(30, 1)) / np.linalg.norm(turns, axis=1, keepdims=True)
    field = np.cos(X @ turns.T + rng.uniform(0, 2 * np.pi, 30)).sum(axis=1)
    return field / field.std()


@lru_cache(maxsize=1)
def population() -> dict[str, Model]:
    """Return the models of a population of long and short heads with the same relief."""
    first = X[:POINTS]
    rng = np.random.default_rng(2)
    outer = np.array([long_head(one, first) + waves(first) for one in rng.normal(2, 1, 12)])
    modes = ShapeModel.of(np.stack([outer, outer - THICKNESS_MM / SIZE_MM], axis=1), 3, {})
    return {"ssm": modes, "ssm-loose": LooseModel(modes), "template": modes.mean, "mirror": flat_vault()}


def opening(outer_mm: np.ndarray, axis: np.ndarray = SIDE, angle: float = 0.4) -> tuple[Openings, Defect]:
    """Return a head with a round hole."""
    members = np.flatnonzero(X @ axis > np.cos(angle))
    holed = outer_mm.astype(np.float32)
    holed[members] = np.nan
    defect = Defect(members, axis, 3000.0, np.zeros(3), bool(abs(axis[0]) < np.sin(angle)))
    return Openings((defect,), (), Columns(holed - np.float32(THICKNESS_MM), holed)), defect
