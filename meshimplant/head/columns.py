"""`read_columns`: where rays from the head's centre enter and leave the bone of the vault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.voxels.volume import Volume

#: Range of radii that is read, mm; the upper halves of 75 adult vaults lie between 36 and 98 mm.
RADIUS_RANGE_MM = (30.0, 140.0)
#: Gaps of air up to this length inside a column (diploe, vessels) are bridged, mm.
PORE_MM = 3.0
#: Behind the brow, gaps of air up to this length (the frontal sinuses) are bridged, mm.
SINUS_MM = 22.0
#: Bone shorter than this along the ray is noise, mm.
SPECK_MM = 0.8
#: Distance between samples along a ray, mm.
_STEP_MM = 0.25
#: A surface is placed where a short cylinder across it is half full of bone: half its length, its radius,
#: samples along it, and the angles of the samples around it.
_HALF_LENGTH_MM, _RADIUS_MM, _SAMPLES = 1.0, 0.6, 9
_RING = np.radians(np.arange(0, 360, 60))
#: Rays that are read at a time: their samples fit into a processor's cache, which halves the time.
_BLOCK = 128


@dataclass(frozen=True, eq=False)
class Columns:
    """Bone along rays; arrays have the shape of the directions without their last axis.

    Attributes
    ----------
    inner_mm, outer_mm : (...) arrays
        Radius at which the first column of bone begins and ends; nan where the ray meets none.
    """

    inner_mm: NDArray[np.float32]
    outer_mm: NDArray[np.float32]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """True where the ray leaves the head without meeting bone."""
        return np.isnan(self.inner_mm)


def read_columns(
    skull: Volume,
    centre_mm: NDArray[np.float64],
    directions: NDArray[np.float64],
    *,
    sinus: NDArray[np.bool_] | None = None,
) -> Columns:
    """Return the first column of bone along each ray from the head's centre.

    Only the first column counts: the cheek bone and the jaw lie behind it. Columns are found in the nearest
    voxels, every 0.25 mm. Each end is then placed by the fraction of bone in a small cylinder around it,
    which smooths the voxel steps.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone.
    centre_mm : (3,) array
        Origin of the rays, LPS.
    directions : (..., 3) array
        Unit directions, LPS.
    sinus : (...) array of bool, optional
        Rays on which gaps up to `SINUS_MM` are bridged.

    Returns
    -------
    Columns
    """
    padded = Volume((skull.array != 0).view(np.uint8), skull.affine).pad(1, 0)
    flat = np.ascontiguousarray(directions, np.float64).reshape(-1, 3)
    radii = np.arange(RADIUS_RANGE_MM[0], RADIUS_RANGE_MM[1], _STEP_MM)
    inner = np.full(len(flat), np.nan, np.float32)
    outer = np.full(len(flat), np.nan, np.float32)
    for start in range(0, len(flat), 16384):
        part = slice(start, start + 16384)
        wide = None if sinus is None else sinus.reshape(-1)[part]
        ends = _first_column(bone_along(padded, centre_mm, flat[part], radii), radii, wide)
        inner[part], outer[part] = _placed(padded, centre_mm, flat[part], *ends)
    shape = directions.shape[:-1]
    return Columns(inner.reshape(shape), outer.reshape(shape))


def bone_along(
    skull: Volume, centre_mm: NDArray[np.float64], directions: NDArray[np.float64], radii: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return bone (n, radii) at the nearest voxels of a mask whose outermost voxels are air.

    Directions (n, 3) are unit vectors, LPS, radii millimetres; beyond the grid there is air.
    """
    inverse = np.linalg.inv(skull.affine)[:3, :3].astype(np.float32)
    step = directions.astype(np.float32) @ inverse.T
    origin = skull.to_index(centre_mm).astype(np.float32) + np.float32(0.5)
    memory = skull.array.ravel(order="K")  # voxels in memory order, whichever axis runs first
    bone = np.empty((len(directions), len(radii)), memory.dtype)
    for start in range(0, len(directions), _BLOCK):
        part = slice(start, start + _BLOCK)
        flat = np.zeros(bone[part].shape, np.int64)
        along = np.empty(flat.shape, np.float32)
        for axis, (size, stride) in enumerate(zip(skull.shape, skull.array.strides, strict=True)):
            np.multiply(step[part, axis, None], radii.astype(np.float32), out=along)
            along += origin[axis]
            np.clip(along, 0, size - 1, out=along)
            flat += along.astype(np.int64) * stride
        bone[part] = memory[flat]
    return bone.view(bool)


