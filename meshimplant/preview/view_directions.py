"""View directions of pictures, the anatomical letters at their edges, and the frame that holds some points.

All views are orthographic, so that a scale bar is valid everywhere in the picture. Coordinates are LPS
millimetres: +x is the patient's left, +y posterior, +z superior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.mesh.vectors import unit_vectors

_POSITIVE = "LPS"
_NEGATIVE = "RAI"
#: An edge gets a second letter if that component of the unit direction exceeds this, sin 20 degrees.
_SECOND_LETTER = 0.34

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """An orthographic view.

    Attributes
    ----------
    name : str
        Caption of the picture.
    right, up : (3,) array
        Unit vectors, LPS, towards the right and the top of the picture.
    """

    name: str
    right: Vector
    up: Vector

    @classmethod
    def along(cls, name: str, forward: ArrayLike, up: ArrayLike) -> View:
        """Return the view along `forward` (3,), with `up` (3,) as close to the picture's top as possible."""
        ahead = unit_vectors(forward)
        right = unit_vectors(np.cross(ahead, np.asarray(up, float)))
        return cls(name, right, np.cross(right, ahead))

    @property
    def forward(self) -> Vector:
        """Unit vector (3,) that points away from the viewer."""
        return np.cross(self.up, self.right)

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Anatomical letters at the left, right, top and bottom edges."""
        return (
            direction_letters(-self.right),
            direction_letters(self.right),
            direction_letters(self.up),
            direction_letters(-self.up),
        )

    def project(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Return picture coordinates (n, 2) in mm, to the right and up, of LPS points (n, 3)."""
        return np.asarray(points_mm, float) @ np.stack([self.right, self.up], axis=1)

    def frame(self, points_mm: ArrayLike) -> tuple[Vector, Vector]:
        """Return the centre (3,) and the size (2,) in mm of the smallest picture that holds points (n, 3)."""
        points = np.asarray(points_mm, float)
        axes = np.stack([self.right, self.up, self.forward])
        placed = points @ axes.T
        low, high = placed.min(axis=0), placed.max(axis=0)
        return (low + high) / 2 @ axes, (high - low)[:2]


def direction_letters(direction: ArrayLike) -> str:
    """Return the anatomical letters of a direction (3,), strongest first, such as ``"L"`` or ``"LA"``."""
    vector = unit_vectors(direction)
    order = np.argsort(-np.abs(vector), kind="stable")[:2]
    named = [axis for rank, axis in enumerate(order) if rank == 0 or abs(vector[axis]) > _SECOND_LETTER]
    return "".join((_POSITIVE if vector[axis] > 0 else _NEGATIVE)[axis] for axis in named)


def anatomical_views(implant: trimesh.Trimesh, skull: trimesh.Trimesh | None = None) -> list[View]:
    """Return the anterior, lateral and superior views, and a view that faces the implant.

    The lateral view is taken from the side of the implant, or from the left if the implant is central.
    """
    middle = (implant if skull is None else skull).bounds.mean(axis=0)
    sideways_mm = float(implant.bounds.mean(axis=0)[0] - middle[0])
    from_right = sideways_mm < -0.1 * float(np.ptp(implant.bounds[:, 0]))
    outward = outward_direction(implant, skull)
    return [
        View.along("Anterior", (0, 1, 0), (0, 0, 1)),
        View.along("Right lateral", (1, 0, 0), (0, 0, 1))
        if from_right
        else View.along("Left lateral", (-1, 0, 0), (0, 0, 1)),
        View.along("Superior", (0, 0, -1), (0, -1, 0)),
        View.along("Facing the implant", -outward, picture_top(outward)),
    ]


def page_views(implant: trimesh.Trimesh, skull: trimesh.Trimesh | None = None) -> dict[str, View]:
    """Return the views that a page offers by name: six anatomical ones, and both sides of the implant."""
    outward = outward_direction(implant, skull)
    facing = View.along("facing", -outward, picture_top(outward))
    return {
        "anterior": View.along("anterior", (0, 1, 0), (0, 0, 1)),
        "posterior": View.along("posterior", (0, -1, 0), (0, 0, 1)),
        "left": View.along("left", (-1, 0, 0), (0, 0, 1)),
        "right": View.along("right", (1, 0, 0), (0, 0, 1)),
        "superior": View.along("superior", (0, 0, -1), (0, -1, 0)),
        "inferior": View.along("inferior", (0, 0, 1), (0, -1, 0)),
        "facing": facing,
        "inner": View.along("inner", outward, facing.up),
    }


def implant_views(implant: trimesh.Trimesh, skull: trimesh.Trimesh | None = None) -> dict[str, View]:
    """Return close-up views of the implant: ``outer``, ``inner``, ``side`` and ``oblique``.

    ``side`` shows the border edge-on, with the outer surface on top and the longest extent horizontal.
    """
    outward = outward_direction(implant, skull)
    outer = View.along("Outer side", -outward, picture_top(outward))
    placed = outer.project(implant.vertices)
    long_axis = np.linalg.eigh(np.cov(placed.T))[1][:, -1]
    across = long_axis[0] * outer.right + long_axis[1] * outer.up
    return {
        "outer": outer,
        "inner": View.along("Inner side", outward, outer.up),
        "side": View.along("Border from the side", _to_posterior(np.cross(outward, across)), outward),
        "oblique": View.along("Border, tilted", outward - 0.9 * outer.up, outward),
    }


def outward_direction(implant: trimesh.Trimesh, skull: trimesh.Trimesh | None = None) -> Vector:
    """Return the unit direction (3,), LPS, that the outer side of an implant faces.

    A sphere is fitted to the vertices by least squares: an implant is a cap of the vault, so outward is the
    direction from the sphere's centre to the implant's centroid. A plate too flat for that faces along its
    thinnest principal axis, away from the skull's centre. A body without a preferred direction, such as a
    ball, faces away from the skull's centre, or anteriorly without a skull.
    """
    vertices = np.asarray(implant.vertices, float)
    middle = vertices.mean(axis=0)
    centred = vertices - middle
    size_mm = float(np.sqrt((centred**2).sum(axis=1).mean()))
    normal_terms = np.column_stack([2 * centred, np.ones(len(centred))])
    solution = np.linalg.lstsq(normal_terms, (centred**2).sum(axis=1), rcond=None)[0]
    distance_mm = float(np.linalg.norm(solution[:3]))
    if 0.15 * size_mm < distance_mm < 20 * size_mm:
        return unit_vectors(-solution[:3])
    away = np.array([0.0, -1.0, 0.0]) if skull is None else middle - skull.bounds.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov(centred.T))
    if spread[0] > 0.3 * spread[1]:
        return unit_vectors(away)
    return unit_vectors(axes[:, 0] if axes[:, 0] @ away >= 0 else -axes[:, 0])


def picture_top(outward: Vector) -> Vector:
    """Return the top (3,) of a view along `-outward`: superior, or anterior in a view from above."""
    return np.array([0.0, 0.0, 1.0]) if abs(outward[2]) < 0.8 else np.array([0.0, -1.0, 0.0])


def _to_posterior(direction: Vector) -> Vector:
    """Return the direction or its opposite, whichever points from anterior to posterior."""
    return direction if direction[1] >= 0 else -direction
