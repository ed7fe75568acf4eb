"""Link data sets: skulls on different grids onto one common grid, and results back onto each skull's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.datasets.head_shape import fit_aligned_pose
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.head.pose import CENTRE_DEPTH_MM
from meshimplant.line.extract import default_level, mask_distance
from meshimplant.voxels.grid import Grid, bounding_box
from meshimplant.voxels.volume import Volume

#: The grid's top lies this far above the head's centre, which is about 75 mm below the vertex.
_TOP_MM = 95.0
#: A grid that is not asked for has a multiple of this many voxels along each axis: networks halve it three times.
_MULTIPLE = 8
_MARGIN_MM = 4.0


@dataclass(frozen=True, eq=False)
class Linked:
    """One skull on the common grid, with the way there and back.

    Attributes
    ----------
    volume : Volume
        The skull's mask (uint8 0/1) on the common grid. The same index is the same place in every head; the affine leads
        to this patient's own LPS millimetres.
    source : Volume
        As given.
    outside_fraction : float
        Share of the skull's bone that lies outside the common grid.
    """

    volume: Volume
    source: Volume
    outside_fraction: float

    def bring(self, other: Volume) -> Volume:
        """Return another volume of the same patient (an implant, a CT, distances) on the common grid.

        Masks keep thin bone, as the skull's own does; other values are smoothed if need be and interpolated, and are the
        least value outside the volume.
        """
        return _onto(other, self.volume)

    def back(self, result: Volume) -> Volume:
        """Return a result of the common grid (or any other) on the skull's own grid: masks as masks, else interpolated."""
        return _onto(result, self.source)

    def completed(self, result: Volume, *, level: float | None = None) -> Volume:
        """Return the completed skull (uint8 0/1) on the skull's own grid: its own bone, bit for bit, and what the result adds.

        Parameters
        ----------
        result
            Completed skull or implant: mask, probabilities or signed distances.
        level
            Value of the surface; when left out, 0 for distances, 0.5 for probabilities.
        """
        back = self.back(result)
        limit = 0.5 if _is_mask(result) else default_level(result) if level is None else level
        return self.source.with_array(((self.source.array != 0) | (back.array > limit)).astype(np.uint8))


def link(
    skulls: Sequence[Volume],
    *,
    spacing_mm: float,
    shape: tuple[int, int, int] | None = None,
    frame: Literal["head", "scanner"] = "head",
) -> tuple[Linked, ...]:
    """Lay masks of skulls on one common grid: crop, resample, pad.

    The grid's axes run to the left, to the back and up: of the head (the frame that `read_head_shape` finds too), so that
    heads lie alike, or of the scanner. It is centred on the head from side to side and front to back, and reaches 95 mm
    above its centre, 20 mm above the vertex. So it depends on nothing but spacing, shape and frame: sets that are linked one
    after the other share it.

    Bone that is thinner than a voxel of the common grid is thickened to one, so that a temple of 2 mm stays closed at 4 mm.

    Parameters
    ----------
    skulls : sequence of Volume
        Masks of complete or defective skulls, head up; non-zero is bone.
    spacing_mm : float
        Edge of the common grid's voxels.
    shape : (int, int, int), optional
        Voxels along each axis. Default: the fewest multiples of 8 that hold the bone of all skulls.
    frame : {"head", "scanner"}
        Whose axes the grid has; ``"scanner"`` takes no time.

    Returns
    -------
    tuple of Linked
        One for each skull.

    Raises
    ------
    InputError
        A spacing or shape that is no grid, or a head whose frame cannot be found.
    EmptyMaskError
        A mask is empty.
    """
    if not 0.2 <= spacing_mm <= 10 or (shape is not None and (len(shape) != 3 or min(shape) < 2)):
        raise InputError(
            f"expected a spacing of 0.2 to 10 mm and three counts of voxels, got {spacing_mm:g} mm and {shape}: change them"
        )
    if frame not in ("head", "scanner"):
        raise InputError(f"expected the frame head or scanner, got {frame!r}: choose one of them")
    places = [_place(skull, frame) for skull in skulls]
    if not places:
        return ()
    if shape is None:
        shape = _least_shape(
            [_extent_mm(skull, *place) for skull, place in zip(skulls, places, strict=True)], spacing_mm
        )
    return tuple(
        _linked(skull, *place, spacing_mm, shape) for skull, place in zip(skulls, places, strict=True)
    )


