"""The solids of a 3MF package: objects, components and build items with their transforms, and the unit."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.mesh_files.threemf import MM_PER_UNIT
from meshimplant.io.number_words import word_array
from meshimplant.report import Finding
from meshimplant.runtime.memory import require_memory

#: Types of objects that are not the part: structures that hold it while it is printed, and helpers.
_NOT_THE_PART = ("support", "solidsupport", "other")
#: Extensions that change no shape: production (several files), materials, and vendors' settings.
_HARMLESS_EXTENSIONS = ("/production/", "/material/", "/trianglesets/", "bambulab", "slic3r", "prusa")
#: More instances than this are a loop, or an attack.
_MOST_INSTANCES = 10_000
_DEEPEST = 32
#: Largest model that is unpacked, bytes: about 20 million triangles.
_MOST_BYTES = 2 << 30
#: Text of vertices and triangles is packed to a tenth; a hundredth of more than this many bytes is a bomb.
_SMALL_BYTES, _MOST_RATIO, _MOST_ENTRIES = 1 << 24, 100, 1000
#: Memory that is taken for each byte of text while it is parsed.
_MEMORY_PER_BYTE = 3
#: The first element of a document, and the most that may come before it.
_ELEMENT, _MOST_PROLOGUE_BYTES = re.compile(rb"<[A-Za-z_]"), 1 << 16

_Key = tuple[str, str]  # file in the package, id of an object in it


@dataclass
class _Object:
    kind: str
    meshes: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = field(default_factory=list)
    components: list[tuple[_Key, NDArray[np.float64]]] = field(default_factory=list)


@dataclass
class _Package:
    unit: str
    objects: dict[_Key, _Object] = field(default_factory=dict)
    items: list[tuple[_Key, NDArray[np.float64]]] = field(default_factory=list)


@dataclass(frozen=True)
class Solids:
    """Triangles of a 3MF package.

    Attributes
    ----------
    vertices_mm : (n, 3) array
        Vertices of all solids together.
    faces : (m, 3) array of int
        Triangles.
    findings : tuple of Finding
        What was left out.
    """

    vertices_mm: NDArray[np.float64]
    faces: NDArray[np.int64]
    findings: tuple[Finding, ...] = ()


def decode_3mf(data: bytes, *, name: str) -> Solids:
    """Decode the objects that a 3MF package builds, moved by their transforms, in millimetres.

    Objects of the types ``support``, ``solidsupport`` and ``other`` are left out, with a finding. Source: 3MF
    core specification 1.3 and production extension 1.1, https://github.com/3MFConsortium.

    Raises
    ------
    FileReadError
        The package is damaged, builds nothing, refers to itself, or requires an extension that changes
        shapes.
    GeometryError
        The unit is unknown.
    """
    try:
        package = _read_package(data, name=name)
    except FileReadError:
        raise
    except Exception as error:  # a damaged zip or XML fails in a dozen ways; each means this
        raise FileReadError(
            f"expected a readable 3MF mesh in {name}, got a damaged or truncated one: copy or export it again"
        ) from error
    if package.unit not in MM_PER_UNIT:
        raise GeometryError(
            f"expected a length unit in {name}, got {package.unit!r}: export it in millimetres"
        )
    left_out: list[str] = []
    bodies = list(_instances(package, left_out, name=name))
    if not sum(len(faces) for _, faces in bodies):
        what = f"only objects of type {', '.join(sorted(set(left_out)))}" if left_out else "none"
        raise FileReadError(f"expected triangles in {name}, got {what}: export the part itself")
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in bodies)])
    faces = np.concatenate([faces + start for (_, faces), start in zip(bodies, starts, strict=False)])
    vertices = np.concatenate([vertices for vertices, _ in bodies])
    return Solids(vertices * MM_PER_UNIT[package.unit], faces, tuple(_left_out_findings(left_out)))


def _left_out_findings(left_out: list[str]) -> list[Finding]:
    if not left_out:
        return []
    kinds = ", ".join(sorted(set(left_out)))
    message = f"Objects of the file that are not the part were left out (type {kinds})."
    return [Finding("input.objects_left_out", "warning", message, len(left_out), 0.0, "objects")]


# -- objects in the world ------------------------------------------------------------------------------------


def _instances(
    package: _Package, left_out: list[str], *, name: str
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Yield the vertices and faces of each mesh that is built, moved to its place."""
    waiting = [(key, transform, 0) for key, transform in reversed(package.items)]
    seen = 0
    while waiting:
        key, transform, depth = waiting.pop()
        seen += 1
        if depth > _DEEPEST or seen > _MOST_INSTANCES:
            raise FileReadError(
                f"expected objects that do not refer to themselves in {name}, "
                f"got more than {_DEEPEST} levels or {_MOST_INSTANCES} instances: export it again"
            )
        entry = package.objects.get(key)
        if entry is None:
            raise FileReadError(
                f"expected each object that {name} builds to be in it, got a reference to none: "
                "export it again"
            )
        if entry.kind in _NOT_THE_PART:
            left_out.append(entry.kind)
            continue
        yield from (_moved(*mesh, transform) for mesh in entry.meshes)
        waiting += [(child, matrix @ transform, depth + 1) for child, matrix in reversed(entry.components)]


