"""Lighter meshes that still look like the heavy ones."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from meshimplant.preview.decimate import cluster_vertices, decimate, transfer_values


def _ball() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=6, radius=80.0)
    ball.apply_translation((300.0, -200.0, 500.0))
    return ball


@pytest.mark.parametrize("max_faces", [8_000, 20_000, 60_000])
def test_thinned_keeps_shape_and_place(max_faces: int) -> None:
    ball = _ball()
    light = decimate(ball, max_faces=max_faces)
    assert 0.6 * max_faces < len(light.faces) <= 1.05 * max_faces
    radius = np.linalg.norm(light.vertices - (300, -200, 500), axis=1)
    assert np.abs(radius - 80).max() < 0.4
    assert light.volume == pytest.approx(ball.volume, rel=5e-3)


def test_clustered_hits_the_aim_and_leaves_no_flat_face() -> None:
    light = cluster_vertices(_ball(), max_faces=15_000)
    assert 0.7 * 15_000 < len(light.faces) < 1.3 * 15_000
    assert (light.faces[:, [0, 1, 2]] != light.faces[:, [1, 2, 0]]).all()
    assert light.volume == pytest.approx(_ball().volume, rel=5e-3)


def test_a_light_mesh_is_returned_as_it_is() -> None:
    ball = _ball()
    assert decimate(ball, max_faces=10**6) is ball


def test_values_stay_at_their_place() -> None:
    ball = _ball()
    values = ball.vertices[:, 2].copy()
    values[ball.vertices[:, 0] < 240] = np.nan
    light = decimate(ball, max_faces=20_000)
    carried = transfer_values(values, ball, light)
    known = np.isfinite(carried)
    assert np.abs(carried[known] - light.vertices[known, 2]).max() < 2
    assert (light.vertices[~known, 0] < 243).all()
