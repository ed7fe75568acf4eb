"""`subtract`: the complete skull minus the bone that is there, as a field."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.errors import EmptyMaskError, GeometryError, NoDefectError
from meshimplant.line.extract import body_of, default_level, is_mask, mask_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.surface_distances import eroded
from meshimplant.voxels.volume import Volume

#: Kept around what sticks out of the bone, mm: room for the smoothing of the distances and for a trim's
#: bevel.
MARGIN_MM = 5.0
#: Value where the complete body is unknown (beyond its grid), mm.
_FAR_MM = -10.0
#: Slope at its surface within which a field passes for a distance in mm.
_SLOPE_RANGE = (0.7, 1.4)


def subtract(complete: Volume, defective: Volume, *, level: float | None = None) -> Volume:
    """Return what the complete body has and the defective skull has not, as a field in millimetres.

    The result is ``min(complete, -bone)`` of two signed distances, so both surfaces and the border keep their
    place between voxels and no film appears where the two bodies share a surface. A mask enters by its
    distance; a probability by its value over its slope near the level, which keeps its sub-voxel truth; a
    distance as it is (scaled, if its slope at the surface shows that it is not in millimetres).

    Parameters
    ----------
    complete
        Completed skull, or the missing bone alone: a mask, a probability, or a distance that is positive
        inside; on the same grid, a crop of it, or any other grid that overlaps it.
    defective
        Mask of the bone that is there.
    level
        Value at the surface of `complete`; ``None``: 0 for masks and distances, 0.5 for probabilities.

    Returns
    -------
    Volume
        Float32 mm, positive inside, surface at 0, on the box of the defective's grid that holds the parts
        thicker than two voxels (or, if there are none, all parts) with 5 mm around. Misfit films outside that
        box are left out.

    Raises
    ------
    GeometryError
        The two volumes do not overlap in space.
    NoDefectError
        The complete body is the defective skull.
    EmptyMaskError
        One of them is empty, or the complete body lies wholly inside the bone.
    """
    difference = Difference.of(complete, defective, level=level)
    return difference.field(difference.bone)


@dataclass(frozen=True, eq=False)
class Difference:
    """What a complete body has and a defective skull has not: its voxels, and distances only where they are asked for.

    A prediction sticks out of the bone all over the skull. Telling that apart from the implant takes no distances to the two
    surfaces, and those of a whole skull are most of what a subtraction costs (measured on 512 x 512 x 222 voxels: 3.6 of 4.0 s).

    Attributes
    ----------
    complete, inside
        The complete body as it came, and where it is inside.
    level
        Value at its surface.
    bone
        The defective skull (bool) on the box that `subtract` describes.
    """

    complete: Volume
    inside: Volume
    level: float
    bone: Volume

    @classmethod
    def of(cls, complete: Volume, defective: Volume, *, level: float | None = None) -> Difference:
        """Find the box of what sticks out of the bone; parameters and errors are those of `subtract`."""
        there, _ = body_of(defective)
        body, level = body_of(complete, level=level)
        bone, inside = Volume(there, defective.affine), Volume(body, complete.affine)
        work = _overlap(bone, inside)
        body = _body_on(inside, work)
        residue = np.logical_and(body, ~work.array)
        if not residue.any():
            _refuse(body, work.array)
        found = cls(complete, inside, level, _bone_around(residue, work))
        if not found.voxels.array.any():
            raise EmptyMaskError(
                "expected a complete skull that fills a hole in the bone, got one that adds less than a voxel "
                "anywhere: check that the completion belongs to this skull"
            )
        return found

    @cached_property
    def voxels(self) -> Volume:
        """Where `field` is positive, bool, on the box of `bone`."""
        if self.complete.shares_voxels_with(self.bone):
            return self.bone.with_array(_cut(self.inside, self.bone).array & ~self.bone.array)
        return self.bone.with_array(self.field(self.bone).array > 0)

    def field(self, box: Volume) -> Volume:
        """Return ``min(complete, -bone)`` on a box of the bone."""
        field = _field_on(self.complete, self.inside, box, self.level)
        return Volume(np.minimum(field, -mask_distance(box).array, out=field), box.affine)

    def field_of(self, body: Volume) -> Volume:
        """Return the field on the box of a body with 5 mm around; the body is a mask on the box of `bone`."""
        return self.field(self.bone.crop(*body.box_of(body.array, MARGIN_MM)))


def _overlap(bone: Volume, body: Volume) -> Volume:
    """Return the box of the bone's grid that the complete body's own box covers."""
    start, stop = bounding_box(body.array)
    corners = np.array(list(product(*zip(start - 1, stop, strict=True))))
    low, high = bone.box_around(body.to_mm(corners))
    if np.any(np.minimum(high, bone.shape) <= np.maximum(low, 0)):
        raise GeometryError(
            f"expected a complete skull that overlaps the defective one, got one around "
            f"{np.round(body.to_mm((start + stop) / 2)).tolist()} mm and a grid around "
            f"{np.round(bone.to_mm(np.array(bone.shape) / 2)).tolist()} mm: "
            "bring both into one frame (LPS or RAS?)"
        )
    return bone.crop(low, high)


def _body_on(body: Volume, grid: Volume) -> NDArray[np.bool_]:
    """Return the complete body's voxels on the grid."""
    if body.shares_voxels_with(grid):
        return np.asarray(_cut(body, grid).array)
    return np.asarray(body.resample_to(grid).array)