def _linked(
    skull: Volume,
    centre_mm: NDArray[np.float64],
    axes: NDArray[np.float64],
    spacing_mm: float,
    shape: tuple[int, int, int],
) -> Linked:
    affine = np.eye(4)
    affine[:3, :3] = axes.T * spacing_mm
    half = (np.array(shape) - 1) / 2 * spacing_mm
    affine[:3, 3] = centre_mm + (-half[0], -half[1], _TOP_MM - 2 * half[2]) @ axes
    grid = Grid(shape, affine)
    index = np.rint(grid.to_index(_bone_mm(skull)))
    outside = ((index < 0) | (index >= shape)).any(axis=1)
    return Linked(_onto(skull, grid), skull, float(outside.mean()))


def _place(skull: Volume, frame: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the head's centre (LPS) and axes (rows)."""
    if frame == "head":
        pose = fit_aligned_pose(skull)
        return pose.centre_mm, pose.axes
    if not skull.array.any():
        raise EmptyMaskError("expected the mask of a skull, got an empty one: leave it out")
    bone = _bone_mm(skull)
    low, high = bone.min(axis=0), bone.max(axis=0)
    return np.array([*(low + high)[:2] / 2, high[2] - CENTRE_DEPTH_MM]), np.eye(3)


def _bone_mm(skull: Volume) -> NDArray[np.float64]:
    """Return LPS points (n, 3) of the bone, at most every 2 mm."""
    step = np.maximum(1, (2.0 / skull.spacing_mm).astype(int))
    return skull.to_mm(np.argwhere(skull.array[:: step[0], :: step[1], :: step[2]]) * step)


def _extent_mm(
    skull: Volume, centre_mm: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far the bone reaches from the centre: to the sides, to front or back, and down, mm."""
    local = (_bone_mm(skull) - centre_mm) @ axes.T
    return np.array([*np.abs(local[:, :2]).max(axis=0), -local[:, 2].min()]) + _MARGIN_MM


def _least_shape(extents_mm: list[NDArray[np.float64]], spacing_mm: float) -> tuple[int, int, int]:
    side, along, down = np.max(extents_mm, axis=0)
    counts = np.array([2 * side, 2 * along, _TOP_MM + down]) / spacing_mm + 1
    i, j, k = (np.ceil(counts / _MULTIPLE) * _MULTIPLE).astype(int)
    return int(i), int(j), int(k)


def _onto(volume: Volume, grid: Grid) -> Volume:
    """Return a volume's values on another grid."""
    if _is_mask(volume):
        return _mask_onto(volume, grid)
    values = volume.array.astype(np.float32)
    blur = np.maximum(0.0, 0.4 * (grid.spacing_mm.mean() / volume.spacing_mm - 1))
    if blur.any():
        values = ndimage.gaussian_filter(values, blur, truncate=3, mode="nearest")
    return volume.with_array(values).resample_to(grid, fill=float(volume.array.min()))


def _is_mask(volume: Volume) -> bool:
    """Tell whether there is 0 and one other value only."""
    return bool(((volume.array == 0) | (volume.array == volume.array.max())).all())


def _mask_onto(mask: Volume, grid: Grid) -> Volume:
    """Resample a mask by its signed distance; where bone is thinner than a voxel of the grid, the level is lowered to one."""
    if not mask.array.any():
        return Volume(np.zeros(grid.shape, np.uint8), grid.affine)
    edge_mm = float(grid.spacing_mm.max())
    margin = np.ceil(edge_mm / mask.spacing_mm).astype(int) + 2
    start, stop = bounding_box(mask.array)
    mask = mask.crop(start - margin, stop + margin).pad(1)
    distance = mask_distance(mask)
    window = 2 * np.ceil(edge_mm / 2 / mask.spacing_mm).astype(int) + 1
    half_mm = ndimage.maximum_filter(distance.array, window, mode="nearest")
    lacking = np.clip(edge_mm / 2 - half_mm, 0, edge_mm / 2)
    level = np.where(half_mm > 0, lacking, 0).astype(np.float32)
    field = mask.with_array(distance.array + level).resample_to(grid, fill=-edge_mm)
    return field.with_array((field.array > 0).astype(np.uint8))
