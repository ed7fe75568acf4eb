"""`hole_tool`: the body that is cut away for a hole or slot, its ends flared to the local surfaces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.theatre.ground import Ground

#: Length of the sides of the polygon that a round hole is, mm, and how many it has.
_SIDE_MM, _SIDES = 0.3, (20, 48)
#: Number of chords of a rounding; the height at which its last chord ends outside the part, and the height of
#: the tool above it, mm.
_CHORDS, _CLEAR_MM, _BEYOND_MM = 3, 0.05, 1.0
#: A finished end takes up at most this fraction of the wall.
_END_SHARE = 0.33

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hole:
    """A hole to be made: its middle on the outer surface, direction into the part, width, length and span.

    `length_mm` is the thickness of the part along the axis. `span_mm` (3,) is zero for a round hole; for a
    slot it is the vector between the middles of its round ends.
    """

    point_mm: Floats
    axis: Floats
    diameter_mm: float
    length_mm: float
    span_mm: Floats


def hole_tool(hole: Hole, ground: Ground, *, edge: str, edge_mm: float) -> trimesh.Trimesh | None:
    """Return the closed tool of a hole, or None where its rim does not meet both surfaces.

    The tool has the outline of the hole along its axis. At both ends it widens to a rounding or countersink
    that follows the height of the surface at each point of the outline, so that the finished edge is even
    also where the surfaces are not square to the axis. The polygon of a round hole has the area of the
    circle.

    Parameters
    ----------
    hole : Hole
        Where, how wide and how long.
    ground : Ground
        The surface on which it begins.
    edge : str
        ``rounded``, ``countersunk`` or ``sharp``.
    edge_mm : float
        Radius of the rounding or width of the countersink; less in a wall thinner than three times that.
    """
    frame = _frame(hole)
    outline, normals = _outline(hole)
    rim = _heights(hole, ground, frame, outline)
    if rim is None:
        return None
    wall = float((rim[1] - rim[0]).min())
    if wall <= 0:
        return None
    profile = _profile(edge, min(edge_mm, _END_SHARE * wall))
    wide = _heights(hole, ground, frame, outline + profile[0, 0] * normals)
    if wide is None:
        return None
    rings = _rings(outline, normals, profile, rim, wide)
    return _tube(rings, hole.point_mm, frame)


def _frame(hole: Hole) -> Floats:
    """Return a right-handed frame (3, 3), axes as rows: along the span, beside it, into the part."""
    guide = hole.span_mm if np.linalg.norm(hole.span_mm) > 0 else np.eye(3)[np.argmin(np.abs(hole.axis))]
    along = unit_vectors(guide - (guide @ hole.axis) * hole.axis)
    return np.stack([along, np.cross(hole.axis, along), hole.axis])


def _outline(hole: Hole) -> tuple[Floats, Floats]:
    """Return the outline (n, 2) of a hole across its axis, and its unit normals (n, 2).

    The long sides of a slot are divided, so that its ends follow a curved surface.
    """
    radius = hole.diameter_mm / 2
    half = float(np.linalg.norm(hole.span_mm)) / 2
    sides = int(np.clip(np.ceil(2 * np.pi * radius / _SIDE_MM), *_SIDES))
    sides += -sides % 4
    turn = (np.arange(sides) + 0.5) * 2 * np.pi / sides
    normals = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    angle = 2 * np.pi / sides
    outline = radius * np.sqrt(angle / np.sin(angle)) * normals
    ends = np.sign(normals[:, 0])
    outline[:, 0] += ends * half
    long_side = ends != np.roll(ends, -1)
    count = np.where(long_side, max(1, round(half / _SIDE_MM)), 1)
    owner = np.repeat(np.arange(sides), count)
    share = (np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)) / count[owner]

    def divided(values: Floats) -> Floats:
        step = np.roll(values, -1, axis=0) - values
        return np.asarray(values[owner] + share[:, None] * step[owner])

    return divided(outline), unit_vectors(divided(normals))


def _heights(hole: Hole, ground: Ground, frame: Floats, outline: Floats) -> tuple[Floats, Floats] | None:
    """Return where lines along the axis from the outline enter and leave the part; None if one misses."""
    points = hole.point_mm + outline @ frame[:2]
    enter, leave = ground.heights_mm(points, np.broadcast_to(hole.axis, points.shape))
    return None if np.isnan(leave).any() else (enter, leave)


def _profile(edge: str, size_mm: float) -> Floats:
    """Return the finished end (k, 2): offsets from the wall and depths below the surface, widest first."""
    if edge == "sharp":
        return np.array([[0.0, -_CLEAR_MM], [0.0, size_mm]])
    if edge == "countersunk":
        return np.array([[size_mm + _CLEAR_MM, -_CLEAR_MM], [0.0, size_mm]])
    turn = np.linspace(np.pi / 2, 0, _CHORDS + 1)
    arc = size_mm * np.stack([1 - np.cos(turn), 1 - np.sin(turn)], axis=1)
    last = arc[0] - arc[1]
    arc[0] += last * (_CLEAR_MM / -last[1])
    return arc


def _rings(
    outline: Floats, normals: Floats, profile: Floats, rim: tuple[Floats, Floats], wide: tuple[Floats, Floats]
) -> list[Floats]:
    """Return the rings (n, 3) of the tool from outside to inside, in the frame of the hole.

    `rim` and `wide` are the heights of both surfaces at the outline and at the widest offset of the profile.
    """
    ends = []
    for side, (near, far) in ((1, (rim[0], wide[0])), (-1, (rim[1], wide[1]))):
        rings = []
        for offset, depth in profile:
            share = offset / max(float(profile[0, 0]), 1e-9)
            height = near + share * (far - near) + side * depth
            rings.append(np.column_stack([outline + offset * normals, height]))
        outermost = rings[0][:, 2].min() if side > 0 else rings[0][:, 2].max()
        cover = np.full(len(outline), outermost - side * _BEYOND_MM)
        ends.append([np.column_stack([rings[0][:, :2], cover]), *rings])
    return [*ends[0], *reversed(ends[1])]


def _tube(rings: list[Floats], point_mm: Floats, frame: Floats) -> trimesh.Trimesh:
    """Return the closed surface through rings (n, 3) of points, with flat ends, LPS mm."""
    count = len(rings[0])
    here = np.arange(count)
    after = (here + 1) % count
    faces = []
    for number in range(len(rings) - 1):
        a, b = number * count, (number + 1) * count
        faces += [np.stack([a + here, a + after, b + here], 1), np.stack([a + after, b + after, b + here], 1)]
    first, last = len(rings) * count, (len(rings) - 1) * count
    faces.append(np.stack([np.full(count, first), after, here], 1))
    faces.append(np.stack([np.full(count, first + 1), last + here, last + after], 1))
    middles = np.stack([rings[0].mean(axis=0), rings[-1].mean(axis=0)])
    local = np.concatenate([*rings, middles])
    return new_mesh(local @ frame + point_mm, np.concatenate(faces))
