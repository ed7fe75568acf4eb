"""OBJ files with faces of more than three corners; trimesh reads those that hold triangles alone."""

from __future__ import annotations

import re
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from meshimplant.io.mesh_files.polygons import SplitPolygons, ragged, split_polygons

_FOUR_CORNERS = re.compile(rb"\nf(?:[ \t]+[^\s#\\]+){4}|\nf[^\n]*\\\r?\n")


def has_obj_polygons(data: bytes) -> bool:
    """Return whether a face has more than three corners, or continues on the next line."""
    faces = data[max(0, data.find(b"\nf")) :]
    if b"\t" not in faces and b"\\" not in faces:
        # Four corners need four spaces. Counting them takes a third of the time of the search.
        spaces = map(bytes.count, faces.split(b"\n"), repeat(b" "))
        if max(spaces) <= 3:
            return False
    return _FOUR_CORNERS.search(data) is not None


def read_obj_polygons(data: bytes) -> tuple[NDArray[np.float64], SplitPolygons]:
    """Read the vertices and the faces of an OBJ file, split into triangles; all groups become one mesh.

    Corners may count from the first vertex (1) or back from the last one read so far (-1). Raises
    `ValueError` or `IndexError` for a damaged file.
    """
    vertices: list[list[bytes]] = []
    polygons: list[list[int]] = []
    for line in re.sub(rb"\\\r?\n", b" ", data).splitlines():
        if line.startswith((b"v ", b"v\t")):
            vertices.append(line.split()[1:4])
        elif line.startswith((b"f ", b"f\t")):
            polygons.append([_vertex(text, len(vertices)) for text in line.split(b"#")[0].split()[1:]])
    points = np.array(vertices, dtype="S").astype(np.float64).reshape(-1, 3)
    sizes, corners = ragged(polygons)
    if len(corners) and not 0 <= corners.min() <= corners.max() < len(points):
        raise IndexError("a corner without a vertex")
    return points, split_polygons(points, sizes, corners)


def _vertex(text: bytes, known: int) -> int:
    """Return the index of a corner's vertex, from 0."""
    number = int(text.split(b"/")[0])
    if number == 0 or number < -known:
        raise IndexError("a corner without a vertex")
    return number - 1 if number > 0 else known + number
