"""Bodies of known shape and place for the pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import shapes
import trimesh
from numpy.typing import ArrayLike

CapMaker = Callable[..., trimesh.Trimesh]


def _cap(direction: ArrayLike, *, centre: ArrayLike = (0, 0, 0), **options: float) -> trimesh.Trimesh:
    """Return the cap of `shapes.cap`, its middle in this direction from the sphere's centre."""
    mesh = shapes.cap(**options).mesh.copy()
    mesh.apply_transform(trimesh.geometry.align_vectors((0, 0, 1), np.asarray(direction, float)))
    mesh.apply_translation(centre)
    return mesh


@pytest.fixture(scope="session")
def make_cap() -> CapMaker:
    """Return the maker of closed spherical caps."""
    return _cap


@pytest.fixture(scope="session")
def head() -> trimesh.Trimesh:
    """Return a ball of 80 mm radius in place of a skull, 230 mm off the origin."""
    ball = trimesh.creation.icosphere(subdivisions=4, radius=80.0)
    ball.apply_translation((100.0, -50.0, 200.0))
    return ball


@pytest.fixture(scope="session")
def case(head: trimesh.Trimesh) -> dict[str, object]:
    """Return a cap on the head with a thickness everywhere, and a gap, 0.5 to 1.1 mm, on its border only."""
    centre = np.asarray(head.bounds).mean(axis=0)
    direction = np.array([0.5, -0.3, 0.7]) / np.linalg.norm([0.5, -0.3, 0.7])
    cap = _cap(direction, centre=centre, radius_mm=82.0, edge_mm=3.0)
    rays = (cap.vertices - centre) / np.linalg.norm(cap.vertices - centre, axis=1, keepdims=True)
    border = rays @ direction < np.cos(np.radians(29.5))
    gap = np.where(border, np.linspace(0.5, 1.1, len(border)), np.nan)
    return {"implant": cap, "skull": head, "thickness_mm": np.linspace(3.5, 4.5, len(border)), "gap_mm": gap}
