"""`Grid`: the geometry of a voxel array without its voxels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import EmptyMaskError, GeometryError

#: Plausible voxel edges of a head scan, mm. Smaller values mean metres or centimetres written as millimetres;
#: at larger ones no bone is left.
SPACING_RANGE_MM = (0.02, 20.0)
#: Largest departure from right angles between grid axes, degrees. Gantry tilt is 5 to 25 degrees.
MAX_SHEAR_DEG = 0.1

_POSITIVE = "LPS"
_NEGATIVE = "RAI"

#: An index box: first voxel, and the voxel after the last, along each axis.
IndexBox = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Grid:
    """Number of voxels along each axis, and the affine that places them in the patient.

    Parameters
    ----------
    shape : tuple of 3 int
        Number of voxels along each array axis.
    affine : (4, 4) array
        Maps the index of a voxel *centre* to patient millimetres: x to the patient's left, y to the back
        (posterior), z up (superior), as in DICOM, ITK and NRRD.

    Raises
    ------
    GeometryError
        The shape is not three positive numbers; the affine is not finite, singular or sheared, or its voxels
        are not of a plausible size.

    Examples
    --------
    >>> grid = Grid((4, 5, 6), np.diag([0.5, 0.5, 1.0, 1.0]))
    >>> grid.to_mm((2, 0, 1)).tolist(), grid.orientation
    ([1.0, 0.0, 1.0], 'LPS')
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", _checked_shape(self.shape))
        affine = _checked_affine(self.affine)
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)

    def __repr__(self) -> str:
        return f"Grid({self._described()})"

    def _described(self, dtype: str = "") -> str:
        size = " x ".join(str(n) for n in self.shape)
        spacing = " x ".join(f"{s:.4g}" for s in self.spacing_mm)
        return f"{size}{dtype}, {spacing} mm, {self.orientation}"

    @classmethod
    def around(
        cls, low_mm: ArrayLike, high_mm: ArrayLike, *, spacing_mm: float, margin_voxels: float = 0
    ) -> Grid:
        """Return an LPS-aligned grid of cubic voxels around a box, with a margin on every side.

        Parameters
        ----------
        low_mm, high_mm : (3,) arrays
            Opposite corners of the box, LPS mm.
        spacing_mm : float
            Voxel edge.
        margin_voxels : float
            Voxels below `low_mm`; a fraction keeps surfaces at round coordinates off the voxel centres.
        """
        low, high = np.asarray(low_mm, float), np.asarray(high_mm, float)
        affine = np.diag([spacing_mm] * 3 + [1.0])
        affine[:3, 3] = low - margin_voxels * spacing_mm
        i, j, k = np.ceil((high - low) / spacing_mm).astype(int) + int(np.ceil(2 * margin_voxels + 1))
        return cls((int(i), int(j), int(k)), affine)

    # -- what it is
    # -------------------------------------------------------------------------------------------

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

    def corners(self, low: int = 0, high: int = -1) -> NDArray[np.int64]:
        """Return the indices (8, 3) of the corners: `low` and ``shape + high`` along each axis."""
        return np.array(list(product(*((low, n + high) for n in self.shape))))

    # -- between indices and millimetres
    # ----------------------------------------------------------------------

    def to_mm(self, index: ArrayLike) -> NDArray[np.float64]:
        """Map voxel indices (..., 3) to LPS millimetres (..., 3)."""
        return np.asarray(index, float) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def to_index(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Map LPS millimetres (..., 3) to fractional voxel indices (..., 3)."""
        inverse = np.linalg.inv(self.affine)
        return np.asarray(points_mm, float) @ inverse[:3, :3].T + inverse[:3, 3]

    def box_around(self, points_mm: ArrayLike, margin_voxels: ArrayLike = 0) -> IndexBox:
        """Return the index box around points (n, 3) with a margin; it may reach beyond the grid."""
        index = self.to_index(points_mm)
        low, high = (
            np.floor(index.min(axis=0) - margin_voxels),
            np.ceil(index.max(axis=0) + margin_voxels) + 1,
        )
        return low.astype(np.int64), high.astype(np.int64)

    def box_of(self, mask: NDArray[Any], margin_mm: float, *, extra_voxels: int = 0) -> IndexBox:
        """Return the index box of a mask on this grid, widened by whole voxels and clipped to the grid."""
        start, stop = bounding_box(mask)
        margin = np.ceil(margin_mm / self.spacing_mm).astype(np.int64) + extra_voxels
        return np.maximum(start - margin, 0), np.minimum(stop + margin, self.shape)

    # -- beside another grid
    # ----------------------------------------------------------------------------------

    def same_grid(self, other: Grid, *, tolerance_mm: float = 1e-3) -> bool:
        """Return whether both have one shape and, to `tolerance_mm` at every corner, one place."""
        if self.shape != other.shape:
            return False
        corners = self.corners()
        return bool(np.abs(self.to_mm(corners) - other.to_mm(corners)).max() <= tolerance_mm)

    def require_same_grid(self, other: Grid, *, names: tuple[str, str] = ("first", "second")) -> None:
        """Raise `GeometryError` unless both are one grid."""
        if not self.same_grid(other):
            raise GeometryError(
                f"expected the {names[0]} and the {names[1]} volume on one grid, got {self!r} with origin "
                f"{np.round(self.affine[:3, 3], 3).tolist()} and {other!r} with origin "
                f"{np.round(other.affine[:3, 3], 3).tolist()}: resample one of them onto the other first"
            )

    def shares_voxels_with(self, other: Grid) -> bool:
        """Return whether the voxel centres of both coincide where they overlap, as those of a crop do."""
        start = other.to_index(self.affine[:3, 3])
        parallel = np.allclose(self.affine[:3, :3], other.affine[:3, :3], atol=1e-6)
        return bool(parallel and np.abs(start - np.rint(start)).max() < 1e-3)

    def start_in(self, other: Grid) -> NDArray[np.int64]:
        """Return the index (3,) of this grid's first voxel on the other grid."""
        return np.rint(other.to_index(self.affine[:3, 3])).astype(np.int64)

    # -- other grids from this one
    # ----------------------------------------------------------------------------

    def crop(self, start: ArrayLike, stop: ArrayLike) -> Grid:
        """Return the grid of the voxels ``start <= index < stop``, clipped to this one."""
        low, high = self._clipped(start, stop)
        i, j, k = (high - low).tolist()
        return Grid((i, j, k), shifted_affine(self.affine, low))

    def spanning(self, start: ArrayLike, stop: ArrayLike) -> Grid:
        """Return the grid of the voxels ``start <= index < stop``, which may lie beyond this one."""
        low = np.asarray(start, int)
        i, j, k = (np.asarray(stop, int) - low).tolist()
        return Grid((i, j, k), shifted_affine(self.affine, low))

    def coarsened(self, factor: ArrayLike) -> NDArray[np.float64]:
        """Return the affine of the grid whose voxels are blocks of `factor` (3,) voxels of this one."""
        steps = np.asarray(factor)
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ ((steps - 1) / 2)
        affine[:3, :3] *= steps
        return affine

    def _clipped(self, start: ArrayLike, stop: ArrayLike) -> IndexBox:
        """Return an index box clipped to the grid; raise `GeometryError` where nothing is left of it."""
        low = np.maximum(np.asarray(start, int), 0)
        high = np.minimum(np.asarray(stop, int), self.shape)
        if np.any(high <= low):
            raise GeometryError(
                f"expected a box inside the {self.shape} grid, got {low.tolist()} to {high.tolist()}, "
                "which holds no voxel"
            )
        return low, high


def bounding_box(mask: NDArray[Any]) -> IndexBox:
    """Return ``(start, stop)`` of the smallest box that holds every non-zero voxel.

    Raises `EmptyMaskError` when none is set.
    """
    box = np.array([(0, size) for size in mask.shape])
    # The slowest axis first: whole planes are then left out when the next axis is searched.
    for axis in np.argsort(np.abs(mask.strides))[::-1]:
        rest = mask[tuple(slice(*side) for side in box)]
        hit = np.flatnonzero(rest.any(axis=tuple(a for a in range(3) if a != axis)))
        if hit.size == 0:
            raise EmptyMaskError("expected a mask with at least one voxel set, got an empty one")
        box[axis] = hit[0], hit[-1] + 1
    return box[:, 0], box[:, 1]


def box_slices(start: ArrayLike, stop: ArrayLike) -> tuple[slice, ...]:
    """Return the slices that cut the voxels ``start <= index < stop`` from an array."""
    return tuple(slice(int(a), int(b)) for a, b in zip(np.asarray(start), np.asarray(stop), strict=True))


def shifted_affine(affine: NDArray[np.float64], voxels: ArrayLike) -> NDArray[np.float64]:
    """Return an affine whose first voxel is `voxels` (3,) voxels farther along the axes."""
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ np.asarray(voxels, float) + affine[:3, 3]
    return moved


def _checked_shape(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    sizes = tuple(int(n) for n in shape)
    if len(sizes) != 3 or min(sizes) < 1:
        raise GeometryError(f"expected three positive numbers of voxels, got {tuple(shape)}")
    i, j, k = sizes
    return i, j, k


def _checked_affine(affine_like: ArrayLike) -> NDArray[np.float64]:
    affine = np.array(affine_like, np.float64)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or not np.allclose(affine[3], (0, 0, 0, 1)):
        raise GeometryError(
            f"expected a finite (4, 4) affine with last row 0 0 0 1, got shape {affine.shape}: "
            f"{affine.tolist()}"
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
