"""PLY files with faces of more than three corners; trimesh reads those that hold triangles alone.

trimesh takes the first face's number of corners for that of every face of a binary file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.io.mesh_files.polygons import SplitPolygons, ragged, split_polygons
from meshimplant.io.number_words import word_array

_TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_CORNERS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True)
class _Property:
    name: str
    kind: np.dtype[Any]
    count: np.dtype[Any] | None = None  # type of the number of entries of a list


@dataclass(frozen=True)
class _Element:
    name: str
    length: int
    properties: tuple[_Property, ...]

    @property
    def row(self) -> np.dtype[Any] | None:
        """Type of one row; None where it holds a list."""
        if any(entry.count is not None for entry in self.properties):
            return None
        return np.dtype([(entry.name, entry.kind) for entry in self.properties])


@dataclass(frozen=True)
class _Header:
    is_text: bool
    elements: tuple[_Element, ...]
    end: int


def has_ply_polygons(data: bytes) -> bool:
    """Return whether a face of a PLY file has another number of corners than three."""
    header = _read_header(data)
    if header.is_text:
        return _has_text_polygons(data, header)
    start = header.end
    for element in header.elements:
        row = element.row
        if element.name != "face":
            if row is None:
                return True  # lists of other elements are read one by one
            start += element.length * row.itemsize
            continue
        as_triangles = _triangle_row(element)
        if len(data) < start + element.length * as_triangles.itemsize:
            return len(element.properties) > 0
        rows = np.frombuffer(data, as_triangles, element.length, start)
        return any((rows[name] != 3).any() for name in as_triangles.names or () if name.startswith("count "))
    return False


def read_ply_polygons(data: bytes) -> tuple[NDArray[np.float64], SplitPolygons]:
    """Read the vertices and the faces of a PLY file, split into triangles.

    Raises `ValueError`, `KeyError` or `IndexError` for a damaged file.
    """
    header = _read_header(data)
    read = _from_text if header.is_text else _from_binary
    points, polygons = read(data, header)
    sizes, corners = ragged(polygons)
    if len(corners) and not 0 <= corners.min() <= corners.max() < len(points):
        raise IndexError("a corner without a vertex")
    return points, split_polygons(points, sizes, corners)


def _read_header(data: bytes) -> _Header:
    mark = data.index(b"end_header")
    end = data.index(b"\n", mark) + 1
    order, elements = "=", []
    name, length, properties = "", 0, list[_Property]()
    for line in [*data[:mark].decode("ascii", "replace").splitlines(), "element end 0"]:
        words = line.split()
        if words[:1] == ["format"]:
            order = _ORDERS[words[1]]
        elif words[:2] == ["property", "list"]:
            kind, count = (np.dtype(order + _TYPES[word]) for word in (words[3], words[2]))
            properties.append(_Property(words[4], kind, count))
        elif words[:1] == ["property"]:
            properties.append(_Property(words[2], np.dtype(order + _TYPES[words[1]])))
        elif words[:1] == ["element"]:
            if name:
                elements.append(_Element(name, length, tuple(properties)))
            name, length, properties = words[1], int(words[2]), []
    return _Header(order == "=", tuple(elements), end)


def _triangle_row(element: _Element) -> np.dtype[Any]:
    """Return the type of a row whose corners are three, as those of other lists."""
    fields: list[tuple[Any, ...]] = []
    for entry in element.properties:
        if entry.count is None:
            fields.append((entry.name, entry.kind))
        else:
            fields += [(f"count {entry.name}", entry.count), (entry.name, entry.kind, (3,))]
    return np.dtype(fields)


def _has_text_polygons(data: bytes, header: _Header) -> bool:
    lines = data[header.end :].splitlines()
    start = 0
    for element in header.elements:
        if element.name == "face":
            first_is_list = bool(element.properties) and element.properties[0].count is not None
            rows = lines[start : start + element.length]
            return not first_is_list or any(not row.lstrip().startswith((b"3 ", b"3\t")) for row in rows)
        start += element.length
    return False


def _from_text(data: bytes, header: _Header) -> tuple[NDArray[np.float64], list[Any]]:
    lines = [line for line in data[header.end :].splitlines() if line.strip()]
    points, polygons, start = np.zeros((0, 3)), list[Any](), 0
    for element in header.elements:
        rows = [line.split() for line in lines[start : start + element.length]]
        if len(rows) < element.length:
            raise ValueError("fewer rows than the header states")
        start += element.length
        if element.name == "vertex":
            columns = [[entry.name for entry in element.properties].index(axis) for axis in "xyz"]
            points = word_array([[row[column] for column in columns] for row in rows]).astype(np.float64)
        elif element.name == "face":
            polygons = [_text_corners(row, element) for row in rows]
    return points.reshape(-1, 3), polygons


def _text_corners(row: list[bytes], element: _Element) -> list[int]:
    at = 0
    for entry in element.properties:
        if entry.count is None:
            at += 1
            continue
        count = int(row[at])
        if entry.name in _CORNERS:
            if count < 0 or len(row) < at + 1 + count:
                raise ValueError("fewer corners than the row states")
            return [int(text) for text in row[at + 1 : at + 1 + count]]
        at += 1 + count
    raise KeyError("no list of corners")


def _from_binary(data: bytes, header: _Header) -> tuple[NDArray[np.float64], list[Any]]:
    points, polygons, start = np.zeros((0, 3)), list[Any](), header.end
    for element in header.elements:
        row = element.row
        if row is None:
            lists, start = _lists(data, start, element)
            polygons = lists if element.name == "face" else polygons
            continue
        rows = np.frombuffer(data, row, element.length, start)
        start += element.length * row.itemsize
        if element.name == "vertex":
            points = np.column_stack([rows[axis] for axis in "xyz"]).astype(np.float64)
    if start != len(data):
        raise ValueError("another length than the header states")
    return points, polygons


def _lists(data: bytes, start: int, element: _Element) -> tuple[list[Any], int]:
    """Return the corners of each row of an element, and where the element ends."""
    found: list[Any] = []
    for _ in range(element.length):
        for entry in element.properties:
            if entry.count is None:
                start += entry.kind.itemsize
                continue
            count = int(np.frombuffer(data, entry.count, 1, start)[0])
            start += entry.count.itemsize
            if count < 0:
                raise ValueError("a negative number of corners")
            if entry.name in _CORNERS:
                found.append(np.frombuffer(data, entry.kind, count, start).tolist())
            start += count * entry.kind.itemsize
    return found, start
