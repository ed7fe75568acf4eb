"""`Screw`: the screws that hold a part, their lengths in bone, and their distance to the inner table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.report import Place, place_of
from meshimplant.theatre.bone_beside import measure_columns
from meshimplant.voxels.volume import Volume

#: Lengths that are chosen from, mm. No source: our choice; sets for the midface begin at 3.5 mm (K230398).
LENGTHS_MM = (3.0, 3.5, 4.0, 4.5, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)
#: Least and most length in bone, mm, and what the tip keeps from the inner table and from the inner surface
#: of the part, mm. No source: our choice.
LEAST_IN_BONE_MM, MOST_IN_BONE_MM, TIP_RESERVE_MM, PART_RESERVE_MM = 3.0, 5.0, 0.5, 0.3
#: A screw's way is followed this far, mm.
_REACH_MM = 30.0


@dataclass(frozen=True)
class ScrewSize:
    """Diameters of a screw, mm. No source but the outer one: our choice.

    Attributes
    ----------
    screw_mm, core_mm, head_mm : float
        Outer diameter of the thread, of its core (the hole into which it cuts), and of the head.
    hole_mm : float
        Hole through which it passes freely.
    head_height_mm : float
        Height of the head.
    """

    screw_mm: float
    core_mm: float
    hole_mm: float
    head_mm: float
    head_height_mm: float


SIZES = {1.5: ScrewSize(1.5, 1.1, 1.7, 2.6, 1.0), 2.0: ScrewSize(2.0, 1.5, 2.2, 3.4, 1.2)}


@dataclass(frozen=True)
class Screw:
    """One screw.

    Attributes
    ----------
    label : str
        Its name, such as ``S3``.
    fixation : str
        The place that it belongs to, such as ``P2``.
    holds : str
        ``bone`` or ``part``: what its thread holds in.
    point_mm : (3,) tuple
        Where its length begins, on its axis, LPS mm: the top of a countersunk head, or below the head of a
        pocket screw.
    axis : (3,) tuple
        Unit direction in which it is driven, LPS.
    diameter_mm, length_mm : float
        Of the thread, and from the point to the tip.
    held_mm : float
        Length in what it holds in.
    bone_mm : float or None
        Length of bone along its axis, up to the inner table; None for a screw in the part.
    tip_to_inner_mm : float
        From the tip to the inner table, or to the inner surface of the part, along the inward direction.
    """

    label: str
    fixation: str
    holds: str
    point_mm: Place
    axis: Place
    diameter_mm: float
    length_mm: float
    held_mm: float
    bone_mm: float | None
    tip_to_inner_mm: float

    def to_dict(self) -> dict[str, Any]:
        """Return the screw as plain JSON-ready values."""
        return asdict(self)


def bone_screw(
    label: str,
    fixation: str,
    bone: Volume,
    point_mm: NDArray[np.float64],
    axis: NDArray[np.float64],
    screw_mm: float,
    *,
    before_bone_mm: float = 0.0,
    inward: NDArray[np.float64] | None = None,
) -> Screw | str:
    """Choose the longest screw that a place allows, or return why there is none.

    It keeps `TIP_RESERVE_MM` from the inner table, and no more than `MOST_IN_BONE_MM` of it is in bone.
    `before_bone_mm` is the least length that passes before bone is held, such as a plate's thickness;
    `inward` the direction (3,) into the head in which the inner table is measured. None: the axis.
    """
    column = measure_columns(bone, point_mm[None], axis[None], reach_mm=_REACH_MM)
    start, bone_mm = float(column.start_mm[0]), float(column.length_mm[0])
    if np.isnan(start):
        return "there is no bone along the screw"
    end, start = start + bone_mm, max(start, before_bone_mm)
    fitting = [
        length
        for length in LENGTHS_MM
        if LEAST_IN_BONE_MM <= length - start <= MOST_IN_BONE_MM and length <= end - TIP_RESERVE_MM
    ]
    if not fitting:
        cell = " before an air cell" if column.cell[0] else ""
        return (
            f"the bone is {end - start:.1f} mm deep along the screw{cell}: no length holds "
            f"{LEAST_IN_BONE_MM:g} mm and leaves {TIP_RESERVE_MM:g} mm"
        )
    tips = point_mm + np.array(fitting)[:, None] * axis
    down = np.broadcast_to(axis if inward is None else inward, tips.shape)
    left = measure_columns(bone, tips, down, reach_mm=_REACH_MM)
    to_inner = np.where(np.isnan(left.start_mm), 0.0, left.start_mm + left.length_mm)
    kept = np.flatnonzero(to_inner >= TIP_RESERVE_MM)
    if not len(kept):
        return f"the screw would come nearer than {TIP_RESERVE_MM:g} mm to the inner table"
    length = fitting[kept[-1]]
    return Screw(
        *(label, fixation, "bone", place_of(point_mm), place_of(axis), screw_mm, length),
        *(length - start, end - start, float(to_inner[kept[-1]])),
    )


def part_screw(
    label: str,
    fixation: str,
    point_mm: NDArray[np.float64],
    axis: NDArray[np.float64],
    screw_mm: float,
    *,
    wall_mm: float,
    before_part_mm: float,
) -> Screw:
    """Choose the longest screw that ends within the wall of the part, which is thick enough for one."""
    length = max(length for length in LENGTHS_MM if length <= max(wall_mm - PART_RESERVE_MM, LENGTHS_MM[0]))
    return Screw(
        *(label, fixation, "part", place_of(point_mm), place_of(axis), screw_mm, length),
        *(length - before_part_mm, None, wall_mm - length),
    )