def _first_column(
    bone: NDArray[np.bool_], radii: NDArray[np.float64], sinus: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return begin and end of the first column of at least `SPECK_MM`, with gaps below `PORE_MM` bridged."""
    rays, samples = bone.shape
    edged = np.zeros((rays, samples + 2), np.int8)
    edged[:, 1:-1] = bone
    ray, at = np.divmod(np.flatnonzero(np.diff(edged, axis=1)), samples + 1)
    long = at[1::2] - at[::2] >= max(1, round(SPECK_MM / _STEP_MM))
    ray, begins, ends = ray[::2][long], at[::2][long], at[1::2][long]
    bridge = np.full(rays, round(PORE_MM / _STEP_MM))
    if sinus is not None:
        bridge[sinus] = round(SINUS_MM / _STEP_MM)
    same = ray[1:] == ray[:-1]
    bridged = same & (begins[1:] - ends[:-1] < bridge[ray[1:]])
    column = np.concatenate([[0], np.cumsum(~bridged)])[: len(ray)]
    last = np.flatnonzero(np.append(~bridged, True))[: len(ray)]
    first = np.flatnonzero(np.append(True, ~same))[: len(ray)]
    inner, outer = (np.full(rays, np.nan, np.float32) for _ in range(2))
    half = np.float32(_STEP_MM / 2)
    inner[ray[first]] = radii[begins[first]].astype(np.float32) - half
    outer[ray[first]] = radii[np.minimum(ends[last[column[first]]], samples - 1)].astype(np.float32) - half
    return inner, outer


def _placed(
    skull: Volume,
    centre_mm: NDArray[np.float64],
    directions: NDArray[np.float64],
    inner_mm: NDArray[np.float32],
    outer_mm: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return both ends of each column with subvoxel precision; thin bone gets a shorter cylinder."""
    hit = np.flatnonzero(~np.isnan(inner_mm))
    half = np.minimum(_HALF_LENGTH_MM, (outer_mm[hit] - inner_mm[hit]) / 2)
    ends = []
    for radius, sign in ((inner_mm, -1), (outer_mm, 1)):
        filled = _filled(skull, centre_mm, directions[hit], radius[hit], half)
        placed = radius.copy()
        placed[hit] += np.float32(sign) * half * (2 * filled - 1)
        ends.append(placed)
    return ends[0], ends[1]


def _filled(
    skull: Volume,
    centre_mm: NDArray[np.float64],
    directions: NDArray[np.float64],
    radius_mm: NDArray[np.float32],
    half_mm: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return the fraction of bone (n,) in cylinders around the rays, within `half_mm` of `radius_mm`."""
    helper = np.eye(3)[np.abs(directions).argmin(axis=1)]
    across = np.cross(directions, helper)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    upward = np.cross(directions, across)
    sides = [np.zeros_like(across)]
    sides += [_RADIUS_MM * (np.cos(turn) * across + np.sin(turn) * upward) for turn in _RING]
    inverse = np.linalg.inv(skull.affine)[:3, :3]
    steps = (np.arange(_SAMPLES) + 0.5) * (2 / _SAMPLES) - 1
    radii = radius_mm[:, None] + half_mm[:, None] * steps
    along = radii[..., None] * (directions @ inverse.T)[:, None] + skull.to_index(centre_mm)
    total = np.zeros(len(directions), np.float32)
    for side in sides:
        index = along + (side @ inverse.T)[:, None]
        bone = ndimage.map_coordinates(
            skull.array, index.reshape(-1, 3).T, output=np.float32, order=1, mode="grid-constant"
        )
        total += bone.reshape(radii.shape).mean(axis=1)
    return np.asarray(total / len(sides), np.float32)
