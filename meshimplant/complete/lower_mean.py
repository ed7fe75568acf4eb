"""`LowerMean`: brow, orbits, temples and base of a population's mean head, as a signed distance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.lower_head import CLIP_MM, read_field
from meshimplant.complete.models import REGISTRY, models_folder, packaged_models
from meshimplant.errors import FileReadError
from meshimplant.head.model_files import load_model, save_model
from meshimplant.head.pose import HeadPose, identity_pose
from meshimplant.head.sphere import direction_sphere, is_brow, is_vault, read_along, read_vault
from meshimplant.io.payload import sha256_of
from meshimplant.voxels.fields import sample
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: The packaged mean.
FILE = "lower_mean.npz"
#: Grid of the field in the head's frame, for a head whose vault has a median radius of `RADIUS_MM`: from the
#: symmetry plane to the left, from the brow to behind the temple, and from below the orbits to the brow.
RADIUS_MM = 75.0
_LOW_MM, _SHAPE, _VOXEL_MM = (0.0, -117.0, -63.0), (57, 101, 55), 1.5
GRID = Grid(_SHAPE, np.vstack([np.column_stack([_VOXEL_MM * np.eye(3), _LOW_MM]), (0, 0, 0, 1)]))


#: Width over which the mean gives way to other sources at the edge of its grid, mm.
_EDGE_MM = 8.0
#: Number of directions along which the size of a head is read.
_COUNT = 2562
#: Radii of the brow's bone, and how far from the symmetry plane sinuses reach, mm, in a head of the mean's
#: size.
_BROW_MM, _SINUS_WIDTH_MM = (55.0, 105.0), 40.0


@dataclass(frozen=True, eq=False)
class LowerMean:
    """The lower half of a mean head.

    Attributes
    ----------
    field_mm : (i, j, k) array
        Signed distance at the nodes of `GRID`, left half; the right half is its mirror image.
    about : dict
        Training data, licence, number of skulls.
    """

    field_mm: NDArray[np.float64]
    about: dict[str, Any]

    @classmethod
    def of(cls, halves: NDArray[np.floating], about: dict[str, Any]) -> LowerMean:
        """Return the mean of the halves (n, i, j, k) of heads, as `read_halves` gives them.

        Frontal sinuses are filled first: no one's sinus is the mean of those of others, and their mean has no
        outer wall between the brows. Measured: bending each half to the mean of the round before, which keeps
        bone thinner than the heads differ, gained nothing (two bifrontal openings in training skulls: Dice
        0.777 instead of 0.785).
        """
        filled = [_without_sinus(half.astype(np.float32)) for half in halves]
        return cls(np.mean(filled, axis=0, dtype=float), about)

    def place(self, grid: Grid, radius_mm: float, *, fill: float) -> Volume:
        """Return the mean of a head with this median radius of the vault at a grid of the head's frame."""
        size = radius_mm / RADIUS_MM
        field = Volume(self.field_mm.astype(np.float32), GRID.affine)
        points = grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1)).reshape(-1, 3) / size
        points[:, 0] = np.abs(points[:, 0])
        values = size * sample(field, points, fill=fill / size)
        return Volume(values.reshape(grid.shape).astype(np.float32), grid.affine)

    def covers(self, grid: Grid, radius_mm: float) -> NDArray[np.float32]:
        """Return the weight of the mean at a grid of the head's frame: 0 beyond its own grid, 1 well within.

        It ends at the symmetry plane only to go on as its mirror image.
        """
        points = grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1)) * (RADIUS_MM / radius_mm)
        points[..., 0] = np.abs(points[..., 0])
        low, high = np.array(_LOW_MM), GRID.to_mm(np.array(_SHAPE) - 1)
        from_low = np.where((1, 0, 0), np.inf, points - low)
        inside = np.minimum(from_low, high - points).min(axis=-1)
        return np.clip(inside / _EDGE_MM, 0, 1).astype(np.float32)

    def save(self, path: str | Path) -> None:
        """Write the mean as a compressed ``.npz``; equal means give equal bytes."""
        save_model(path, self.about, lower_field=self.field_mm)


def read_halves(skull: Volume, pose: HeadPose) -> NDArray[np.float32]:
    """Return the signed distances (2, i, j, k) of a skull's left half and of its mirrored right half."""
    radius_mm = median_radius_mm(read_vault(skull, pose, count=_COUNT).outer_mm)
    size = radius_mm / RADIUS_MM
    scaled = Grid(_SHAPE, np.diag([size, size, size, 1.0]) @ GRID.affine)
    halves = [read_field(skull, pose, scaled, mirrored=mirrored).array / size for mirrored in (False, True)]
    return np.clip(halves, -CLIP_MM, CLIP_MM).astype(np.float32)


def _without_sinus(half_mm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the signed distances of a half whose columns of bone through the brow are solid."""
    points = GRID.to_mm(np.moveaxis(np.indices(_SHAPE), 0, -1))
    radius = np.linalg.norm(points, axis=-1)
    brow = is_brow(points / np.maximum(radius, 1e-6)[..., None])
    brow &= (radius > _BROW_MM[0]) & (radius < _BROW_MM[1]) & (points[..., 0] < _SINUS_WIDTH_MM)
    directions = points[brow] / radius[brow][:, None]
    columns = read_along(Volume((half_mm > 0).view(np.uint8), GRID.affine), identity_pose(), directions)
    depth = np.minimum(radius[brow] - columns.inner_mm, columns.outer_mm - radius[brow])
    filled = half_mm.copy()
    filled[brow] = np.fmax(half_mm[brow], depth)
    return filled


def read_lower_mean(path: str | Path) -> LowerMean:
    """Read a mean written by `LowerMean.save`."""
    arrays, about = load_model(path, {"lower_field": _SHAPE})
    return LowerMean(arrays["lower_field"], about)


@lru_cache(maxsize=1)
def packaged_lower_mean() -> LowerMean:
    """Return the packaged mean; raises `FileReadError` when the file is not the one in the registry."""
    path = models_folder() / FILE
    found = sha256_of(path) if path.is_file() else "no file"
    if found != packaged_models().get(FILE, {}).get("sha256"):
        raise FileReadError(
            f"expected the packaged {FILE} with the SHA-256 of {REGISTRY}, got {found[:12]}...: "
            "install meshimplant again"
        )
    return read_lower_mean(path)


def median_radius_mm(outer_mm: NDArray[np.floating]) -> float:
    """Return the median over the vault of outer radii (n,) along the first n of `direction_sphere`."""
    directions = direction_sphere()[0][: len(outer_mm)]
    return float(np.nanmedian(outer_mm[is_vault(directions)]))
