"""`separate`: the implant picked out of a raw subtraction, and a list of what was left behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar, overload

import cc3d
import edt
import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import MeshError
from meshimplant.surface.extract import body_of, is_mask
from meshimplant.volume import Volume, bounding_box

Kind = TypeVar("Kind", Volume, trimesh.Trimesh)
Bools = NDArray[np.bool_]
Labels = NDArray[np.int32]

#: Films and necks of half this thickness, as a fraction of the opening, are cut off the chosen body.
_FILM_FRACTION = 0.5
#: Length of the rest of a neck on the chosen body, as a multiple of the opening.
_STUB_REACH = 3.0
#: Depth that a neck of two voxels reaches on the lattice, voxels; cores lie deeper.
_NECK_VOXELS = 1.05
#: Two deep cores are one body when the section between them is at least this fraction of the smaller one's volume ** (2/3) ...
_JOINT_FRACTION = 0.1
#: ... and the smaller holds at least this fraction of the larger's volume: a thin zone in an implant, not debris on it.
_JOINT_VOLUME_FRACTION = 0.1
#: Weight of a piece that is nowhere deeper than a neck: a film.
_FILM_SCORE = 0.1
#: Distance from `near_mm` over which a body's score falls to 1/e, mm.
NEAR_MM = 20.0


@dataclass(frozen=True)
class RemovedPiece:
    """A connected piece that was not kept; `bridged` tells whether it hung on a kept body."""

    volume_mm3: float
    centre_mm: tuple[float, float, float]
    bridged: bool


@dataclass(frozen=True)
class Separation(Generic[Kind]):
    """The kept bodies, best first, and every removed piece, largest first."""

    bodies: tuple[Kind, ...]
    removed: tuple[RemovedPiece, ...]


@overload
def separate(
    body: Volume, *, bodies: int = 1, opening_mm: float = 1.5, near_mm: ArrayLike | None = None
) -> Separation[Volume]: ...
@overload
def separate(
    body: trimesh.Trimesh, *, bodies: int = 1, opening_mm: float = 1.5, near_mm: ArrayLike | None = None
) -> Separation[trimesh.Trimesh]: ...
def separate(
    body: Volume | trimesh.Trimesh,
    *,
    bodies: int = 1,
    opening_mm: float = 1.5,
    near_mm: ArrayLike | None = None,
) -> Separation[Volume] | Separation[trimesh.Trimesh]:
    """Pick the implant out of a raw subtraction: no facial debris, no films of misfit, nothing that hangs on by a neck.

    The body is split at its necks: what lies deeper than `opening_mm` makes cores, and a watershed of the depth gives each
    the part of the body around it. Two cores joined by a broad section stay one body. Candidates are ranked by volume
    times mean depth (and nearness to `near_mm`), so that a thick implant beats a wider film. From the chosen ones, films
    thinner than `opening_mm` are cut where they leave the body; its own edges and corners are restored.

    Parameters
    ----------
    body
        Mask, field (positive inside, or a probability around 0.5), or mesh in LPS millimetres. A mesh is split by its
        connected surfaces; one with bridged pieces goes through a field of 0.5 mm only if a piece hangs on it.
    bodies
        Number of implants wanted: one for each defect.
    opening_mm
        Half the thickness below which a connection between two pieces is a neck.
    near_mm
        Point (3,), LPS millimetres, near which the implant lies: the centre of the defect.

    Returns
    -------
    Separation
        Bodies of the type that came in, on the same grid: a mask gives masks; a field gives float32 fields, positive inside
        with the surface at 0, unchanged at the kept surface and negative elsewhere.

    Raises
    ------
    MeshError
        Fewer bodies are there than asked for.
    EmptyMaskError
        There is no body at all.

    Notes
    -----
    Measured: the largest component of a raw subtraction has an HD95 of 58 mm to the implant, because slivers of the face
    stay connected to it.
    """
    if isinstance(body, trimesh.Trimesh):
        from meshimplant.surface.separate_mesh import separate_mesh

        return separate_mesh(body, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm)
    inside, level = body_of(body)
    start, stop = bounding_box(inside)
    box = Volume(inside, body.affine).crop(start - 1, stop + 1)
    regions = _ranked_regions(box, opening_mm, near_mm)
    if len(regions) < bodies:
        raise MeshError(
            f"expected at least {bodies} separate bodies, got {len(regions)}: ask for fewer, or lower opening_mm"
        )
    kept = [_without_films(region, box, opening_mm) for region in regions[:bodies]]
    grid_masks = [box.with_array(mask).paste_into(body).array for mask in kept]
    parts = tuple(_restricted(body, level, mask) for mask in grid_masks)
    return Separation(parts, _removed_pieces(box, np.logical_or.reduce(kept)))


# -- candidates ---------------------------------------------------------------------------------------------


def _ranked_regions(body: Volume, opening_mm: float, near_mm: ArrayLike | None) -> list[Bools]:
    """Return the candidate bodies as masks on the box, best first."""
    depth = _depth(body.array, body)
    regions = _split_at_necks(body, depth, opening_mm)
    count = int(regions.max())
    score = np.bincount(regions.reshape(-1), depth.reshape(-1), count + 1)[1:]
    cored = np.isin(np.arange(1, count + 1), regions[depth > _neck_mm(body, opening_mm)])
    score = np.where(cored, score, _FILM_SCORE * score)
    if near_mm is not None:
        score = score * np.exp(-_distances(regions, body, np.asarray(near_mm, float)) / NEAR_MM)
    return [regions == 1 + index for index in np.argsort(-score, kind="stable")]


def _neck_mm(body: Volume, opening_mm: float) -> float:
    """Return the depth above which a voxel belongs to a core."""
    return max(opening_mm, _NECK_VOXELS * float(np.median(body.spacing_mm)))


def _split_at_necks(body: Volume, depth: NDArray[np.float32], opening_mm: float) -> Labels:
    """Return the parts of the body (1, 2, ...; 0 outside) around cores that only necks join."""
    from skimage.segmentation import watershed

    deep = np.asarray(cc3d.connected_components(depth > _neck_mm(body, opening_mm), connectivity=6), np.int32)
    whole = np.asarray(cc3d.connected_components(np.array(body.array), connectivity=26), np.int32)
    shallow = ~np.isin(whole, np.unique(whole[deep > 0])) & (whole > 0)
    deep[shallow] = whole[shallow] + deep.max()
    regions = watershed(-depth, deep, mask=body.array, connectivity=3)
    return _joined(np.asarray(regions, np.int32), body)


def _joined(regions: Labels, body: Volume) -> Labels:
    """Merge regions that meet in a broad section, and number them 1, 2, ...."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = int(regions.max())
    volume = np.bincount(regions.reshape(-1), minlength=count + 1) * body.voxel_volume_mm3
    pairs, area = _sections(regions, body.spacing_mm)
    small, large = np.sort(volume[pairs], axis=1).T
    broad = (area >= _JOINT_FRACTION * small ** (2 / 3)) & (small >= _JOINT_VOLUME_FRACTION * large)
    a, b = pairs[broad].T
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count + 1, count + 1))
    _, group = connected_components(graph, directed=False)
    number = np.zeros(count + 1, np.int32)
    number[1:] = np.unique(group[1:], return_inverse=True)[1] + 1
    return number[regions]


