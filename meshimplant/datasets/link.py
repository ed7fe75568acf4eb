"""Resample skulls from different grids onto one common grid, and results back onto each skull's own grid."""

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
from meshimplant.line.extract import mask_distance
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.values.read_values import read_body
from meshimplant.values.value_words import PREDICTION_ASKING
from meshimplant.voxels.grid import Grid, bounding_box
from meshimplant.voxels.volume import Volume

#: The grid's top lies this far above the head's centre, which is about 75 mm below the vertex.
_TOP_MM = 95.0
#: An automatic grid has a multiple of this many voxels along each axis, so that networks can halve it three
#: times.
_MULTIPLE = 8
_MARGIN_MM = 4.0


@dataclass(frozen=True, eq=False)
class Linked:
    """One skull on the common grid, with methods that map other volumes there and back.

    Attributes
    ----------
    volume : Volume
        The skull's mask (uint8 0/1) on the common grid. An index is the same position in every head; the
        affine maps it to this patient's LPS millimetres.
    source : Volume
        The input mask.
    outside_fraction : float
        Fraction of the skull's bone outside the common grid.
    """

    volume: Volume
    source: Volume
    outside_fraction: float

    def bring(self, other: Volume) -> Volume:
        """Return another volume of the same patient (an implant, a CT, distances) on the common grid.

        Masks keep thin bone, like the skull's own. Other values are smoothed where necessary and
        interpolated; outside the volume they are its minimum.
        """
        return _onto(other, self.volume)

    def back(self, result: Volume) -> Volume:
        """Return a result on the skull's own grid; masks stay masks, other values are interpolated."""
        return _onto(result, self.source)

    def completed(self, result: Volume, *, level: float | None = None) -> Volume:
        """Return the completed skull (uint8 0/1) on the skull's own grid, its own bone unchanged.

        Parameters
        ----------
        result : Volume
            Completed skull or implant: mask, probabilities or signed distances.
        level : float, optional
            Value of the surface; by default it follows from the values, see `read_values`.
        """
        body = read_body(result, level=level, asking=PREDICTION_ASKING)
        back = self.back(body.volume)
        limit = 0.5 if body.level is None else body.level
        return self.source.with_array(((self.source.array != 0) | (back.array > limit)).astype(np.uint8))


def link(
    skulls: Sequence[Volume],
    *,
    spacing_mm: float,
    shape: tuple[int, int, int] | None = None,
    frame: Literal["head", "scanner"] = "head",
) -> tuple[Linked, ...]:
    """Resample masks of skulls onto one common grid, with cropping and padding.

    The grid's axes run to the left, to the back and up, in the frame of the head (that of `read_head_shape`,
    which aligns the heads) or of the scanner. It is centred on the head from side to side and front to back,
    and reaches 95 mm above the head's centre, 20 mm above the vertex. It depends on spacing, shape and frame
    only, so sets that are linked separately share it.

    Bone thinner than a voxel of the common grid is thickened to one voxel: a temple of 2 mm stays closed at 4
    mm.

    Parameters
    ----------
    skulls : sequence of Volume
        Masks of complete or defective skulls, head up; non-zero is bone.
    spacing_mm : float
        Voxel edge of the common grid.
    shape : (3,) tuple of int, optional
        Voxels along each axis; by default the smallest multiples of 8 that contain the bone of all skulls.
    frame : str
        ``"head"`` or ``"scanner"``, which needs no alignment and takes no time.

    Returns
    -------
    tuple of Linked
        One for each skull.

    Raises
    ------
    InputError
        Spacing or shape is out of range, or the pose of a head cannot be found.
    EmptyMaskError
        A mask is empty.
    """
    if not 0.2 <= spacing_mm <= 10 or (shape is not None and (len(shape) != 3 or min(shape) < 2)):
        raise InputError(
            "expected a spacing of 0.2 to 10 mm and three counts of voxels, "
            f"got {spacing_mm:g} mm and {shape}: "
            "correct them"
        )
    if frame not in ("head", "scanner"):
        raise InputError(f"expected the frame head or scanner, got {frame!r}: choose one of them")
    skulls = [bone_mask(skull) for skull in skulls]
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
    """Return centre (LPS mm) and axes (rows) of the head, or of the scanner's frame."""
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
    """Return the extent of the bone from the centre, mm: sideways, to front or back, and downwards."""
    local = (_bone_mm(skull) - centre_mm) @ axes.T
    return np.array([*np.abs(local[:, :2]).max(axis=0), -local[:, 2].min()]) + _MARGIN_MM


def _least_shape(extents_mm: list[NDArray[np.float64]], spacing_mm: float) -> tuple[int, int, int]:
    side, along, down = np.max(extents_mm, axis=0)
    counts = np.array([2 * side, 2 * along, _TOP_MM + down]) / spacing_mm + 1
    i, j, k = (np.ceil(counts / _MULTIPLE) * _MULTIPLE).astype(int)
    return int(i), int(j), int(k)


def _onto(volume: Volume, grid: Grid) -> Volume:
    """Resample a volume onto another grid."""
    if _is_mask(volume):
        return _mask_onto(volume, grid)
    values = volume.array.astype(np.float32)
    blur = np.maximum(0.0, 0.4 * (grid.spacing_mm.mean() / volume.spacing_mm - 1))
    if blur.any():
        values = ndimage.gaussian_filter(values, blur, truncate=3, mode="nearest")
    return volume.with_array(values).resample_to(grid, fill=float(volume.array.min()))


def _is_mask(volume: Volume) -> bool:
    """Return whether a volume holds only 0 and one other value."""
    return bool(((volume.array == 0) | (volume.array == volume.array.max())).all())


def _mask_onto(mask: Volume, grid: Grid) -> Volume:
    """Resample a mask by its signed distance; bone thinner than a voxel is thickened to one."""
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
