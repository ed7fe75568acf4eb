"""`border_points`, `hole_points`: points on a part's border wall, and on the walls of its holes."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import MeshError
from meshimplant.implant.surfaces import WALL, Surfaces
from meshimplant.mesh.topology import face_groups
from meshimplant.strength.surface_samples import SurfaceSamples

#: A piece of wall that reaches over less than this fraction of its body's longest piece is the wall of a
#: hole.
_HOLE_FRACTION = 0.5


def border_points(part: trimesh.Trimesh, surfaces: Surfaces, samples: SurfaceSamples) -> NDArray[np.float64]:
    """Return the samples (n, 3) of a part's surface that lie on the border of its bodies, LPS mm.

    Raises
    ------
    MeshError
        The part has no border wall: outer and inner surface meet in an edge.
    """
    return samples.points_mm[_border_faces(part, surfaces)[samples.faces]]


def hole_points(part: trimesh.Trimesh, surfaces: Surfaces, samples: SurfaceSamples) -> NDArray[np.float64]:
    """Return the samples (n, 3) of a part's wall that do not lie on its border, LPS mm."""
    wall = surfaces.face_labels == WALL
    return samples.points_mm[(wall & ~_border_faces(part, surfaces))[samples.faces]]


def _border_faces(part: trimesh.Trimesh, surfaces: Surfaces) -> NDArray[np.bool_]:
    """Return which faces (n,) belong to the border wall; raise `MeshError` for none."""
    faces = np.asarray(part.faces)
    wall = np.flatnonzero(surfaces.face_labels == WALL)
    if not len(wall):
        raise MeshError("expected a part with a border wall to hold it by, got none: give fixation points")
    pieces = face_groups(faces[wall])
    reach = _extents(part.triangles[wall], pieces)
    body_of = face_groups(faces)[wall[np.unique(pieces, return_index=True)[1]]]
    longest = np.zeros(int(body_of.max()) + 1)
    np.maximum.at(longest, body_of, reach)
    border = np.zeros(len(faces), bool)
    border[wall] = (reach >= _HOLE_FRACTION * longest[body_of])[pieces]
    return border


def _extents(triangles: NDArray[np.float64], pieces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the diagonal (p,) of the box around each piece of triangles (m, 3, 3)."""
    low = np.full((int(pieces.max()) + 1, 3), np.inf)
    high = -low
    np.minimum.at(low, pieces, triangles.min(axis=1))
    np.maximum.at(high, pieces, triangles.max(axis=1))
    return np.asarray(np.linalg.norm(high - low, axis=1))
