"""`remove_dressing`: take dressings, straps, sheets and head holders off the skull."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.latitude_longitude import interpolate_map, map_directions
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere
from meshimplant.report import Finding, place_of
from meshimplant.skull.bone_runs import BoneRuns, read_runs
from meshimplant.skull.outer_layer import OuterLayer, find_outer_layer
from meshimplant.voxels.distance import distance_inside
from meshimplant.voxels.grid import bounding_box, box_slices
from meshimplant.voxels.volume import Volume

#: A bandage lies in several layers; so often the outermost is looked for.
_LAYERS = 4
#: Step of the map of the floor, degrees; 1 mm on the bone.
_MAP_DEG = 0.75
#: Loose remains of a layer are at most this deep under their surface, mm: half of 4 mm.
_REMAINS_DEPTH_MM = 2.0
#: Slices that are cleared at a time.
_SLAB = 16


def remove_dressing(bone: Volume, pose: HeadPose, runs: BoneRuns) -> tuple[Volume, tuple[Finding, ...]]:
    """Remove thin layers outside the skull that hide the opening, and say where they were.

    Nothing else is changed: without such a layer the mask comes back as it is. See `find_outer_layer` for
    what a layer is.

    Parameters
    ----------
    bone : Volume
        Mask of all dense voxels, bool or uint8.
    pose : HeadPose
        The head's frame.
    runs : BoneRuns
        Its runs of bone along `direction_sphere`.

    Returns
    -------
    bone : Volume
        The mask without the layers, of the same type.
    findings : tuple of Finding
        ``input.dressing``, a warning with the place and the volume that was removed.
    """
    layers: list[OuterLayer] = []
    cleared = bone
    while len(layers) < _LAYERS and (layer := find_outer_layer(runs, pose)) is not None:
        cleared = _without_layer(cleared, pose, layer)
        runs = read_runs(cleared, pose, direction_sphere()[0])
        layers.append(layer)
    if not layers:
        return bone, ()
    cleared = _without_remains(bone, cleared)
    return cleared, (_finding(bone, cleared, layers),)


def _without_layer(bone: Volume, pose: HeadPose, layer: OuterLayer) -> Volume:
    """Clear all voxels above the floor of a layer."""
    floor_mm = _as_map(layer.floor_mm)
    directions = direction_sphere()[0]
    near = layer.floor_mm < layer.floor_mm.max()
    low = pose.centre_mm + layer.floor_mm[near, None] * (directions[near] @ pose.axes)
    start, stop = bone.box_around(low, margin_voxels=np.ceil(16.0 / bone.spacing_mm).astype(int))
    box = box_slices(np.clip(start, 0, bone.shape), np.clip(stop, 0, bone.shape))
    lowest_mm = float(layer.floor_mm.min())
    cleared = bone.array.copy(order="K")
    for first in range(box[2].start, box[2].stop, _SLAB):
        part = (box[0], box[1], slice(first, min(first + _SLAB, box[2].stop)))
        index = np.argwhere(cleared[part]) + [side.start for side in part]
        local = ((bone.to_mm(index) - pose.centre_mm) @ pose.axes.T).astype(np.float32)
        radius = np.linalg.norm(local, axis=1)
        far = radius > lowest_mm
        index, local, radius = index[far], local[far], radius[far]
        above = radius > interpolate_map(floor_mm, local, radius)
        cleared[tuple(index[above].T)] = 0
    return bone.with_array(cleared)


def _as_map(floor_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return values over `direction_sphere` as a map over azimuth and elevation."""
    from scipy.spatial import cKDTree

    nodes = map_directions(_MAP_DEG)
    distance, nearest = cKDTree(direction_sphere()[0]).query(nodes.reshape(-1, 3), k=3)
    weight = 1 / np.maximum(distance, 1e-6)
    values = (weight * floor_mm[nearest]).sum(axis=1) / weight.sum(axis=1)
    return values.reshape(nodes.shape[:-1]).astype(np.float32)


def _without_remains(bone: Volume, cleared: Volume) -> Volume:
    """Clear the thin loose pieces that hung on what was removed."""
    import cc3d
    from scipy import ndimage

    start, stop = bounding_box(bone.array)
    box = box_slices(start, stop)
    labels = np.asarray(
        cc3d.connected_components(np.asfortranarray(cleared.array[box] != 0), connectivity=26)
    )
    removed = (bone.array[box] != 0) & (labels == 0)
    beside = ndimage.binary_dilation(removed, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(order="K"))
    sizes[0] = 0
    drop = np.zeros(len(sizes), bool)
    regions = ndimage.find_objects(labels)
    for n in np.unique(labels[beside]):
        if n == 0 or n == sizes.argmax():
            continue
        piece = labels[regions[n - 1]] == n
        drop[n] = distance_inside(piece, bone.spacing_mm, edge_is_outside=True).max() <= _REMAINS_DEPTH_MM
    array = cleared.array.copy(order="K")
    array[box][drop[labels]] = 0
    return bone.with_array(array)


def _finding(bone: Volume, cleared: Volume, layers: list[OuterLayer]) -> Finding:
    voxels = np.count_nonzero(bone.array) - np.count_nonzero(cleared.array)
    widest = max(layers, key=lambda layer: layer.area_mm2)
    volume_mm3 = float(voxels * bone.voxel_volume_mm3)
    message = (
        f"A layer {widest.thickness_mm:.1f} mm thick lay {widest.gap_mm:.1f} mm outside the skull, over "
        f"{widest.area_mm2 / 100:.0f} cm2 (a dressing, a strap, a sheet or a head holder), and was removed "
        f"({volume_mm3 / 1000:.1f} cm3). Where it touched the bone, up to a millimetre of it may have "
        "stayed, and some of the bone may be lost: compare the skull of the preview with the scan."
    )
    return Finding("input.dressing", "warning", message, volume_mm3, None, "mm3", place_of(widest.place_mm))