def _moved(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], transform: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Apply a transform for row vectors (4, 4); a mirroring one also reverses the faces."""
    if np.array_equal(transform, np.eye(4)):
        return vertices, faces
    moved = vertices @ transform[:3, :3] + transform[3, :3]
    return moved, faces[:, ::-1] if np.linalg.det(transform[:3, :3]) < 0 else faces


# -- XML -----------------------------------------------------------------------------------------------------


def _read_package(data: bytes, *, name: str) -> _Package:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {entry.filename.strip("/").lower(): entry for entry in archive.infolist()}
        _require_moderate(list(entries.values()), len(data), name=name)
        root = next(key for key in entries if key.endswith("3d/3dmodel.model"))
        package = _Package("millimeter")
        files = [root]
        for file in files:  # grows while other files of the package are referred to
            if file not in entries:
                raise FileReadError(
                    f"expected a complete package in {name}, got none of {file}: copy it again"
                )
            with archive.open(entries[file]) as stream:
                _require_no_doctype(stream, name=name)
                stream.seek(0)
                _read_model(stream, file, package, files, name=name)
    return package


def _require_moderate(entries: list[zipfile.ZipInfo], packed_bytes: int, *, name: str) -> None:
    """Refuse a package that is far larger unpacked than a mesh is, before anything is unpacked."""
    total = sum(entry.file_size for entry in entries)
    is_bomb = total > _SMALL_BYTES and total > _MOST_RATIO * packed_bytes
    if len(entries) > _MOST_ENTRIES or total > _MOST_BYTES or is_bomb:
        raise FileReadError(
            f"expected a 3MF package of a mesh in {name}, got {len(entries)} files of {total / 2**20:.0f} MB "
            f"packed into {packed_bytes / 2**20:.3g} MB: export the part alone"
        )
    require_memory(_MEMORY_PER_BYTE * total, name=name)


def _require_no_doctype(stream: Any, *, name: str) -> None:
    """Refuse a document type, which 3MF forbids: its entities can grow without limit, or name other files."""
    head = b""
    while not _ELEMENT.search(head) and len(head) < _MOST_PROLOGUE_BYTES:
        more = stream.read(4096)
        if not more:
            break
        head += more
    if b"<!DOCTYPE" in head or b"\0" in head or len(head) >= _MOST_PROLOGUE_BYTES:
        raise FileReadError(
            f"expected a plain UTF-8 model in {name}, got one with a document type or in another encoding: "
            "export it again"
        )


def _read_model(stream: Any, file: str, package: _Package, files: list[str], *, name: str) -> None:
    from lxml import etree

    safe = {"resolve_entities": False, "no_network": True, "huge_tree": True, "remove_comments": True}
    tags = ("{*}model", "{*}object", "{*}build")  # others are not looked at one by one, which takes minutes
    for event, element in etree.iterparse(stream, events=("start", "end"), tag=tags, **safe):
        tag = etree.QName(element).localname
        if event == "start":
            if tag == "model" and file == files[0]:
                package.unit = element.get("unit", "millimeter")
                _require_known_extensions(element, name=name)
        elif tag == "object":
            package.objects[(file, element.attrib["id"])] = _object(element, file, files)
            element.clear()
        elif tag == "build" and file == files[0]:
            for item in element.iter("{*}item"):
                package.items.append((_target(item, file, files), _transform(item)))


def _require_known_extensions(model: Any, *, name: str) -> None:
    """Refuse a package whose shapes cannot be understood without an extension, such as beams."""
    for prefix in model.get("requiredextensions", "").split():
        space = str(model.nsmap.get(prefix, prefix)).lower()
        if not any(known in space for known in _HARMLESS_EXTENSIONS):
            raise FileReadError(
                f"expected a 3MF of plain triangles in {name}, "
                f"got one that requires the extension {space}: export it as triangles"
            )


def _object(element: Any, file: str, files: list[str]) -> _Object:
    found = _Object(element.get("type", "model"))
    found.meshes = [_mesh(mesh) for mesh in element.iterfind("{*}mesh")]
    found.components = [
        (_target(part, file, files), _transform(part))
        for part in element.iterfind("{*}components/{*}component")
    ]
    return found


def _mesh(mesh: Any) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    points, triangles = mesh.find("{*}vertices"), mesh.find("{*}triangles")
    vertices = _numbers(points, "vertex", ("x", "y", "z"), np.float64)
    faces = _numbers(triangles, "triangle", ("v1", "v2", "v3"), np.int64)
    if len(faces) and not 0 <= faces.min() <= faces.max() < len(vertices):
        raise IndexError("a corner without a vertex")
    return vertices, faces


def _numbers(parent: Any, tag: str, names: tuple[str, str, str], kind: type) -> NDArray[Any]:
    """Return three attributes of each child (n, 3)."""
    a, b, c = names
    if parent is None:
        return np.zeros((0, 3), kind)
    texts = [
        text for child in parent.iter("{*}" + tag) for text in (child.get(a), child.get(b), child.get(c))
    ]
    return word_array(texts).astype(kind).reshape(-1, 3)


def _target(element: Any, file: str, files: list[str]) -> _Key:
    """Return the object that an item or component refers to; another file is put in line to be read."""
    path = next((value for key, value in element.attrib.items() if key.endswith("}path")), file)
    path = path.strip("/").lower()
    if path not in files:
        files.append(path)
    return path, element.attrib["objectid"]


def _transform(element: Any) -> NDArray[np.float64]:
    """Return the matrix (4, 4) for row vectors."""
    matrix = np.eye(4)
    if text := element.get("transform"):
        matrix[:, :3] = np.array([float(number) for number in text.split()]).reshape(4, 3)
    return matrix
