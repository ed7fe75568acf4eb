"""The tree of surface points gives the same nearest points as scipy's default tree."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from meshimplant.mesh.nearest import surface_tree


def test_nearest_points_are_those_of_scipys_default_tree() -> None:
    rng = np.random.default_rng(0)
    shell = rng.normal(size=(5000, 3))
    shell *= 80 / np.linalg.norm(shell, axis=1, keepdims=True)
    around = shell[:2000] * rng.uniform(0.9, 1.1, (2000, 1))
    for count in (1, 6):
        found, wanted = (tree.query(around, count) for tree in (surface_tree(shell), cKDTree(shell)))
        assert np.array_equal(found[0], wanted[0])
        assert np.array_equal(found[1], wanted[1])
