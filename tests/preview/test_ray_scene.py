"""Rays: exact hits far from the origin, and soft light that knows folds."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import trimesh

from meshimplant.errors import MeshImplantError, MissingDependencyError
from meshimplant.preview.ray_scene import RayScene, ambient_light, neighbour_mean


@pytest.mark.parametrize("centre", [(0, 0, 0), (400.0, -900.0, 1500.0)])
def test_rays_meet_a_box_where_it_is(centre: tuple[float, ...]) -> None:
    box = trimesh.creation.box((10, 20, 30))
    box.apply_translation(centre)
    starts = np.array([(0, -50, 0), (4.9, -50, 14.9), (5.1, -50, 0), (-4.9, -50, -14.9)]) + centre
    hits = RayScene(box).cast(starts, (0, 1, 0))
    assert hits.ray.tolist() == [0, 1, 3]
    assert hits.distance_mm == pytest.approx(40, abs=1e-4)
    corners = box.vertices[box.faces[hits.face]]
    places = np.einsum("mc,mcx->mx", hits.weights, corners)
    assert np.allclose(places, starts[hits.ray] + (0, 40, 0), atol=1e-3)


def test_blocked_only_within_reach() -> None:
    scene = RayScene(trimesh.creation.box((10, 10, 10)))
    start, direction = [(0, 0, -25)], [(0, 0, 1)]
    assert not scene.blocked(start, direction, reach_mm=19.5)[0]
    assert scene.blocked(start, direction, reach_mm=20.5)[0]


def test_light_is_full_on_a_ball_and_scarce_in_a_pit() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=30.0)
    assert ambient_light(ball).min() > 0.99
    pit = trimesh.creation.annulus(r_min=4, r_max=8, height=30, sections=64)
    floor = trimesh.creation.cylinder(radius=4, height=2, sections=64)
    floor.apply_translation((0, 0, -14))
    light = ambient_light(trimesh.util.concatenate([pit, floor.subdivide().subdivide()]))
    middle = light[-len(floor.subdivide().subdivide().vertices) :]
    assert middle.min() < 0.25


def test_light_does_not_depend_on_place() -> None:
    knot = trimesh.creation.torus(major_radius=20, minor_radius=7)
    away = knot.copy()
    away.apply_translation((512, -1024, 256))
    assert np.abs(ambient_light(knot) - ambient_light(away)).max() < 0.05


def test_neighbour_mean_keeps_constants_and_spreads_a_peak() -> None:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    assert np.allclose(neighbour_mean(np.full(len(mesh.vertices), 0.7), mesh.faces), 0.7)
    peak = np.zeros(len(mesh.vertices))
    peak[5] = 1
    spread = neighbour_mean(peak, mesh.faces)
    touched = np.unique(mesh.faces[(mesh.faces == 5).any(axis=1)])
    assert set(np.flatnonzero(spread)) == set(touched.tolist())


def test_missing_embree_is_a_deliberate_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embreex.mesh_construction", None)
    with pytest.raises(MissingDependencyError, match="pip install embreex") as caught:
        RayScene(trimesh.creation.box())
    assert isinstance(caught.value, MeshImplantError)
