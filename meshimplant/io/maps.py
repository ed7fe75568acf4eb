"""Maps in files: one number, such as the thickness, at each of many points of a surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.arrays import decode_array
from meshimplant.io.atomic import atomic_path
from meshimplant.io.meshes import frame_signs
from meshimplant.io.payload import read_bytes

#: Endings of the map files that can be read and written.
MAP_SUFFIXES = (".csv", ".npy")
#: Points farther than this from every point of a map have no value, mm.
REACH_MM = 5.0
#: No coordinate and no value; the square of a larger number is infinite.
_BOUNDLESS = 1e100
_HEADING = "x_mm,y_mm,z_mm,value"
_NEIGHBOURS = 4


def write_map(path: str | Path, points_mm: ArrayLike, values: ArrayLike, *, frame: str = "LPS") -> None:
    """Write values at points as rows ``x y z value``; nan where there is none.

    ``.npy`` is a float64 array (n, 4), ``.csv`` a heading and n lines.

    Parameters
    ----------
    path : str or Path
        The file to write.
    points_mm : (n, 3) array
        Points, LPS mm.
    values : (n,) array
        Their values.
    frame : str
        "LPS" or "RAS": the frame in which the points are written.

    Raises
    ------
    InputError
        The ending is another one, or the arrays do not match.
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    _require_suffix(path)
    points, numbers = np.asarray(points_mm, float), np.asarray(values, float)
    if points.ndim != 2 or points.shape[1] != 3 or numbers.shape != (len(points),):
        raise InputError(
            f"expected points (n, 3) and n values, got shapes {points.shape} and {numbers.shape}: "
            "give one value for each point"
        )
    rows = np.column_stack([points * frame_signs(frame), numbers])
    with atomic_path(path) as target:
        if path.suffix.lower() == ".npy":
            with target.open("wb") as file:
                np.save(file, rows)
        else:
            np.savetxt(target, rows, fmt="%.6f", delimiter=",", header=_HEADING, comments="")


def read_map(path: str | Path, points_mm: ArrayLike, *, frame: str = "LPS") -> NDArray[np.float64]:
    """Read the values of a map at points.

    Parameters
    ----------
    path : str or Path
        Rows ``x y z value``, as `write_map` writes them. At a point of the file its value is returned,
        between them that of the four nearest, weighted by the inverse square of the distance; rows with nan
        are left out. Or a ``.npy`` of one value per point (n,), in the order of the points.
    points_mm : (n, 3) array
        Points at which to read the map, LPS mm.
    frame : str
        "LPS" or "RAS": the frame of the file's points.

    Returns
    -------
    (n,) array
        Values; nan at points more than 5 mm from every point of the file.

    Raises
    ------
    FileReadError
        The file is missing, damaged, or holds anything else.
    InputError
        The file holds one value per point but not n of them, or no point of it is within 5 mm of any.
    """
    path, points = Path(path), np.asarray(points_mm, float)
    _require_suffix(path)
    data = read_bytes(path)
    rows = _from_array(data, path.name) if path.suffix.lower() == ".npy" else _from_text(data, path.name)
    if rows.ndim == 1:
        if len(rows) != len(points):
            raise InputError(
                f"expected one value for each of the {len(points)} vertices in {path.name}, got {len(rows)}: "
                "give rows of x y z value, which hold for any mesh"
            )
        return rows
    rows = rows[~np.isnan(rows[:, 3])]
    if not (np.abs(rows) < _BOUNDLESS).all() or not len(rows):
        raise _not_a_map(path.name, "infinite numbers" if len(rows) else "no values")
    values = _interpolate(rows[:, :3] * frame_signs(frame), rows[:, 3], points)
    if np.isnan(values).all():
        raise InputError(
            f"expected points within {REACH_MM:g} mm of the part in {path.name}, "
            "got none: check frame and unit"
        )
    return values


def _interpolate(
    known_mm: NDArray[np.float64], values: NDArray[np.float64], points: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values at points (n, 3) from values (m,) at known_mm (m, 3)."""
    nearest = np.arange(1, min(_NEIGHBOURS, len(known_mm)) + 1)
    distance, index = cKDTree(known_mm).query(points, k=nearest)
    weight = 1 / (distance + 1e-4) ** 2
    mean = (weight * values[index]).sum(axis=1) / weight.sum(axis=1)
    return np.where(distance[:, 0] <= REACH_MM, mean, np.nan)


def _from_array(data: bytes, name: str) -> NDArray[np.float64]:
    try:
        array = decode_array(data, name=name)
    except FileReadError as error:
        raise FileReadError(
            f"expected a complete map in {name}, got a damaged file: copy it again"
        ) from error
    if array.dtype.kind not in "fiu" or not (array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 4)):
        raise _not_a_map(name, f"an array of {array.dtype} and shape {array.shape}")
    return array.astype(np.float64)


def _from_text(data: bytes, name: str) -> NDArray[np.float64]:
    try:
        lines = data.decode("utf-8-sig").splitlines()
        lines = lines[bool(lines) and _is_heading(lines[0]) :]
        lines = [line for line in lines if line.strip()]
        rows = np.loadtxt(lines, delimiter=",", ndmin=2) if lines else None
    except ValueError as error:
        raise _not_a_map(name, "something else") from error
    if rows is None or rows.shape[1] != 4 or not len(rows):
        raise _not_a_map(name, "no rows" if rows is None else f"rows of {rows.shape[1]} numbers")
    return rows


def _is_heading(line: str) -> bool:
    try:
        float(line.partition(",")[0])
    except ValueError:
        return True
    return False


def _require_suffix(path: Path) -> None:
    if path.suffix.lower() not in MAP_SUFFIXES:
        raise InputError(
            f"expected a map ending in {' or '.join(MAP_SUFFIXES)}, got {path.name}: convert it first"
        )


def _not_a_map(name: str, content: str) -> FileReadError:
    return FileReadError(
        f"expected rows of x, y, z and a value in {name}, got {content}: export it as write_map does"
    )
