"""`resect`: cut a piece of an intact skull out along a closed curve, as a surgeon plans to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, require_type
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.head.sphere import direction_sphere, nearest_direction
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.skull.cut_line import FARTHEST_MM, CutLine, cut_line
from meshimplant.skull.defect import SMALLEST_AREA_MM2, Openings, read_openings
from meshimplant.skull.outer_bone import OuterBone, directions_of
from meshimplant.voxels.volume import Volume

#: Range of the width of a cut, mm. Craniotomes: 2 mm and more (US20160354117).
KERF_RANGE_MM = (0.0, 3.0)
#: Openings of the skull smaller than this are vessels and noise, mm2. No source: our choice.
_OPENING_MM2 = 25.0
#: How far bone that is cut may lie below and above its column, mm: what two columns differ by on a steep
#: inner table, and an outer table beyond wide diploe.
_BELOW_MM, _ABOVE_MM = 2.5, 6.0
#: Room that is left around the curve for what is planned on the bone, mm.
MARGIN_MM = 50.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Resection:
    """A planned resection.

    Attributes
    ----------
    defective : Volume
        The skull without flap and kerf, uint8 on its grid.
    flap : Volume
        The bone within the cut, uint8 on the same grid.
    line : CutLine
        The middle of the cut on the outer surface.
    outer : OuterBone
        The outer surface of the intact bone around.
    kerf_mm : float
        Width of the cut, half of it on either side of the line.
    area_mm2 : float
        Area of the opening on the outer surface, kerf included.
    flap_mm3, removed_mm3 : float
        Volume of the flap, and of flap and kerf.
    """

    defective: Volume
    flap: Volume
    line: CutLine
    outer: OuterBone
    kerf_mm: float
    area_mm2: float
    flap_mm3: float
    removed_mm3: float

    @property
    def measures(self) -> dict[str, Any]:
        """What the report states of it."""
        return {
            "resection_kerf_mm": self.kerf_mm,
            "resection_length_mm": self.line.length_mm,
            "resection_area_mm2": self.area_mm2,
            "resection_flap_mm3": self.flap_mm3,
            "resection_removed_mm3": self.removed_mm3,
        }


def resect(
    skull: Volume,
    curve_mm: ArrayLike,
    *,
    kerf_mm: float = 2.0,
    direction: ArrayLike | None = None,
    pose: HeadPose | None = None,
) -> Resection:
    """Cut a piece of an intact skull out along a closed curve.

    The curve is laid on the outer surface of the bone and smoothed, see `cut_line`; it is the middle of the
    cut, which takes half its width on either side. Bone of the vault is removed, from outer to inner table;
    what lies behind it, such as the base of the skull, stays.

    Parameters
    ----------
    skull : Volume
        Mask of the intact skull, head up (+z of LPS); non-zero is bone.
    curve_mm : (n, 3) array-like
        Five or more points around what is removed, in order, LPS mm.
    kerf_mm : float
        Width of the cut, 0 to 3 mm. Default 2.
    direction : (3,) array-like, optional
        Direction of the cut, LPS. None: normal to the bone everywhere.
    pose : HeadPose, optional
        The head's pose, if known.

    Returns
    -------
    Resection

    Raises
    ------
    InputError
        The width is out of range; the curve is none that can be cut (see `cut_line`), encloses less than
        3 cm2, or encloses or crosses an opening of the skull.
    """
    require_type(skull, Volume, "the skull")
    low, high = KERF_RANGE_MM
    if not low <= kerf_mm <= high:
        raise InputError(f"expected a kerf of {low:g} to {high:g} mm, got {kerf_mm:g}: change it")
    skull = bone_mask(skull, "the skull")
    points = np.asarray(curve_mm, float)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all() or not len(points):
        raise InputError(f"expected the points of a curve (n, 3), finite, got shape {points.shape}")
    start, stop = skull.box_around(points, np.ceil(FARTHEST_MM / skull.spacing_mm))
    if np.any(stop <= 0) or np.any(start >= skull.shape):
        raise InputError(
            "expected a curve on the skull, got one outside its scan: check the frame (LPS, RAS)"
        )
    pose = fit_pose(skull) if pose is None else pose
    found = read_openings(skull, pose, smallest_area_mm2=_OPENING_MM2)
    outer = OuterBone.around(skull, pose, found.columns, points, margin_mm=MARGIN_MM)
    line = cut_line(points, outer, direction=direction)
    within = _enclosed(outer, line, kerf_mm / 2)
    area_mm2 = _area_mm2(outer, within)
    if area_mm2 < SMALLEST_AREA_MM2:
        raise InputError(
            f"expected a curve around at least {SMALLEST_AREA_MM2 / 100:g} cm2, got {area_mm2 / 100:.1f} cm2"
        )
    _require_intact(outer, line, found, within)
    cut, kept = _cut_voxels(skull, outer, line, kerf_mm / 2)
    defective, flap = (skull.array != 0).astype(np.uint8), np.zeros(skull.shape, np.uint8)
    defective[cut] = 0
    flap[kept] = 1
    return Resection(
        skull.with_array(defective),
        skull.with_array(flap),
        *(line, outer, float(kerf_mm), area_mm2),
        len(kept[0]) * skull.voxel_volume_mm3,
        len(cut[0]) * skull.voxel_volume_mm3,
    )


def _near(directions: Floats, line: CutLine, pose: HeadPose) -> NDArray[np.bool_]:
    """Return which directions (n, 3) of the head's frame lie in the cone that holds the line."""
    own = directions_of(line.points_mm, pose)
    axis = unit_vectors(own.mean(axis=0))
    return np.asarray(directions @ axis > min(float((own @ axis).min()), 1.0) - 0.1)


