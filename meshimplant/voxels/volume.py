"""`Volume`: a voxel array that is never without its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import GeometryError, InputError

#: Plausible voxel edges of a head scan, mm. Below: metres or centimetres were written as millimetres. Above: no bone is left.
SPACING_RANGE_MM = (0.02, 20.0)
#: Largest departure from right angles between grid axes, degrees. Gantry tilt, when lost, is 5 to 25 degrees.
MAX_SHEAR_DEG = 0.1

_POSITIVE = "LPS"
_NEGATIVE = "RAI"


@dataclass(frozen=True, eq=False)
class Volume:
    """A voxel array together with its affine, in LPS millimetres.

    Parameters
    ----------
    array : (i, j, k) array
        Bool, integer or float. Held as a read-only view, never copied.
    affine : (4, 4) array
        Maps the index of a voxel *centre* to patient millimetres: x to the patient's left, y to the back
        (posterior), z up (superior), as in DICOM, ITK and NRRD.

    Raises
    ------
    InputError
        The array is not 3-D, is empty, has an unusable type, or holds NaN or infinity.
    GeometryError
        The affine is not finite, singular, sheared, or its voxels are not of a head's size.

    Examples
    --------
    >>> volume = Volume(np.zeros((4, 5, 6), np.uint8), np.diag([0.5, 0.5, 1.0, 1.0]))
    >>> volume.spacing_mm.tolist(), volume.orientation
    ([0.5, 0.5, 1.0], 'LPS')
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        array = _checked_array(self.array).view()
        array.flags.writeable = False
        affine = _checked_affine(self.affine)
        affine.flags.writeable = False
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "affine", affine)

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.shape)
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing_mm)
        return f"Volume({size} {self.array.dtype}, {spacing} mm, {self.orientation})"

    # -- geometry ---------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each array axis."""
        i, j, k = self.array.shape
        return i, j, k

    @cached_property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Voxel edge lengths along the array axes, (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @cached_property
    def orientation(self) -> str:
        """Anatomical letter towards which each array axis runs, e.g. ``"LPS"`` or ``"RAS"``."""
        letters = ["", "", ""]
        for world, axis in zip(*_axis_assignment(self.affine), strict=True):
            letters[axis] = (_POSITIVE if self.affine[world, axis] > 0 else _NEGATIVE)[world]
        return "".join(letters)

    def to_mm(self, index: ArrayLike) -> NDArray[np.float64]:
        """Map voxel indices (..., 3) to LPS millimetres (..., 3)."""
        return np.asarray(index, float) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Map LPS millimetres (..., 3) to fractional voxel indices (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(points_mm, float) @ inverse[:3, :3].T + inverse[:3, 3]

    def same_grid(self, other: Volume, *, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether two volumes share shape and, to `tolerance_mm` at every corner, place."""
        if self.shape != other.shape:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        return bool(np.abs(self.to_mm(corners) - other.to_mm(corners)).max() <= tolerance_mm)

    def require_same_grid(self, other: Volume, *, names: tuple[str, str] = ("first", "second")) -> None:
        """Raise `GeometryError` unless the two volumes share one grid."""
        if not self.same_grid(other):
            raise GeometryError(
                f"expected the {names[0]} and the {names[1]} volume on one grid, got {self!r} with origin "
                f"{np.round(self.affine[:3, 3], 3).tolist()} and {other!r} with origin "
                f"{np.round(other.affine[:3, 3], 3).tolist()}: resample one of them onto the other first"
            )

    # -- new volumes from this one ----------------------------------------------------------------------------

    def with_array(self, array: NDArray[Any]) -> Volume:
        """Return other values on the same grid."""
        if array.shape != self.array.shape:
            raise GeometryError(
                f"expected an array of shape {self.shape}, got {array.shape}: it must lie on this grid"
            )
        return Volume(array, self.affine)

    def crop(self, start: ArrayLike, stop: ArrayLike) -> Volume:
        """Return the box of voxels ``start <= index < stop``, clipped to the grid, with its affine kept true."""
        lo = np.maximum(np.asarray(start, int), 0)
        hi = np.minimum(np.asarray(stop, int), self.shape)
        if np.any(hi <= lo):
            raise GeometryError(
                f"expected a box inside the {self.shape} grid, got {lo.tolist()} to {hi.tolist()}, which holds no voxel"
            )
        box = tuple(slice(a, b) for a, b in zip(lo, hi, strict=True))
        return Volume(self.array[box], _shifted(self.affine, lo))

    def pad(self, voxels: int, value: float = 0) -> Volume:
        """Return the volume with a border of `voxels` voxels of `value` on all six sides."""
        array = np.pad(self.array, voxels, constant_values=value)
        return Volume(array, _shifted(self.affine, np.full(3, -voxels)))

    def paste_into(self, grid: Volume, *, fill: float = 0) -> Volume:
        """Return this crop laid back into the larger grid it was cut from; the rest is `fill`.

        Raises `GeometryError` when this volume's voxels do not coincide with voxels of `grid`.
        """
        start = grid.to_index(self.affine[:3, 3])
        corner = np.rint(start).astype(int)
        aligned = np.allclose(self.affine[:3, :3], grid.affine[:3, :3], atol=1e-6)
        if not aligned or np.abs(start - corner).max() > 1e-3:
            raise GeometryError(
                f"expected a box cut from {grid!r}, got {self!r} whose voxels lie elsewhere: resample it with resample_to"
            )
        lo, hi = np.maximum(corner, 0), np.minimum(corner + self.shape, grid.shape)
        out = np.full(grid.shape, fill, self.array.dtype)
        if np.all(hi > lo):
            source = tuple(slice(a, b) for a, b in zip(lo - corner, hi - corner, strict=True))
            out[tuple(slice(a, b) for a, b in zip(lo, hi, strict=True))] = self.array[source]
        return Volume(out, grid.affine)

    def reorient(self, orientation: str = _POSITIVE) -> Volume:
        """Return the same voxels with the array axes permuted and flipped to run towards `orientation`.

        No value is interpolated; oblique grids stay oblique. ``reorient`` back is the exact inverse.
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

    def resample_to(self, grid: Volume, *, order: int = 1, fill: float = 0) -> Volume:
        """Interpolate this volume's values at the voxel centres of `grid`.

        Order 0 is nearest neighbour, 1 trilinear, 3 cubic. Outside this volume the value is `fill`.
        Bool arrays come back as bool. Memory: one float32 copy of the target grid.
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


def bounding_box(mask: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ``(start, stop)`` of the smallest box that holds every non-zero voxel; raises on an empty mask."""
    from meshimplant.errors import EmptyMaskError

    box = np.array([(0, size) for size in mask.shape])
    for axis in np.argsort(np.abs(mask.strides))[
        ::-1
    ]:  # the slowest first: whole planes are left out of the next look
        rest = mask[tuple(slice(*side) for side in box)]
        hit = np.flatnonzero(rest.any(axis=tuple(a for a in range(3) if a != axis)))
        if hit.size == 0:
            raise EmptyMaskError("expected a mask with at least one voxel set, got an empty one")
        box[axis] = hit[0], hit[-1] + 1
    return box[:, 0], box[:, 1]


def _checked_array(given: ArrayLike) -> NDArray[Any]:
    array = np.asarray(given)
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
            f"expected finite voxels, got {bad} NaN or infinite ones: replace them by air (0 or -1000 HU)"
        )
    return array


def _checked_affine(given: ArrayLike) -> NDArray[np.float64]:
    affine = np.array(given, np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or not np.allclose(affine[3], (0, 0, 0, 1)):
        raise GeometryError(
            f"expected a finite (4, 4) affine with last row 0 0 0 1, got shape {affine.shape}: {affine.tolist()}"
        )
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if spacing.min() < SPACING_RANGE_MM[0] or spacing.max() > SPACING_RANGE_MM[1]:
        raise GeometryError(
            f"expected voxel edges of {SPACING_RANGE_MM[0]} to {SPACING_RANGE_MM[1]} mm, got "
            f"{' x '.join(f'{s:.4g}' for s in spacing)}: check the header's spacing and its unit"
        )
    direction = affine[:3, :3] / spacing
    shear_deg = float(np.degrees(np.arcsin(min(1.0, np.abs(direction.T @ direction - np.eye(3)).max()))))
    if shear_deg > MAX_SHEAR_DEG:
        raise GeometryError(
            f"expected grid axes at right angles, got {shear_deg:.2f} degrees of shear (gantry tilt?): "
            "resample the series to an unsheared grid, for example by reading the DICOM folder itself"
        )
    return affine


def _axis_assignment(affine: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Pair each patient axis with the array axis closest to it, best-aligned pair first."""
    weight = np.abs(affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0))
    worlds, axes = [], []
    for _ in range(3):
        world, axis = np.unravel_index(int(np.argmax(weight)), weight.shape)
        worlds.append(int(world))
        axes.append(int(axis))
        weight[world, :] = -1
        weight[:, axis] = -1
    return worlds, axes


def _axis_map(current: str, wanted: str) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """For each wanted axis: which current axis it is, and whether it must be flipped."""
    pairs = dict(zip(_POSITIVE + _NEGATIVE, _NEGATIVE + _POSITIVE, strict=True))
    if len(wanted) != 3 or any(c not in pairs for c in wanted):
        raise GeometryError(f"expected an orientation such as LPS or RAS, got {wanted!r}")
    axes, flips = [], []
    for letter in wanted:
        same, opposite = current.find(letter), current.find(pairs[letter])
        axes.append(max(same, opposite))
        flips.append(same < 0)
    if sorted(axes) != [0, 1, 2]:
        raise GeometryError(
            f"expected three different anatomical axes, got {wanted!r}: one letter of each of LR, PA, SI"
        )
    return tuple(axes), tuple(flips)


def _shifted(affine: NDArray[np.float64], voxels: ArrayLike) -> NDArray[np.float64]:
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.asarray(voxels, float) + affine[:3, 3]
    return moved
