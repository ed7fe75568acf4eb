"""`keep_skull`: which of the dense bodies in a scan belong to the skull."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.skull.one_head import require_one_head
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: A piece this close to the skull belongs to it, mm: the joint of the jaw and the saw line of a bone flap are
#: narrower; a head rest is at least the thickness of the scalp (5 mm) away.
NEAR_MM = 3.0
#: Smaller loose pieces are specks: noise, calcified plexus, fragments of teeth, mm3.
SPECK_MM3 = 200.0
#: A loose piece within the skull's convex hull is kept from this volume, mm3: a sunken bone flap.
FLAP_MM3 = 2000.0


def keep_skull(bone: Volume) -> tuple[Volume, tuple[str, ...]]:
    """Return the largest connected body with the pieces that belong to it, and remarks on the other pieces.

    A piece belongs to the skull if it lies within `NEAR_MM` of that body or, from `FLAP_MM3`, mostly inside
    its convex hull. Measured on a patient's CT: both sides of the head rest (18 cm3 each, 15 mm from bone)
    are removed.

    Parameters
    ----------
    bone : Volume
        Mask of all dense voxels.

    Returns
    -------
    mask : Volume
        uint8.
    notes : tuple of str
        Which pieces were kept and which were removed.

    Raises
    ------
    InputError
        There are two heads, of which only one would be kept.
    """
    import cc3d

    require_one_head(bone)
    start, stop = bounding_box(bone.array)
    box = bone.crop(start, stop)
    labels = np.asarray(cc3d.connected_components(np.asfortranarray(box.array), connectivity=26))
    volumes = np.bincount(labels.ravel(order="K")).astype(np.float64) * box.voxel_volume_mm3
    volumes[0] = 0
    main = int(volumes.argmax())
    candidates = [int(n) for n in np.flatnonzero(volumes >= SPECK_MM3) if n != main]
    kept = [main, *_belonging(box, labels, main, candidates, volumes)]
    chosen = np.zeros(len(volumes), np.uint8)
    chosen[kept] = 1
    mask = Volume(chosen[labels], box.affine).paste_into(bone)
    return mask, tuple(_notes(volumes, kept))


def depth_mm(mask: Volume) -> float:
    """Return the depth of the deepest voxel under the surface, mm, on a grid of about 2 mm."""
    start, stop = bounding_box(mask.array)
    box = mask.crop(start, stop)
    step = np.maximum(1, np.floor(2.0 / box.spacing_mm)).astype(int)
    coarse = box.array[:: step[0], :: step[1], :: step[2]] != 0
    return float(distance_inside(coarse, box.spacing_mm * step, edge_is_outside=True).max())


def _belonging(
    box: Volume, labels: NDArray[Any], main: int, candidates: list[int], volumes: NDArray[np.float64]
) -> list[int]:
    """Return the candidates that lie close to the main body or within its convex hull."""
    if not candidates:
        return []
    from scipy import ndimage
    from scipy.spatial import ConvexHull

    step = np.maximum(1, np.floor(1.0 / box.spacing_mm)).astype(int)
    far = _any_in_block(labels == main, step)
    distance = distance_outside(far, box.spacing_mm * step)
    corners = np.argwhere(far) * step * box.spacing_mm
    outline = ConvexHull(corners[:: max(1, len(corners) // 20_000)]).equations
    kept = []
    boxes = ndimage.find_objects(labels)
    for n in candidates:
        region = boxes[n - 1]
        index = np.argwhere(labels[region] == n) + [side.start for side in region]
        near = float(distance[tuple((index // step).T)].min())
        if near <= NEAR_MM or (volumes[n] >= FLAP_MM3 and _is_within(index * box.spacing_mm, outline)):
            kept.append(n)
    return kept


def _is_within(points_mm: NDArray[np.float64], outline: NDArray[np.float64]) -> bool:
    """Return whether most points lie inside a convex hull, given by the equations of its facets."""
    sparse = points_mm[:: max(1, len(points_mm) // 1000)]
    return bool((sparse @ outline[:, :3].T + outline[:, 3] <= 0).all(axis=1).mean() > 0.5)


def _any_in_block(mask: NDArray[np.bool_], step: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a mask reduced by blocks of `step` voxels: True where any voxel of the block is set."""
    for axis, size in enumerate(step):
        mask = np.logical_or.reduceat(mask, np.arange(0, mask.shape[axis], size), axis=axis)
    return np.ascontiguousarray(mask)


def _notes(volumes: NDArray[np.float64], kept: list[int]) -> list[str]:
    """Return remarks on the loose pieces that were kept, and on those that were removed."""
    left_out = np.delete(volumes[1:], np.array(kept) - 1)
    notes = []
    if len(kept) > 1:
        notes.append(
            f"{len(kept) - 1} loose pieces of {volumes[kept[1:]].sum() / 1000:.1f} cm3 "
            "kept as part of the skull"
        )
    if len(left_out):
        notes.append(
            f"{len(left_out)} other bodies of {left_out.sum() / 1000:.1f} cm3 left out "
            "(table, head rest, specks)"
        )
    return notes
