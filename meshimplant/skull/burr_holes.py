"""`find_burr_holes`: round holes of the vault that are too small for an implant, and their measures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import grow
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.skull.defect import SMALLEST_AREA_MM2, Defect, read_openings
from meshimplant.voxels.distance import distance_inside, distance_outside, signed_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]
#: Widths of holes that are measured, mm: perforators are 11 and 14 mm wide, and a bitten hole is wider.
WIDTH_RANGE_MM = (6.0, 26.0)
#: Smaller openings are gaps of thin bone and sutures, mm2, measured on rays 2 mm apart.
_LEAST_AREA_MM2 = 30.0
#: Half width and spacing of the map around a hole, and the depths at which bone is looked for, mm.
_REACH_MM, _STEP_MM, _ABOVE_MM, _BELOW_MM = 26.0, 0.4, 10.0, 18.0
#: The outer surface is fitted to bone this far from the hole, mm; places farther off it are left out.
_FIT_MM, _OUTLIER_MM = (0.8, 9.0), 1.0
#: Rounds in which the axis of the hole follows the surface; directions in which its edge is looked for.
_ROUNDS, _DIRECTIONS = 3, 180


@dataclass(frozen=True, eq=False)
class BurrHole:
    """A hole through the vault, measured along its axis.

    Attributes
    ----------
    centre_mm : (3,) array
        Middle of the hole on the outer surface of the bone as it goes on over it, LPS mm.
    axes : (3, 3) array
        Rows are unit vectors, LPS: two across, and the outward normal of that surface.
    surface : (6,) array
        Its height along the axis: coefficients of 1, u, v, u2, uv and v2 for places u, v across, mm.
    edge_mm : (n,) array
        Distance of the hole's edge from the axis, in n even directions from the first axis to the second: the
        narrowest place along the depth.
    bone_mm : float
        Median thickness of the bone around.
    """

    centre_mm: Floats
    axes: Floats
    surface: Floats
    edge_mm: Floats
    bone_mm: float

    @property
    def diameter_mm(self) -> float:
        """The mean diameter."""
        return 2 * float(self.edge_mm.mean())

    @property
    def narrowest_mm(self) -> float:
        """The diameter of the largest circle around the axis that goes through."""
        return 2 * float(self.edge_mm.min())

    @property
    def widest_mm(self) -> float:
        """Twice the largest distance of the edge from the axis."""
        return 2 * float(self.edge_mm.max())

    def height_mm(self, across: Floats) -> Floats:
        """Return the height (n,) of the outer surface at places (n, 2) across the axis."""
        return np.asarray(_terms(across) @ self.surface)

    def to_mm(self, local: Floats) -> Floats:
        """Return LPS points (n, 3) of points in the hole's own frame."""
        return np.asarray(self.centre_mm + local @ self.axes)

    def measures(self) -> dict[str, Any]:
        """Return the numbers for a report."""
        return {
            "centre_mm": self.centre_mm.tolist(),
            "axis": self.axes[2].tolist(),
            "diameter_mm": self.diameter_mm,
            "narrowest_mm": self.narrowest_mm,
            "widest_mm": self.widest_mm,
            "bone_mm": self.bone_mm,
        }


def find_burr_holes(skull: Volume, pose: HeadPose) -> tuple[BurrHole, ...]:
    """Find the holes of the vault that are too small for an implant, and measure them.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone. Voxels of 1 mm or less.
    pose : HeadPose
        The head's frame.

    Returns
    -------
    tuple of BurrHole
        Widest first. Openings that are narrower than 6 mm, reach beyond 26 mm or are not closed all around
        are left out.
    """
    openings = read_openings(skull, pose, smallest_area_mm2=SMALLEST_AREA_MM2)
    small = [one for one in openings.small if one.area_mm2 >= _LEAST_AREA_MM2]
    found = [_measured(skull, pose, one, openings.columns) for one in small]
    holes = [hole for hole in found if hole is not None]
    return tuple(sorted(holes, key=lambda hole: -hole.diameter_mm))


def _measured(skull: Volume, pose: HeadPose, opening: Defect, columns: Columns) -> BurrHole | None:
    """Return the measures of an opening; None where it is no hole that a plug could close."""
    inside = np.zeros(len(columns.outer_mm), bool)
    inside[opening.members] = True
    around = columns.outer_mm[grow(inside, 2) & ~inside]
    if np.isnan(around).all():
        return None
    axis = opening.axis @ pose.axes
    start = pose.centre_mm + float(np.nanmedian(around)) * axis
    reach = _REACH_MM + _ABOVE_MM + _BELOW_MM
    corners = start + np.array([[-reach] * 3, [reach] * 3])
    bone = signed_distance(skull.crop(*skull.box_around(corners, np.ones(3))))
    hole: BurrHole | None = BurrHole(start, _frame(axis), np.zeros(6), np.zeros(0), 0.0)
    for _ in range(_ROUNDS):
        if hole is not None:
            hole = _refined(hole, bone)
    low, high = WIDTH_RANGE_MM
    return hole if hole is not None and low <= hole.narrowest_mm and hole.widest_mm <= high else None


