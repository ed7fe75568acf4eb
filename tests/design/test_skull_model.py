"""The skull as a printable solid."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.design.hollow import hollow
from meshimplant.design.skull_model import skull_model
from meshimplant.errors import EmptyMaskError, InputError
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


def test_a_loose_piece_of_a_cubic_centimetre_stays_and_the_base_is_cut_flat() -> None:
    """Two balls: the small one has 0.9 cm3 or 1.8 cm3; the cut leaves a flat face at its level."""
    for radius_mm, bodies in ((6.0, 1), (7.6, 2)):
        grid = Volume(np.zeros((64, 48, 48), np.uint8), np.diag([1.0, 1.0, 1.0, 1.0]))
        points = grid.to_mm(np.argwhere(np.ones(grid.shape, bool)))
        large = np.linalg.norm(points - (20, 24, 24), axis=1) < 17
        small = np.linalg.norm(points - (52, 24, 24), axis=1) < radius_mm
        balls = grid.with_array((large | small).reshape(grid.shape).astype(np.uint8))
        model = skull_model(balls, cut_mm=10.0)
        assert model.body_count == bodies
        assert check_solid(model, bodies=bodies).passed
        level = model.bounds[0, 2]
        flat = model.area_faces[(np.abs(model.triangles[..., 2] - level) < 0.02).all(axis=1)].sum()
        of_small = np.pi * (radius_mm**2 - 7**2) if bodies == 2 else 0.0
        assert flat == pytest.approx(np.pi * (17**2 - 7**2) + of_small, rel=0.06)


def test_a_hollow_ball_has_its_wall_and_two_drains() -> None:
    ball = sphere(20, subdivisions=4).mesh
    empty = hollow(ball, wall_mm=3.0)
    assert check_solid(empty).passed
    assert empty.body_count == 1
    assert empty.euler_number == 0, "a shell with two holes is a torus"
    wall_mm3 = 4 / 3 * np.pi * (20**3 - 17**3)
    assert empty.volume == pytest.approx(wall_mm3 - 2 * np.pi * 2**2 * 3, rel=0.08)
    radius = np.linalg.norm(empty.vertices, axis=1)
    assert radius.min() == pytest.approx(17, abs=0.6)
    assert np.allclose(hollow(sphere(3, subdivisions=3).mesh, wall_mm=2.0).volume, 112, atol=2)
    with pytest.raises(InputError, match="wall of 1 to 10 mm"):
        hollow(ball, wall_mm=0.2)


def test_a_cut_above_every_base_is_refused(cut) -> None:
    with pytest.raises(InputError, match="cut of 0 to 120 mm"):
        skull_model(cut.defective, cut_mm=500.0)


def test_without_bone_there_is_no_model() -> None:
    with pytest.raises(EmptyMaskError):
        skull_model(Volume(np.zeros((8, 8, 8), np.uint8), np.eye(4)))
