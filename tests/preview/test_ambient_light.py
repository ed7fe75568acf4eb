"""Diffuse light knows folds, and does not depend on the place of the mesh."""

from __future__ import annotations

import numpy as np
import trimesh

from meshimplant.preview.ambient_light import ambient_light, neighbour_mean


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
