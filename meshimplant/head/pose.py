"""`fit_pose`: the head's frame, from its symmetry plane and a centre inside the vault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from meshimplant.head.symmetry_plane import FIT_POINTS, fit_symmetry_plane
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

#: The centre of the vault lies this far below the vertex. Rays from there meet bone over the whole upper
#: hemisphere (75 adult skulls: at most 0.02 % of the rays miss).
CENTRE_DEPTH_MM = 75.0
#: Bone farther below the vertex than this (jaw, neck) is excluded from the fit.
FIT_DEPTH_MM = 130.0
#: Voxels of the mask that the plane is fitted to, mm.
_COARSE_MM = 2.0
#: Above the lowest bone that is included, the weight grows from 0 to 1 over this height.
_FADE_MM = 20.0


@dataclass(frozen=True, eq=False)
class HeadPose:
    """The head's own frame.

    Attributes
    ----------
    centre_mm : (3,) array
        LPS point on the symmetry plane, `CENTRE_DEPTH_MM` below the vertex.
    axes : (3, 3) array
        Rows are unit vectors in LPS: towards the head's left (the plane's normal), its back and its top.
    residual_mm : float
        Median distance between the intact outer bone and its mirror image.
    """

    centre_mm: NDArray[np.float64]
    axes: NDArray[np.float64]
    residual_mm: float

    @property
    def frame(self) -> NDArray[np.float64]:
        """Affine (4, 4) that maps points of the head's own frame to LPS."""
        affine = np.eye(4)
        affine[:3, :3] = self.axes.T
        affine[:3, 3] = self.centre_mm
        return affine

    def mirror_points(self, points_mm: ArrayLike) -> NDArray[np.float64]:
        """Reflect LPS points (..., 3) across the symmetry plane."""
        points = np.asarray(points_mm, float)
        height = (points - self.centre_mm) @ self.axes[0]
        return points - 2 * height[..., None] * self.axes[0]

    def mirror_directions(self, directions: ArrayLike) -> NDArray[np.float64]:
        """Reflect direction vectors (..., 3) across the symmetry plane."""
        directions = np.asarray(directions, float)
        return directions - 2 * (directions @ self.axes[0])[..., None] * self.axes[0]


def identity_pose() -> HeadPose:
    """Return the pose of a head in its own frame."""
    return HeadPose(np.zeros(3), np.eye(3), 0.0)


@dataclass(frozen=True, eq=False)
class CoarseHead:
    """A head's bone on a coarse grid, shared by several fits of a pose.

    Attributes
    ----------
    field : Volume
        Signed distance of the largest body, about `_COARSE_MM` a voxel, mm, positive inside.
    points_mm : (n, 3) array
        Centres of its surface voxels, LPS.
    """

    field: Volume
    points_mm: NDArray[np.float64]

    @classmethod
    def of(cls, skull: Volume) -> CoarseHead:
        """Return the coarse head of a mask; raises `EmptyMaskError` if the mask is empty."""
        coarse = coarse_bone(skull, _COARSE_MM).pad(6, 0)
        return cls(signed_distance(coarse, smooth_voxels=0.5), _surface_points(coarse))

    def turned(self, turn: NDArray[np.float64]) -> CoarseHead:
        """Return the head rotated about the origin by a matrix (3, 3)."""
        affine = np.eye(4)
        affine[:3, :3] = turn
        return CoarseHead(Volume(self.field.array, affine @ self.field.affine), self.points_mm @ turn.T)


