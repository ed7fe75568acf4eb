"""Point clouds with normals from files: PLY, and NumPy arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.arrays import decode_array, decode_arrays
from meshimplant.io.meshes import frame_signs
from meshimplant.io.payload import read_bytes
from meshimplant.mesh.vectors import unit_vectors

#: Endings of the point files that can be read.
POINT_SUFFIXES = (".ply", ".npy", ".npz")
#: Fewer points do not outline a piece of bone.
MIN_POINTS = 100
#: Width of a piece of bone or a head, mm. Below: normalised, or in centimetres or metres. Above: micrometres.
_EXTENT_RANGE_MM = (10.0, 2000.0)
#: No coordinate and no component of a normal; the square of a larger one is infinite.
_BOUNDLESS = 1e100
_COLUMNS = ("x", "y", "z", "nx", "ny", "nz")
_PLY_TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_PLY_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}


@dataclass(frozen=True, eq=False)
class PointCloud:
    """Points on a body's surface, each with the direction that leads out of the body.

    Attributes
    ----------
    points_mm : (n, 3) array
        Float64, LPS.
    normals : (n, 3) array
        Float64, of unit length, LPS.
    """

    points_mm: NDArray[np.float64]
    normals: NDArray[np.float64]


def read_points(path: str | Path, *, frame: str = "LPS") -> PointCloud:
    """Read points with normals as LPS millimetres.

    Points without normals are refused. Bone has an outer and an inner table a few millimetres apart, and the
    points alone do not show on which side of them the bone lies: of the normals of local planes on 30 k exact
    points of a true implant, turned away from the head's centre, 53 % point out of the bone, and they give
    Dice 0.02.

    Parameters
    ----------
    path : str or Path
        ``.ply`` with the vertex properties x y z nx ny nz, ``.npy`` of shape (n, 6) in this order, or
        ``.npz`` with the arrays ``points`` and ``normals`` (n, 3) or with one array (n, 6).
    frame : str
        "LPS" or "RAS": the frame of the file's numbers, unless a PLY states its own (``SPACE=RAS`` in a
        comment).

    Returns
    -------
    PointCloud
        Points and unit normals.

    Raises
    ------
    FileReadError
        The file is missing, damaged, or holds anything else.
    InputError
        There are no normals, or a surface with faces instead of points.
    GeometryError
        The coordinates cannot be millimetres of a head (normalised, in metres, or not finite), or `frame` is
        unknown.
    """
    path = Path(path)
    signs = frame_signs(frame)
    suffix = path.suffix.lower()
    if suffix not in POINT_SUFFIXES:
        raise FileReadError(
            f"expected points ending in {', '.join(POINT_SUFFIXES)}, got {path.name}: convert them first"
        )
    data = read_bytes(path)
    if suffix == ".ply":
        stated = re.search(rb"SPACE=(LPS|RAS)", data[: max(0, data.find(b"end_header"))])
        signs = frame_signs(stated.group(1).decode()) if stated else signs
        try:
            rows = _from_ply(data, path.name)
        except InputError:
            raise
        except (ValueError, TypeError) as error:  # numbers of thousands of digits, properties stated twice
            raise _damaged(path.name) from error
    else:
        rows = _from_arrays(data, path.name)
    _require_millimetres(rows, path.name)
    return PointCloud(rows[:, :3] * signs, _unit_normals(rows[:, 3:], path.name) * signs)


# -- content of the files, as rows (n, 6) --------------------------------------------------------------------


def _from_arrays(data: bytes, name: str) -> NDArray[np.float64]:
    try:
        is_archive = data.startswith(b"PK")
        arrays = decode_arrays(data, name=name) if is_archive else {"": decode_array(data, name=name)}
    except FileReadError as error:
        raise FileReadError(
            f"expected a complete array in {name}, got a damaged file or Python objects: save it again"
        ) from error
    if {"points", "normals"} <= arrays.keys():
        parts = [_two_axes(arrays[key]) for key in ("points", "normals")]
        if {part.shape for part in parts} == {(len(parts[0]), 3)}:
            return _numbers(np.hstack(parts), name)
    elif len(arrays) == 1 or "points" in arrays:
        rows = _two_axes(arrays.get("points", next(iter(arrays.values()))))
        if rows.ndim == 2 and rows.shape[1] == 3:
            raise _without_normals(len(rows), name)
        if rows.ndim == 2 and rows.shape[1] == 6:
            return _numbers(rows, name)
    content = ", ".join(f"{key} {array.shape}".strip() for key, array in arrays.items())
    raise FileReadError(
        f"expected one cloud of points with normals (n, 6) in {name}, or arrays points and normals (n, 3), "
        f"got {content}: save one prediction as x y z nx ny nz"
    )


def _two_axes(array: NDArray[Any]) -> NDArray[Any]:
    """Drop the leading axes of length 1, such as that of a batch of one."""
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return array


def _numbers(rows: NDArray[Any], name: str) -> NDArray[np.float64]:
    if rows.dtype.kind not in "fiu":
        raise FileReadError(f"expected numbers in {name}, got {rows.dtype}: save coordinates and normals")
    return rows.astype(np.float64)


def _from_ply(data: bytes, name: str) -> NDArray[np.float64]:
    end = data[: 1 << 16].find(b"end_header")
    newline = data.find(b"\n", end)
    lines = [line.split() for line in data[: max(0, end)].decode("ascii", "replace").splitlines()]
    if data[:3] != b"ply" or end < 0 or newline < 0:
        raise _damaged(name)
    orders = [line[1] for line in lines if len(line) > 1 and line[0] == "format"]
    count, properties = _vertex_element(lines, name)
    if not orders or orders[0] not in _PLY_ORDERS:
        raise _damaged(name)
    body = data[newline + 1 :]
    if orders[0] == "ascii":
        table = _ascii_rows(body, count, len(properties), name)
        columns = dict(zip(properties, table.T, strict=True))
    else:
        kind = np.dtype([(key, _PLY_ORDERS[orders[0]] + code) for key, code in properties.items()])
        if len(body) < count * kind.itemsize:
            raise _damaged(name)
        packed: NDArray[Any] = np.frombuffer(body, kind, count)
        columns = {key: packed[key] for key in properties}
    if not {"x", "y", "z"} <= columns.keys():
        raise FileReadError(f"expected vertices with x, y and z in {name}, got none: export them again")
    if not {"nx", "ny", "nz"} <= columns.keys():
        raise _without_normals(count, name)
    return np.column_stack([columns[key] for key in _COLUMNS]).astype(np.float64)


def _vertex_element(lines: list[list[str]], name: str) -> tuple[int, dict[str, str]]:
    """Return the number of vertices, which come first in the file, and the types of their properties."""
    starts = [i for i, line in enumerate(lines) if len(line) == 3 and line[0] == "element"]
    if not starts or lines[starts[0]][1] != "vertex" or not all(lines[i][2].isdigit() for i in starts):
        raise _damaged(name)
    faces = [int(lines[i][2]) for i in starts if lines[i][1] == "face"]
    if any(faces):
        raise InputError(
            f"expected points without faces in {name}, "
            f"got a surface of {faces[0]} faces: "
            "give points with normals sampled evenly on it, or its voxels"
        )
    stop = starts[1] if len(starts) > 1 else len(lines)
    properties = [line for line in lines[starts[0] : stop] if line and line[0] == "property"]
    if not all(len(line) == 3 and line[1] in _PLY_TYPES for line in properties):
        raise _damaged(name)
    return int(lines[starts[0]][2]), {key: _PLY_TYPES[code] for _, code, key in properties}


def _ascii_rows(body: bytes, count: int, columns: int, name: str) -> NDArray[np.float64]:
    try:
        words = np.array(body.split()[: count * columns], np.float64)
    except ValueError as error:
        raise _damaged(name) from error
    if len(words) < count * columns:
        raise _damaged(name)
    return words.reshape(count, columns)


def _damaged(name: str) -> FileReadError:
    return FileReadError(
        f"expected a complete PLY with a vertex for each point in {name}, got a truncated or foreign file: "
        "copy or export it again"
    )


def _without_normals(count: int, name: str) -> InputError:
    return InputError(
        f"expected points with normals (x y z nx ny nz) in {name}, "
        f"got {count} points without normals, which do not show on which side the bone lies: "
        "write normals that point out of the bone in the program that makes the points, or give voxels"
    )


# -- checks of the numbers -----------------------------------------------------------------------------------


def _require_millimetres(rows: NDArray[np.float64], name: str) -> None:
    if len(rows) < MIN_POINTS:
        raise InputError(f"expected at least {MIN_POINTS} points in {name}, got {len(rows)}: predict more")
    if not (np.abs(rows) < _BOUNDLESS).all():
        raise GeometryError(f"expected finite points and normals in {name}, got NaN or infinity: remove them")
    extent = float(np.ptp(rows[:, :3], axis=0).max())
    low, high = _EXTENT_RANGE_MM
    if np.abs(rows[:, :3]).max() <= 1:
        guess = "they are probably normalised (all within -1 and 1), undo the scaling and the shift"
    elif extent < low:
        guess = "they are probably normalised, or in centimetres or metres, convert them to millimetres"
    elif extent > high:
        guess = "they are probably in another unit, convert them to millimetres"
    else:
        return
    raise GeometryError(
        f"expected points in millimetres, {low:g} to {high:g} mm wide, in {name}, got {extent:.4g}: {guess}"
    )


def _unit_normals(normals: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    missing = int(np.count_nonzero(np.linalg.norm(normals, axis=1) == 0))
    if missing:
        raise InputError(
            f"expected a direction at every point in {name}, "
            f"got {missing} normals of length 0: leave these points out"
        )
    return unit_vectors(normals)