def _enclosed(outer: OuterBone, line: CutLine, grown_mm: float) -> NDArray[np.bool_]:
    """Return which directions of `direction_sphere` lead through what is cut out."""
    directions = direction_sphere()[0]
    chosen = np.flatnonzero(_near(directions, line, outer.pose) & ~outer.columns.missing)
    points = outer.pose.centre_mm + outer.columns.outer_mm[chosen, None] * (
        directions[chosen] @ outer.pose.axes
    )
    within = np.zeros(len(directions), bool)
    within[chosen] = line.beside_mm(points)[0] < grown_mm
    return within


def _area_mm2(outer: OuterBone, within: NDArray[np.bool_]) -> float:
    """Return the area of the outer surface along directions (n,) of `direction_sphere`."""
    directions = direction_sphere()[0][within] @ outer.pose.axes
    radius = outer.columns.outer_mm[within].astype(float)
    normals = outer.outward_at(outer.pose.centre_mm + radius[:, None] * directions)
    slant = np.maximum(np.einsum("ij,ij->i", normals, directions), 0.2)
    return float((radius**2 / slant).sum() * 4 * np.pi / len(within))


def _require_intact(outer: OuterBone, line: CutLine, found: Openings, within: NDArray[np.bool_]) -> None:
    """Raise `InputError` where an opening of the skull lies within the line or across it."""
    if not found.defects:
        return
    openings = np.concatenate([each.members for each in found.defects])
    directions = direction_sphere()[0]
    chosen = openings[_near(directions[openings], line, outer.pose)]
    radius = float(outer.columns.outer_mm[within].mean())
    points = outer.pose.centre_mm + radius * (directions[chosen] @ outer.pose.axes)
    inside = line.beside_mm(points)[0] < 0 if len(chosen) else np.zeros(0, bool)
    if inside.any():
        area = float(inside.sum()) * 4 * np.pi * radius**2 / len(directions)
        middle = points[inside].mean(axis=0)
        raise InputError(
            f"expected a skull that is intact within the curve, got an opening of {area:.0f} mm2 around "
            "({:.1f}, {:.1f}, {:.1f}): ".format(*middle)
            + "plan a resection on the scan from before, or use design for an opening that exists"
        )


def _cut_voxels(
    skull: Volume, outer: OuterBone, line: CutLine, half_mm: float
) -> tuple[tuple[NDArray[np.int64], ...], tuple[NDArray[np.int64], ...]]:
    """Return the indices of the bone that is cut out, and of that which is left of it as the flap."""
    pose, columns = outer.pose, outer.columns
    start, stop = skull.box_around(line.points_mm, np.ceil(30.0 / skull.spacing_mm))
    start = np.maximum(start, 0)
    box = skull.crop(start, stop)
    index = np.argwhere(box.array)
    points = box.to_mm(index)
    local = (points - pose.centre_mm) @ pose.axes.T
    radius = np.linalg.norm(local, axis=1)
    column = nearest_direction(local)
    chosen = _near(local / radius[:, None], line, pose)
    chosen &= radius > columns.inner_mm[column] - _BELOW_MM
    chosen &= radius < columns.outer_mm[column] + _ABOVE_MM
    beside = line.beside_mm(points[chosen])[0]
    index = index[chosen] + start
    cut, kept = index[beside < half_mm].T, index[beside < -half_mm].T
    return (cut[0], cut[1], cut[2]), (kept[0], kept[1], kept[2])
