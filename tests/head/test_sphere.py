"""Directions from the head's centre: which are vault, and what is bridged behind the brow."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shapes import shell, union

from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, grow, is_vault, read_along

TURN = Rotation.from_euler("xyz", (9, -7, 12), degrees=True).as_matrix()
SHIFT_MM = np.array([55.0, -190.0, 260.0])
POSE = HeadPose(SHIFT_MM, TURN.T, 0.2)
BROW, TEMPLE, NAPE, EYE = (0.1, -0.99, 0.1), (0.97, -0.2, 0.1), (0, 0.99, 0.1), (0.4, -0.87, -0.3)


def unit(*directions: tuple[float, float, float]) -> np.ndarray:
    array = np.array(directions, float)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_brow_temple_and_nape_are_vault_but_eyes_and_neck_are_not() -> None:
    got = is_vault(unit((0, 0, 1), BROW, TEMPLE, NAPE, EYE, (0.9, 0.1, -0.6), (0, 0, -1)))
    assert got.tolist() == [True, True, True, True, False, False, False]


def test_the_vault_is_symmetric() -> None:
    directions, _ = direction_sphere()
    np.testing.assert_array_equal(is_vault(directions), is_vault(directions * (-1, 1, 1)))


def test_a_sinus_counts_as_bone_behind_the_brow_and_nowhere_else() -> None:
    tables = union(shell(74.0, 4.0), shell(90.0, 4.0))  # 12 mm of air between them
    skull = tables.moved(TURN, SHIFT_MM).mask(1.0, margin_mm=4)
    columns = read_along(skull, POSE, unit(BROW, TEMPLE, NAPE))
    assert columns.inner_mm == pytest.approx([70, 70, 70], abs=0.3)
    assert columns.outer_mm == pytest.approx([90, 74, 74], abs=0.3)


def test_a_gap_wider_than_a_sinus_is_not_bridged() -> None:
    skull = union(shell(60.0, 4.0), shell(90.0, 4.0)).moved(TURN, SHIFT_MM).mask(1.0, margin_mm=4)
    assert read_along(skull, POSE, unit(BROW)).outer_mm == pytest.approx([60], abs=0.3)


def test_growing_adds_neighbours_ring_by_ring() -> None:
    directions, edges = direction_sphere()
    seed = np.zeros(len(directions), bool)
    seed[5] = True
    one = grow(seed, 1)
    assert set(np.flatnonzero(one)) == {5} | set(edges[(edges == 5).any(axis=1)].ravel())
    assert one.sum() < grow(seed, 2).sum()
    assert seed.sum() == 1