def _sections(regions: Labels, spacing_mm: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which regions touch (n, 2) and the area of the voxel faces between them (n,), mm2."""
    keys, areas = [], []
    for axis in range(3):
        near = np.moveaxis(regions, axis, 0)[:-1]
        far = np.moveaxis(regions, axis, 0)[1:]
        touch = (near != far) & (near > 0) & (far > 0)
        keys.append(np.sort(np.stack([near[touch], far[touch]], axis=1), axis=1))
        areas.append(np.full(len(keys[-1]), np.prod(spacing_mm) / spacing_mm[axis]))
    pairs, which = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    return pairs.astype(np.int64), np.bincount(which.reshape(-1), np.concatenate(areas), len(pairs))


def _distances(regions: Labels, grid: Volume, point_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance from a point to the nearest voxel of each region, mm."""
    index = np.argwhere(regions)
    away = np.linalg.norm(grid.to_mm(index) - point_mm, axis=1)
    nearest = np.full(int(regions.max()), np.inf)
    np.minimum.at(nearest, regions[tuple(index.T)] - 1, away)
    return nearest


# -- films and left-overs -----------------------------------------------------------------------------------


def _without_films(region: Bools, body: Volume, opening_mm: float) -> Bools:
    """Return the region without the films and threads that leave it, its own edges and corners kept.

    The region is opened by half the opening. Of what the opening took, that which stays within the reach of a square
    corner is the body's own edge; that which goes on beyond, or into another piece, is a film or neck, and is cut where it
    leaves the opened body.
    """
    spacing = float(np.median(body.spacing_mm))
    radius = max(_FILM_FRACTION * opening_mm, _NECK_VOXELS * spacing)
    core = _largest(_depth(region, body) > radius)
    if not core.any():
        return region
    away = _depth(~core, body)
    opened = region & (away <= radius)
    reach = np.sqrt(3) * radius + spacing
    beyond = body.array & (~region | (away > reach))
    near_film = _depth(~beyond, body) <= reach - radius if beyond.any() else beyond
    kept = region & (away <= reach) & (opened | ~near_film) & ~_stubs(region, body, opening_mm)
    return _holding(kept, core)


def _stubs(region: Bools, body: Volume, opening_mm: float) -> Bools:
    """Return what the full opening takes from the region where it runs into another piece: the rest of a neck."""
    contact = body.array & ~region & (_depth(~region, body) <= 1.001 * np.linalg.norm(body.spacing_mm))
    if not contact.any():
        return contact
    neck_mm = _neck_mm(body, opening_mm)
    core = _depth(region, body) > neck_mm
    if not core.any():
        return core
    loose = region & (_depth(~core, body) > neck_mm) & (_depth(~contact, body) <= _STUB_REACH * neck_mm)
    labels = cc3d.connected_components(loose | contact, connectivity=26)
    return loose & np.isin(labels, np.unique(labels[contact]))


def _depth(mask: Bools, grid: Volume) -> NDArray[np.float32]:
    """Return the distance of each voxel of the mask to the nearest voxel outside it, mm; the array's edge is no outside."""
    spacing = tuple(float(s) for s in grid.spacing_mm)
    # A copy of its own: edt asks for a writeable buffer, and a volume's array is read-only.
    distance: NDArray[np.float32] = edt.edt(np.array(mask, order="C"), anisotropy=spacing, black_border=False)
    return distance


def _largest(mask: Bools) -> Bools:
    """Return the largest 6-connected component."""
    labels = cc3d.connected_components(mask, connectivity=6)
    sizes = np.bincount(labels.reshape(-1))
    return mask if len(sizes) < 2 else np.asarray(labels == 1 + int(np.argmax(sizes[1:])))


def _holding(mask: Bools, core: Bools) -> Bools:
    """Return the 26-connected component of the mask that holds the core."""
    labels = cc3d.connected_components(mask, connectivity=26)
    return np.asarray(labels == labels[core][0])


def _removed_pieces(body: Volume, kept: Bools) -> tuple[RemovedPiece, ...]:
    """Return the connected pieces of the body that were not kept, largest first."""
    labels = cc3d.connected_components(body.array & ~kept, connectivity=26)
    statistics = cc3d.statistics(labels)
    beside = _depth(~kept, body) <= np.linalg.norm(body.spacing_mm) * 1.001
    touching = set(np.unique(labels[beside]).tolist())
    pieces = []
    for label in range(1, len(statistics["voxel_counts"])):
        x, y, z = (float(v) for v in body.to_mm(statistics["centroids"][label]))
        volume = float(statistics["voxel_counts"][label]) * body.voxel_volume_mm3
        pieces.append(RemovedPiece(volume, (x, y, z), label in touching))
    return tuple(sorted(pieces, key=lambda piece: -piece.volume_mm3))


def _restricted(volume: Volume, level: float, kept: Bools) -> Volume:
    """Return the mask or field with nothing but the kept voxels inside."""
    if is_mask(volume):
        return volume.with_array(np.where(kept, volume.array, volume.array.dtype.type(0)))
    field = (volume.array - level).astype(np.float32)
    cut = (field > 0) & ~kept
    field[cut] = -np.maximum(np.minimum(field[cut], _depth(~kept, volume)[cut]), np.float32(1e-3))
    return Volume(field, volume.affine)
