"""`write_assembly`: several meshes as named, coloured objects of one 3MF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import trimesh

from meshimplant.errors import MeshError, OutputError, require_type
from meshimplant.io.atomic import atomic_path
from meshimplant.io.mesh_files.threemf import Look, Object, encode_3mf
from meshimplant.io.meshes import frame_signs, metadata_3mf


def write_assembly(
    meshes: Mapping[str, trimesh.Trimesh],
    path: str | Path,
    *,
    frame: str = "LPS",
    name: str = "implant",
    looks: Mapping[str, Look] | None = None,
    metadata: Mapping[str, str] | None = None,
    thumbnail_png: bytes | None = None,
) -> None:
    """Write meshes to one ``.3mf``, each as an object of its own with colour, material and part number.

    Parameters
    ----------
    meshes : mapping of str to Trimesh
        What each object is called, and its mesh in LPS millimetres.
    path : str or Path
        The file to write.
    frame : str
        "LPS" or "RAS": the frame to write in.
    name : str
        The title of the whole; never a patient's name.
    looks : mapping of str to Look, optional
        Colour, material, part number and colours of the vertices of an object, by its name.
    metadata : mapping of str to str, optional
        Further entries: ``CaseLabel``, ``LicenseTerms``, ... No time is written, so that equal input gives
        equal bytes.
    thumbnail_png : bytes, optional
        A picture of the whole.

    Raises
    ------
    MeshError
        There is no mesh, or one is empty or holds NaN, or has another number of vertices than of colours.
    OutputError
        The ending is another one, or the file cannot be written.
    """
    require_type(meshes, Mapping, "the meshes by name")
    for mesh in meshes.values():
        require_type(mesh, trimesh.Trimesh, "each mesh")
    path = Path(path)
    if path.suffix.lower() != ".3mf":
        raise OutputError(f"expected an assembly ending in .3mf, got {path.name}: change the ending")
    empty = [
        key for key, mesh in meshes.items() if not len(mesh.faces) or not np.isfinite(mesh.vertices).all()
    ]
    if empty or not meshes:
        raise MeshError(f"expected meshes of finite triangles, got {', '.join(empty) or 'none'}: repair them")
    signs, looks = frame_signs(frame), looks or {}
    for key, look in looks.items():
        colours, count = look.vertex_colours, len(meshes[key].vertices) if key in meshes else 0
        if key not in meshes or (colours is not None and np.shape(colours) != (count, 3)):
            raise MeshError(
                f"expected looks of the meshes, with a colour for each vertex, got {key} with {count} "
                f"vertices and {0 if colours is None else len(colours)} colours: match them"
            )
    objects = [
        Object(
            key, np.asarray(mesh.vertices, float) * signs, np.asarray(mesh.faces, np.int64), looks.get(key)
        )
        for key, mesh in meshes.items()
    ]
    stated = metadata_3mf(name, frame) | dict(metadata or {})
    data = encode_3mf(objects, metadata=stated, thumbnail_png=thumbnail_png)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
