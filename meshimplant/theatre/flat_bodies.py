"""Bodies drawn in the flat coordinates of a `BorderFrame`, and bent onto the surfaces there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.head.chart import axes_around
from meshimplant.line.extract import extract
from meshimplant.mesh.convert import new_mesh, to_manifold
from meshimplant.theatre.border_frame import BorderFrame
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    import manifold3d

Floats = NDArray[np.float64]
#: Distance from a body's surface at flat places u, v, w, mm, negative inside.
FlatField = Callable[[Floats, Floats, Floats], Floats]

#: Corners on a circle, and the longest edge of a body that is bent, mm: on a radius of 50 mm it leaves the
#: arc by 0.004 mm.
SEGMENTS, _EDGE_MM = 48, 1.2
#: Spacing of the grid on which rounded bodies are made, mm, and how far they are simplified, mm.
_GRID_MM, _SIMPLIFY_MM = 0.25, 0.004


def extruded(
    outline: manifold3d.CrossSection, low_mm: float, high_mm: float, frame: BorderFrame
) -> manifold3d.Manifold:
    """Return the body between two heights over a flat outline (u, v), bent onto the surface."""
    import manifold3d

    body = manifold3d.Manifold.extrude(outline, high_mm - low_mm).translate((0, 0, low_mm))
    return body.refine_to_length(_EDGE_MM).warp_batch(frame.bend)


def rounded(
    field: FlatField,
    low_mm: tuple[float, float, float],
    high_mm: tuple[float, float, float],
    frame: BorderFrame,
) -> manifold3d.Manifold:
    """Return the body where a field is negative, within a flat box, bent onto the surface."""
    shape = np.ceil((np.array(high_mm) - low_mm) / _GRID_MM).astype(int) + 1
    lines = [low + _GRID_MM * np.arange(count) for low, count in zip(low_mm, shape, strict=True)]
    values = -field(*np.meshgrid(*lines, indexing="ij"))
    padded = np.pad(values, 1, constant_values=-1.0).astype(np.float32)
    affine = np.diag([_GRID_MM] * 3 + [1.0])
    affine[:3, 3] = np.array(low_mm) - _GRID_MM
    flat = extract(Volume(padded, affine), level=0)
    bent = new_mesh(frame.bend(np.asarray(flat.vertices, float)), flat.faces)
    return to_manifold(bent).simplify(_SIMPLIFY_MM)


def bored(point_mm: Floats, axis: Floats, profile: list[tuple[float, float]]) -> manifold3d.Manifold:
    """Return a straight body of revolution, such as a hole that is subtracted.

    Parameters
    ----------
    point_mm, axis : (3,) arrays
        Where the profile begins, LPS mm, and the unit direction of its axis.
    profile : list of (distance along the axis, radius), mm
        The distances ascend.
    """
    import manifold3d

    corners = [(0.0, profile[0][0]), *((radius, along) for along, radius in profile), (0.0, profile[-1][0])]
    body = manifold3d.Manifold.revolve(manifold3d.CrossSection([corners]), SEGMENTS)
    turn = axes_around(axis).T
    return body.transform(np.column_stack([turn, np.asarray(point_mm, float)]))


def as_mesh(body: manifold3d.Manifold) -> trimesh.Trimesh:
    """Return a body as a mesh."""
    from meshimplant.mesh.convert import from_manifold

    return from_manifold(body)


def disc(u: Floats, v: Floats, at: tuple[float, float], radius_mm: float) -> Floats:
    """Return the flat distance from a disc, mm, negative inside."""
    return np.asarray(np.hypot(u - at[0], v - at[1]) - radius_mm)


def bar(u: Floats, v: Floats, start_mm: float, stop_mm: float, radius_mm: float) -> Floats:
    """Return the flat distance from a bar along u with round ends about its two places, mm."""
    return np.asarray(np.hypot(u - np.clip(u, start_mm, stop_mm), v) - radius_mm)


def common(first: Floats, second: Floats, radius_mm: float) -> Floats:
    """Return the distance from what two bodies share, its convex edge rounded."""
    over = np.hypot(np.maximum(radius_mm + first, 0), np.maximum(radius_mm + second, 0))
    return np.asarray(np.minimum(-radius_mm, np.maximum(first, second)) + over)


def joined(first: Floats, second: Floats, radius_mm: float | Floats) -> Floats:
    """Return the distance from two bodies together, the corner between them filled with a radius."""
    inside = np.hypot(np.maximum(radius_mm - first, 0), np.maximum(radius_mm - second, 0))
    return np.asarray(np.maximum(radius_mm, np.minimum(first, second)) - inside)
