"""3MF, the printing format that states its unit; written directly, so that equal meshes give equal bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import FileReadError

_MODEL = "3D/3dmodel.model"
_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="png" ContentType="image/png"/>
<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>
</Types>
"""
_RELATIONS = f"""<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Target="/{_MODEL}" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>
{{}}</Relationships>
"""
_THUMBNAIL = "Metadata/thumbnail.png"
_THUMBNAIL_RELATION = (
    f'<Relationship Target="/{_THUMBNAIL}" Id="rel1" '
    'Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/thumbnail"/>\n'
)
#: Names of metadata that the core specification defines; ours carry a namespace.
_STANDARD = ("Title", "Designer", "Description", "Copyright", "LicenseTerms", "Application")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<model unit="millimeter" xml:lang="en-US" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
 xmlns:m="http://schemas.microsoft.com/3dmanufacturing/material/2015/02" xmlns:mi="urn:meshimplant:metadata">
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


@dataclass(frozen=True, eq=False)
class Look:
    """How an object is shown and listed.

    Attributes
    ----------
    colour : (3,) tuple
        sRGB, 0 to 1.
    material : str
        What it is made of, such as PEEK.
    part_number : str
        What it is called in a list of parts; empty: its name.
    vertex_colours : (n, 3) array or None
        sRGB, 0 to 1, of each vertex, over the colour.
    """

    colour: tuple[float, float, float]
    material: str
    part_number: str = ""
    vertex_colours: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class Object:
    """An object of a package: name, vertices (n, 3) in millimetres, triangles (m, 3), and its look."""

    name: str
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    look: Look | None = None


def encode_3mf(
    objects: Sequence[Object], *, metadata: dict[str, str], thumbnail_png: bytes | None = None
) -> bytes:
    """Return a 3MF package with objects in millimetres; equal meshes give equal bytes.

    Time stamps are fixed, and coordinates keep six decimals. Source: 3MF core specification 1.3 and materials
    extension 1.2, https://github.com/3MFConsortium. Colours of vertices are an optional extension, so that a
    program that does not know it still reads the shapes.

    Parameters
    ----------
    objects : sequence of Object
        Solids, each with its look.
    metadata : dict of str to str
        Entries under the standard keys (Title, Application, Description, LicenseTerms, ...); others are put
        into the namespace of this program.
    thumbnail_png : bytes, optional
        A picture of the whole.
    """
    entries = "".join(
        f"<metadata name={quoteattr(key if key in _STANDARD else 'mi:' + key)}>{escape(value)}</metadata>\n"
        for key, value in metadata.items()
    )
    resources, items = [], []
    number = 1
    for each in objects:
        texts, own = _resources(number, each)
        resources += texts
        part = "" if each.look is None else f" partnumber={quoteattr(each.look.part_number or each.name)}"
        items.append(f'<item objectid="{own}"{part}/>\n')
        number = own + 1
    body = [_HEAD, entries, "<resources>\n", *resources, "</resources>\n<build>\n", *items]
    package: dict[str, str | bytes] = {"[Content_Types].xml": _TYPES}
    package["_rels/.rels"] = _RELATIONS.format(_THUMBNAIL_RELATION if thumbnail_png else "")
    package[_MODEL] = "".join([*body, "</build>\n</model>\n"])
    if thumbnail_png:
        package[_THUMBNAIL] = thumbnail_png
    return _pack(package)


def _resources(number: int, each: Object) -> tuple[list[str], int]:
    """Return the resources of an object, numbered from `number`, and the number of the object itself."""
    vertex = '<vertex x="%.6f" y="%.6f" z="%.6f"/>\n' * len(each.vertices)
    look, triangles = each.look, each.faces
    attributes, before, row = "", [], '<triangle v1="%d" v2="%d" v3="%d"/>\n'
    if look is not None:
        number_of = quoteattr(look.part_number or each.name)
        base = f"<base name={quoteattr(look.material)} displaycolor={quoteattr(_hex(look.colour))}/>"
        before.append(f'<basematerials id="{number}">\n{base}\n</basematerials>\n')
        attributes = f' partnumber={number_of} pid="{number}" pindex="0"'
        number += 1
    if look is not None and look.vertex_colours is not None:
        colours, index = np.unique(_bytes(look.vertex_colours), axis=0, return_inverse=True)
        listed = "".join(f'<m:color color="{_hex(colour / 255)}"/>\n' for colour in colours)
        before.append(f'<m:colorgroup id="{number}">\n{listed}</m:colorgroup>\n')
        row = f'<triangle v1="%d" v2="%d" v3="%d" pid="{number}" p1="%d" p2="%d" p3="%d"/>\n'
        triangles = np.hstack([triangles, index.ravel()[triangles]])
        number += 1
    text = [
        f'<object id="{number}" type="model" name={quoteattr(each.name)}{attributes}>\n<mesh>\n<vertices>\n',
        vertex % tuple(each.vertices.ravel().tolist()),
        "</vertices>\n<triangles>\n",
        (row * len(triangles)) % tuple(triangles.ravel().tolist()),
        "</triangles>\n</mesh>\n</object>\n",
    ]
    return [*before, *text], number


def _bytes(colours: ArrayLike) -> NDArray[np.uint8]:
    return np.rint(np.clip(np.asarray(colours, float), 0, 1) * 255).astype(np.uint8)


def _hex(colour: ArrayLike) -> str:
    """Return an sRGB colour, 0 to 1, as #RRGGBB."""
    return "#{:02X}{:02X}{:02X}".format(*_bytes(colour))


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


def _pack(parts: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for entry, text in parts.items():
            info = zipfile.ZipInfo(entry, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            data = text.encode() if isinstance(text, str) else text
            package.writestr(info, data, compresslevel=6)
    return buffer.getvalue()
