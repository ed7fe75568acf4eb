"""The number of holes through a mesh."""

from __future__ import annotations

import pytest
import trimesh
from shapes import joined, sphere

from meshimplant.mesh.topology import handles

TORUS = trimesh.creation.torus(10.0, 3.0, major_sections=24, minor_sections=12)
BALL = sphere(5.0, (40, 0, 0), subdivisions=2).mesh


@pytest.mark.parametrize(
    ("mesh", "count"), [(BALL, 0), (TORUS, 1), (joined(TORUS, BALL), 1), (joined(TORUS, TORUS), 2)]
)
def test_a_handle_is_a_hole_through_a_body(mesh, count):
    assert handles(mesh) == count
