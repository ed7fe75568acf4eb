"""`MouldFrame`: where a part lies in its mould, with its outer surface down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.head.chart import axes_around
from meshimplant.mesh.convert import new_mesh, to_manifold

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MouldFrame:
    """The axes of a mould: x along the longer side of the part, z from the outer to the inner surface.

    Attributes
    ----------
    axes : (3, 3) array
        Unit vectors x, y and z as rows, LPS.
    origin_mm : (3,) array
        Their origin, LPS mm.
    """

    axes: Floats
    origin_mm: Floats

    @classmethod
    def of(cls, mesh: trimesh.Trimesh, pull: ArrayLike) -> MouldFrame:
        """Return the frame of a part whose outer half comes off along `pull` (3,), LPS."""
        axes = axes_around(-np.asarray(pull, float))
        flat = np.asarray(mesh.vertices) @ axes[:2].T
        shadow = to_manifold(new_mesh(np.asarray(mesh.vertices) @ axes.T, mesh.faces)).project().hull()
        corners = np.asarray(shadow.to_polygons()[0])
        turn = min(range(180), key=lambda each: (_box_mm2(corners, float(each)), each))
        cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
        turned = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]]) @ axes
        extent = np.ptp(flat @ np.array([[cosine, -sine], [sine, cosine]]), axis=0)
        if extent[1] > extent[0]:
            turned = np.stack([turned[1], -turned[0], turned[2]])
        return cls(turned, np.asarray(mesh.bounds).mean(axis=0))

    def into(self, mesh: trimesh.Trimesh, scale: ArrayLike = 1.0) -> trimesh.Trimesh:
        """Return a mesh, LPS mm, in this frame, scaled about the origin along L, P and S."""
        return new_mesh(
            ((np.asarray(mesh.vertices) - self.origin_mm) * np.asarray(scale, float)) @ self.axes.T,
            mesh.faces,
        )

    def out_of(self, points_mm: ArrayLike) -> Floats:
        """Return points (n, 3) of this frame in the patient, LPS mm."""
        return np.asarray(points_mm, float) @ self.axes + self.origin_mm


def printed(body: trimesh.Trimesh, *, turned: bool) -> trimesh.Trimesh:
    """Return a piece as it is printed: on z = 0, in the middle, turned upside down if asked."""
    vertices = np.asarray(body.vertices) * ((1.0, -1.0, -1.0) if turned else (1.0, 1.0, 1.0))
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return new_mesh(vertices - middle, body.faces)


def _box_mm2(corners: Floats, turn_deg: float) -> float:
    cosine, sine = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    width, depth = np.ptp(corners @ np.array([[cosine, -sine], [sine, cosine]]), axis=0)
    return round(float(width * depth), 3)
