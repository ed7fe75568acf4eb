"""`extract`: the surface of a mask or field as a closed mesh in patient millimetres."""

from __future__ import annotations

from itertools import product

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.errors import EmptyMaskError
from meshimplant.mesh.convert import new_mesh
from meshimplant.values.read_values import read_body
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: Voxels kept around a mask before its distance is taken: the Gaussian in it reaches 3 x 0.7 voxels.
_MASK_MARGIN = 4
#: Voxels kept around the body of a field.
_FIELD_MARGIN = 2
#: Gaussian on a mask's distance, voxels: the most that keeps the rim within half a voxel (1.0 rounds it by
#: 0.1 mm on average).
_SMOOTH_VOXELS = 0.7
#: Largest shift of a mask's surface so that it encloses the volume of its voxels, mm.
_MAX_SHIFT_MM = 0.02
#: Least distance of a vertex from a voxel centre, as a fraction of the voxel edge; keeps triangles from
#: collapsing.
_NEAREST_FRACTION = np.float32(0.01)


def extract(volume: Volume, *, level: float | None = None) -> trimesh.Trimesh:
    """Mesh the surface of a mask, a probability map or a signed distance.

    A mask is meshed through its signed distance, which removes most of the voxel staircase. A field is meshed
    where it crosses `level`, without thresholding it first, so that its sub-voxel accuracy is kept. The body
    is cropped with a margin; where it touches the edge of the array, the surface is closed half a voxel
    beyond the last voxel centre.

    Parameters
    ----------
    volume : Volume
        Larger inside the body than outside, on a grid of any orientation, also mirrored. Without a `level`
        its kind follows from its values, see `read_values`; with one, any values are a field.
    level : float or None
        The value at the surface.

    Returns
    -------
    Trimesh
        Watertight, every edge and vertex manifold, wound outward; LPS mm.

    Raises
    ------
    InputError
        The values have no meaning or more than one, and no `level` is given.
    EmptyMaskError
        The volume is constant, or the level leaves nothing inside or nothing outside.

    Notes
    -----
    Measured on a 6 mm cap of radius 90 mm: as a mask at 0.5 x 0.5 x 1 mm, radial RMS error 0.11 mm and volume
    -0.15 %; as an exact field, 0.001 mm. VTK's flying edges were the fastest of eight extractors measured,
    and are manifold even on white noise.

    Examples
    --------
    >>> mask = np.zeros((12, 12, 12), np.uint8)
    >>> mask[3:9, 3:9, 3:9] = 1
    >>> extract(Volume(mask, np.eye(4))).is_watertight
    True
    """
    reading = read_body(volume, level=level)
    volume, level = reading.volume, reading.level
    body, level = body_of(volume, level=level)
    if is_mask(volume, level=level):
        return _meshed(_mask_field(body, volume))
    return _meshed(_cut_field(body, volume, level))


def _meshed(field: Volume) -> trimesh.Trimesh:
    """Return the zero surface of a field, wound outward also on a mirrored grid."""
    points, faces = _flying_edges(_nudged(field.array))
    if np.linalg.det(field.affine[:3, :3]) < 0:
        faces = faces[:, ::-1]
    return new_mesh(field.to_mm(points), faces)


def body_of(volume: Volume, *, level: float | None = None) -> tuple[NDArray[np.bool_], float]:
    """Return which voxels of a mask or field are inside its body, and the level.

    Raises `EmptyMaskError` if none or all are.
    """
    level = default_level(volume) if level is None else float(level)
    body = volume.array > level
    if not body.any() or body.all():
        raise EmptyMaskError(
            f"expected a body with air around it, got {volume!r} with every value "
            f"{'above' if body.any() else 'at or below'} the level {level:g} "
            f"(values {float(volume.array.min()):g} to {float(volume.array.max()):g}): "
            "check that it is the right file, or set another level"
        )
    return body, level


def default_level(volume: Volume) -> float:
    """Return the value at the surface: 0 for masks and signed distances, 0.5 for probabilities.

    Values below 0 by up to a thousandth of the maximum come from resampling and do not make a probability a
    signed distance.
    """
    if volume.array.dtype.kind != "f":
        return 0.0
    low, high = float(volume.array.min()), float(volume.array.max())
    return 0.0 if low < -1e-3 * abs(high) else 0.5


