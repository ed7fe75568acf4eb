"""Whether a template has one place on the bone: how far it stands off once it was moved and set down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linprog
from scipy.spatial.transform import Rotation

from meshimplant.head.pose import HeadPose
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.skull.outer_bone import OuterBone
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: A template is moved by this, and must then stand off by this somewhere, or its seat is not its only one.
SHIFT_MM, TURN_DEG, LIFT_MM = 2.0, 3.0, 0.5
#: Number of directions in which it is shifted.
_SHIFTS = 8
#: The bone is smoothed by this, mm, so that voxels are not taken for ridges.
_SMOOTH_MM = 3.0
#: Number of times that a moved template is set down anew, from where it lies; step of the slope of a field,
#: mm.
_SETTLINGS, _SLOPE_MM = 3, 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SeatSearch:
    """A bone on which templates are moved and set down.

    Attributes
    ----------
    bone : Volume
        Signed distance to the smoothed outer surface, mm, positive inside.
    pose : HeadPose
        The head's frame, for words.
    """

    bone: Volume
    pose: HeadPose

    @classmethod
    def on(cls, outer: OuterBone) -> SeatSearch:
        """Return the search on an outer surface."""
        widths = _SMOOTH_MM / outer.field.spacing_mm
        smooth = ndimage.gaussian_filter(outer.field.array, widths, truncate=2.0, mode="nearest")
        return cls(outer.field.with_array(smooth), outer.pose)

    def lifts_mm(self, points_mm: Floats, lift: Floats, *, shifts: int = _SHIFTS) -> dict[str, float]:
        """Return by how much a template stands off somewhere after each motion.

        It is shifted by 2 mm across its direction off the bone, or turned by 3 degrees about it, and set down
        again: it may be lifted and tilted, and lies so that its farthest point is as near to the bone as can
        be without a point in the bone. 0 means that it fits there as well as in its place.

        Parameters
        ----------
        points_mm : (n, 3) array
            Points of its face on the bone, LPS mm.
        lift : (3,) array
            Unit direction off the bone, LPS.
        shifts : int
            Number of directions in which it is shifted.
        """
        rest = -sample(self.bone, points_mm, fill=-50.0)
        middle = points_mm.mean(axis=0)
        across = np.linalg.svd(lift[None])[2][1:]
        lifts: dict[str, float] = {}
        for turn in np.arange(shifts) * 2 * np.pi / shifts:
            way = np.cos(turn) * across[0] + np.sin(turn) * across[1]
            moved = points_mm + SHIFT_MM * way
            lifts[self._words(way, lifts)] = self._standing_off(moved, rest, middle, lift, across)
        for sign, name in ((1, "counter-clockwise"), (-1, "clockwise")):
            spin = Rotation.from_rotvec(sign * TURN_DEG * lift, degrees=True)
            moved = middle + spin.apply(points_mm - middle)
            lifts[name] = self._standing_off(moved, rest, middle, lift, across)
        return lifts

    def _standing_off(
        self, points: Floats, rest: Floats, middle: Floats, lift: Floats, across: Floats
    ) -> float:
        """Return how far the farthest of moved points (n, 3) stays off after they are set down, mm."""
        for _ in range(_SETTLINGS):
            above = -sample(self.bone, points, fill=-50.0) - rest
            normals = self._outward(points)
            arm = points - middle
            ways = np.stack(
                [np.broadcast_to(lift, arm.shape), *(np.cross(axis, arm) for axis in across)], axis=1
            )
            slopes = np.einsum("nkj,nj->nk", ways, normals)
            ones = np.ones((len(points), 1))
            found = linprog(
                [0.0, 0.0, 0.0, 1.0],
                A_ub=np.block([[-slopes, 0 * ones], [slopes, -ones]]),
                b_ub=np.concatenate([above, -above]),
                bounds=[(None, None)] * 4,
                method="highs",
            )
            if found.x is None:
                return float(above.max())
            tilt = Rotation.from_rotvec(found.x[1] * across[0] + found.x[2] * across[1])
            points = middle + tilt.apply(arm) + found.x[0] * lift
        above = -sample(self.bone, points, fill=-50.0) - rest
        return max(0.0, float(above.max() - min(above.min(), 0.0)))

    def _outward(self, points: Floats) -> Floats:
        """Return unit normals (n, 3) out of the bone."""
        slope = [
            sample(self.bone, points - step, fill=-50.0) - sample(self.bone, points + step, fill=-50.0)
            for step in _SLOPE_MM * np.eye(3)
        ]
        return unit_vectors(np.stack(slope, axis=1))

    def _words(self, way: Floats, taken: dict[str, float]) -> str:
        """Return a direction in words, as seen from the head."""
        own = self.pose.axes @ way
        names = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
        order = [axis for axis in np.argsort(-np.abs(own)) if abs(own[axis]) > 0.02]
        words = [names[axis][0 if own[axis] > 0 else 1] for axis in order]
        for count in range(1, len(words) + 1):
            if (name := "-".join(words[:count])) not in taken:
                return name
        return f"{'-'.join(words)} {len(taken) + 1}"
