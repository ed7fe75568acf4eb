"""Deflections and stresses against textbooks: discs, a beam and a dome, turned and far from the origin."""

from __future__ import annotations

import numpy as np
import pytest
from plates import (
    POISSON,
    SHEAR_MPA,
    YOUNG_MPA,
    Bent,
    clamped_disc,
    clamped_dome,
    disc,
    spread,
    supported_disc,
)
from shapes import box, cap, oblique, random_rotation

from meshimplant.errors import MeshError
from meshimplant.strength.stresses import Stresses

TURNS = {"flat": np.eye(3), "oblique": oblique(), "random": random_rotation(3)}
PAD_MM, RADIUS_MM = 5.0, 20.0


def _on_a_pad(body: Bent, radius_mm: float, height_mm: float) -> np.ndarray:
    points = spread(radius_mm, height_mm)
    return body.forces(points, np.full(len(points), -1 / len(points)))


def _clamped(thickness_mm: float, voxel_mm: float, turn: str) -> tuple[Bent, np.ndarray]:
    """A disc held outside 20 mm, under 1 N on a pad, and under 1 N all over."""
    body = Bent.of(
        disc(RADIUS_MM + 3, thickness_mm),
        lambda points: np.hypot(points[..., 0], points[..., 1]) - RADIUS_MM,
        voxel_mm=voxel_mm,
        turn=TURNS[turn],
    )
    loads = [_on_a_pad(body, radius, thickness_mm / 2) for radius in (PAD_MM, RADIUS_MM)]
    return body, body.solver.displacements(np.stack(loads, axis=1))


@pytest.fixture(scope="module")
def turned() -> tuple[Bent, np.ndarray]:
    """A clamped disc of 3 mm at 1 mm, obliquely in its voxels."""
    return _clamped(3.0, 1.0, "random")


def _errors(body: Bent, moved: np.ndarray, thickness_mm: float) -> np.ndarray:
    """Return the relative errors of the deflections (2,) at the middle."""
    found = np.array([-body.moved(column, np.zeros(3)) for column in moved.T])
    return found / [clamped_disc(RADIUS_MM, thickness_mm, pad) for pad in (PAD_MM, RADIUS_MM)] - 1


def test_a_clamped_disc_bends_as_the_formula_says_at_three_sizes_of_voxels(
    turned: tuple[Bent, np.ndarray],
) -> None:
    finer = [_clamped(3.0, voxel_mm, "random") for voxel_mm in (0.9, 0.8)]
    errors = np.array([_errors(*solved, 3.0) for solved in (turned, *finer)])
    assert np.abs(errors).max() < 0.05
    assert (np.diff(np.abs(errors), axis=0) < 0).all()


def test_a_disc_along_its_voxels_bends_as_one_across_them(turned: tuple[Bent, np.ndarray]) -> None:
    along = _errors(*_clamped(3.0, 1.0, "flat"), 3.0)
    assert np.abs(along).max() < 0.05
    np.testing.assert_allclose(along, _errors(*turned, 3.0), atol=0.02)


def test_a_wall_of_two_voxels_bends_as_the_formula_says() -> None:
    assert np.abs(_errors(*_clamped(2.0, 1.0, "oblique"), 2.0)).max() < 0.05


def test_the_stress_in_a_clamped_disc_is_that_of_the_formula_without_noise(
    turned: tuple[Bent, np.ndarray],
) -> None:
    """Under a uniform load: 3 q / (8 t2) times (1 + nu) a2 less (3 + nu) r2 along, (1 + 3 nu) r2 around."""
    body, moved = turned
    circle = np.arange(12) * np.pi / 6
    for radius_mm in (2.0, 8.0):
        points = np.stack([np.cos(circle), np.sin(circle), np.zeros(12)], axis=1) * radius_mm
        points[:, 2] = -1.5
        stresses = Stresses(body.cubes, body.place(points), young_mpa=YOUNG_MPA, poisson=POISSON)
        size = 3 / (8 * 3.0**2 * np.pi * RADIUS_MM**2)
        along, around = (
            size * ((1 + POISSON) * RADIUS_MM**2 - factor * radius_mm**2)
            for factor in (3 + POISSON, 1 + 3 * POISSON)
        )
        expected = np.sqrt(along**2 + around**2 - along * around)
        np.testing.assert_allclose(stresses.von_mises(moved[:, 1]), expected, rtol=0.08)


