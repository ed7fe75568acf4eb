"""`separate` for masks and fields: choose bodies, cut off films, and describe the removed pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import cc3d
import numpy as np
import trimesh
from numpy.typing import ArrayLike

from meshimplant.errors import MeshError
from meshimplant.line.extract import body_of, is_mask
from meshimplant.line.necks import NECK_VOXELS, Bools, core_depth_mm, ranked_regions
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.grid import Grid, bounding_box, box_slices
from meshimplant.voxels.volume import Volume

Kind = TypeVar("Kind", Volume, trimesh.Trimesh)

#: Half thickness of films and necks that are cut off a chosen body, as a fraction of the opening.
_FILM_FRACTION = 0.5
#: Longest stub of a neck that is removed from a chosen body, as a multiple of the opening.
_STUB_REACH = 3.0
#: Films of misfit cling to bone; what is as thin but farther from bone than this, mm, is thin bone of the
#: implant.
_FREE_MM = 3.0
#: Thin bone is kept within this distance of the rest of a body, mm, and above this volume, mm3.
_THIN_REACH_MM, _THIN_MM3 = 40.0, 30.0


@dataclass(frozen=True)
class RemovedPiece:
    """A removed piece: its volume, its centre (LPS mm), and whether it was connected to a kept body."""

    volume_mm3: float
    centre_mm: tuple[float, float, float]
    bridged: bool


@dataclass(frozen=True)
class Separation(Generic[Kind]):
    """The kept bodies, best first, and every removed piece, largest first."""

    bodies: Sequence[Kind]
    removed: tuple[RemovedPiece, ...]


def separate_voxels(
    body: Volume, *, bodies: int, opening_mm: float, near_mm: ArrayLike | None, skull: Volume | None = None
) -> Separation[Volume]:
    """Pick the implants out of a mask or a field; see `separate`. The skull must lie on the body's grid."""
    inside, level = body_of(body)
    start, stop = bounding_box(inside)
    box = Volume(inside, body.affine).crop(start - 1, stop + 1)
    box = box.with_array(np.ascontiguousarray(box.array))  # the memory order of distances and labels
    regions, ranking = ranked_regions(box, opening_mm, near_mm)
    if len(ranking) < bodies:
        raise MeshError(
            f"expected at least {bodies} separate bodies, got {len(ranking)}: "
            "ask for fewer, or lower opening_mm"
        )
    kept = [_cleaned(regions == number, box, opening_mm) for number in ranking[:bodies]]
    grid_masks = [np.asarray(box.with_array(mask).paste_into(body).array) for mask in kept]
    if skull is not None:
        bone = skull.array != 0
        for number, own in enumerate(grid_masks):
            taken = np.logical_or.reduce(grid_masks)
            grid_masks[number] = _with_thin_bone(own, taken, body.with_array(inside), bone)
    parts = tuple(restricted(body, mask, level=level) for mask in grid_masks)
    everything = body.with_array(np.logical_or.reduce(grid_masks)).crop(start - 1, stop + 1)
    return Separation(parts, _removed_pieces(box, np.ascontiguousarray(everything.array)))


# -- films and removed pieces
# -----------------------------------------------------------------------------------


def _cleaned(region: Bools, body: Volume, opening_mm: float) -> Bools:
    """Return a region without films, stubs of necks and cavities; computed on its own, smaller box."""
    start, stop = bounding_box(region)
    margin = np.ceil(2 * _STUB_REACH * opening_mm / body.spacing_mm).astype(int)
    box = body.crop(start - margin, stop + margin)
    own = np.asarray(body.with_array(region).crop(start - margin, stop + margin).array)
    clean = _filled(_without_films(own, box, opening_mm))
    return np.asarray(box.with_array(clean).paste_into(body).array)


def _without_films(region: Bools, body: Volume, opening_mm: float) -> Bools:
    """Return the region without the films and threads attached to it, but with its own edges and corners.

    The region is opened (eroded, then dilated) by half the opening. What the opening removed is the region's
    own edge where it ends within the reach of a square corner. Where it continues beyond, or into another
    piece, it is a film or a neck, and is cut where it leaves the opened region.
    """
    spacing = float(np.median(body.spacing_mm))
    radius = max(_FILM_FRACTION * opening_mm, NECK_VOXELS * spacing)
    core = _largest(distance_inside(region, body.spacing_mm) > radius)
    if not core.any():
        return region
    from_core = distance_outside(core, body.spacing_mm)
    opened = region & (from_core <= radius)
    reach = np.sqrt(3) * radius + spacing
    beyond = body.array & (~region | (from_core > reach))
    near_film = distance_outside(beyond, body.spacing_mm) <= reach - radius if beyond.any() else beyond
    kept = region & (from_core <= reach) & (opened | ~near_film) & ~_stubs(region, body, opening_mm)
    return _component_with(kept, core)


