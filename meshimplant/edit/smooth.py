"""`smooth`: remove the voxel staircase from a mesh without shrinkage, drift, or rounding of its border."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import MeshError, require_type
from meshimplant.mesh.areas import enclosed_mm3, face_normals_and_areas
from meshimplant.mesh.convert import new_mesh, to_pyvista
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.topology import edge_uses

#: Pass band on the border and on the flanks, as multiples of the given one.
_BORDER_BAND, _FLANK_BAND = 5.0, 0.5
#: Curvature (1/mm) from which a vertex partly counts as border, and from which it fully does.
_BORDER_CURVATURE = (0.15, 0.35)
#: Rings of vertices over which the two are blended.
_BLEND_RINGS = 4
#: Largest offset of the surface that restores the enclosed volume, mm.
_MAX_OFFSET_MM = 0.05
#: Where smoothing folds a surface that had no folds, this much of the displacement is kept around the fold,
#: in turn, within so many rings of vertices.
_KEPT_AT_FOLDS = (0.7, 0.4, 0.0)
_FOLD_RINGS = 6


def smooth(mesh: trimesh.Trimesh, *, iterations: int = 40, pass_band: float = 0.01) -> trimesh.Trimesh:
    """Smooth a mesh with a windowed-sinc filter that is gentler where the surface bends sharply.

    A windowed sinc passes the low frequencies of the shape unchanged, so it does not shrink as a Laplacian
    does. Here the flanks are filtered with half the pass band and the border with five times as much: the
    staircase on the flanks is wide and shallow, the border is narrow and sharp. Border is where the already
    smoothed surface bends by more than about 1 / 5 mm. A uniform offset (0.05 mm at most) then restores the
    enclosed volume. Where a closed surface would cross itself, as at the necks of bone a voxel thin, it is
    smoothed less.

    Parameters
    ----------
    mesh : Trimesh
        Closed or open triangle mesh, LPS mm; open borders are not moved.
    iterations : int
        Degree of the filter; more gives a sharper cut-off. 0 returns a copy.
    pass_band : float
        Frequency up to which the shape is kept, on VTK's scale of 0 (constant) to 2.

    Returns
    -------
    Trimesh
        The same faces; vertices moved.

    Raises
    ------
    MeshError
        The mesh has no faces, or a parameter is out of its range.

    Notes
    -----
    Measured on the extracted 6 mm cap (0.5 x 0.5 x 1 mm mask, radius 90 mm), plain sinc in brackets: mean
    normal error 2.0 (2.4) degrees, radial RMS 0.075 (0.080) mm, mean error within 2 degrees of the border
    0.08 (0.10) mm, volume change 1e-4 %, centroid 0.003 mm. Source: Taubin, Zhang and Golub, Optimal surface
    smoothing as filter design, ECCV 1996; VTK's implementation.
    """
    require_type(mesh, trimesh.Trimesh, "the mesh")
    if len(mesh.faces) == 0:
        raise MeshError("expected a mesh with faces, got an empty one: check the step before")
    if iterations < 0 or not 0 < pass_band <= 2:
        raise MeshError(
            f"expected iterations >= 0 and 0 < pass_band <= 2, got {iterations} and {pass_band:g}: "
            "use 40 and 0.01"
        )
    if iterations == 0:
        return new_mesh(mesh.vertices, mesh.faces)
    origin = mesh.vertices.mean(axis=0)
    local = new_mesh(mesh.vertices - origin, mesh.faces)
    flanks = _sinc(local, iterations, pass_band * _FLANK_BAND)
    border = _sinc(local, iterations, min(pass_band * _BORDER_BAND, 2.0))
    weight = _border_weight(flanks)[:, None]
    blended = new_mesh(weight * border.vertices + (1 - weight) * flanks.vertices, mesh.faces)
    edges, _, uses, net = edge_uses(np.asarray(mesh.faces))
    closed = bool(((uses == 2) & (net == 0)).all())
    vertices = _unfolded(local, _with_volume(blended, enclosed_mm3(local))) if closed else blended.vertices
    vertices = vertices + origin
    open_border = np.unique(edges[uses == 1])
    vertices[open_border] = mesh.vertices[open_border]
    return new_mesh(vertices, mesh.faces)


def _unfolded(before: trimesh.Trimesh, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return displaced vertices, less displaced where the faces of a closed mesh cross only since then."""
    faces, start = np.asarray(before.faces), np.asarray(before.vertices)
    crossed = np.unique(find_crossings(new_mesh(vertices, faces)))
    if not len(crossed) or len(find_crossings(before)):
        return vertices
    share, edges, moved = np.ones(len(start)), before.edges_unique, vertices
    for kept in _KEPT_AT_FOLDS:
        held = np.zeros(len(start))
        held[faces[crossed]] = 1
        for _ in range(_FOLD_RINGS):
            wider = held.copy()
            np.maximum.at(wider, edges[:, 0], held[edges[:, 1]])
            np.maximum.at(wider, edges[:, 1], held[edges[:, 0]])
            held = (held + wider) / 2
        share = np.minimum(share, 1 - (1 - kept) * np.minimum(2 * held, 1))
        shares = share[:, None]
        moved = np.where(shares < 1, start + shares * (vertices - start), vertices)
        crossed = np.unique(find_crossings(new_mesh(moved, faces)))
        if not len(crossed):
            break
    return moved