@pytest.mark.parametrize("turn", ["flat", "random"])
def test_a_supported_disc_bends_as_the_formula_says(turn: str) -> None:
    """The reaction at the border is a load, too; nothing holds the disc but the softest springs."""
    thickness_mm = 3.0
    body = Bent.of(
        disc(RADIUS_MM, thickness_mm),
        lambda points: np.full(points.shape[:-1], 1e-12 - 0.125),
        voxel_mm=1.0,
        turn=TURNS[turn],
    )
    circle = np.repeat(np.arange(360) * np.pi / 180, 7)
    rim = RADIUS_MM * np.stack([np.cos(circle), np.sin(circle), np.zeros(len(circle))], axis=1)
    rim[:, 2] = np.tile(np.linspace(-1, 1, 7) * thickness_mm / 2, 360)
    reaction = body.forces(rim, np.full(len(rim), 1 / len(rim)))
    load = _on_a_pad(body, PAD_MM, thickness_mm / 2) + reaction
    moved = body.solver.displacements(load[:, None])[:, 0]
    found = body.moved(moved, np.array([RADIUS_MM, 0, 0])) - body.moved(moved, np.zeros(3))
    assert found == pytest.approx(supported_disc(RADIUS_MM, thickness_mm, PAD_MM), rel=0.05)


@pytest.mark.parametrize("turn", list(TURNS))
def test_a_cantilever_bends_as_the_formula_says(turn: str) -> None:
    length_mm, width_mm, thickness_mm = 36.0, 8.0, 3.0
    body = Bent.of(
        box((length_mm + 6, width_mm, thickness_mm), ((length_mm - 6) / 2, 0, 0)),
        lambda points: -points[..., 0],
        voxel_mm=1.0,
        turn=TURNS[turn],
    )
    end = np.array([[length_mm - 0.1, y, 0] for y in np.linspace(-3.9, 3.9, 27)])
    moved = body.solver.displacements(body.forces(end, np.full(27, -1 / 27))[:, None])[:, 0]
    bending = length_mm**3 / (3 * YOUNG_MPA * width_mm * thickness_mm**3 / 12)
    shear = length_mm / (5 / 6 * SHEAR_MPA * width_mm * thickness_mm)
    assert -body.moved(moved, np.array([length_mm - 0.1, 0, 0])) == pytest.approx(bending + shear, rel=0.05)


def test_a_dome_under_a_pad_gives_way_as_the_equations_of_a_shallow_sphere_say() -> None:
    radius_mm, thickness_mm, border_deg = 60.0, 2.0, 24.0
    body = Bent.of(
        cap(radius_mm + thickness_mm / 2, thickness_mm, border_deg + 2),
        lambda points: radius_mm * np.cos(np.radians(border_deg)) - points[..., 2],
        voxel_mm=1.0,
        turn=TURNS["random"],
    )
    points = spread(PAD_MM, 0.0)
    points[:, 2] = np.sqrt((radius_mm + thickness_mm / 2) ** 2 - (points[:, :2] ** 2).sum(axis=1))
    load = body.forces(points, np.full(len(points), -1 / len(points)))
    found = -body.moved(body.solver.displacements(load[:, None])[:, 0], np.array([0, 0, radius_mm]))
    border_mm = radius_mm * np.sin(np.radians(border_deg))
    assert found == pytest.approx(clamped_dome(radius_mm, thickness_mm, PAD_MM, border_mm), rel=0.05)


def test_the_equations_of_a_dome_without_curvature_are_those_of_a_disc() -> None:
    assert clamped_dome(1e6, 3.0, PAD_MM, 20.0) == pytest.approx(clamped_disc(20.0, 3.0, PAD_MM), rel=1e-3)


def test_a_load_that_nothing_carries_is_an_error() -> None:
    """A disc without springs: the iterations cannot balance the load."""
    body = Bent.of(disc(8, 3), lambda points: np.full(points.shape[:-1], -9.0), voxel_mm=1.0, turn=np.eye(3))
    with pytest.raises(MeshError, match="balance the loads within 1000 iterations, got none"):
        body.solver.displacements(_on_a_pad(body, PAD_MM, 1.5)[:, None])
