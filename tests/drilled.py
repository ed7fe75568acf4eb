"""An analytic head with burr holes drilled along its normals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from analytic_head import AnalyticHead

from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.voxels.volume import Volume

HEAD = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0))
THICKNESS_MM = HEAD.thickness_mm


@dataclass(frozen=True)
class Drill:
    """A round hole through the bone, along the normal of its outer surface."""

    towards: tuple[float, float, float]
    width_mm: float

    @property
    def centre_mm(self) -> np.ndarray:
        unit = np.asarray(self.towards) / np.linalg.norm(self.towards)
        return np.asarray(HEAD.radius_mm(unit[None])[0] * unit)

    @property
    def axis(self) -> np.ndarray:
        normal = self.centre_mm / np.asarray(HEAD.axes_mm) ** 2
        return np.asarray(normal / np.linalg.norm(normal))

    def off_axis_mm(self, points: np.ndarray) -> np.ndarray:
        arm = points - self.centre_mm
        return np.asarray(np.linalg.norm(arm - np.outer(arm @ self.axis, self.axis), axis=1))


#: Perforators of 14 and 11 mm, one beside the midline, one at the side.
WIDE, NARROW = Drill((0.35, 0.3, 0.85), 14.0), Drill((-0.8, -0.2, 0.5), 11.0)


@cache
def whole() -> Volume:
    """Return the mask of the whole head, 1 mm."""
    return HEAD.mask(1.0, whole=True)


@cache
def pose() -> HeadPose:
    """Return the pose of the whole head, which holes do not change."""
    return fit_pose(whole())


def drilled(*drills: Drill) -> Volume:
    """Return the mask of the whole head with holes, 1 mm."""
    skull = whole()
    index = np.argwhere(skull.array)
    points = skull.to_mm(index)
    array = skull.array.copy()
    for each in drills:
        near = np.linalg.norm(points - each.centre_mm, axis=1) < 25
        array[tuple(index[near & (each.off_axis_mm(points) < each.width_mm / 2)].T)] = 0
    return skull.with_array(array)
