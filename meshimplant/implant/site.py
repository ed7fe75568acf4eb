"""`Site`: the bone around a part, the distance to that bone, and a point inside the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError
from meshimplant.implant.surfaces import head_centre
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.skull.thick_slices import interpolate_slices, reach_voxels
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.plane_motion import thick_axis
from meshimplant.voxels.volume import Volume

#: Margin around a part that is wide enough for every step: the straight path out of the head (20 mm), and
#: room for a part that grows thicker.
MARGIN_MM = 25.0


@dataclass(frozen=True, eq=False)
class Bone:
    """A box of a skull with the signed distance to the bone in it.

    Attributes
    ----------
    mask : Volume
        Box of the skull mask; non-zero is bone.
    distance : Volume
        Float32 mm on the same box, positive inside the bone, see `signed_distance`.
    """

    mask: Volume
    distance: Volume


@dataclass(frozen=True, eq=False)
class Site:
    """The bone around a part and a point inside the head, computed once and passed from step to step.

    Attributes
    ----------
    inside_mm : (3,) array
        A point inside the head, LPS mm, that distinguishes outer from inner surfaces.
    bone : Bone or None
        The bone around the part; None where there is none.

    Examples
    --------
    >>> from meshimplant import Site, check_fit, trim
    >>> site = Site.around(skull, part)  # doctest: +SKIP
    >>> fit = check_fit(trim(part, site), site)  # doctest: +SKIP
    """

    inside_mm: NDArray[np.float64]
    bone: Bone | None

    @classmethod
    def around(
        cls,
        skull: Volume | Site,
        mesh: trimesh.Trimesh,
        *,
        inside_mm: ArrayLike | None = None,
        margin_mm: float = MARGIN_MM,
    ) -> Site:
        """Return the site of a part in a skull.

        Parameters
        ----------
        skull : Volume or Site
            Mask of the defective skull, on any grid; thick slices are interpolated. A site is cropped, and
            keeps its point inside the head.
        mesh : Trimesh
            The part, LPS mm.
        inside_mm : (3,) array-like, optional
            A point inside the head, LPS mm. None: the site's, or else the centre of the part's curvature, or
            the centroid of the bone where the curvature does not agree with it.
        margin_mm : float
            Width of the box around the part. Distances in a wider box differ only where bone is farther away
            than the edge of the narrower one.

        Raises
        ------
        InputError
            The mask holds no bone, and no point inside the head is given; or the volume is no mask of bone.
        """
        if isinstance(skull, Site):
            return cls(
                skull.inside_mm if inside_mm is None else _point(inside_mm),
                None if skull.bone is None else _cropped(skull.bone, mesh, margin_mm),
            )
        skull = bone_mask(skull)
        point = inner_point(mesh, skull) if inside_mm is None else _point(inside_mm)
        box = bone_around(skull, mesh, margin_mm)
        if box is None or not box.array.any():
            return cls(point, None)
        return cls(point, Bone(box, signed_distance(box)))


def bone_around(skull: Volume, mesh: trimesh.Trimesh, margin_mm: float) -> Volume | None:
    """Return the box of a mask around a mesh with a margin, or None where they do not meet.

    Thick slices are interpolated as the design line does it, so that a part is cut from and measured against
    the same bone.
    """
    skull = _with_room(skull, mesh)
    low, high = _box_around(skull, mesh, margin_mm)
    if thick_axis(skull) is not None and _meets(skull, low, high):
        reach = reach_voxels(skull)
        skull = interpolate_slices(skull.crop(low - reach, high + reach))
        low, high = _box_around(skull, mesh, margin_mm)
    return skull.crop(low, high) if _meets(skull, low, high) else None


def _with_room(skull: Volume, mesh: trimesh.Trimesh) -> Volume:
    """Return the skull on a grid that holds the mesh: beyond the grid there is air; far away, itself."""
    low, high = _box_around(skull, mesh, 0.0)
    return skull.grown_to(low, high) if _meets(skull, low, high) else skull


def _cropped(bone: Bone, mesh: trimesh.Trimesh, margin_mm: float) -> Bone | None:
    """Return the part of a box of bone around a mesh with a margin, or None where it holds no bone."""
    low, high = _box_around(bone.mask, mesh, margin_mm)
    if not _meets(bone.mask, low, high):
        return None
    near = Bone(bone.mask.crop(low, high), bone.distance.crop(low, high))
    return near if near.mask.array.any() else None


def _point(inside_mm: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(inside_mm, float)


def inner_point(mesh: trimesh.Trimesh, skull: Volume) -> NDArray[np.float64]:
    """Return a point (3,) inside the head: the centre of the part's curvature, or else of the bone."""
    centre, bone = head_centre(mesh), _bone_centroid(skull)
    middle = np.asarray(mesh.vertices).mean(axis=0)
    return centre if (middle - centre) @ (middle - bone) > 0 else bone


def _bone_centroid(skull: Volume) -> NDArray[np.float64]:
    """Return the centroid (3,) of a mask's voxels, LPS mm."""
    step = 2 if (skull.array[::2, ::2, ::2] != 0).any() else 1
    bone = skull.array[::step, ::step, ::step] != 0
    count = [bone.sum(axis=axes, dtype=np.int64) for axes in ((1, 2), (0, 2), (0, 1))]
    if not count[0].any():
        raise InputError("expected a skull mask with bone, got an empty one: check that it is the right file")
    return skull.to_mm([step * np.average(np.arange(len(c)), weights=c) for c in count])


def _box_around(
    volume: Volume, mesh: trimesh.Trimesh, margin_mm: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the index box (start, stop) of a volume around a mesh; it may reach beyond the grid."""
    return volume.box_around(np.asarray(mesh.vertices), np.ceil(margin_mm / volume.spacing_mm))


def _meets(volume: Volume, low: NDArray[np.int64], high: NDArray[np.int64]) -> bool:
    return not (np.any(high <= 0) or np.any(low >= volume.shape))