def _refined(hole: BurrHole, bone: Volume) -> BurrHole | None:
    """Return a hole measured along its axis, with the axis and the middle that follow from that."""
    line = np.arange(-_REACH_MM, _REACH_MM + _STEP_MM / 2, _STEP_MM)
    depth = np.arange(_ABOVE_MM, -_BELOW_MM, -_STEP_MM)
    u, v = np.meshgrid(line, line, indexing="ij")
    across = np.column_stack([u.ravel(), v.ravel()])
    local = np.concatenate(
        [np.repeat(across, len(depth), axis=0), np.tile(depth, len(across))[:, None]], axis=1
    )
    field = sample(bone, hole.to_mm(local), fill=-10.0).reshape(len(across), len(depth))
    solid = field > 0
    passed = ~solid.any(axis=1).reshape(u.shape)
    labels = ndimage.label(passed)[0]
    middle = np.linalg.norm(across, axis=1).reshape(u.shape)
    inside = labels == labels[np.unravel_index(int(np.argmin(np.where(passed, middle, np.inf))), u.shape)]
    rim = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    if not passed.any() or rim.any():
        return None
    away = distance_outside(inside, _STEP_MM).ravel()
    ring = (away >= _FIT_MM[0]) & (away <= _FIT_MM[1]) & solid.any(axis=1)
    surface = _fitted(across[ring], _first_crossing(field[ring], depth))
    clear = np.asarray(distance_inside(inside, _STEP_MM), float)
    top = np.argwhere(clear > clear.max() - _STEP_MM / 2).mean(axis=0)
    start = line[0] + top * _STEP_MM
    centre, edge = _edge_around(start, field.max(axis=1).reshape(u.shape), line)
    slope = np.array(
        [
            surface[1] + 2 * surface[3] * centre[0] + surface[4] * centre[1],
            surface[2] + surface[4] * centre[0] + 2 * surface[5] * centre[1],
        ]
    )
    normal = unit_vectors(np.array([-slope[0], -slope[1], 1.0])[None])[0] @ hole.axes
    height = float((_terms(centre[None]) @ surface)[0])
    bone_mm = float(np.median(solid[ring].sum(axis=1) * _STEP_MM))
    moved = hole.to_mm(np.array([[*centre, height]]))[0]
    return replace(
        hole,
        centre_mm=moved,
        axes=_frame(normal),
        surface=np.concatenate([np.zeros(3), surface[3:]]),  # level at the new middle, along its normal
        edge_mm=edge,
        bone_mm=bone_mm,
    )


def _edge_around(start: Floats, clearest: Floats, line: Floats) -> tuple[Floats, Floats]:
    """Return the middle of a hole on the map, and the distance of its edge from there by direction, mm.

    `clearest` is the largest signed distance along each line of the map: bone stands in the way above 0.
    """
    turn = np.arange(_DIRECTIONS) * 2 * np.pi / _DIRECTIONS
    way = np.column_stack([np.cos(turn), np.sin(turn)])
    radii = np.arange(0, _REACH_MM, _STEP_MM / 4)
    centre = start
    for _ in range(_ROUNDS):
        points = centre + radii[:, None, None] * way
        index = ((points - line[0]) / _STEP_MM).reshape(-1, 2).T
        values = ndimage.map_coordinates(clearest, index, order=1, mode="nearest").reshape(len(radii), -1)
        met = values > 0
        first = np.where(met.any(axis=0), met.argmax(axis=0), len(radii) - 1)
        edge = radii[first]
        # The middle of the hole: where opposite edges are equally far, on average.
        centre = centre + 2 * (edge[:, None] * way).mean(axis=0)
    return centre, edge


def _fitted(across: Floats, height: Floats) -> Floats:
    """Return the coefficients (6,) of the surface through heights (n,), without outliers."""
    kept = np.ones(len(height), bool)
    for _ in range(_ROUNDS):
        surface = np.linalg.lstsq(_terms(across[kept]), height[kept], rcond=None)[0]
        kept = np.abs(height - _terms(across) @ surface) < _OUTLIER_MM
    return np.asarray(surface)


def _first_crossing(field: Floats, depth: Floats) -> Floats:
    """Return the height (n,) at which lines (n, d) from outside meet bone."""
    first = (field > 0).argmax(axis=1)
    row = np.arange(len(field))
    before = np.maximum(first - 1, 0)
    low, high = field[row, before], field[row, first]
    share = np.where(first > 0, -low / np.maximum(high - low, 1e-9), 0.0)
    return np.asarray(depth[before] + share * (depth[first] - depth[before]))


def _terms(across: Floats) -> Floats:
    u, v = across[:, 0], across[:, 1]
    return np.column_stack([np.ones(len(u)), u, v, u * u, u * v, v * v])


def _frame(axis: Floats) -> Floats:
    """Return axes (3, 3) with the last one along a direction."""
    outward = np.asarray(axis, float) / np.linalg.norm(axis)
    side = np.cross([0.0, 0.0, 1.0] if abs(outward[2]) < 0.9 else [1.0, 0.0, 0.0], outward)
    side /= np.linalg.norm(side)
    return np.array([side, np.cross(outward, side), outward])
