"""`ranked_regions`: split a body at its necks and rank the parts as candidates for the implant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cc3d
import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.voxels.distance import distance_inside
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

Bools = NDArray[np.bool_]
Labels = NDArray[np.int32]

#: Depth in the middle of a neck two voxels wide, voxels; cores are deeper.
NECK_VOXELS = 1.05
#: Two cores belong to one body if the section between their regions is at least this fraction of volume **
#: (2/3) of the smaller region ...
_JOINT_FRACTION = 0.1
#: ... and the smaller region has at least this fraction of the larger one's volume: then the section is a
#: thin zone of an implant, not the neck of debris.
_JOINT_VOLUME_FRACTION = 0.1
#: Factor on the score of a piece that is nowhere deeper than a neck: a film.
_FILM_SCORE = 0.1
#: Distance from `near_mm` over which a body's score falls to 1/e, mm.
NEAR_MM = 20.0


def ranked_regions(body: Volume, opening_mm: float, near_mm: ArrayLike | None) -> tuple[Labels, list[int]]:
    """Return the candidate bodies as labels on the body's grid, and the labels, best candidate first.

    Parameters
    ----------
    body : Volume
        Mask, bool.
    opening_mm : float
        Depth above which a voxel belongs to a core.
    near_mm : (3,) array or None
        Point, LPS mm, near which the implant lies.
    """
    depth = distance_inside(body.array, body.spacing_mm)
    regions = _split_at_necks(body, depth, opening_mm)
    inside = regions > 0
    own, deep = regions[inside], depth[inside]
    count = int(own.max(initial=0))
    score = np.bincount(own, deep, count + 1)[1:]
    cored = np.isin(np.arange(1, count + 1), own[deep > core_depth_mm(body, opening_mm)])
    score = np.where(cored, score, _FILM_SCORE * score)
    if near_mm is not None:
        score = score * np.exp(-_distances(regions, body, np.asarray(near_mm, float)) / NEAR_MM)
    return regions, (1 + np.argsort(-score, kind="stable")).tolist()


def core_depth_mm(body: Volume, opening_mm: float) -> float:
    """Return the depth above which a voxel belongs to a core."""
    return max(opening_mm, NECK_VOXELS * float(np.median(body.spacing_mm)))


def _split_at_necks(body: Volume, depth: NDArray[np.float32], opening_mm: float) -> Labels:
    """Return labels (1, 2, ...; 0 outside) of the parts of a body that only necks connect.

    Only connected pieces with several cores need to be split. Each is processed in its own box, so that its
    parts do not depend on other pieces, not even where voxels are equally deep.
    """
    neck_mm = core_depth_mm(body, opening_mm)
    deep = _labelled(depth > neck_mm, connectivity=6)
    whole = _labelled(np.array(body.array), connectivity=26)
    pieces = cc3d.statistics(whole)
    voxels, boxes = pieces["voxel_counts"], pieces["bounding_boxes"]
    piece_of = np.zeros(int(deep.max()) + 1, np.int64)
    in_core = deep > 0
    piece_of[deep[in_core]] = whole[in_core]
    cores = np.bincount(piece_of[1:], minlength=len(voxels))
    label = len(piece_of) - 1 + np.arange(len(voxels))
    single_cores = 1 + np.flatnonzero(cores[piece_of[1:]] == 1)
    label[piece_of[single_cores]] = single_cores
    label[0] = 0
    size = np.zeros(len(piece_of) + len(voxels))
    size[label] = voxels
    flooded = [
        _FloodedPiece.of(piece, boxes[piece], whole, deep, depth)
        for piece in np.flatnonzero(cores > 1).tolist()
    ]
    for each in flooded:
        size[label[each.piece]] = 0
        size += np.bincount(each.regions.reshape(-1), minlength=len(size))
    size[0] = 0
    number = _joined(size * body.voxel_volume_mm3, [each.regions for each in flooded], body.spacing_mm)
    regions = number[label][whole]
    for each in flooded:
        regions[each.box][each.regions > 0] = number[each.regions[each.regions > 0]]
    return regions


def _labelled(mask: Bools, *, connectivity: Literal[6, 26]) -> Labels:
    """Return the connected components of a mask as labels 1, 2, ...; 0 outside it."""
    labels = cc3d.connected_components(mask, connectivity=connectivity, out_dtype=np.uint32)
    return np.asarray(labels.view(np.int32))


@dataclass(frozen=True, eq=False)
class _FloodedPiece:
    """A connected piece with several cores, and for each voxel of its box the core it belongs to."""

    piece: int
    box: tuple[slice, ...]
    regions: Labels

    @classmethod
    def of(
        cls, piece: int, box: tuple[slice, ...], whole: Labels, deep: Labels, depth: NDArray[np.float32]
    ) -> _FloodedPiece:
        """Flood a piece from its cores, the deepest voxels first (watershed)."""
        from skimage.segmentation import watershed

        own = whole[box] == piece
        regions = watershed(-depth[box], np.where(own, deep[box], 0), mask=own, connectivity=3)
        return cls(piece, box, np.asarray(regions, np.int32))


def _joined(
    volume_mm3: NDArray[np.float64], pieces: list[Labels], spacing_mm: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Return the new number 1, 2, ... of each region; regions with a broad section between them share one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    sections = [_sections(regions, spacing_mm) for regions in pieces]
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *(touching for touching, _ in sections)])
    area = np.concatenate([np.zeros(0), *(area for _, area in sections)])
    small, large = np.sort(volume_mm3[pairs], axis=1).T
    broad = (area >= _JOINT_FRACTION * small ** (2 / 3)) & (small >= _JOINT_VOLUME_FRACTION * large)
    a, b = pairs[broad].T
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(volume_mm3), len(volume_mm3)))
    _, group = connected_components(graph, directed=False)
    used = volume_mm3 > 0
    number = np.zeros(len(volume_mm3), np.int32)
    number[used] = np.unique(group[used], return_inverse=True)[1] + 1
    return number


def _sections(
    regions: Labels, spacing_mm: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return pairs of regions that touch (n, 2), and the area of the voxel faces between them (n,), mm2."""
    keys, areas = [], []
    for axis in range(3):
        near = np.moveaxis(regions, axis, 0)[:-1]
        far = np.moveaxis(regions, axis, 0)[1:]
        touch = (near != far) & (near > 0) & (far > 0)
        keys.append(np.sort(np.stack([near[touch], far[touch]], axis=1), axis=1))
        areas.append(np.full(len(keys[-1]), np.prod(spacing_mm) / spacing_mm[axis]))
    pairs, which = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    return pairs.astype(np.int64), np.bincount(which.reshape(-1), np.concatenate(areas), len(pairs)).astype(
        np.float64
    )


def _distances(regions: Labels, grid: Grid, point_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance from a point to the nearest voxel of each region, mm."""
    index = np.argwhere(regions)
    away = np.linalg.norm(grid.to_mm(index) - point_mm, axis=1)
    nearest = np.full(int(regions.max()), np.inf)
    np.minimum.at(nearest, regions[tuple(index.T)] - 1, away)
    return nearest
