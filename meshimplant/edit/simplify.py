"""`simplify`: fewer faces, the same surface, still a solid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import trimesh

from meshimplant.errors import MeshError, require_type
from meshimplant.mesh.areas import face_normals_and_areas
from meshimplant.mesh.aspect_ratio import aspect_ratios, improve_aspect_ratios
from meshimplant.mesh.convert import from_manifold, from_pyvista, new_mesh, to_manifold, to_pyvista
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.deviation import deviation_mm
from meshimplant.mesh.topology import as_written, topology_flaws

#: Trials between the requested and the present number of faces when the deviation forbids the requested one.
_TRIALS = 5
#: Fractions of the allowed deviation that removing slivers may use in one step; the second is tried where the
#: first leaves a 99th percentile of the aspect ratio above this limit (coarse meshes).
_SHAPE_SHARES, _ASPECT = (0.4, 1.0), 10.0
#: Area of an equilateral triangle, as a multiple of its edge's square.
_EQUILATERAL = 3**0.5 / 4


def simplify(
    mesh: trimesh.Trimesh,
    *,
    max_faces: int = 150_000,
    max_deviation_mm: float = 0.05,
    simple: bool = False,
) -> trimesh.Trimesh:
    """Reduce the number of faces and remove slivers, within a deviation and without breaking the solid.

    Edges are collapsed by the quadric error, then slivers are removed (`improve_aspect_ratios`), also from
    meshes that have few enough faces: marching cubes and every cut leave them. The result is measured against
    the input: the 99th percentile of the distance, both ways, must not exceed `max_deviation_mm`, and no
    open, non-manifold or self-intersecting place may appear that the input did not have. If the requested
    number cannot be reached, the smallest number that was reached is returned: compare ``len(result.faces)``
    with `max_faces`.

    Parameters
    ----------
    mesh : Trimesh
        Closed mesh, LPS mm.
    max_faces : int
        Largest number of faces. A mesh with no more faces and no slivers is returned as a copy.
    max_deviation_mm : float
        Largest 99th percentile of the distance between the two surfaces.
    simple : bool
        True if the mesh is known to have no self-intersections, as after `repair`; this saves time only.

    Returns
    -------
    Trimesh
        A new mesh; the input is unchanged.

    Raises
    ------
    MeshError
        The mesh is empty, or a limit is not positive.

    Notes
    -----
    Measured on a smoothed 6 mm cap of 297 000 faces: 150 000 faces in 3 s, p99 0.001 mm, aspect ratio p99
    7.4; 30 000 faces: p99 0.011 mm, 9.0. Six designed implants of 100 000 to 112 000 faces, which need no
    reduction: aspect ratio p99 from 12.2-14.6 to 5.8-6.0, p99 of the distance 0.002 mm, no
    self-intersections, 3 s. manifold3d's simplify reaches aspect ratios of 20 to 40 and is used only where
    the collapse breaks the solid.
    """
    require_type(mesh, trimesh.Trimesh, "the mesh")
    if len(mesh.faces) == 0 or max_faces < 4 or max_deviation_mm <= 0:
        raise MeshError(
            "expected a mesh with faces, max_faces >= 4 and max_deviation_mm > 0, got "
            f"{len(mesh.faces)} faces, {max_faces} and {max_deviation_mm:g}"
        )
    reduced = mesh if len(mesh.faces) <= max_faces else _reduced(mesh, max_faces, max_deviation_mm)
    result, known = reduced, simple and reduced is mesh
    for share in _SHAPE_SHARES:
        shaped = improve_aspect_ratios(reduced, max_deviation_mm=share * max_deviation_mm, simple=known)
        if _within(shaped, mesh, max_deviation_mm):
            result = shaped
        if np.percentile(aspect_ratios(np.asarray(result.triangles)), 99) <= _ASPECT:
            break
    return new_mesh(result.vertices, result.faces)


def coarsened(mesh: trimesh.Trimesh, edge_mm: float) -> trimesh.Trimesh:
    """Return a smooth closed mesh with about as many faces as equilateral triangles of the given edge.

    Voxels of 0.45 mm yield three times as many faces as a surface smoothed over centimetres needs, and the
    time of every later step grows with the faces. Edges are collapsed by the quadric error, which preserves
    borders. A mesh that has no more faces, or would not stay closed and free of crossings, is returned
    unchanged.

    Notes
    -----
    Measured on the smoothed implant of a skull at 0.46 x 0.46 x 0.63 mm, edges of 0.8 mm: 173 000 to 69 000
    faces, distance p99 0.003 mm, 0.9 s. On five skulls (0.43 to 0.55 mm) the designed parts are as accurate
    as with all faces, within 0.001 mm RMS, with half as many faces, and the steps from trim to check take two
    thirds of the time.
    """
    wanted = int(face_normals_and_areas(mesh)[1].sum() / (_EQUILATERAL * edge_mm**2))
    if wanted >= len(mesh.faces):
        return mesh
    origin = mesh.vertices.mean(axis=0)
    fewer = _collapsed(new_mesh(mesh.vertices - origin, mesh.faces), wanted)
    sound = _is_closed(fewer) and not len(find_crossings(fewer))
    return new_mesh(fewer.vertices + origin, fewer.faces) if sound else mesh


def _reduced(mesh: trimesh.Trimesh, max_faces: int, max_deviation_mm: float) -> trimesh.Trimesh:
    """Return the first reduced mesh that is a solid if the input is; otherwise the input."""
    origin = mesh.vertices.mean(axis=0)
    local = new_mesh(mesh.vertices - origin, mesh.faces)
    closed = _is_closed(local)
    for candidate in _candidates(local, max_faces, max_deviation_mm):
        if not closed or (_is_closed(candidate) and not len(find_crossings(as_written(candidate)))):
            return new_mesh(candidate.vertices + origin, candidate.faces)
    return mesh


def _candidates(mesh: trimesh.Trimesh, max_faces: int, max_deviation_mm: float) -> Iterator[trimesh.Trimesh]:
    """Yield results within the deviation, the preferred one first."""
    fewest, most, best = float(max_faces), float(len(mesh.faces)), None
    wanted = max_faces
    for _ in range(_TRIALS):
        reduced = _collapsed(mesh, wanted)
        if _within(reduced, mesh, max_deviation_mm):
            best, most = reduced, wanted
        else:
            fewest = wanted
        if most <= 1.05 * fewest:
            break
        wanted = int(np.sqrt(fewest * most))
    if best is not None:
        yield best
    if _is_closed(mesh):
        tolerance = max_deviation_mm / 2
        for _ in range(_TRIALS):
            reduced = from_manifold(to_manifold(mesh).simplify(tolerance))
            if _within(reduced, mesh, max_deviation_mm):
                yield reduced
            tolerance /= 2


def _collapsed(mesh: trimesh.Trimesh, faces: int) -> trimesh.Trimesh:
    """Return the mesh with about `faces` faces, by VTK's quadric edge collapse."""
    return from_pyvista(to_pyvista(mesh).decimate(1 - faces / len(mesh.faces)))


def _within(reduced: trimesh.Trimesh, mesh: trimesh.Trimesh, max_deviation_mm: float) -> bool:
    return (
        len(reduced.faces) >= 4 and float(np.percentile(deviation_mm(reduced, mesh), 99)) <= max_deviation_mm
    )


def _is_closed(mesh: trimesh.Trimesh) -> bool:
    return not any(len(places) for places in topology_flaws(as_written(mesh)).values())
