"""Implants with injected debris, as after a raw subtraction, with known ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage
from shapes import Body, cap, capsule, oblique, random_rotation, sample_on, sphere

from meshimplant.voxels.volume import Volume

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Littered:
    """A mask with debris, the implant's own voxels, and the numbers of pieces and of necks."""

    volume: Volume
    truth: Bools
    pieces: int
    bridged: int


def littered_implant(seed: int) -> Littered:
    """Return a rotated cap 4 to 7 mm thick with debris around it."""
    rng = np.random.default_rng(seed)
    body = cap(rng.uniform(60, 90), rng.uniform(4, 7), rng.uniform(12, 26), edge_mm=4)
    body = body.moved(random_rotation(seed), rng.uniform(-150, 150, 3))
    grid = body.grid((0.6, 0.6, 0.8), direction=oblique() if seed % 2 else None, margin_mm=18)
    return litter(grid.with_array(sample_on(body.distance, grid) > 0), body.mesh, rng)


def litter(implant: Volume, mesh: trimesh.Trimesh, rng: np.random.Generator) -> Littered:
    """Return the implant with 5 to 30 pieces around it, up to 30 % of its volume, half of them bridged."""
    truth, everything = implant.array, implant.array.copy()
    keep_off = ndimage.binary_dilation(truth, iterations=3)
    count, bridged = 0, 0
    target_count, budget = int(rng.integers(5, 31)), rng.uniform(0.1, 0.3) * truth.sum()
    for _ in range(200):
        piece, neck = _piece(rng, mesh, budget * implant.voxel_volume_mm3 / target_count)
        box, voxels = _voxels(piece, implant)
        size = np.count_nonzero(voxels)
        if size == 0 or size > budget or (voxels & keep_off[box]).any():
            continue
        everything[box] |= voxels
        budget -= size
        count += 1
        if rng.random() < 0.5:
            box, voxels = _voxels(neck, implant)
            everything[box] |= voxels
            bridged += 1
        if count == target_count:
            break
    return Littered(implant.with_array(everything.astype(np.uint8)), truth, count, bridged)


def _piece(rng: np.random.Generator, mesh: trimesh.Trimesh, volume_mm3: float) -> tuple[Body, Body]:
    """Return a ball or rod beside the mesh and the neck (1 to 2 voxels wide) that would join them."""
    vertex = rng.integers(len(mesh.vertices))
    root, outward = mesh.vertices[vertex], mesh.vertex_normals[vertex]
    radius = min((0.24 * volume_mm3 * rng.uniform(0.4, 1.6)) ** (1 / 3), 7.0)
    centre = root + outward * (radius + rng.uniform(3, 5))
    neck = capsule(root - outward, centre, float(rng.choice([0.4, 0.65])))
    if rng.random() < 0.6:
        return sphere(radius, centre, subdivisions=0), neck
    along = np.cross(outward, rng.normal(size=3))
    along *= radius / np.linalg.norm(along)
    return capsule(centre - along, centre + along, 0.7 * radius), neck


def _voxels(piece: Body, grid: Volume) -> tuple[tuple[slice, ...], Bools]:
    """Return the slices of the grid that contain a body, and its mask inside them."""
    corners = np.array(np.meshgrid(*zip(piece.lower_mm, piece.upper_mm, strict=True))).reshape(3, -1).T
    index = grid.to_index(corners)
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, np.array(grid.shape) - 1)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, low + 1, grid.shape)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return box, sample_on(piece.distance, grid.crop(low, high)) > 0
