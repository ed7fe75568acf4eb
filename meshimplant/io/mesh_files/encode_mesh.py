"""Meshes as bytes of STL, PLY, OBJ and GLB; equal meshes give equal bytes, and each states unit and frame."""

from __future__ import annotations

import json
import struct

import numpy as np
from numpy.typing import NDArray

#: Axes of glTF in LPS, as rows: y is up, z points to the front (specification 2.0, section 3.4).
GLTF_FROM_PATIENT = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])


def encode_stl(vertices_mm: NDArray[np.float64], faces: NDArray[np.int64], *, header: str) -> bytes:
    """Return a binary STL.

    Coordinates are float32, so vertices less than about 1e-5 mm apart may coincide. Faces that collapse are
    left out, which keeps a closed surface closed.
    """
    corners = vertices_mm.astype(np.float32)[faces]
    same = [(corners[:, a] == corners[:, b]).all(axis=1) for a, b in ((0, 1), (1, 2), (2, 0))]
    corners = corners[~np.any(same, axis=0)]
    records = np.zeros(
        len(corners), np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])
    )
    edges = np.diff(corners.astype(np.float64), axis=1)
    normals = np.cross(edges[:, 0], edges[:, 1])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    records["normal"] = np.divide(normals, lengths, out=np.zeros_like(normals), where=lengths > 0)
    records["corners"] = corners
    text = header.encode("ascii", "replace")[:80].ljust(80)
    return text + struct.pack("<I", len(records)) + records.tobytes()


def encode_ply(vertices_mm: NDArray[np.float64], faces: NDArray[np.int64], *, header: str) -> bytes:
    """Return a binary little-endian PLY with float64 vertices, so that no digit is lost between steps."""
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {header}",
        f"element vertex {len(vertices_mm)}",
        *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    records = np.empty(len(faces), np.dtype([("count", "u1"), ("indices", "<i4", 3)]))
    records["count"], records["indices"] = 3, faces
    return (
        "\n".join(lines).encode("ascii", "replace") + vertices_mm.astype("<f8").tobytes() + records.tobytes()
    )


def encode_obj(vertices_mm: NDArray[np.float64], faces: NDArray[np.int64], *, header: str) -> bytes:
    """Return a Wavefront OBJ with six decimals."""
    vertex = ("v %.6f %.6f %.6f\n" * len(vertices_mm)) % tuple(vertices_mm.ravel().tolist())
    face = ("f %d %d %d\n" * len(faces)) % tuple((faces + 1).ravel().tolist())
    return f"# {header}\n{vertex}{face}".encode("ascii", "replace")


def encode_glb(
    vertices_mm: NDArray[np.float64], faces: NDArray[np.int64], *, name: str, header: str
) -> bytes:
    """Return a binary glTF 2.0 in metres: +y is up, the face points to +z, the patient's left is +x."""
    points = (vertices_mm @ GLTF_FROM_PATIENT.T / 1000).astype("<f4")
    indices = faces.astype("<u4").tobytes()
    views = [(0, points.nbytes, 34962), (points.nbytes, len(indices), 34963)]
    extent = {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()}
    material = {"pbrMetallicRoughness": {"baseColorFactor": [0.93, 0.9, 0.82, 1.0], "metallicFactor": 0.0}}
    document = {
        "asset": {"version": "2.0", "generator": "meshimplant", "extras": {"comment": header}},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [
            {"name": name, "primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}
        ],
        "materials": [material],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(points), "type": "VEC3", **extent},
            {"bufferView": 1, "componentType": 5125, "count": faces.size, "type": "SCALAR"},
        ],
        "bufferViews": [{"buffer": 0, "byteOffset": o, "byteLength": n, "target": t} for o, n, t in views],
        "buffers": [{"byteLength": points.nbytes + len(indices)}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = points.tobytes() + indices
    chunks = (
        struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    )
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
