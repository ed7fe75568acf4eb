"""Joints between the pieces of a split part: the bodies that are cut away on either side of a seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import MeshError
from meshimplant.head.fill import average_known, fill_from_nearest
from meshimplant.mesh.convert import from_manifold, new_mesh, to_manifold
from meshimplant.mesh.rays import RayCaster
from meshimplant.theatre.seam import BEYOND_MM, Seam

if TYPE_CHECKING:
    import manifold3d

Floats = NDArray[np.float64]

JointKind = Literal["stepped", "dovetail", "plain"]
#: Every kind of joint.
JOINT_KINDS: tuple[JointKind, ...] = get_args(JointKind)
#: Overlap of the two lips of a stepped joint, mm: as wide as the part is thick by default. No source: our
#: choice.
STEP_MM = 4.0
#: A dovetail: width at its neck and at its head, how far it reaches, and the spacing of two, mm. No source:
#: our choice, for walls of 3 to 6 mm.
_NECK_MM, _HEAD_MM, _TAIL_MM, _PITCH_MM = 8.0, 11.0, 5.0, 22.0
#: Radius of the corners of a dovetail, mm, and segments of a full circle of it.
_CORNER_MM, _SEGMENTS = 0.6, 48
#: Spacing of the map of the part's middle surface, mm, and width over which it is averaged, nodes.
_NODE_MM, _SMOOTH_NODES = 1.0, 1.5


@dataclass(frozen=True, eq=False)
class JointTools:
    """What is cut away to leave either piece.

    Attributes
    ----------
    beyond_first, beyond_second : Trimesh
        Closed bodies, LPS mm: all that does not belong to the first and to the second piece.
    lip_mm : float
        Least thickness of the two lips along the seam, measured outward; the part's whole thickness where
        there are none.
    """

    beyond_first: trimesh.Trimesh
    beyond_second: trimesh.Trimesh
    lip_mm: float


def joint_tools(part: trimesh.Trimesh, seam: Seam, kind: JointKind, *, gap_mm: float) -> JointTools:
    """Return what is cut away on either side of a seam.

    ``stepped``: the outer half of the second piece overlaps the inner half of the first by 4 mm.
    ``dovetail``: tails of the first piece, wider at their ends, lie in the second. ``plain``: a wall. All
    walls are parallel to the direction in which the second piece is taken off.

    Parameters
    ----------
    part : Trimesh
        Closed, LPS mm.
    seam : Seam
        Where it is split.
    kind : JointKind
        The joint.
    gap_mm : float
        Distance between the pieces.

    Raises
    ------
    MeshError
        The seam is too short for a dovetail, or meets no wall with two sides.
    """
    half, step = gap_mm / 2, STEP_MM / 2 if kind == "stepped" else 0.0
    region = _region(part, seam, kind)
    middle = _MiddleMap.of(part, seam)
    first, second = _column(region, seam, -step - half), _column(region, seam, -step + half)
    if kind == "stepped":
        first += _column(region, seam, step - half) ^ middle.below(-half)
        second += _column(region, seam, step + half) ^ middle.below(half)
    around = _box(seam)
    lip_mm = middle.half_thickness_mm - half if kind == "stepped" else 2 * middle.half_thickness_mm
    return JointTools(_in_world(around - first, seam), _in_world(second, seam), lip_mm)


def _region(part: trimesh.Trimesh, seam: Seam, kind: JointKind) -> manifold3d.CrossSection:
    """Return the side of the first piece, seen from outside: a polygon in the first two axes."""
    import manifold3d

    far = 3 * seam.reach_mm
    line = seam.line_mm
    outline = np.array([[-far, line[0, 1]], *line, [-far, line[-1, 1]]])
    section = manifold3d.CrossSection([outline], manifold3d.FillRule.NonZero)
    if kind != "dovetail":
        return section
    for tail in _tails(part, seam):
        section += manifold3d.CrossSection([tail], manifold3d.FillRule.NonZero)
    round_ = manifold3d.JoinType.Round
    for grown in (_CORNER_MM, -2 * _CORNER_MM, _CORNER_MM):
        section = section.offset(grown, round_, 2.0, _SEGMENTS)
    return section


def _tails(part: trimesh.Trimesh, seam: Seam) -> list[Floats]:
    """Return the outlines (4, 2) of the dovetails, evenly along the seam's way through the part."""
    flat = seam.local(part.vertices)[:, :2]
    across = flat[:, 0] - np.interp(flat[:, 1], seam.line_mm[:, 1], seam.line_mm[:, 0])
    inside = flat[np.abs(across) < _TAIL_MM, 1]
    low, high = float(inside.min()), float(inside.max())
    count = int((high - low - _HEAD_MM) // _PITCH_MM)
    if count < 1:
        raise MeshError(
            f"expected a seam of {_HEAD_MM + _PITCH_MM:g} mm or more for a dovetail, got "
            f"{high - low:.0f} mm: use a stepped joint"
        )
    middles = (low + high) / 2 + _PITCH_MM * (np.arange(count) - (count - 1) / 2)
    tails = []
    for middle in middles:
        ends = np.interp(middle + np.array([-1.0, 1.0]), seam.line_mm[:, 1], seam.line_mm[:, 0])
        along = np.array([ends[1] - ends[0], 2.0])
        along /= np.linalg.norm(along)
        across_ = np.array([along[1], -along[0]])
        foot = np.array([ends.mean(), middle]) - 1.0 * across_
        tip = foot + (_TAIL_MM + 1.0) * across_
        tails.append(
            np.array(
                [
                    foot - _NECK_MM / 2 * along,
                    tip - _HEAD_MM / 2 * along,
                    tip + _HEAD_MM / 2 * along,
                    foot + _NECK_MM / 2 * along,
                ]
            )
        )
    return tails


def _column(region: manifold3d.CrossSection, seam: Seam, grown_mm: float) -> manifold3d.Manifold:
    """Return the prism over a polygon, grown by some millimetres, through the whole part."""
    import manifold3d

    grown = region.offset(grown_mm, manifold3d.JoinType.Round, 2.0, _SEGMENTS) if grown_mm else region
    height = seam.reach_mm + BEYOND_MM
    return grown.extrude(2 * height).translate((0, 0, -height))


def _box(seam: Seam) -> manifold3d.Manifold:
    """Return a box that holds the part, and less than the columns do along the outward axis and the seam."""
    import manifold3d

    return manifold3d.Manifold.cube((2 * seam.reach_mm,) * 3, True)


def _in_world(solid: manifold3d.Manifold, seam: Seam) -> trimesh.Trimesh:
    mesh = from_manifold(solid)
    return new_mesh(seam.world(mesh.vertices), mesh.faces)


@dataclass(frozen=True, eq=False)
class _MiddleMap:
    """Height of the surface halfway between outer and inner surface, over the first two axes of a seam.

    Attributes
    ----------
    across_mm, along_mm : (n,) and (m,) arrays
        Coordinates of the nodes.
    height_mm : (n, m) array
        Height of the middle surface; beyond the part that of the nearest node.
    half_thickness_mm : float
        Least distance from it to either side, measured outward, along the seam: the 5th percentile, since
        at the border walls lean.
    bottom_mm : float
        A height below the part.
    """

    across_mm: Floats
    along_mm: Floats
    height_mm: Floats
    half_thickness_mm: float
    bottom_mm: float

    @classmethod
    def of(cls, part: trimesh.Trimesh, seam: Seam) -> _MiddleMap:
        margin = STEP_MM + 5.0
        low, high = seam.line_mm[:, 0].min() - margin, seam.line_mm[:, 0].max() + margin
        across, along = (
            np.arange(start, stop + _NODE_MM, _NODE_MM)
            for start, stop in ((low, high), (-seam.reach_mm, seam.reach_mm))
        )
        nodes = np.stack(np.meshgrid(across, along, indexing="ij"), axis=-1).reshape(-1, 2)
        top, bottom = (_hits(part, seam, nodes, side) for side in (1.0, -1.0))
        known = np.isfinite(top) & np.isfinite(bottom) & (top > bottom)
        if not known.any():
            raise MeshError(
                "expected a seam through a wall with an outer and an inner side, got one that meets none: "
                "check that the mesh is a solid"
            )
        shape = (len(across), len(along))
        middle, known = np.where(known, (top + bottom) / 2, 0).reshape(shape), known.reshape(shape)
        smoothed, weight = average_known(middle, known, _SMOOTH_NODES, edge="nearest")
        height = fill_from_nearest(np.where(weight > 0.5, smoothed, middle), known)
        line = np.interp(nodes[:, 1], seam.line_mm[:, 1], seam.line_mm[:, 0])
        beside = known.ravel() & (np.abs(nodes[:, 0] - line) < STEP_MM / 2)
        halves = np.minimum(top - height.ravel(), height.ravel() - bottom)[beside]
        half = float(np.percentile(halves, 5)) if len(halves) else 0.0
        return cls(across, along, height, half, -seam.reach_mm - BEYOND_MM)

    def below(self, raised_mm: float) -> manifold3d.Manifold:
        """Return the body below the middle surface, raised along its normal by some millimetres."""
        slopes = np.gradient(self.height_mm, _NODE_MM)
        top = self.height_mm + raised_mm * np.sqrt(1 + slopes[0] ** 2 + slopes[1] ** 2)
        return to_manifold(_below_heights(self.across_mm, self.along_mm, top, self.bottom_mm))


def _hits(part: trimesh.Trimesh, seam: Seam, nodes: Floats, side: float) -> Floats:
    """Return the heights (n,) at which rays from outside (side 1) or inside (-1) first meet the part."""
    start = side * seam.reach_mm
    origins = seam.world(np.column_stack([nodes, np.full(len(nodes), start)]))
    ways = np.broadcast_to(-side * seam.axes[2], origins.shape)
    return np.asarray(start - side * RayCaster(part).first(origins, ways)[0])


def _below_heights(rows: Floats, columns: Floats, top: Floats, bottom: float) -> trimesh.Trimesh:
    """Return the closed body between a plane and heights (n, m) over a grid."""
    n, m = top.shape
    x, y = np.meshgrid(rows, columns, indexing="ij")
    upper = np.stack([x, y, top], axis=-1).reshape(-1, 3)
    lower = np.stack([x, y, np.full_like(x, bottom)], axis=-1).reshape(-1, 3)
    index = np.arange(n * m).reshape(n, m)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    sheet = np.concatenate([np.stack(each, -1).reshape(-1, 3) for each in ((a, b, c), (a, c, d))])
    ring = np.concatenate([index[:, 0], index[-1, 1:], index[-2::-1, -1], index[0, -2:0:-1]])
    after, deep = np.roll(ring, -1), n * m
    wall = np.concatenate(
        [np.stack([ring, ring + deep, after + deep], 1), np.stack([ring, after + deep, after], 1)]
    )
    return new_mesh(np.concatenate([upper, lower]), np.concatenate([sheet, sheet[:, ::-1] + deep, wall]))
