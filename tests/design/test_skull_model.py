"""The skull as a printable solid."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.design.skull_model import skull_model
from meshimplant.errors import EmptyMaskError
from meshimplant.mesh.winding import winding_number
from meshimplant.voxels.volume import Volume


@pytest.fixture(scope="module")
def cut(phantom):
    return craniectomy(phantom, kind="parietotemporal", seed=1)


def test_the_skull_is_one_proven_solid_in_its_place_with_its_defect_open(cut) -> None:
    model = skull_model(cut.defective)
    checked = check_solid(model)
    assert checked.passed, checked.findings
    filled = cut.defective.to_mm(np.argwhere(cut.defective.array))
    assert model.bounds == pytest.approx(np.array([filled.min(axis=0), filled.max(axis=0)]), abs=2)
    assert model.volume == pytest.approx(cut.defective.array.sum() * 8, rel=0.08)
    removed = cut.truth.to_mm(np.argwhere(cut.truth.array))
    assert (winding_number(model, removed) > 0.5).mean() < 0.05
    assert (winding_number(model, filled) > 0.5).mean() > 0.85


def test_specks_and_enclosed_air_are_no_part_of_the_model() -> None:
    ball = sphere(30).mask((2.0, 2.0, 2.0)).pad(4)
    radius = np.linalg.norm(ball.to_mm(np.argwhere(np.ones(ball.shape, bool))), axis=1).reshape(ball.shape)
    array = (ball.array != 0) & (radius > 20)
    array[1, 1, 1] = True
    model = skull_model(ball.with_array(array))
    assert model.body_count == 1
    assert model.volume == pytest.approx(sphere(30).volume_mm3, rel=0.03)


def test_without_bone_there_is_no_model() -> None:
    with pytest.raises(EmptyMaskError):
        skull_model(Volume(np.zeros((8, 8, 8), np.uint8), np.eye(4)))
