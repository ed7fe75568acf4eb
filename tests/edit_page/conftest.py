"""A ball for a head, with a hole on its left, and a part in it whose place is known everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import shapes
import trimesh
from ball_head import MIDDLE_MM, RADIUS_MM

from meshimplant.head.pose import HeadPose
from meshimplant.voxels.volume import Volume


@pytest.fixture(scope="session")
def ball_head() -> Volume:
    """Return a hollow ball, 5 mm thick, in voxels of 3 mm; its left side has a hole."""
    axis = np.arange(-90.0, 91.0, 3.0)
    x, y, z = np.meshgrid(axis, axis, axis, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    bone = (radius < RADIUS_MM) & (radius > RADIUS_MM - 5)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = MIDDLE_MM - 90.0
    hole = (x > 0.87 * radius) & bone
    return Volume((bone & ~hole).astype(np.uint8), affine)


@pytest.fixture(scope="session")
def pose() -> HeadPose:
    """Return the frame of that head."""
    return HeadPose(MIDDLE_MM, np.eye(3), 0.0)


@pytest.fixture(scope="session")
def proud_part() -> trimesh.Trimesh:
    """Return a part for the hole whose outer surface stands 2 mm out of the ball."""
    part = shapes.cap(radius_mm=RADIUS_MM + 2.0, edge_mm=4.0).mesh.copy()
    part.apply_transform(trimesh.geometry.align_vectors((0, 0, 1), (1, 0, 0)))
    part.apply_translation(MIDDLE_MM)
    return part
