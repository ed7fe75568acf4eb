"""end_free_border: a smooth end where no bone lies opposite, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from free_parts import (
    BONE_FROM_MM,
    INNER_MM,
    OUTER_MM,
    bone_of,
    disc,
    in_site,
    moved,
    on_map,
    part_of,
    ragged,
    with_slit,
    with_tongue,
)
from scipy.ndimage import binary_dilation, label
from shapes import random_rotation

from meshimplant.edit.end_free_border import end_free_border
from meshimplant.errors import MeshError
from meshimplant.mesh.winding import winding_number
from meshimplant.voxels.distance import distance_inside, distance_outside

STEP_MM = 0.4
LINE_MM = np.arange(-50, 50, STEP_MM)


def _silhouette(part: trimesh.Trimesh, *, depth_mm: float = 2.0) -> np.ndarray:
    """Return where the part is, (x, y) on the map, at a depth under its outer surface."""
    x, y = np.meshgrid(LINE_MM, LINE_MM, indexing="ij")
    polar, turn = np.hypot(x, y) / OUTER_MM, np.arctan2(y, x)
    unit = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], -1)
    points = unit.reshape(-1, 3) * (OUTER_MM - depth_mm)
    return (winding_number(part, points) > 0.5).reshape(x.shape)


def _opened(region: np.ndarray, radius_mm: float) -> np.ndarray:
    core = distance_inside(region) * STEP_MM > radius_mm
    return distance_outside(core) * STEP_MM <= radius_mm


def _below(region: np.ndarray) -> np.ndarray:
    """Leave out what lies beside bone."""
    below = region.copy()
    below[:, LINE_MM > BONE_FROM_MM - 6] = False
    return below


def _widest_lost_mm(region: np.ndarray, radius_mm: float) -> float:
    """Return how far the free part of a region reaches beyond the discs that fit into it."""
    core = distance_inside(region) * STEP_MM > radius_mm
    beyond = distance_outside(core) * STEP_MM - radius_mm
    return float(beyond[_below(region)].max(initial=0.0))


@pytest.fixture(scope="module")
def rough() -> trimesh.Trimesh:
    return part_of(ragged)


@pytest.fixture(scope="module")
def ended(rough: trimesh.Trimesh) -> trimesh.Trimesh:
    return end_free_border(rough, in_site(rough)).mesh


def test_tongue_slit_and_teeth_are_gone(rough: trimesh.Trimesh, ended: trimesh.Trimesh) -> None:
    before, after = _silhouette(rough), _silhouette(ended)
    assert _widest_lost_mm(before, 4.0) > 10 > 1.2 > _widest_lost_mm(after, 4.0)
    assert _widest_lost_mm(~before, 3.0) > 5 > 1.2 > _widest_lost_mm(~after, 3.0)
    assert not (after & ~before).any()
    assert after.sum() > 0.8 * _silhouette(part_of(disc)).sum()


def test_it_stays_one_solid_with_a_wall_up_to_its_rounded_edge(ended: trimesh.Trimesh) -> None:
    assert ended.is_volume
    assert ended.body_count == 1
    middle, outer, inner = (_silhouette(ended, depth_mm=depth) for depth in (2.0, 0.15, 3.85))
    assert label(middle)[1] == 1
    for shaved in (outer, inner):
        assert not (shaved & ~binary_dilation(middle, iterations=2)).any()
        depth = distance_inside(middle) * STEP_MM
        lost = _below(middle & ~shaved)
        assert lost.sum() > 0.3 * _below(middle & (depth <= STEP_MM)).sum()  # the rounding
        assert depth[lost].max() < 2.0  # and no more


def test_the_border_with_bone_opposite_keeps_every_vertex(
    rough: trimesh.Trimesh, ended: trimesh.Trimesh
) -> None:
    y = on_map(np.asarray(rough.vertices))[1]
    beside_bone = {tuple(v) for v in np.asarray(rough.vertices)[y > BONE_FROM_MM + 2]}
    assert beside_bone <= {tuple(v) for v in np.asarray(ended.vertices)}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_line_does_not_depend_on_the_orientation(rough: trimesh.Trimesh, seed: int) -> None:
    straight = end_free_border(rough, in_site(rough))
    mesh, site = moved(rough, bone_of(), random_rotation(seed), np.array([150.0, -80.0, 300.0]))
    turned = end_free_border(mesh, site)
    assert turned.removed_mm3 == pytest.approx(straight.removed_mm3, rel=0.05)
    assert turned.before.fraction == pytest.approx(straight.before.fraction, abs=0.02)


def test_the_same_part_gives_the_same_bytes(rough: trimesh.Trimesh, ended: trimesh.Trimesh) -> None:
    again = end_free_border(rough, in_site(rough)).mesh
    assert again.vertices.tobytes() == ended.vertices.tobytes()
    assert again.faces.tobytes() == ended.faces.tobytes()


def test_without_a_free_border_the_part_itself_is_returned() -> None:
    part = part_of(disc)
    result = end_free_border(part, in_site(part, everywhere=True))
    assert result.mesh is part
    assert result.before.fraction == result.removed_mm3 == 0


@pytest.mark.parametrize(("width_mm", "stays"), [(5.0, False), (12.0, True)])
def test_only_a_narrow_tongue_is_cut_off(width_mm: float, stays: bool) -> None:
    part = part_of(with_tongue(width_mm))
    after = _silhouette(end_free_border(part, in_site(part)).mesh)
    assert after[:, LINE_MM < -36].any() == stays


@pytest.mark.parametrize(("width_mm", "stays"), [(3.0, False), (12.0, True)])
def test_only_a_narrow_slit_is_widened(width_mm: float, stays: bool) -> None:
    part = part_of(with_slit(width_mm))
    before, after = _silhouette(part), _silhouette(end_free_border(part, in_site(part)).mesh)
    assert (_widest_lost_mm(~before, 3.0) < 1.2) == stays
    assert _widest_lost_mm(~after, 3.0) < 1.2


def test_it_ends_before_the_wall_becomes_thin() -> None:
    def inner_mm(_: np.ndarray, y: np.ndarray) -> np.ndarray:
        return INNER_MM + 3.2 * np.clip((-15 - y) / 3, 0, 1)  # a flange of 0.8 mm from y = -18 on

    part = part_of(disc, inner_mm=inner_mm)
    after = _silhouette(end_free_border(part, in_site(part)).mesh, depth_mm=0.4)
    lowest = LINE_MM[np.flatnonzero(after.any(axis=0))[0]]
    assert lowest == pytest.approx(-15 - 3 * 2.5 / 3.2 + 0.6, abs=1.0)  # where 1.5 mm are left


def test_it_ends_before_the_outer_surface_turns_inward() -> None:
    def sunk(_: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.where(y < -20, 1.6 * (-20 - y), 0.0)  # a slope of 58 degrees from y = -20 on

    part = part_of(
        disc, outer_mm=lambda x, y: OUTER_MM - sunk(x, y), inner_mm=lambda x, y: INNER_MM - sunk(x, y)
    )
    result = end_free_border(part, in_site(part))
    y, radius = on_map(np.asarray(result.mesh.vertices))[1:]
    assert y.min() > -23
    assert radius.min() > INNER_MM - 3


def test_an_open_mesh_is_refused() -> None:
    part = part_of(disc)
    opened = trimesh.Trimesh(part.vertices, part.faces[1:], process=False)
    with pytest.raises(MeshError, match="repair"):
        end_free_border(opened, in_site(part))
