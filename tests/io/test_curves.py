"""Curves from files: each format gives the same points, RAS is converted, anything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meshimplant.errors import FileReadError, GeometryError, MeshImplantError
from meshimplant.io.curves import read_curve

POINTS = np.array([[10.5, -20.25, 30.0], [40.0, -22.0, 31.5], [38.0, 15.0, 33.25], [-12.0, 14.0, -35.125]])


def _lines(separator: str, points: np.ndarray = POINTS) -> str:
    return "\n".join(separator.join(str(value) for value in point) for point in points) + "\n"


def _markups(system: Any = "LPS", points: np.ndarray = POINTS) -> dict[str, Any]:
    """As 3D Slicer writes a closed curve; the last control point was never placed."""
    controls = [
        {"id": str(n), "label": f"CC-{n}", "position": point.tolist(), "positionStatus": "defined"}
        for n, point in enumerate(points)
    ]
    controls.append({"id": "9", "position": [0.0, 0.0, 0.0], "positionStatus": "undefined"})
    markup = {"type": "ClosedCurve", "coordinateSystem": system, "controlPoints": controls}
    if system is None:
        del markup["coordinateSystem"]
    return {"@schema": "markups-schema-v1.0.3.json#", "markups": [markup]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", _lines(",")),
        ("a.csv", "x,y,z\n# marked by hand\n\n" + _lines(", ")),
        ("a.csv", "\ufeffX;Y;Z\r\n" + _lines(";").replace(".", ",").replace("\n", "\r\n")),
        ("a.txt", _lines(" ") + "  # the end"),
        ("A.TXT", _lines("\t")),
        ("a.json", json.dumps(POINTS.tolist())),
        ("a.mrk.json", json.dumps(_markups())),
        ("a.mrk.json", json.dumps(_markups(1))),
        ("a.mrk.json", json.dumps(_markups(None))),
    ],
)
def test_every_text_gives_the_same_points(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    points = read_curve(tmp_path / name)
    assert points.dtype == np.float64
    np.testing.assert_array_equal(points, POINTS)


@pytest.mark.parametrize("kind", [np.float64, ">f4", np.int16])
def test_arrays_of_any_number(tmp_path: Path, kind: Any) -> None:
    np.save(tmp_path / "a.npy", POINTS.astype(kind))
    np.testing.assert_array_equal(read_curve(tmp_path / "a.npy"), POINTS.astype(kind).astype(float))


def test_ras_is_turned_to_lps_and_a_stated_frame_wins(tmp_path: Path) -> None:
    turned = POINTS * (-1, -1, 1)
    (tmp_path / "a.csv").write_text(_lines(",", turned))
    np.testing.assert_array_equal(read_curve(tmp_path / "a.csv", frame="RAS"), POINTS)
    np.testing.assert_array_equal(read_curve(tmp_path / "a.csv"), turned)
    for system in ("RAS", 0):
        (tmp_path / "a.mrk.json").write_text(json.dumps(_markups(system, turned)))
        for frame in ("LPS", "RAS"):
            np.testing.assert_array_equal(read_curve(tmp_path / "a.mrk.json", frame=frame), POINTS)
    (tmp_path / "a.mrk.json").write_text(json.dumps(_markups("LPS")))
    np.testing.assert_array_equal(read_curve(tmp_path / "a.mrk.json", frame="RAS"), POINTS)


def _saved(array: np.ndarray) -> Callable[[Path], object]:
    return lambda path: np.save(path, array, allow_pickle=True)


def _written(text: str | bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(text if isinstance(text, bytes) else text.encode())


TWO = {"markups": _markups()["markups"] * 2}


@pytest.mark.parametrize(
    ("name", "make", "error", "words"),
    [
        ("a.csv", _written(_lines(",")[:-9]), FileReadError, "2 numbers in line 4"),
        ("a.csv", _written("1,2,3\n4,five,6\n"), FileReadError, "'4,five,6' in line 2"),
        ("a.txt", _written("1 2 3 4\n"), FileReadError, "4 numbers in line 1"),
        ("a.txt", _written("nothing here\n"), FileReadError, "points of three numbers"),
        ("a.txt", _written(b"\xff\xfe\x00\x81"), FileReadError, "damaged"),
        ("a.csv", _written(""), FileReadError, "0 bytes"),
        ("a.csv", _written("1,2,3\n4,nan,6\n"), GeometryError, "NaN"),
        ("a.csv", _written("0.01,0.02,0.03\n0.04,0.05,0.06\n"), GeometryError, "another unit"),
        ("a.mrk.json", _written(json.dumps(_markups())[:-40]), FileReadError, "truncated"),
        ("a.json", _written('{"points": [[1, 2, 3]]}'), FileReadError, "expected one curve"),
        ("a.json", _written(json.dumps(TWO)), FileReadError, "expected one curve in a.json, got 2"),
        ("a.json", _written(json.dumps(_markups("XYZ"))), GeometryError, "got 'XYZ'"),
        (
            "a.json",
            _written('{"markups": [{"controlPoints": [{"id": 1}]}]}'),
            FileReadError,
            "without positions",
        ),
        ("a.json", _written("[[1, 2, 3], [4, 5]]"), FileReadError, "something else"),
        ("a.json", _written("7"), FileReadError, "points of three numbers"),
        ("a.npy", _written(b"\x93NUMPY\x01\x00v\x00"), FileReadError, "truncated"),
        ("a.npy", _saved(POINTS.T), FileReadError, "shape"),
        ("a.npy", _saved(np.array([{"a": 1}])), FileReadError, "truncated"),
        ("a.doc", _written(_lines(",")), FileReadError, "curve ending in .csv"),
    ],
)
def test_files_that_are_not_curves_are_refused_by_name(
    tmp_path: Path, name: str, make: Callable[[Path], object], error: type[MeshImplantError], words: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(error, match=words) as refused:
        read_curve(tmp_path / name)
    assert name in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_missing_file_and_an_unknown_frame(tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match="does not exist"):
        read_curve(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text(_lines(","))
    with pytest.raises(GeometryError, match="frame LPS or RAS"):
        read_curve(tmp_path / "a.csv", frame="XYZ")
