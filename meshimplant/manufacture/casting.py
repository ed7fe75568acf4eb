"""`Casting`: a part in the frame of its mould, as large as its cavity, and what the pieces are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from meshimplant.implant.surfaces import INNER
from meshimplant.manufacture.mould_frame import MouldFrame
from meshimplant.manufacture.parting import PartingSurface, columns, cross_2d, divided, inward
from meshimplant.mesh.convert import to_manifold

if TYPE_CHECKING:
    import manifold3d

#: Step along the edge of the inner surface, how far inside it heights are read, and over which width they are
#: averaged, mm.
_STEP_MM, _INSIDE_MM, _SMOOTH_MM = 0.5, 0.1, 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece of a mould.

    Attributes
    ----------
    name : str
        Its name, which is also engraved.
    body : Manifold
        The piece in the frame of the mould, without letters.
    face : CrossSection
        The flat face for letters, without openings.
    face_mm : float
        The height of that face.
    upside_down : bool
        Whether it is printed upside down; the flat face is then the upper one.
    """

    name: str
    body: manifold3d.Manifold
    face: manifold3d.CrossSection
    face_mm: float
    upside_down: bool


@dataclass(frozen=True, eq=False)
class Bores:
    """Channel, vents or sprue: where the cavity is open.

    Attributes
    ----------
    places : (n, 2) array
        Their middles, x and y in the frame of the mould.
    reach_mm : (n,) array
        Their radii where they meet the cavity.
    bodies : tuple of Manifold
        What hardens in them.
    """

    places: Floats
    reach_mm: Floats
    bodies: tuple[manifold3d.Manifold, ...] = ()


@dataclass(frozen=True, eq=False)
class Casting:
    """A part in the frame of its mould, larger than the part by what it shrinks.

    Attributes
    ----------
    frame : MouldFrame
        Where it lies; z from the outer to the inner surface.
    mesh : Trimesh
        It, in that frame.
    solid : Manifold
        It as a solid.
    parting : PartingSurface
        The surface through its border line.
    inner : PartingSurface
        The surface through the edge of its inner surface.
    """

    frame: MouldFrame
    mesh: trimesh.Trimesh
    solid: manifold3d.Manifold
    parting: PartingSurface
    inner: PartingSurface

    @classmethod
    def of(cls, mesh: trimesh.Trimesh, labels: NDArray[np.uint8], pull: Floats, scale: Floats) -> Casting:
        """Return the casting of a part whose faces have labels (m,), pulled along a direction (3,), LPS.

        `scale` (3,) is by how much it is larger along L, P and S.
        """
        frame = MouldFrame.of(mesh, pull)
        placed = frame.into(mesh, scale)
        parting = PartingSurface.of(placed)
        return cls(frame, placed, to_manifold(placed), parting, _inner_edge(placed, labels == INNER, parting))

    @property
    def low_mm(self) -> float:
        """Height of its lowest point."""
        return float(np.asarray(self.mesh.bounds)[0, 2])

    @property
    def high_mm(self) -> float:
        """Height of its highest point."""
        return float(np.asarray(self.mesh.bounds)[1, 2])


def low_around(mesh: trimesh.Trimesh, place: Floats, radius_mm: float) -> float:
    """Return the lowest height of the upper side of a mesh within a circle about (2,), mm."""
    turn = np.arange(24) * 2 * np.pi / 24
    circle = radius_mm * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return float(
        np.nanmin(columns(mesh, np.concatenate([place[None], place + circle, place + circle / 2]))[1])
    )


def _inner_edge(mesh: trimesh.Trimesh, inner: NDArray[np.bool_], parting: PartingSurface) -> PartingSurface:
    """Return the surface that passes through the edge of the inner surface, level with it."""
    import manifold3d

    triangles = np.asarray(mesh.triangles)[inner][:, :, :2]
    a, b, c = triangles.transpose(1, 0, 2)
    triangles = triangles[cross_2d(b - a, c - a) > 0]
    sheet = manifold3d.CrossSection(list(triangles), manifold3d.FillRule.NonZero)
    largest = max(sheet.to_polygons(), key=lambda each: manifold3d.CrossSection([each]).area())
    smooth = manifold3d.CrossSection([largest]).offset(0.3).offset(-0.6).offset(0.3).simplify(0.02)
    outline = max((smooth ^ parting.outline).decompose(), key=lambda each: each.area())
    outline = manifold3d.CrossSection([max(outline.to_polygons(), key=len)])
    border = divided(np.asarray(outline.to_polygons()[0]), _STEP_MM, even=True)
    high = columns(mesh, border + _INSIDE_MM * inward(border))[1]
    known = np.flatnonzero(~np.isnan(high))
    high = np.interp(np.arange(len(border)), known, high[known], period=len(border))
    heights = gaussian_filter1d(high, _SMOOTH_MM / _STEP_MM, mode="wrap")
    return PartingSurface(outline, border, heights, parting.middle)
