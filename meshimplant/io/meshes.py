"""Meshes in and out of files: STL, 3MF, PLY, OBJ and GLB; always LPS millimetres inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, MeshError, OutputError, require_type
from meshimplant.io.atomic import atomic_path
from meshimplant.io.mesh_files.decode_mesh import decode_mesh
from meshimplant.io.mesh_files.encode_mesh import encode_glb, encode_obj, encode_ply, encode_stl
from meshimplant.io.mesh_files.threemf import Object, encode_3mf
from meshimplant.io.payload import read_bytes
from meshimplant.io.zipped import is_zip, unzipped
from meshimplant.mesh.convert import new_mesh
from meshimplant.report import Finding

#: Endings of the mesh files that can be read and written.
MESH_SUFFIXES = (".stl", ".3mf", ".ply", ".obj", ".glb")
#: Plausible extent of a head or of a part of it, mm. Below: metres. Above: micrometres, or metres converted
#: twice.
EXTENT_RANGE_MM = (2.0, 2000.0)

_FRAMES = {"LPS": np.array([1.0, 1.0, 1.0]), "RAS": np.array([-1.0, -1.0, 1.0])}


@dataclass(frozen=True, eq=False)
class LoadedMesh:
    """A mesh as it was read.

    Attributes
    ----------
    mesh : Trimesh
        Vertices in LPS millimetres.
    findings : tuple of Finding
        What was left out, or had to be interpreted.
    """

    mesh: trimesh.Trimesh
    findings: tuple[Finding, ...] = ()


def read_mesh(path: str | Path, *, frame: str = "LPS") -> trimesh.Trimesh:
    """Read a triangle mesh as LPS millimetres.

    Nothing is repaired: open edges, flipped faces and duplicate vertices are left for `check` and `repair`.
    Only the corners of STL faces (and the copies that OBJ and GLB make for textures) are joined where they
    are exactly equal, and faces that lose their area because two corners coincide are dropped there. Polygons
    are split into triangles that do not cross. Several bodies become one mesh; the supports in a 3MF are left
    out. `load_mesh` returns the findings, too.

    Parameters
    ----------
    path : str or Path
        ``.stl .ply .obj`` in millimetres, ``.3mf`` in the unit that it states, ``.glb`` in metres with y up,
        as glTF demands; or a ``.zip`` that holds one of them.
    frame : str
        "LPS" or "RAS": the frame of the file's numbers, unless the file states its own (``SPACE=RAS`` in the
        header, as 3D Slicer and this program write).

    Returns
    -------
    Trimesh
        Vertices in LPS millimetres.

    Raises
    ------
    FileReadError
        The file is missing, truncated, holds no triangles, or is not what its name says.
    GeometryError
        The mesh is too small or too large to be a head in millimetres, holds NaN, or `frame` is unknown.
    """
    return load_mesh(path, frame=frame).mesh


def load_mesh(path: str | Path, *, frame: str = "LPS") -> LoadedMesh:
    """Read a triangle mesh as LPS millimetres, with findings about what was left out or interpreted.

    Method and errors are those of `read_mesh`.

    Parameters
    ----------
    path : str or Path
        The file, see `read_mesh`.
    frame : str
        "LPS" or "RAS": the frame of a file that does not state its own.

    Returns
    -------
    LoadedMesh
        The mesh, and the findings.
    """
    path = Path(path)
    signs = frame_signs(frame)
    if is_zip(path):
        with unzipped(path, MESH_SUFFIXES, of_mesh=True) as member:
            return load_mesh(member, frame=frame)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise FileReadError(
            f"expected a mesh ending in {', '.join(MESH_SUFFIXES)}, got {path.name}: convert it first"
        )
    decoded = decode_mesh(read_bytes(path), suffix, name=path.name)
    stated = re.search(rb"SPACE=(LPS|RAS)", decoded.head)
    if stated:
        signs = frame_signs(stated.group(1).decode())
    vertices, faces = decoded.vertices_mm * signs, decoded.faces
    _require_head_sized(vertices, name=path.name)
    if suffix in (".stl", ".obj", ".glb"):
        vertices, faces = _join_equal(vertices, faces)
    return LoadedMesh(new_mesh(vertices, faces), decoded.findings)


def write_mesh(mesh: trimesh.Trimesh, path: str | Path, *, frame: str = "LPS", name: str = "implant") -> None:
    """Write a mesh to ``.stl`` (binary), ``.3mf``, ``.ply``, ``.obj`` or ``.glb``.

    Equal meshes give equal bytes; no time, user or path is written. Each file states unit and frame:
    ``unit=mm SPACE=LPS`` in the header of STL, PLY and OBJ (3D Slicer follows it), unit and metadata in 3MF;
    GLB is in metres with y up, as glTF demands. An existing file is replaced as a whole or not at all.

    Parameters
    ----------
    mesh : Trimesh
        Vertices in LPS millimetres.
    path : str or Path
        The file to write.
    frame : str
        "LPS" or "RAS": the frame to write in.
    name : str
        What the object is called inside the file; never a patient's name.

    Raises
    ------
    MeshError
        The mesh is empty or holds NaN.
    OutputError
        The ending is none of these, or the file cannot be written.
    """
    require_type(mesh, trimesh.Trimesh, "the mesh")
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise OutputError(
            f"expected a mesh name ending in {', '.join(MESH_SUFFIXES)}, got {path.name}: choose one of these"
        )
    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise MeshError(
            f"expected a mesh of finite triangles to write to {path.name}, got {len(mesh.faces)} faces"
            f"{' with NaN' if len(mesh.faces) else ''}: repair it first"
        )
    vertices = np.asarray(mesh.vertices, np.float64) * frame_signs(frame)
    data = _encode(vertices, np.asarray(mesh.faces, np.int64), suffix, frame=frame, name=name)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def metadata_3mf(name: str, frame: str) -> dict[str, str]:
    """Return the metadata that every 3MF states: title, program, unit and frame."""
    from meshimplant.version import __version__

    return {
        "Title": name,
        "Application": f"meshimplant {__version__}",
        "Description": f"Patient coordinates, unit=mm SPACE={frame}",
        "Frame": frame,
    }


def _encode(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], suffix: str, *, frame: str, name: str
) -> bytes:
    from meshimplant.version import __version__

    product, place = f"meshimplant {__version__}", f"unit=mm SPACE={frame}"
    header = f"{product} {' '.join(name.split())[:30]} {place}"
    if suffix == ".3mf":
        return encode_3mf([Object(name, vertices, faces)], metadata=metadata_3mf(name, frame))
    if suffix == ".glb":
        return encode_glb(vertices, faces, name=name, header=f"{product}; patient coordinates, SPACE={frame}")
    encoders = {".stl": encode_stl, ".ply": encode_ply, ".obj": encode_obj}
    return encoders[suffix](vertices, faces, header=header)


def _join_equal(
    vertices: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Join exactly equal vertices in order of first appearance; drop faces that use one vertex twice."""
    _, first, inverse = np.unique(vertices + 0.0, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    faces = rank[inverse.ravel()][faces]
    proper = (faces != np.roll(faces, 1, axis=1)).all(axis=1)
    return vertices[first[order]], faces[proper]


def frame_signs(frame: str) -> NDArray[np.float64]:
    """Return the signs (3,) that convert LPS to a frame and back; raise `GeometryError` if unknown."""
    if frame not in _FRAMES:
        raise GeometryError(f"expected frame LPS or RAS, got {frame!r}: name one of the two")
    return _FRAMES[frame]


def _require_head_sized(vertices: NDArray[np.float64], *, name: str) -> None:
    if not np.isfinite(vertices).all():
        raise GeometryError(f"expected finite coordinates in {name}, got NaN or infinity: export it again")
    extent = float(np.ptp(vertices, axis=0).max())
    low, high = EXTENT_RANGE_MM
    if not low <= extent <= high:
        guess = "metres, scale it by 1000" if extent < low else "another unit, scale it to millimetres"
        raise GeometryError(
            f"expected a mesh {low:g} to {high:g} mm wide in {name}, "
            f"got {extent:.4g} mm: it is probably in {guess}"
        )