def _refuse(body: NDArray[np.bool_], bone: NDArray[np.bool_]) -> None:
    """Raise the error that fits a complete body without a voxel outside the bone."""
    if not body.any():
        raise GeometryError(
            "expected a complete skull that overlaps the defective one, got one whose voxels all fall off "
            "its grid: bring both into one frame (LPS or RAS?)"
        )
    if np.array_equal(body, bone):
        raise NoDefectError(
            "expected a complete skull that fills a hole, got the defective skull itself: "
            "give the completed one"
        )
    raise EmptyMaskError(
        "expected a complete skull that fills a hole in the bone, got one that lies wholly inside the bone: "
        "check that the completion belongs to this skull"
    )


def _bone_around(residue: NDArray[np.bool_], bone: Volume) -> Volume:
    """Cut the bone to the parts of the residue that survive one erosion, with a margin."""
    core = eroded(residue)
    return bone.crop(*bone.box_of(core if core.any() else residue, MARGIN_MM))


# -- the complete body as a distance ------------------------------------------------------------------------


def _field_on(complete: Volume, inside: Volume, box: Volume, level: float) -> NDArray[np.float32]:
    """Return the complete body's distance, float32 mm positive inside, at the voxels of the box."""
    if complete.shares_voxels_with(box):
        values, body = _cut(complete, box, fill=_outside(complete)), _cut(inside, box)
        return _to_distance(values, body, level)
    start, stop = complete.box_around(box.to_mm(box.corners()), np.ceil(MARGIN_MM / complete.spacing_mm))
    values, body = complete.crop(start, stop), inside.crop(start, stop)
    own = Volume(_to_distance(values, body, level), values.affine)
    return np.array(own.resample_to(box, fill=_FAR_MM).array)


def _to_distance(values: Volume, body: Volume, level: float) -> NDArray[np.float32]:
    """Turn a mask, probability or field into millimetres from its surface; a new array."""
    if is_mask(values, level=level):
        return np.array(mask_distance(body).array)
    field = (values.array - level).astype(np.float32)
    slope = _slope(field, values.spacing_mm)
    near = _next_to_surface(body.array)
    typical = float(np.median(slope[near])) if near.any() else 1.0
    if default_level(values) == 0.5 or level != 0.0:
        return _from_probability(field, slope, body)
    if not _SLOPE_RANGE[0] <= typical <= _SLOPE_RANGE[1]:
        field /= np.float32(typical)
    return field


def _from_probability(
    field: NDArray[np.float32], slope: NDArray[np.float32], body: Volume
) -> NDArray[np.float32]:
    """Join the distance by slope next to the surface to the lattice distance farther away.

    Signs are the field's.
    """
    far = mask_distance(body).array
    reach = np.float32(body.spacing_mm.max())
    near = field / np.maximum(slope, np.float32(1e-6))
    size = np.where(np.abs(far) < reach, np.minimum(np.abs(near), reach), np.abs(far))
    return np.where(body.array, size, -size).astype(np.float32)


def _slope(field: NDArray[np.float32], spacing_mm: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the length of the gradient per mm, the steeper of both one-sided differences along each axis."""
    total = np.zeros_like(field)
    for axis, step in enumerate(spacing_mm):
        rise = np.abs(np.diff(field, axis=axis, append=np.take(field, [-1], axis=axis))) / np.float32(step)
        before = np.roll(rise, 1, axis=axis)
        np.moveaxis(before, axis, 0)[0] = 0
        total += np.maximum(rise, before) ** 2
    return np.sqrt(total)


def _next_to_surface(body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(ndimage.binary_dilation(body) & ~ndimage.binary_erosion(body))


# -- grids --------------------------------------------------------------------------------------------------


def _cut(volume: Volume, grid: Volume, *, fill: float = 0) -> Volume:
    """Return a volume with coinciding voxels on exactly the grid, without a copy where it has them all; else `fill`."""
    start = grid.start_in(volume)
    part = volume.crop(start, start + grid.shape)
    if part.shape == grid.shape:
        return grid.with_array(part.array)
    return part.paste_into(grid, fill=fill)


def _outside(complete: Volume) -> float:
    """Return a value that is outside the body on this volume's own scale."""
    return 0.0 if complete.array.dtype.kind != "f" else float(complete.array.min())
