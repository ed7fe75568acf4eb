"""Bytes of a mesh file as vertices and triangles in millimetres, with what was noticed on the way."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.mesh_files.encode_mesh import GLTF_FROM_PATIENT
from meshimplant.io.mesh_files.obj_polygons import has_obj_polygons, read_obj_polygons
from meshimplant.io.mesh_files.ply_polygons import has_ply_polygons, read_ply_polygons
from meshimplant.io.mesh_files.polygons import SplitPolygons
from meshimplant.io.mesh_files.stl import decode_stl
from meshimplant.io.mesh_files.threemf import model_head
from meshimplant.io.mesh_files.threemf_objects import decode_3mf
from meshimplant.report import Finding


@dataclass(frozen=True)
class DecodedMesh:
    """Content of a mesh file.

    Attributes
    ----------
    vertices_mm : (n, 3) array
        Vertices in the frame of the file.
    faces : (m, 3) array of int
        Triangles.
    head : bytes
        The part of the file that may state its frame.
    findings : tuple of Finding
        What was left out, or had to be interpreted.
    """

    vertices_mm: NDArray[np.float64]
    faces: NDArray[np.int64]
    head: bytes
    findings: tuple[Finding, ...] = ()


def decode_mesh(data: bytes, suffix: str, *, name: str) -> DecodedMesh:
    """Decode a mesh file; all bodies become one mesh, and polygons are split into triangles.

    Parameters
    ----------
    data : bytes
        The whole file.
    suffix : str
        ``.stl .3mf .ply .obj .glb``.
    name : str
        Name of the file, for messages.

    Returns
    -------
    DecodedMesh

    Raises
    ------
    FileReadError
        The file is truncated, damaged, or holds no triangles.
    GeometryError
        The file states an unknown unit.
    """
    try:
        decoded = _DECODERS[suffix](data, name)
    except InputError:
        raise
    except Exception as error:  # parsers fail in many ways on a damaged file
        raise FileReadError(
            f"expected a readable {suffix[1:].upper()} mesh in {name}, got a damaged or truncated one: copy "
            "or export it again"
        ) from error
    faces, count = decoded.faces, len(decoded.vertices_mm)
    if not len(faces):
        raise FileReadError(
            f"expected triangles in {name}, got none (points or lines only?): export a surface mesh"
        )
    if faces.min() < 0 or faces.max() >= count:
        raise FileReadError(
            f"expected faces between the {count} vertices of {name}, "
            "got indices of vertices that do not exist: export it again"
        )
    return decoded


def _stl(data: bytes, name: str) -> DecodedMesh:
    facets = decode_stl(data, name=name)
    count = len(facets.corners)
    corners = np.arange(3 * count, dtype=np.int64).reshape(-1, 3)
    return DecodedMesh(facets.corners.reshape(-1, 3), corners, facets.head, facets.findings)


def _3mf(data: bytes, name: str) -> DecodedMesh:
    head = model_head(data, name=name)
    solids = decode_3mf(data, name=name)
    return DecodedMesh(solids.vertices_mm, solids.faces, head, solids.findings)


def _glb(data: bytes, name: str) -> DecodedMesh:
    if data[:4] != b"glTF" or len(data) < 20 or struct.unpack_from("<I", data, 8)[0] > len(data):
        raise FileReadError(
            f"expected a complete binary glTF in {name}, got a truncated or foreign file: export it again"
        )
    vertices, faces = _through_trimesh(data, "glb")
    return DecodedMesh(vertices @ GLTF_FROM_PATIENT * 1000, faces, data[:4096])


def _ply(data: bytes, name: str) -> DecodedMesh:
    end = data[: 1 << 16].find(b"end_header")
    if data[:3] != b"ply" or end < 0:
        raise FileReadError(
            f"expected a PLY mesh in {name}, got a truncated or foreign file: copy or export it again"
        )
    if has_ply_polygons(data):
        return _split(*read_ply_polygons(data), data[:end])
    vertices, faces = _through_trimesh(data, "ply")
    stated = {key: int(count) for key, count in re.findall(rb"element (vertex|face) (\d+)", data[:end])}
    if (len(faces) and len(vertices) != stated.get(b"vertex")) or len(faces) < stated.get(b"face", 0):
        raise FileReadError(
            f"expected {stated.get(b'vertex')} vertices and {stated.get(b'face')} faces in {name}, "
            f"got {len(vertices)} and {len(faces)}: the file is truncated, copy it again"
        )
    return DecodedMesh(vertices, faces, data[:end])


def _obj(data: bytes, name: str) -> DecodedMesh:
    if not re.search(rb"^v\s", data, flags=re.MULTILINE):
        raise FileReadError(
            f"expected an OBJ mesh in {name}, got a file without vertices: copy or export it again"
        )
    if has_obj_polygons(data):
        return _split(*read_obj_polygons(data), data[:1024])
    vertices, faces = _through_trimesh(data, "obj", skip_materials=True, maintain_order=True)
    return DecodedMesh(vertices, faces, data[:1024])


_DECODERS: dict[str, Callable[[bytes, str], DecodedMesh]] = {
    ".stl": _stl,
    ".3mf": _3mf,
    ".ply": _ply,
    ".obj": _obj,
    ".glb": _glb,
}


def _split(vertices: NDArray[np.float64], split: SplitPolygons, head: bytes) -> DecodedMesh:
    findings: tuple[Finding, ...] = ()
    if split.crossing:
        message = "Polygons whose sides cross each other became triangles that cross, too: repair the mesh."
        findings = (Finding("input.crossing_polygons", "warning", message, split.crossing, 0.0, "polygons"),)
    return DecodedMesh(vertices, split.faces, head, findings)


def _through_trimesh(data: bytes, kind: str, **options: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices and faces of all bodies together."""
    scene = trimesh.load_scene(io.BytesIO(data), file_type=kind, process=False, **options)
    bodies = [body for body in scene.dump() if isinstance(body, trimesh.Trimesh)]
    vertices = [np.asarray(body.vertices, np.float64).reshape(-1, 3) for body in bodies]
    starts = np.cumsum([0, *(len(v) for v in vertices)])
    faces = [np.asarray(body.faces, np.int64) + start for body, start in zip(bodies, starts, strict=False)]
    if not bodies:
        return np.zeros((0, 3)), np.zeros((0, 3), np.int64)
    return np.concatenate(vertices), np.concatenate(faces)
