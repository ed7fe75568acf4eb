"""`OuterBone`: the outer surface of a skull around a place, with everything under it filled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, nearest_direction
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.voxels.distance import distance_inside, distance_outside, signed_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: Voxels this far below the outer end of a column of bone count as filled, mm: more than what two columns
#: side by side differ by on a steep surface.
_BELOW_MM = 2.0
#: Width of the voxels at which columns are looked up, mm.
_COARSE_MM = 3.0
#: Grooves of the outer surface narrower than twice this are filled (sutures, vessels), mm.
_GROOVE_MM = 1.5
#: The normal of the bone is that of the plane through so many columns around, 2 mm apart: 8 mm to each side.
_NEIGHBOURS = 48
#: Steps in which a point is moved onto the surface, and when it is there, mm.
_STEPS, _THERE_MM = 12, 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OuterBone:
    """The outer surface of a skull in a box.

    Attributes
    ----------
    pose : HeadPose
        The head's frame.
    columns : Columns
        Columns of bone along `direction_sphere`.
    field : Volume
        Signed distance to the outer surface on a box of the skull's grid, float32 mm, positive inside the
        head: the space under the outer table and grooves narrower than 3 mm count as filled.
    """

    pose: HeadPose
    columns: Columns
    field: Volume

    @classmethod
    def around(
        cls, skull: Volume, pose: HeadPose, columns: Columns, points_mm: ArrayLike, *, margin_mm: float
    ) -> OuterBone:
        """Return the outer surface of a skull (a mask) around points (n, 3), LPS mm, with a margin."""
        low, high = skull.box_around(np.asarray(points_mm, float), np.ceil(margin_mm / skull.spacing_mm))
        box = skull.crop(low, high)
        filled = (box.array != 0) | (_depths(box, pose, columns).array > _BELOW_MM)
        return cls(pose, columns, signed_distance(box.with_array(_without_grooves(filled, box.spacing_mm))))

    @cached_property
    def points_mm(self) -> Floats:
        """Outer ends of the columns of bone (n, 3), LPS mm."""
        found = ~self.columns.missing
        directions = direction_sphere()[0][found] @ self.pose.axes
        return np.asarray(self.pose.centre_mm + self.columns.outer_mm[found, None] * directions)

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points_mm)

    def depth_mm(self, points_mm: ArrayLike) -> Floats:
        """Return how deep (n,) points (n, 3) lie under the outer surface; negative outside the head."""
        return sample(self.field, points_mm, fill=-1e3)

    def outward_at(self, points_mm: ArrayLike) -> Floats:
        """Return unit normals (n, 3) out of the head of the planes that fit the bone around points (n, 3)."""
        near = self.points_mm[self._tree.query(np.asarray(points_mm, float), k=_NEIGHBOURS)[1]]
        arm = near - near.mean(axis=1, keepdims=True)
        normal = np.linalg.eigh(np.einsum("nki,nkj->nij", arm, arm))[1][:, :, 0]
        away = np.einsum("ni,ni->n", normal, near.mean(axis=1) - self.pose.centre_mm)
        return np.asarray(normal * np.where(away < 0, -1.0, 1.0)[:, None])

    def projected(self, points_mm: ArrayLike) -> Floats:
        """Return points (n, 3) moved onto the outer surface along its normals; nan where none is reached."""
        points = np.array(points_mm, float)
        normals = self.outward_at(points)
        depth = self.depth_mm(points)
        for _ in range(_STEPS):
            points += np.where(np.abs(depth) < 500, depth, 0.0)[:, None] * normals
            depth = self.depth_mm(points)
            if np.abs(depth).max(initial=0.0) < _THERE_MM:
                break
        points[np.abs(depth) > 0.1] = np.nan
        return points


def depth_in_columns(points_mm: ArrayLike, pose: HeadPose, columns: Columns) -> Floats:
    """Return how far (n,) points (n, 3), LPS mm, lie below the outer end of the column of bone at them.

    It is measured from the head's centre, and nan where there is no bone.
    """
    local = (np.asarray(points_mm, float) - pose.centre_mm) @ pose.axes.T
    radius = np.linalg.norm(local, axis=1)
    return np.asarray(columns.outer_mm[nearest_direction(local)] - radius)


def directions_of(points_mm: ArrayLike, pose: HeadPose) -> Floats:
    """Return unit directions (n, 3) in the head's frame from its centre to points (n, 3), LPS mm."""
    return unit_vectors((np.asarray(points_mm, float) - pose.centre_mm) @ pose.axes.T)


def _depths(box: Volume, pose: HeadPose, columns: Columns) -> Volume:
    """Return `depth_in_columns` at the voxels of a box, float32, interpolated from coarser ones."""
    factor = np.maximum(1, np.rint(_COARSE_MM / box.spacing_mm)).astype(int)
    shape = tuple(int(n) for n in np.ceil(np.array(box.shape) / factor) + 1)
    coarse = Volume(np.zeros(shape, np.float32), box.coarsened(factor))
    points = coarse.to_mm(np.indices(shape).reshape(3, -1).T)
    depth = np.nan_to_num(depth_in_columns(points, pose, columns), nan=-_COARSE_MM)
    return coarse.with_array(depth.reshape(shape).astype(np.float32)).resample_to(box.grid)


def _without_grooves(filled: NDArray[np.bool_], spacing_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask closed by `_GROOVE_MM`; at the edge of the box it stays as it is."""
    grown = distance_outside(filled, spacing_mm) <= _GROOVE_MM
    return filled | (distance_inside(grown, spacing_mm) > _GROOVE_MM)
