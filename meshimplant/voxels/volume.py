"""`Volume`: a voxel array together with its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import GeometryError, InputError
from meshimplant.voxels.grid import Grid, box_slices, shifted_affine

_LETTERS, _OPPOSITES = "LPSRAI", "RAILPS"


@dataclass(frozen=True, eq=False, init=False)
class Volume(Grid):
    """A voxel array on its `Grid`, in LPS millimetres.

    Parameters
    ----------
    array : (i, j, k) array
        Bool, integer or float. Held as a read-only view, never copied.
    affine : (4, 4) array
        Maps the index of a voxel *centre* to patient millimetres, see `Grid`.

    Raises
    ------
    InputError
        The array is not 3-D, is empty, has an unusable type, or holds NaN or infinity.
    GeometryError
        The affine is not finite, singular or sheared, or its voxels are not of a plausible size.

    Examples
    --------
    >>> volume = Volume(np.zeros((4, 5, 6), np.uint8), np.diag([0.5, 0.5, 1.0, 1.0]))
    >>> volume.spacing_mm.tolist(), volume.orientation
    ([0.5, 0.5, 1.0], 'LPS')
    """

    array: NDArray[Any]

    def __init__(self, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
        voxels = _checked_array(array).view()
        voxels.flags.writeable = False
        object.__setattr__(self, "array", voxels)
        Grid.__init__(self, voxels.shape, affine)

    def __repr__(self) -> str:
        return f"Volume({self._described(f' {self.array.dtype}')})"

    @property
    def grid(self) -> Grid:
        """The geometry alone, without the voxels."""
        return Grid(self.shape, self.affine)

    # -- new volumes from this one
    # ----------------------------------------------------------------------------

    def with_array(self, array: NDArray[Any]) -> Volume:
        """Return a volume of other values on the same grid."""
        if array.shape != self.array.shape:
            raise GeometryError(
                f"expected an array of shape {self.shape}, got {array.shape}: it must match this grid"
            )
        return Volume(array, self.affine)

    def crop(self, start: ArrayLike, stop: ArrayLike) -> Volume:
        """Return the voxels ``start <= index < stop``, clipped to the grid, at their place in the patient."""
        low, high = self._clipped(start, stop)
        return Volume(self.array[box_slices(low, high)], shifted_affine(self.affine, low))

    def pad(self, voxels: int, value: float = 0) -> Volume:
        """Return the volume with `voxels` more voxels of `value` on all six sides."""
        array = np.pad(self.array, voxels, constant_values=value)
        return Volume(array, shifted_affine(self.affine, np.full(3, -voxels)))

    def grown_to(self, start: ArrayLike, stop: ArrayLike, *, fill: float = 0) -> Volume:
        """Return the volume on its grid, grown by whole voxels of `fill` to hold ``start <= index < stop``.

        The box may reach beyond the grid; a volume that holds it is returned as it is.
        """
        low, high = np.minimum(start, 0), np.maximum(stop, self.shape)
        if not low.any() and np.array_equal(high, self.shape):
            return self
        return self.paste_into(self.grid.spanning(low, high), fill=fill)

    def paste_into(self, grid: Grid, *, fill: float = 0) -> Volume:
        """Return this crop pasted into the larger grid it was cut from; the rest is `fill`.

        Raises `GeometryError` when this volume's voxels do not coincide with voxels of `grid`.
        """
        if not self.shares_voxels_with(grid):
            raise GeometryError(
                f"expected a box cut from {grid!r}, got {self!r}, whose voxels do not coincide: "
                "resample it with resample_to"
            )
        corner = self.start_in(grid)
        low, high = np.maximum(corner, 0), np.minimum(corner + self.shape, grid.shape)
        out = np.full(grid.shape, fill, self.array.dtype)
        if np.all(high > low):
            out[box_slices(low, high)] = self.array[box_slices(low - corner, high - corner)]
        return Volume(out, grid.affine)

    def reorient(self, orientation: str = "LPS") -> Volume:
        """Return the same voxels with the array axes permuted and flipped to run towards `orientation`.

        No value is interpolated; oblique grids stay oblique. Reorienting back is the exact inverse.
        """
        axes, flips = _axis_map(self.orientation, orientation)
        array = np.transpose(self.array, axes)
        affine = self.affine.copy()
        affine[:, :3] = affine[:, list(axes)]
        for axis, flip in enumerate(flips):
            if flip:
                array = np.flip(array, axis)
                affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
                affine[:3, axis] *= -1
        return Volume(array, affine)

    def resample_to(self, grid: Grid, *, order: int = 1, fill: float = 0) -> Volume:
        """Interpolate this volume's values at the voxel centres of `grid`.

        Order 0 is nearest neighbour, 1 trilinear, 3 cubic. Outside this volume the value is `fill`. A bool
        array gives a bool array. Memory: one float32 copy of the target grid.
        """
        from scipy.ndimage import affine_transform

        matrix = np.linalg.inv(self.affine) @ grid.affine
        source = self.array.astype(np.uint8) if self.array.dtype == bool else self.array
        dtype = np.float32 if order > 0 else source.dtype
        values = affine_transform(
            source, matrix[:3, :3], matrix[:3, 3], grid.shape, output=dtype, order=order, cval=fill
        )
        if self.array.dtype == bool:
            return Volume(values > 0.5, grid.affine)
        return Volume(values, grid.affine)


def _checked_array(array_like: ArrayLike) -> NDArray[Any]:
    array = np.asarray(array_like)
    if array.ndim != 3 or array.size == 0:
        raise InputError(
            f"expected a 3-D voxel array, got shape {array.shape}: pass one volume, not a stack of channels"
        )
    if array.dtype.kind not in "buif":
        raise InputError(
            f"expected bool, integer or float voxels, got {array.dtype}: convert them to numbers first"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        raise InputError(
            f"expected finite voxels, got {bad} NaN or infinite ones: replace them with air (0 or -1000 HU)"
        )
    return array


def _axis_map(current: str, target: str) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return for each axis of the target orientation the current axis, and whether it must be flipped."""
    pairs = dict(zip(_LETTERS, _OPPOSITES, strict=True))
    if len(target) != 3 or any(c not in pairs for c in target):
        raise GeometryError(f"expected an orientation such as LPS or RAS, got {target!r}")
    axes, flips = [], []
    for letter in target:
        same, opposite = current.find(letter), current.find(pairs[letter])
        axes.append(max(same, opposite))
        flips.append(same < 0)
    if sorted(axes) != [0, 1, 2]:
        raise GeometryError(
            f"expected three different anatomical axes, got {target!r}: one letter of each of LR, PA, SI"
        )
    return tuple(axes), tuple(flips)
