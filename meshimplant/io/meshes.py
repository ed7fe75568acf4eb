"""Meshes in and out of files: STL, 3MF, PLY, OBJ and GLB; always LPS millimetres inside."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, MeshError, OutputError, require_type
from meshimplant.io.atomic import atomic_path
from meshimplant.io.encode_mesh import GLTF_FROM_PATIENT, encode_glb, encode_obj, encode_ply, encode_stl
from meshimplant.io.payload import read_bytes
from meshimplant.io.threemf import MM_PER_UNIT, encode_3mf, model_head
from meshimplant.mesh.convert import new_mesh

#: Endings of the mesh files that can be read and written.
MESH_SUFFIXES = (".stl", ".3mf", ".ply", ".obj", ".glb")
#: Plausible extent of a head or of a part of it, mm. Below: metres. Above: micrometres, or metres converted
#: twice.
EXTENT_RANGE_MM = (2.0, 2000.0)

_FRAMES = {"LPS": np.array([1.0, 1.0, 1.0]), "RAS": np.array([-1.0, -1.0, 1.0])}


def read_mesh(path: str | Path, *, frame: str = "LPS") -> trimesh.Trimesh:
    """Read a triangle mesh as LPS millimetres.

    Nothing is repaired: open edges, flipped faces and duplicate vertices are left for `check` and `repair`.
    Only the corners of STL faces (and the copies that OBJ and GLB make for textures) are joined where they
    are exactly equal, and faces that lose their area because two corners coincide are dropped there. Polygons
    are split into triangles. Several bodies become one mesh.

    Parameters
    ----------
    path : str or Path
        ``.stl .ply .obj`` in millimetres, ``.3mf`` in the unit that it states, ``.glb`` in metres with y up,
        as glTF demands.
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
    path = Path(path)
    signs = frame_signs(frame)
    suffix = path.suffix.lower()
    if suffix not in MESH_SUFFIXES:
        raise FileReadError(
            f"expected a mesh ending in {', '.join(MESH_SUFFIXES)}, got {path.name}: convert it first"
        )
    data = read_bytes(path)
    head = _CHECKS[suffix](data, path.name)
    stated = re.search(rb"SPACE=(LPS|RAS)", head)
    if stated:
        signs = frame_signs(stated.group(1).decode())
    vertices, faces, unit = _load(data, suffix, name=path.name)
    if suffix == ".ply":
        _require_counts(head, vertices, faces, name=path.name)
    if suffix == ".glb":
        vertices = vertices @ GLTF_FROM_PATIENT * 1000
    vertices = vertices * _mm_per_unit(unit, name=path.name) * signs
    _require_head_sized(vertices, name=path.name)
    if suffix in (".stl", ".obj", ".glb"):
        vertices, faces = _join_equal(vertices, faces)
    return new_mesh(vertices, faces)


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


def _encode(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], suffix: str, *, frame: str, name: str
) -> bytes:
    from meshimplant.version import __version__

    product, place = f"meshimplant {__version__}", f"unit=mm SPACE={frame}"
    header = f"{product} {' '.join(name.split())[:30]} {place}"
    if suffix == ".3mf":
        description = f"Patient coordinates, {place}"
        metadata = {"Title": name, "Application": product, "Description": description}
        return encode_3mf(vertices, faces, name=name, metadata=metadata)
    if suffix == ".glb":
        return encode_glb(vertices, faces, name=name, header=f"{product}; patient coordinates, SPACE={frame}")
    encoders = {".stl": encode_stl, ".ply": encode_ply, ".obj": encode_obj}
    return encoders[suffix](vertices, faces, header=header)


