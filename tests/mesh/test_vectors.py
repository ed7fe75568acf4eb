"""Unit vectors have length 1 and keep their direction."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.mesh.vectors import unit_vectors


@pytest.mark.parametrize("shape", [(3,), (7, 3), (2, 5, 3)])
def test_vectors_get_unit_length_and_keep_their_direction(shape: tuple[int, ...]) -> None:
    vectors = np.random.default_rng(0).normal(size=shape) * 1e-6
    unit = unit_vectors(vectors)
    assert np.linalg.norm(unit, axis=-1) == pytest.approx(1)
    assert np.allclose(np.cross(unit, vectors), 0)
    assert ((unit * vectors).sum(axis=-1) > 0).all()


def test_a_zero_vector_stays_zero() -> None:
    assert unit_vectors((0, 0, 0)).tolist() == [0, 0, 0]
    assert unit_vectors([(0, 0, 0), (0, 2, 0)]).tolist() == [[0, 0, 0], [0, 1, 0]]
