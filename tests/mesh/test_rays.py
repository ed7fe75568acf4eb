"""Rays meet surfaces exactly, also far from the origin."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import trimesh

from meshimplant.errors import MeshImplantError, MissingDependencyError
from meshimplant.mesh.rays import RayCaster


@pytest.mark.parametrize("centre", [(0, 0, 0), (400.0, -900.0, 1500.0)])
def test_rays_meet_a_box_where_it_is(centre: tuple[float, ...]) -> None:
    box = trimesh.creation.box((10, 20, 30))
    box.apply_translation(centre)
    starts = np.array([(0, -50, 0), (4.9, -50, 14.9), (5.1, -50, 0), (-4.9, -50, -14.9)]) + centre
    hits = RayCaster(box).cast(starts, (0, 1, 0))
    assert hits.ray.tolist() == [0, 1, 3]
    assert hits.distance_mm == pytest.approx(40, abs=1e-4)
    corners = box.vertices[box.faces[hits.face]]
    places = np.einsum("mc,mcx->mx", hits.weights, corners)
    assert np.allclose(places, starts[hits.ray] + (0, 40, 0), atol=1e-3)


def test_rays_are_blocked_only_within_reach() -> None:
    caster = RayCaster(trimesh.creation.box((10, 10, 10)))
    start, direction = [(0, 0, -25)], [(0, 0, 1)]
    assert not caster.blocked(start, direction, reach_mm=19.5)[0]
    assert caster.blocked(start, direction, reach_mm=20.5)[0]


def test_missing_embree_raises_an_error_of_this_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embreex.mesh_construction", None)
    with pytest.raises(MissingDependencyError, match="pip install embreex") as caught:
        RayCaster(trimesh.creation.box())
    assert isinstance(caught.value, MeshImplantError)


def test_a_ray_that_meets_nothing_has_no_distance() -> None:
    caster = RayCaster(trimesh.creation.box((10, 10, 10)))
    distance, face = caster.first([(0, 0, -25), (0, 9, -25)], [(0, 0, 1), (0, 0, 1)])
    assert distance[0] == pytest.approx(20, abs=1e-5)
    assert np.isnan(distance[1])
    assert face[0] >= 0
    assert face[1] == -1
    assert [len(column) for column in caster.first(np.zeros((0, 3)), np.zeros((0, 3)))] == [0, 0]
