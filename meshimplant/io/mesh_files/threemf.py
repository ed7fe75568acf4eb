"""3MF, the printing format that states its unit; written directly, so that equal meshes give equal bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError

_MODEL = "3D/3dmodel.model"
_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
</Types>
"""
_RELATIONS = f"""<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Target="/{_MODEL}" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
</Relationships>
"""
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xml:lang="en-US" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02">
"""
#: Length units of the format, in millimetres.
MM_PER_UNIT = {
    "micron": 1e-3,
    "millimeter": 1.0,
    "centimeter": 10.0,
    "inch": 25.4,
    "foot": 304.8,
    "meter": 1000.0,
}


def encode_3mf(
    objects: Sequence[tuple[str, NDArray[np.float64], NDArray[np.int64]]], *, metadata: dict[str, str]
) -> bytes:
    """Return a 3MF package with objects in millimetres; equal meshes give equal bytes.

    Time stamps are fixed, and coordinates keep six decimals. Source: 3MF core specification 1.3,
    https://github.com/3MFConsortium/spec_core.

    Parameters
    ----------
    objects : sequence of (str, (n, 3) array, (m, 3) array of int)
        Name, vertices and triangles of each object.
    metadata : dict of str to str
        Entries under the standard keys (Title, Application, Description, ...).
    """
    entries = "".join(
        f"<metadata name={quoteattr(key)}>{escape(value)}</metadata>\n" for key, value in metadata.items()
    )
    bodies = [_object(number, *body) for number, body in enumerate(objects, 1)]
    items = "".join(f'<item objectid="{number}"/>\n' for number in range(1, len(objects) + 1))
    model = "".join(
        [_HEAD, entries, "<resources>\n", *bodies, f"</resources>\n<build>\n{items}</build>\n</model>\n"]
    )
    return _pack({"[Content_Types].xml": _TYPES, "_rels/.rels": _RELATIONS, _MODEL: model})


def _object(number: int, name: str, vertices_mm: NDArray[np.float64], faces: NDArray[np.int64]) -> str:
    """Return one object of the model."""
    vertex = '<vertex x="%.6f" y="%.6f" z="%.6f"/>\n' * len(vertices_mm)
    triangle = '<triangle v1="%d" v2="%d" v3="%d"/>\n' * len(faces)
    return "".join(
        [
            f'<object id="{number}" type="model" name={quoteattr(name)}>\n<mesh>\n<vertices>\n',
            vertex % tuple(vertices_mm.ravel().tolist()),
            "</vertices>\n<triangles>\n",
            triangle % tuple(faces.ravel().tolist()),
            "</triangles>\n</mesh>\n</object>\n",
        ]
    )


def model_head(data: bytes, *, name: str) -> bytes:
    """Return the first bytes of a package's model, which hold unit and metadata."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            model = next(entry for entry in package.namelist() if entry.lower().endswith("3dmodel.model"))
            with package.open(model) as stream:
                return stream.read(4096)
    except Exception as error:  # a damaged zip fails in a dozen ways; each means this
        raise FileReadError(
            f"expected a complete 3MF package in {name}, got none: copy or export it again"
        ) from error


def _pack(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for entry, text in parts.items():
            info = zipfile.ZipInfo(entry, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            package.writestr(info, text.encode(), compresslevel=6)
    return buffer.getvalue()
