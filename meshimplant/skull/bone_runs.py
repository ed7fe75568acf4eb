"""`BoneRuns`: the layers of bone that rays from inside the head pass, one above the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.columns import RADIUS_RANGE_MM, bone_along
from meshimplant.head.pose import HeadPose
from meshimplant.voxels.volume import Volume

#: Distance between samples along a ray, mm.
_STEP_MM = 0.25
#: Rays that are read at a time: they fit into the CPU's cache.
_RAYS = 8192


@dataclass(frozen=True, eq=False)
class BoneRuns:
    """Runs of bone along rays, ordered by ray and, on each, from the inside outwards.

    Attributes
    ----------
    ray : (m,) array of int
        The ray of each run.
    begin_mm, end_mm : (m,) arrays
        Radii at which it begins and ends.
    """

    ray: NDArray[np.int64]
    begin_mm: NDArray[np.float64]
    end_mm: NDArray[np.float64]

    @property
    def thickness_mm(self) -> NDArray[np.float64]:
        """Length (m,) of each run."""
        return self.end_mm - self.begin_mm

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """True (m,) for the innermost run of a ray."""
        return np.append(True, self.ray[1:] != self.ray[:-1])[: len(self.ray)]

    @property
    def is_last(self) -> NDArray[np.bool_]:
        """True (m,) for the outermost run of a ray."""
        return np.append(self.ray[1:] != self.ray[:-1], True)[: len(self.ray)]


def read_runs(skull: Volume, pose: HeadPose, directions: NDArray[np.float64]) -> BoneRuns:
    """Return the runs of bone along directions (n, 3) of the head's frame, read every 0.25 mm.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone.
    pose : HeadPose
        The head's frame; the rays start from its centre.
    directions : (n, 3) array
        Unit vectors.

    Returns
    -------
    BoneRuns
    """
    padded = Volume((skull.array != 0).view(np.uint8), skull.affine).pad(1, 0)
    radii: NDArray[np.float64] = np.arange(*RADIUS_RANGE_MM, _STEP_MM)
    parts = []
    for start in range(0, len(directions), _RAYS):
        local = directions[start : start + _RAYS] @ pose.axes
        ray, begin, end = _runs(bone_along(padded, pose.centre_mm, local, radii))
        parts.append((ray + start, begin, end))
    ray, begin, end = (np.concatenate(column) for column in zip(*parts, strict=True))
    edges_mm = np.append(radii, RADIUS_RANGE_MM[1]) - _STEP_MM / 2
    return BoneRuns(ray, edges_mm[begin], edges_mm[end])


def _runs(bone: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return ray, first sample, and the sample after the last one, of each run of bone (rays, samples)."""
    edges = np.zeros((bone.shape[0], bone.shape[1] + 1), bool)
    edges[:, 0], edges[:, -1] = bone[:, 0], bone[:, -1]
    np.not_equal(bone[:, 1:], bone[:, :-1], out=edges[:, 1:-1])
    ray, sample = np.divmod(np.flatnonzero(edges), edges.shape[1])
    return ray[::2], sample[::2], sample[1::2]