def fit_pose(skull: Volume | CoarseHead, *, near: HeadPose | None = None) -> HeadPose:
    """Fit the symmetry plane to the bone that has a mirror image, and place the head's centre on it.

    Surface points of the bone are reflected and sampled in the bone's own distance field. The plane (two
    angles, one offset) minimises a robust loss, so that a defect, which has no counterpart, and the details
    of the face have little influence. The middle of the image only serves as a start. Without `near`, the
    head's top must be roughly up (+z of LPS), within about 40 degrees.

    Parameters
    ----------
    skull : Volume or CoarseHead
        Mask of the (defective) skull; non-zero is bone.
    near : HeadPose, optional
        A pose to refine: the plane is fitted to the bone above its base; its pitch and centre are kept.

    Returns
    -------
    HeadPose

    Raises
    ------
    EmptyMaskError
        The mask is empty.
    """
    head = skull if isinstance(skull, CoarseHead) else CoarseHead.of(skull)
    field, points = head.field, head.points_mm
    if near is not None:
        # Subsample before selecting, so that the selection does not change which points are used.
        points = points[:: max(1, len(points) // FIT_POINTS)]
        height = (points - near.centre_mm) @ near.axes[2] + FIT_DEPTH_MM - CENTRE_DEPTH_MM
        weights = np.clip(height / _FADE_MM, 0, 1)
        normal, offset, residual = fit_symmetry_plane(field, points, near.centre_mm, near.axes, weights)
        centre = near.centre_mm + (offset - near.centre_mm @ normal) * normal
        return HeadPose(centre, _axes_from(normal, near.axes[2]), residual)
    vertex = _vertex(points)
    points = points[points[:, 2] > vertex[2] - FIT_DEPTH_MM]
    pivot = np.array([np.median(points[:, 0]), np.median(points[:, 1]), vertex[2] - CENTRE_DEPTH_MM])
    normal, offset, residual = fit_symmetry_plane(field, points, pivot)
    axes = _axes_from(normal, np.array([0.0, 0.0, 1.0]))
    vertex = points[np.argsort(points @ axes[2])[-50:]].mean(axis=0)
    centre = vertex - CENTRE_DEPTH_MM * axes[2]
    centre = _centred_in_section(points, centre, axes)
    centre += (offset - centre @ normal) * normal
    return HeadPose(centre, axes, residual)


def coarse_bone(skull: Volume, voxel_mm: float) -> Volume:
    """Return the largest body of bone, bool, in voxels of about `voxel_mm` on the box of all bone."""
    return coarse_bodies(skull, voxel_mm)[0]


def coarse_bodies(skull: Volume, voxel_mm: float, *, count: int = 1) -> list[Volume]:
    """Return the largest bodies of bone, largest first, in voxels of about `voxel_mm` (block maxima)."""
    import cc3d

    start, stop = bounding_box(skull.array)
    box = skull.crop(start, stop)
    factor = np.maximum(1, np.rint(voxel_mm / box.spacing_mm).astype(int))
    array = box.array != 0
    for axis, step in enumerate(factor):
        edges = np.arange(0, array.shape[axis], step)
        array = np.maximum.reduceat(array, edges, axis=axis)
    labels = cc3d.connected_components(np.ascontiguousarray(array), connectivity=26)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest = [label for label in np.argsort(-sizes, kind="stable")[:count] if sizes[label]]
    return [Volume(labels == label, box.coarsened(factor)) for label in largest]


def _surface_points(coarse: Volume) -> NDArray[np.float64]:
    """Return the centres (n, 3) of a mask's surface voxels, LPS mm."""
    surface = coarse.array & ~ndimage.binary_erosion(coarse.array)
    return coarse.to_mm(np.argwhere(surface))


def _vertex(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of the 50 highest points, so that single stray voxels do not count."""
    return points[np.argsort(points[:, 2])[-50:]].mean(axis=0)


def _axes_from(normal: NDArray[np.float64], upward: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frame (rows: left, back, up) with `upward` projected into the plane."""
    up = upward - (upward @ normal) * normal
    up /= np.linalg.norm(up)
    return np.array([normal, np.cross(up, normal), up])


def _centred_in_section(
    points: NDArray[np.float64], centre: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the centre moved to the middle, front to back, of the bone at its height."""
    relative = (points - centre) @ axes.T
    slab = relative[np.abs(relative[:, 2]) < 8]
    if len(slab) < 100:
        return centre
    front, back = np.percentile(slab[:, 1], (1, 99))
    return centre + 0.5 * (front + back) * axes[1]
