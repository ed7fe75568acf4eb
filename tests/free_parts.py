"""Analytic parts in a skull that ends below them: a dome of bone, with a hole that runs into nothing.

Places are given on a flat map of the dome: millimetres of arc at 80 mm from the pole, across (x) and along
(y). There is bone at y > `BONE_FROM_MM` only, so a part's border below that has none opposite.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import trimesh
from numpy.typing import NDArray
from shapes import Body, plain_mesh

from meshimplant.implant.site import Site
from meshimplant.line.extract import extract
from meshimplant.voxels.volume import Volume

Points = NDArray[np.float64]
#: Positive inside, in mm of arc: x, y -> distance.
Outline = Callable[[Points, Points], Points]

OUTER_MM, INNER_MM = 80.0, 76.0
HOLE_MM, CLEARANCE_MM, BONE_FROM_MM = 30.0, 0.8, -8.0


def disc(x: Points, y: Points) -> Points:
    """The plain part: a disc that keeps the clearance."""
    return HOLE_MM - CLEARANCE_MM - np.hypot(x, y)


def bar(x: Points, y: Points, *, middle: float, width: float, low: float, high: float) -> Points:
    """A bar along y: a tongue where it is joined, a slit where it is cut out."""
    return np.minimum(width / 2 - np.abs(x - middle), np.minimum(y - low, high - y))


def with_tongue(width_mm: float, *, middle_mm: float = 0.0) -> Outline:
    """The disc with a tongue of 15 mm that hangs into nothing."""
    return lambda x, y: np.maximum(disc(x, y), bar(x, y, middle=middle_mm, width=width_mm, low=-43, high=-20))


def with_slit(width_mm: float) -> Outline:
    """The disc with a slit of 10 mm from below."""
    return lambda x, y: np.minimum(disc(x, y), -bar(x, y, middle=5.0, width=width_mm, low=-60, high=-19))


def ragged(x: Points, y: Points) -> Points:
    """The disc with tongue, slit, and teeth of 2 mm along its lower border."""
    teeth = np.where(y < BONE_FROM_MM - 5, 2.0 * np.sin(np.arctan2(y, x) * 30), 0.0)
    body = np.maximum(disc(x, y) + teeth, bar(x, y, middle=-8.0, width=5.0, low=-43, high=-20))
    return np.minimum(body, -bar(x, y, middle=8.0, width=3.0, low=-60, high=-20))


def on_map(points: Points, centre: Points | float = 0.0) -> tuple[Points, Points, Points]:
    """Return x, y on the map and the distance from the centre, mm, of points (..., 3)."""
    arms = points - centre
    radius = np.linalg.norm(arms, axis=-1)
    polar = np.arccos(np.clip(arms[..., 2] / np.maximum(radius, 1e-9), -1, 1))
    turn = np.arctan2(arms[..., 1], arms[..., 0])
    return OUTER_MM * polar * np.cos(turn), OUTER_MM * polar * np.sin(turn), radius


def part_of(
    outline: Outline,
    *,
    outer_mm: Callable[[Points, Points], Points] = lambda x, _: np.full(x.shape, OUTER_MM),
    inner_mm: Callable[[Points, Points], Points] = lambda x, _: np.full(x.shape, INNER_MM),
) -> trimesh.Trimesh:
    """Return the mesh of the part between two surfaces within an outline."""

    def distance(points: Points) -> Points:
        x, y, radius = on_map(points)
        wall = np.minimum(outer_mm(x, y) - radius, radius - inner_mm(x, y))
        return np.minimum(wall, outline(x, y))

    body = Body(distance, np.array([-50.0, -50.0, 40.0]), np.array([50.0, 50.0, 84.0]))
    return extract(body.field(0.7, margin_mm=2.0), level=0)


def bone_of(*, everywhere: bool = False) -> Volume:
    """Return the mask of the skull: a dome with a hole, which ends below the hole or goes on there."""

    def distance(points: Points) -> Points:
        x, y, radius = on_map(points)
        hole = np.hypot(x, y) - HOLE_MM
        wall = np.minimum(OUTER_MM - radius, radius - INNER_MM + 1.5)
        return np.minimum(np.minimum(wall, hole), 50 if everywhere else y - BONE_FROM_MM)

    body = Body(distance, np.array([-72.0, -72.0, 25.0]), np.array([72.0, 72.0, 82.0]))
    return body.mask(0.7)


def in_site(part: trimesh.Trimesh, *, everywhere: bool = False) -> Site:
    """Return the site of a part in that skull."""
    return Site.around(bone_of(everywhere=everywhere), part, inside_mm=(0, 0, 0))


def moved(
    part: trimesh.Trimesh, bone: Volume, turn: NDArray[np.float64], shift_mm: Points
) -> tuple[trimesh.Trimesh, Site]:
    """Return part and site rotated about the origin and shifted; the skull's grid turns with it."""
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, shift_mm
    mesh = plain_mesh(np.asarray(part.vertices) @ turn.T + shift_mm, part.faces)
    return mesh, Site.around(Volume(bone.array, pose @ bone.affine), mesh, inside_mm=shift_mm)
