"""Discs, beams and domes on cut cubes: held, loaded, and what the textbook says of them.

Source of the formulas: W. C. Young, R. G. Budynas, Roark's Formulas for Stress and Strain, 7th ed., tables
11.2 (circular plates), 8.1 (beams); E. Reissner, Stresses and small displacements of shallow spherical
shells, J. Math. Phys. 25:80 and 279, 1946. A term for shear is added to those of bending: the plates are up
to a seventh as thick as wide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapes import Body, Points

from meshimplant.strength.cut_cubes import CutCubes, cut_cubes
from meshimplant.strength.equations import assemble
from meshimplant.strength.held import hold
from meshimplant.strength.loads import nodal_forces
from meshimplant.strength.quadratic_cube import shapes
from meshimplant.strength.solve import Solver

YOUNG_MPA, POISSON = 3800.0, 0.38
SHEAR_MPA = YOUNG_MPA / (2 * (1 + POISSON))
#: Where the tests put their bodies, LPS mm: no multiple of a voxel.
SHIFT_MM = np.array([113.13, -87.71, 45.31])


def disc(radius_mm: float, thickness_mm: float) -> Body:
    """Return a flat disc about the z axis, its middle at the origin. It has no mesh."""
    half = thickness_mm / 2

    def distance(points: Points) -> Points:
        beside = np.hypot(points[..., 0], points[..., 1]) - radius_mm
        above = np.abs(points[..., 2]) - half
        outside = np.hypot(np.maximum(beside, 0), np.maximum(above, 0))
        return -(outside + np.minimum(np.maximum(beside, above), 0))

    reach = np.array([radius_mm, radius_mm, half])
    return Body(distance, -reach, reach, np.pi * radius_mm**2 * thickness_mm)


@dataclass(frozen=True, eq=False)
class Bent:
    """A body on cut cubes, held, in a turned place; points and forces are given in its own frame."""

    cubes: CutCubes
    solver: Solver
    turn: NDArray[np.float64]

    @classmethod
    def of(
        cls, body: Body, depth: Callable[[Points], Points], *, voxel_mm: float, turn: NDArray[np.float64]
    ) -> Bent:
        """Return a body held where `depth` is positive."""
        field = body.moved(turn, SHIFT_MM).field(voxel_mm, margin_mm=3 * voxel_mm)
        cubes = cut_cubes(field)
        held = hold(cubes, lambda points: depth((points - SHIFT_MM) @ turn))
        equations = assemble(cubes, young_mpa=YOUNG_MPA, poisson=POISSON, held=held)
        return cls(cubes, Solver(cubes, equations), turn)

    def place(self, points: Points) -> Points:
        """Return points (n, 3) of the body's frame, LPS mm."""
        return np.asarray(points, float) @ self.turn.T + SHIFT_MM

    def forces(self, points: Points, along_z_n: Points) -> Points:
        """Return the load (3 n,) of forces (k,) along the body's z axis at points (k, 3) of its frame."""
        return nodal_forces(self.cubes, self.place(points), along_z_n[:, None] * self.turn[:, 2])

    def moved(self, displacements: Points, point: Points) -> float:
        """Return the displacement of a point (3,) of the body's frame along its z axis."""
        cube, local = self.cubes.locate(self.place(np.atleast_2d(point)))
        nodal = displacements.reshape(-1, 3)[self.cubes.nodes[cube[0]]]
        return float(shapes(local)[0] @ nodal @ self.turn[:, 2])


def spread(radius_mm: float, height_mm: float, step_mm: float = 0.25) -> Points:
    """Return points (n, 3) evenly over a circle about the z axis, at a height."""
    line = np.arange(-radius_mm, radius_mm, step_mm) + step_mm / 2
    points = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    points = points[np.hypot(*points.T) < radius_mm]
    return np.column_stack([points, np.full(len(points), height_mm)])


def stiffness_n_mm(thickness_mm: float) -> float:
    """Return the bending stiffness D of a plate."""
    return YOUNG_MPA * thickness_mm**3 / (12 * (1 - POISSON**2))


def clamped_disc(radius_mm: float, thickness_mm: float, pad_mm: float) -> float:
    """Return the deflection of a clamped disc by 1 N on a circle of radius `pad_mm` at its middle."""
    a, c = radius_mm, pad_mm
    bending = (4 * a**2 - 4 * c**2 * np.log(a / c) - 3 * c**2) / (64 * np.pi * stiffness_n_mm(thickness_mm))
    return float(bending + _shear(a, c, thickness_mm))


def supported_disc(radius_mm: float, thickness_mm: float, pad_mm: float) -> float:
    """Return the deflection of a simply supported disc by the same load."""
    a, c = radius_mm, pad_mm
    bracket = 4 * (3 + POISSON) * a**2 - 4 * (1 + POISSON) * c**2 * np.log(a / c) - (7 + 3 * POISSON) * c**2
    bending = bracket / (64 * np.pi * stiffness_n_mm(thickness_mm) * (1 + POISSON))
    return float(bending + _shear(a, c, thickness_mm))


def _shear(a: float, c: float, thickness_mm: float) -> float:
    """Return the deflection by shear under 1 N on a circle of radius c, in a disc of radius a."""
    return (1 + 2 * np.log(a / c)) / (4 * np.pi * 5 / 6 * SHEAR_MPA * thickness_mm)


def clamped_dome(radius_mm: float, thickness_mm: float, pad_mm: float, border_mm: float) -> float:
    """Return the deflection of a shallow dome by 1 N on a circle at its top, clamped around at `border_mm`.

    Reissner's equations of a shallow sphere, symmetric about its axis, on a line of points: with the slope b
    of the deflection, the derivative f of the stress function, and L g = ((r g)' / r)',
    ``D L b + f / R = P(r) / (2 pi r)`` and ``L f = E t b / R``. Clamped: b = 0, and f' = nu f / r (no strain
    around). The force across the wall, D L b, adds its shear.
    """
    count = 800
    step = border_mm / count
    place = step * np.arange(1, count + 1)
    bend = _hoop_operator(place, step)
    stretch = bend.copy()
    bend[-1], stretch[-1] = 0, 0
    bend[-1, -1] = 1
    stretch[-1, -3:] = np.array([0.5, -2, 1.5]) / step
    stretch[-1, -1] -= POISSON / place[-1]
    inner = np.diag(np.append(np.ones(count - 1), 0)) / radius_mm
    system = np.block(
        [[stiffness_n_mm(thickness_mm) * bend, inner], [-YOUNG_MPA * thickness_mm * inner, stretch]]
    )
    load = np.append(np.minimum(place / pad_mm, 1) ** 2 / (2 * np.pi * place), np.zeros(count))
    whole, load[count - 1] = load[:count].copy(), 0
    slope, stress = np.split(np.linalg.solve(system, load), 2)
    across = (whole - stress / radius_mm) / (5 / 6 * SHEAR_MPA * thickness_mm)
    return float((across - slope).sum() * step)


def _hoop_operator(place: Points, step: float) -> NDArray[np.float64]:
    """Return the matrix of L g = g'' + g' / r - g / r2 at points (n,), for g = 0 on the axis."""
    count = len(place)
    ahead, behind = np.eye(count, k=1), np.eye(count, k=-1)
    second = (ahead + behind - 2 * np.eye(count)) / step**2
    first = (ahead - behind) / (2 * step)
    return np.asarray(second + first / place[:, None] - np.diag(1 / place**2))
