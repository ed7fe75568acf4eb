"""The bone around a part: a box of the skull, and how far from its surface the places in it are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import InputError
from meshimplant.implant.surfaces import head_centre
from meshimplant.skull.thick_slices import interpolate_slices, reach_voxels, thick_axis
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.volume import Volume


@dataclass(frozen=True, eq=False)
class Bone:
    """The bone around a part with its signed distance, which is computed once for all steps that are given this for a skull.

    Attributes
    ----------
    mask
        A box of the skull; non-zero is bone.
    distance
        Float32 mm on the same box, positive inside the bone, see `signed_distance`.
    """

    mask: Volume
    distance: Volume


def bone_near(skull: Volume | Bone, mesh: trimesh.Trimesh, margin_mm: float) -> Bone | None:
    """Return the bone in the box around a mesh with a margin, or None where there is none.

    Distances from a box that reaches farther differ only where bone is farther away than the smaller box's edge.
    """
    if isinstance(skull, Bone):
        low, high = _box_around(skull.mask, mesh, margin_mm)
        if not _meets(skull.mask, low, high):
            return None
        near = Bone(skull.mask.crop(low, high), skull.distance.crop(low, high))
        return near if near.mask.array.any() else None
    box = bone_around(skull, mesh, margin_mm)
    return None if box is None or not box.array.any() else Bone(box, signed_distance(box))


def inner_point(mesh: trimesh.Trimesh, skull: Volume | Bone) -> NDArray[np.float64]:
    """Return a point (3,) inside the head: the centre of the implant's curvature, or else of the bone."""
    centre = head_centre(mesh)
    bone = bone_centroid(skull.mask if isinstance(skull, Bone) else skull)
    middle = np.asarray(mesh.vertices).mean(axis=0)
    return centre if (middle - centre) @ (middle - bone) > 0 else bone


def bone_centroid(skull: Volume) -> NDArray[np.float64]:
    """Return the centroid (3,) of a mask's voxels, LPS mm."""
    step = 2 if (skull.array[::2, ::2, ::2] != 0).any() else 1
    bone = skull.array[::step, ::step, ::step] != 0
    count = [bone.sum(axis=axes, dtype=np.int64) for axes in ((1, 2), (0, 2), (0, 1))]
    if not count[0].any():
        raise InputError(
            "expected a skull mask with bone, got one without a single voxel: check that it is the right file"
        )
    return skull.to_mm([step * np.average(np.arange(len(c)), weights=c) for c in count])


def bone_around(skull: Volume, mesh: trimesh.Trimesh, margin_mm: float) -> Volume | None:
    """Return the box of a mask around a mesh with a margin, or None where they do not meet.

    Thick slices are interpolated, as the line does it: whatever a part is cut from and measured against is one and the same bone.
    """
    low, high = _box_around(skull, mesh, margin_mm)
    if thick_axis(skull) is not None and _meets(skull, low, high):
        reach = reach_voxels(skull)
        skull = interpolate_slices(skull.crop(low - reach, high + reach))
        low, high = _box_around(skull, mesh, margin_mm)
    return skull.crop(low, high) if _meets(skull, low, high) else None


def _box_around(
    volume: Volume, mesh: trimesh.Trimesh, margin_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the index box (start, stop) of a volume around a mesh; it may reach beyond the grid."""
    return volume.box_around(np.asarray(mesh.vertices), np.ceil(margin_mm / volume.spacing_mm))


def _meets(volume: Volume, low: NDArray[np.int64], high: NDArray[np.int64]) -> bool:
    return not (np.any(high <= 0) or np.any(low >= volume.shape))
