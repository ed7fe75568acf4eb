"""`Responses`: displacement and stress of a part at points of its surface, for each of several unit loads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import MeshError
from meshimplant.mesh.nearest import surface_tree
from meshimplant.report import Place, place_of
from meshimplant.strength.cut_cubes import CutCubes
from meshimplant.strength.materials import Material
from meshimplant.strength.quadratic_cube import shapes
from meshimplant.strength.stresses import Stresses

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Responses:
    """What unit loads do.

    Attributes
    ----------
    points_mm : (n, 3) array
        LPS mm.
    deflection_mm, stress_mpa : (n, k) arrays
        Length of the displacement and von Mises stress at each point, under each load.
    counted : (n,) array of bool
        Whether the stress there counts.
    """

    points_mm: Floats
    deflection_mm: Floats
    stress_mpa: Floats
    counted: NDArray[np.bool_]

    def deflection(self, load: int) -> tuple[float, Place]:
        """Return the largest displacement under a load, mm, and its place, LPS mm."""
        index = int(np.argmax(self.deflection_mm[:, load]))
        return float(self.deflection_mm[index, load]), place_of(self.points_mm[index])

    def stress(self, load: int) -> tuple[float, Place]:
        """Return the largest stress that counts under a load, MPa, and its place, LPS mm."""
        index = int(np.argmax(np.where(self.counted, self.stress_mpa[:, load], -1)))
        return float(self.stress_mpa[index, load]), place_of(self.points_mm[index])


def read_responses(
    body: CutCubes,
    moved: Floats,
    points_mm: Floats,
    material: Material,
    *,
    held_mm: ArrayLike,
    excluded_mm: float,
) -> Responses:
    """Read displacements (3 m, k) of a body at points (n, 3), LPS mm.

    Stresses within `excluded_mm` of the points `held_mm` (h, 3) do not count.

    Raises
    ------
    MeshError
        No point is left whose stress counts.
    """
    counted = surface_tree(held_mm).query(points_mm)[0] > excluded_mm
    if not counted.any():
        raise MeshError(
            f"expected a part that reaches more than {excluded_mm:g} mm from where it is held, got a smaller "
            "one: hold it at fewer points"
        )
    cube, local = body.locate(points_mm)
    values = shapes(local)
    stresses = Stresses(body, points_mm, young_mpa=material.young_mpa, poisson=material.poisson)
    deflection, stress = np.empty((2, len(points_mm), moved.shape[1]))
    for load, column in enumerate(moved.T):
        nodal = column.reshape(-1, 3)[body.nodes[cube]]
        deflection[:, load] = np.linalg.norm(np.einsum("nk,nki->ni", values, nodal), axis=1)
        stress[:, load] = stresses.von_mises(column)
    return Responses(points_mm, deflection, stress, counted)