def _load(
    data: bytes, suffix: str, *, name: str
) -> tuple[NDArray[np.float64], NDArray[np.int64], str | None]:
    """Return vertices, faces and the stated unit of all bodies together."""
    try:
        scene = trimesh.load_scene(
            io.BytesIO(data), file_type=suffix[1:], process=False, **_LOADER_OPTIONS.get(suffix, {})
        )
        bodies = [body for body in scene.dump() if isinstance(body, trimesh.Trimesh)]
        unit = scene.units if suffix == ".3mf" else None
        vertices = [np.asarray(body.vertices, np.float64).reshape(-1, 3) for body in bodies]
    except Exception as error:  # parsers fail in many ways on a damaged file
        raise FileReadError(
            f"expected a readable {suffix[1:].upper()} mesh in {name}, got a damaged or truncated one: copy "
            "or export it again"
        ) from error
    starts = np.cumsum([0, *(len(v) for v in vertices)])
    faces = [np.asarray(body.faces, np.int64) + start for body, start in zip(bodies, starts, strict=False)]
    if not sum(len(f) for f in faces):
        raise FileReadError(
            f"expected triangles in {name}, got none (points or lines only?): export a surface mesh"
        )
    together, triangles = np.concatenate(vertices), np.concatenate(faces)
    if triangles.min() < 0 or triangles.max() >= len(together):
        raise FileReadError(
            f"expected faces between the {len(together)} vertices of {name}, "
            "got indices of vertices that do not exist: export it again"
        )
    return together, triangles, unit


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


def _mm_per_unit(unit: str | None, *, name: str) -> float:
    """Return the millimetres in a stated unit; trimesh puts some units in the plural."""
    if unit is None:
        return 1.0
    singular = {"feet": "foot", "inches": "inch"}.get(unit, unit.rstrip("s"))
    if singular not in MM_PER_UNIT:
        raise GeometryError(f"expected a length unit in {name}, got {unit!r}: export it in millimetres")
    return MM_PER_UNIT[singular]


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


def _require_counts(head: bytes, vertices: NDArray[Any], faces: NDArray[Any], *, name: str) -> None:
    """Compare the content of a PLY with the counts in its header."""
    stated = {key: int(count) for key, count in re.findall(rb"element (vertex|face) (\d+)", head)}
    if len(vertices) != stated.get(b"vertex") or len(faces) < stated.get(b"face", 0):
        raise FileReadError(
            f"expected {stated.get(b'vertex')} vertices and {stated.get(b'face')} faces in {name}, "
            f"got {len(vertices)} and {len(faces)}: the file is truncated, copy it again"
        )


# -- checks before parsing: each returns the bytes that may state a frame ------------------------------------


def _check_stl(data: bytes, name: str) -> bytes:
    expected = 84 + 50 * struct.unpack_from("<I", data, 80)[0] if len(data) >= 84 else -1
    is_text = data.lstrip()[:5].lower() == b"solid" and b"facet" in data[:1024]
    if len(data) != expected and not (is_text and b"endsolid" in data[-1024:].lower()):
        raise FileReadError(
            f"expected a complete STL mesh in {name}, got a truncated or foreign file: export it again"
        )
    return data[:1024] if is_text else data[:80]


def _check_glb(data: bytes, name: str) -> bytes:
    if data[:4] != b"glTF" or len(data) < 20 or struct.unpack_from("<I", data, 8)[0] > len(data):
        raise FileReadError(
            f"expected a complete binary glTF in {name}, got a truncated or foreign file: export it again"
        )
    return data[:4096]


def _check_ply(data: bytes, name: str) -> bytes:
    end = data[: 1 << 16].find(b"end_header")
    if data[:3] != b"ply" or end < 0:
        raise FileReadError(
            f"expected a PLY mesh in {name}, got a truncated or foreign file: copy or export it again"
        )
    return data[:end]


def _check_obj(data: bytes, name: str) -> bytes:
    if not re.search(rb"^v\s", data, flags=re.MULTILINE):
        raise FileReadError(
            f"expected an OBJ mesh in {name}, got a file without vertices: copy or export it again"
        )
    return data[:1024]


def _check_3mf(data: bytes, name: str) -> bytes:
    return model_head(data, name=name)


_CHECKS: dict[str, Callable[[bytes, str], bytes]] = {
    ".stl": _check_stl,
    ".ply": _check_ply,
    ".obj": _check_obj,
    ".glb": _check_glb,
    ".3mf": _check_3mf,
}
_LOADER_OPTIONS: dict[str, dict[str, Any]] = {".obj": {"skip_materials": True, "maintain_order": True}}