def _stubs(region: Bools, body: Volume, opening_mm: float) -> Bools:
    """Return the stubs of necks: what opening by `opening_mm` removes where another piece is near."""
    contact = (
        body.array
        & ~region
        & (distance_outside(region, body.spacing_mm) <= 1.001 * np.linalg.norm(body.spacing_mm))
    )
    if not contact.any():
        return contact
    neck_mm = core_depth_mm(body, opening_mm)
    core = distance_inside(region, body.spacing_mm) > neck_mm
    if not core.any():
        return core
    loose = (
        region
        & (distance_outside(core, body.spacing_mm) > neck_mm)
        & (distance_outside(contact, body.spacing_mm) <= _STUB_REACH * neck_mm)
    )
    labels = cc3d.connected_components(loose | contact, connectivity=26)
    return loose & np.isin(labels, np.unique(labels[contact]))


def _with_thin_bone(own: Bools, taken: Bools, body: Volume, bone: Bools) -> Bools:
    """Return a body with attached pieces that were cut off as films but are too far from bone to be films."""
    around = _box_within(own, body, _THIN_REACH_MM)
    box, mask = Volume(body.array[around], body.affine), own[around]
    loose = box.array & ~taken[around]
    free = loose & (distance_outside(bone[around], box.spacing_mm) > _FREE_MM)
    labels = cc3d.connected_components(free | mask, connectivity=26)
    attached = free & np.isin(labels, np.unique(labels[mask]))
    if not attached.any():
        return own
    near = loose & (distance_outside(attached, box.spacing_mm) <= _FREE_MM + np.linalg.norm(box.spacing_mm))
    labels = cc3d.connected_components(near, connectivity=26)
    large = np.bincount(labels[attached], minlength=int(labels.max()) + 1) * box.voxel_volume_mm3 >= _THIN_MM3
    large[0] = False
    result = own.copy()
    result[around] = _filled(mask | large[labels])
    return result


def _filled(mask: Bools) -> Bools:
    """Return the mask with its closed cavities filled."""
    air = cc3d.connected_components(~mask, connectivity=6)
    sides = [np.moveaxis(air, axis, 0)[side].reshape(-1) for axis in range(3) for side in (0, -1)]
    return np.asarray(mask | ~np.isin(air, np.unique(np.concatenate(sides))))


def _largest(mask: Bools) -> Bools:
    """Return the largest 6-connected component."""
    labels = cc3d.connected_components(mask, connectivity=6)
    sizes = np.bincount(labels.reshape(-1))
    return mask if len(sizes) < 2 else np.asarray(labels == 1 + int(np.argmax(sizes[1:])))


def _component_with(mask: Bools, core: Bools) -> Bools:
    """Return the 26-connected component of the mask that contains most of the core."""
    labels = cc3d.connected_components(mask, connectivity=26)
    counts = np.bincount(labels[core & mask])
    return mask if len(counts) == 0 else np.asarray(labels == int(np.argmax(counts)))


def _removed_pieces(body: Volume, kept: Bools) -> tuple[RemovedPiece, ...]:
    """Return the connected pieces of the body outside the kept voxels, largest first."""
    labels = cc3d.connected_components(body.array & ~kept, connectivity=26)
    statistics = cc3d.statistics(labels)
    next_to_mm = float(np.linalg.norm(body.spacing_mm)) * 1.001
    around = _box_within(kept, body, next_to_mm)
    beside = distance_outside(kept[around], body.spacing_mm) <= next_to_mm
    touching = set(np.unique(labels[around][beside]).tolist())
    pieces = []
    for label in range(1, len(statistics["voxel_counts"])):
        x, y, z = (float(v) for v in body.to_mm(statistics["centroids"][label]))
        volume = float(statistics["voxel_counts"][label]) * body.voxel_volume_mm3
        pieces.append(RemovedPiece(volume, (x, y, z), label in touching))
    return tuple(sorted(pieces, key=lambda piece: -piece.volume_mm3))


def restricted(volume: Volume, kept: Bools, *, level: float = 0.0) -> Volume:
    """Return a mask or field with only the kept voxels inside; the surface of a field is then at 0."""
    if is_mask(volume):
        inside = volume.array.dtype.type(volume.array.max())
        filled = np.where(volume.array > level, volume.array, inside)
        return volume.with_array(np.where(kept, filled, volume.array.dtype.type(0)))
    field = (volume.array - level).astype(np.float32)
    cavity = (field <= 0) & kept
    field[cavity] = np.maximum(-field[cavity], np.float32(1e-3))
    cut = (field > 0) & ~kept
    # Beyond this box the field itself is the smaller of the two distances.
    around = _box_within(kept, volume, float(field[cut].max(initial=0.0)))
    beside, near = field[around], cut[around]
    beside[near] = np.minimum(beside[near], distance_outside(kept[around], volume.spacing_mm)[near])
    field[cut] = -np.maximum(field[cut], np.float32(1e-3))
    return Volume(field, volume.affine)


def _box_within(kept: Bools, grid: Grid, reach_mm: float) -> tuple[slice, ...]:
    """Return the box of the kept voxels and all within `reach_mm`; distances up to that are exact in it."""
    return box_slices(*grid.box_of(kept, reach_mm, extra_voxels=1))