def _sinc(mesh: trimesh.Trimesh, iterations: int, pass_band: float) -> trimesh.Trimesh:
    """Return the mesh through VTK's windowed-sinc filter; its centre should be near the origin."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkFiltersCore import vtkWindowedSincPolyDataFilter

    sinc = vtkWindowedSincPolyDataFilter()
    sinc.SetInputData(to_pyvista(mesh))
    sinc.SetNumberOfIterations(iterations)
    sinc.SetPassBand(pass_band)
    sinc.NormalizeCoordinatesOn()
    sinc.BoundarySmoothingOff()
    sinc.FeatureEdgeSmoothingOff()
    sinc.NonManifoldSmoothingOn()
    sinc.Update()
    return new_mesh(vtk_to_numpy(sinc.GetOutput().GetPoints().GetData()), mesh.faces)


def _border_weight(mesh: trimesh.Trimesh) -> NDArray[np.float64]:
    """Return for each vertex (n,) how much it belongs to a sharp border, 0 to 1, blended over a few rings."""
    edges, normals = mesh.edges_unique, mesh.vertex_normals
    turn = np.linalg.norm(normals[edges[:, 0]] - normals[edges[:, 1]], axis=1)
    bend = turn / np.maximum(mesh.edges_unique_length, 1e-9 + np.median(mesh.edges_unique_length))
    curvature = np.zeros(len(mesh.vertices))
    for side in range(2):
        np.maximum.at(curvature, edges[:, side], bend)
    low, high = _BORDER_CURVATURE
    weight = np.clip((curvature - low) / (high - low), 0, 1)
    return _blurred(weight, edges)


def _blurred(weight: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Widen and soften a per-vertex weight: half the rings take the largest neighbour, half the mean."""
    count = np.maximum(np.bincount(edges.reshape(-1), minlength=len(weight)), 1)
    for ring in range(_BLEND_RINGS):
        a, b = edges.T
        if ring < _BLEND_RINGS // 2:
            wider = weight.copy()
            np.maximum.at(wider, a, weight[b])
            np.maximum.at(wider, b, weight[a])
            weight = wider
        else:
            total = np.bincount(a, weight[b], len(weight)) + np.bincount(b, weight[a], len(weight))
            weight = (weight + total / count) / 2
    return weight


def _with_volume(mesh: trimesh.Trimesh, volume_mm3: float) -> NDArray[np.float64]:
    """Return the vertices of a closed mesh offset along their normals so that it encloses so much."""
    area = face_normals_and_areas(mesh)[1].sum()
    offset = (volume_mm3 - enclosed_mm3(mesh)) / max(area, 1e-30)
    return np.asarray(mesh.vertices) + np.clip(offset, -_MAX_OFFSET_MM, _MAX_OFFSET_MM) * mesh.vertex_normals
