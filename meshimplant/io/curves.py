"""Curves from files: ordered points that a surgeon or another program marked on a surface."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.arrays import decode_array
from meshimplant.io.atomic import atomic_path
from meshimplant.io.meshes import EXTENT_RANGE_MM, frame_signs
from meshimplant.io.number_words import decimal_number
from meshimplant.io.payload import read_bytes
from meshimplant.runtime.regular_files import parse_json

#: Endings of the curve files that can be read.
CURVE_SUFFIXES = (".csv", ".txt", ".npy", ".json")

#: What a markups file of 3D Slicer says it is.
MARKUPS_SCHEMA = (
    "https://raw.githubusercontent.com/slicer/slicer/master/Modules/Loadable/Markups/Resources/Schema/"
    "markups-schema-v1.0.3.json#"
)

#: Names of frames in files of 3D Slicer; early versions wrote numbers.
_STATED = {"LPS": "LPS", "RAS": "RAS", "0": "RAS", "1": "LPS"}


def read_curve(path: str | Path, *, frame: str = "LPS") -> NDArray[np.float64]:
    """Read the points of a curve, in order, as LPS millimetres.

    Parameters
    ----------
    path : str or Path
        ``.csv .txt``: one point per line, three numbers separated by commas, semicolons or blanks; a heading
        and text after ``#`` are skipped. ``.npy``: an array (n, 3). ``.json``: a markups file of 3D Slicer
        (``.mrk.json``) with one curve or list of points, whose control points are read, or a plain list of
        points.
    frame : str
        "LPS" or "RAS": the frame of the file's numbers, unless a markups file states its own.

    Returns
    -------
    (n, 3) array
        Points in millimetres, n >= 1.

    Raises
    ------
    FileReadError
        The file is missing, truncated, holds no points, or has lines that are not three numbers.
    GeometryError
        A coordinate is NaN or infinite, the curve is too small or too large to lie on a head in millimetres,
        or the frame is unknown.
    """
    path = Path(path)
    frame_signs(frame)
    suffix = path.suffix.lower()
    if suffix not in CURVE_SUFFIXES:
        raise FileReadError(
            f"expected a curve ending in {', '.join(CURVE_SUFFIXES)}, got {path.name}: convert it first"
        )
    values, stated = _PARSERS[suffix](read_bytes(path), path.name)
    try:
        points = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise _not_points(path.name, "something else") from error
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise _not_points(path.name, f"an array of shape {points.shape}")
    _require_on_a_head(points, path.name)
    return points * frame_signs(stated or frame)


def write_closed_curve(path: str | Path, points_mm: ArrayLike, *, name: str) -> None:
    """Write a closed curve as a markups file of 3D Slicer (``.mrk.json``), LPS millimetres.

    Parameters
    ----------
    path : str or Path
        Where to write.
    points_mm : (n, 3) array-like
        Its points in order, LPS mm; the last is joined to the first.
    name : str
        What the curve is called; its points are numbered after it.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    points = [
        {"id": str(number), "label": f"{name}-{number}", "position": position, "positionStatus": "defined"}
        for number, position in enumerate(np.round(np.asarray(points_mm, float), 4).tolist(), 1)
    ]
    curve = {
        "type": "ClosedCurve",
        "coordinateSystem": "LPS",
        "coordinateUnits": "mm",
        "controlPoints": points,
    }
    with atomic_path(Path(path)) as target:
        target.write_text(
            json.dumps({"@schema": MARKUPS_SCHEMA, "markups": [curve]}, indent=1), encoding="utf-8"
        )


def _parse_text(data: bytes, name: str) -> tuple[Any, str | None]:
    rows: list[list[float]] = []
    for number, line in enumerate(_text(data, name).splitlines(), 1):
        words = line.partition("#")[0]
        words = words.replace(",", ".").replace(";", " ") if ";" in words else words.replace(",", " ")
        try:
            row = [decimal_number(word) for word in words.split()]
        except ValueError:
            if rows:
                raise _not_points(name, f"{line.strip()[:40]!r} in line {number}") from None
            continue
        if len(row) not in (0, 3):
            raise _not_points(name, f"{len(row)} numbers in line {number}")
        rows += [row] if row else []
    return rows, None


def _parse_array(data: bytes, name: str) -> tuple[Any, str | None]:
    try:
        return decode_array(data, name=name), None
    except FileReadError as error:
        raise _damaged(name) from error


def _parse_json(data: bytes, name: str) -> tuple[Any, str | None]:
    try:
        content = parse_json(_text(data, name))
    except ValueError as error:
        raise _damaged(name) from error
    if not isinstance(content, dict):
        return content, None
    markups = content.get("markups")
    if not isinstance(markups, list) or len(markups) != 1 or not isinstance(markups[0], dict):
        count = len(markups) if isinstance(markups, list) else 0
        raise FileReadError(f"expected one curve in {name}, got {count}: save the markups one by one")
    return _control_points(markups[0], name), _stated_frame(markups[0], name)


def _control_points(markup: dict[str, Any], name: str) -> list[Any]:
    """Return the positions of the control points that were placed, not only announced."""
    try:
        points = markup["controlPoints"]
        return [p["position"] for p in points if p.get("positionStatus", "defined") == "defined"]
    except (KeyError, TypeError, AttributeError) as error:
        raise _not_points(name, "markups without positions") from error


def _stated_frame(markup: dict[str, Any], name: str) -> str | None:
    if "coordinateSystem" not in markup:
        return None
    stated = str(markup["coordinateSystem"])
    if stated not in _STATED:
        raise GeometryError(
            f"expected coordinateSystem LPS or RAS in {name}, got {stated!r}: export it again"
        )
    return _STATED[stated]


_PARSERS: dict[str, Callable[[bytes, str], tuple[Any, str | None]]] = {
    ".csv": _parse_text,
    ".txt": _parse_text,
    ".npy": _parse_array,
    ".json": _parse_json,
}


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _damaged(name) from error


def _require_on_a_head(points: NDArray[np.float64], name: str) -> None:
    if not np.isfinite(points).all():
        raise GeometryError(f"expected finite coordinates in {name}, got NaN or infinity: export it again")
    extent = float(np.ptp(points, axis=0).max())
    low, high = EXTENT_RANGE_MM
    if len(points) > 1 and not low <= extent <= high:
        raise GeometryError(
            f"expected a curve {low:g} to {high:g} mm wide in {name}, got {extent:.4g} mm: "
            "it is probably in another unit, scale it to millimetres"
        )


def _not_points(name: str, content: str) -> FileReadError:
    return FileReadError(
        f"expected points of three numbers in {name}, got {content}: give one point per line"
    )


def _damaged(name: str) -> FileReadError:
    return FileReadError(
        f"expected a complete curve in {name}, got a damaged or truncated file: copy it again"
    )
