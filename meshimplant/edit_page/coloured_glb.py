"""`coloured_glb`: a mesh with one colour per vertex as binary glTF, in which form viser draws it."""

from __future__ import annotations

import json
import struct

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colour_scales import decode_srgb

_JSON, _BIN = 0x4E4F534A, 0x004E4942
_FLOAT, _USHORT, _UINT = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963


def coloured_glb(mesh: trimesh.Trimesh, colours: ArrayLike) -> bytes:
    """Return a mesh with colours as the bytes of a ``.glb`` file.

    The surface is matt, seen from both sides, and shaded smoothly. glTF states colours in linear light.

    Parameters
    ----------
    mesh : Trimesh
        LPS mm.
    colours : (n, 3) or (3,) array-like
        sRGB, 0 to 1, of each vertex or of all.

    Returns
    -------
    bytes
    """
    vertices = np.asarray(mesh.vertices, np.float32)
    linear = np.ones((len(vertices), 4))
    linear[:, :3] = decode_srgb(colours)
    blocks: list[tuple[NDArray, str, int, int, bool]] = [
        (np.asarray(mesh.faces, np.uint32).reshape(-1), "SCALAR", _UINT, _INDICES, False),
        (vertices, "VEC3", _FLOAT, _VERTICES, False),
        (np.asarray(mesh.vertex_normals, np.float32), "VEC3", _FLOAT, _VERTICES, False),
        (np.rint(linear * 65535).astype(np.uint16), "VEC4", _USHORT, _VERTICES, True),
    ]
    views, accessors, data = [], [], b""
    for number, (array, kind, component, target, normalized) in enumerate(blocks):
        part = np.ascontiguousarray(array).tobytes()
        views.append({"buffer": 0, "byteOffset": len(data), "byteLength": len(part), "target": target})
        accessor = {"bufferView": number, "componentType": component, "count": len(array), "type": kind}
        if normalized:
            accessor["normalized"] = True
        accessors.append(accessor)
        data += part
    accessors[1]["min"] = [float(each) for each in vertices.min(axis=0)]
    accessors[1]["max"] = [float(each) for each in vertices.max(axis=0)]
    scene = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "materials": [
            {"doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.85}}
        ],
        "meshes": [
            {
                "primitives": [
                    {
                        "attributes": {"POSITION": 1, "NORMAL": 2, "COLOR_0": 3},
                        "indices": 0,
                        "material": 0,
                    }
                ]
            }
        ],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(data)}],
    }
    text = json.dumps(scene, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    size = 12 + 8 + len(text) + 8 + len(data)
    head = struct.pack("<4sII", b"glTF", 2, size)
    return head + struct.pack("<II", len(text), _JSON) + text + struct.pack("<II", len(data), _BIN) + data