def is_mask(volume: Volume, *, level: float | None = None) -> bool:
    """Return whether the array holds only two values, so that the surface must be estimated."""
    if volume.array.dtype.kind != "f" and not level:
        return True
    low, high = volume.array.min(), volume.array.max()
    return bool(((volume.array == low) | (volume.array == high)).all())


def mask_distance(mask: Volume) -> Volume:
    """Return the smoothed signed distance of a mask, float32 mm, on the mask's grid.

    A voxel whose sign the Gaussian would change keeps its sharp distance, so that thin sheets, spikes and
    rims stay (measured on the rim of a 6 mm cap: mean error 0.05 instead of 0.07 mm).
    """
    sharp = signed_distance(mask, smooth_voxels=0).array
    field = ndimage.gaussian_filter(sharp, _SMOOTH_VOXELS, truncate=3, mode="nearest")
    turned = (field > 0) != (mask.array != 0)
    field[turned] = sharp[turned]
    return Volume(field, mask.affine)


def _mask_field(body: NDArray[np.bool_], grid: Volume) -> Volume:
    """Return the distance of a mask on its padded box, shifted so that it encloses the volume of the voxels.

    The number of voxels is an unbiased measure of the volume; smoothing removes 0.5 to 0.9 % of a thin cap at
    its rim. The shift is 0.01 to 0.02 mm there.
    """
    start, stop = bounding_box(body)
    field = mask_distance(Volume(body, grid.affine).crop(start, stop).pad(_MASK_MARGIN))
    mesh = _meshed(field)
    missing = np.count_nonzero(body) * grid.voxel_volume_mm3 - mesh.volume
    shift = np.clip(missing / mesh.area, -_MAX_SHIFT_MM, _MAX_SHIFT_MM)
    return field.with_array(field.array + np.float32(shift))


def _cut_field(body: NDArray[np.bool_], grid: Volume, level: float) -> Volume:
    """Return a field minus its level on the body's padded box, negative beyond the edge of the array."""
    start, stop = bounding_box(body)
    box = grid.crop(start - _FIELD_MARGIN, stop + _FIELD_MARGIN)
    values = np.pad((box.array - level).astype(np.float32), 1, mode="edge")
    for axis, side in product(range(3), (0, -1)):
        rim = np.moveaxis(values, axis, 0)[side]
        rim[...] = -np.abs(rim)
    affine = box.affine.copy()
    affine[:3, 3] = box.to_mm((-1, -1, -1))
    return Volume(values, affine)


def _nudged(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the field without values so close to 0 that a vertex would fall on a voxel centre.

    Several grid edges would share that point, which gives triangles without area and, once merged,
    non-manifold vertices. The surface moves by at most `_NEAREST_FRACTION` of a voxel edge.
    """
    inside = field > 0
    size = np.abs(field)
    least = np.zeros_like(size)
    for axis in range(3):
        near, far = [slice(None)] * 3, [slice(None)] * 3
        near[axis], far[axis] = slice(None, -1), slice(1, None)
        a, b = tuple(near), tuple(far)
        crossing = inside[a] != inside[b]
        np.maximum(least[a], size[b] * crossing, out=least[a])
        np.maximum(least[b], size[a] * crossing, out=least[b])
    least *= _NEAREST_FRACTION
    np.maximum(size, np.maximum(least, np.finfo(np.float32).tiny), out=size)
    return np.where(inside, size, -size)


def _flying_edges(field: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the zero surface: points (n, 3) in voxel indices, faces (m, 3) wound outward there."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

    values = np.ascontiguousarray(field.ravel(order="F"))
    image = vtkImageData()
    image.SetDimensions(*field.shape)
    image.GetPointData().SetScalars(numpy_to_vtk(values))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.0)
    edges.ComputeNormalsOff()
    edges.ComputeGradientsOff()
    edges.ComputeScalarsOff()
    edges.Update()
    surface = edges.GetOutput()
    points = vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64)
    return points, vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
