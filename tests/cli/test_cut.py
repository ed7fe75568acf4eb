"""cut on files: by a plane, a box and a curve, and everything that can be wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import cap

from meshimplant import read_mesh, write_mesh


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A 5 mm cap of radius 80 mm around +z."""
    write_mesh(cap(80, 5, 25, edge_mm=2.0).mesh, tmp_path / "part.stl")
    return tmp_path / "part.stl"


def _circle(radius_mm: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    height = np.full(60, np.sqrt(80**2 - radius_mm**2))
    return np.stack([8 + radius_mm * np.cos(turn), radius_mm * np.sin(turn), height], axis=1)


def test_a_plane_keeps_either_side(cli: Callable, part: Path, tmp_path: Path) -> None:
    plane = ("--plane", 5, 0, 0, 1, 0, 0)
    below = cli("cut", part, "-o", tmp_path / "below.stl", *plane, "--json")
    above = cli("cut", part, "-o", tmp_path / "above.stl", *plane, "--keep", "above", "--json")
    assert (below.code, above.code) == (0, 0)
    assert (below.json["kept"], above.json["kept"]) == ("below", "above")
    assert below.json["removed_mm3"] == pytest.approx(above.json["volume_after_mm3"], rel=1e-4)
    assert below.json["dropped_pieces"] == 0
    assert read_mesh(tmp_path / "below.stl").bounds[1, 0] == pytest.approx(5, abs=1e-4)
    assert read_mesh(tmp_path / "above.stl").bounds[0, 0] == pytest.approx(5, abs=1e-4)
    assert read_mesh(tmp_path / "below.stl").is_volume


def test_a_box_takes_a_corner_off(cli: Callable, part: Path, tmp_path: Path) -> None:
    result = cli("cut", part, "-o", tmp_path / "cut.ply", "--box", 0, 0, 0, 99, 99, 99)
    assert result.code == 0
    assert "mm3" in result.out.partition("\nremoved ")[2].splitlines()[0]
    whole, left = read_mesh(part).volume, read_mesh(tmp_path / "cut.ply")
    assert left.is_volume
    assert left.volume == pytest.approx(whole * 3 / 4, rel=5e-3)


@pytest.mark.parametrize("written", ["csv", "slicer", "ras"])
def test_a_curve_is_read_in_the_frame_of_its_file(
    cli: Callable, part: Path, tmp_path: Path, written: str
) -> None:
    points, curve, more = _circle(20), tmp_path / "curve.csv", []
    if written == "slicer":
        curve = tmp_path / "curve.mrk.json"
        controls = [{"position": (point * (-1, -1, 1)).tolist()} for point in points]
        curve.write_text(json.dumps({"markups": [{"coordinateSystem": "RAS", "controlPoints": controls}]}))
    elif written == "ras":
        write_mesh(read_mesh(part), tmp_path / "ras.stl", frame="RAS")
        part, more = tmp_path / "ras.stl", ["--frame", "RAS"]
        np.savetxt(curve, points * (-1, -1, 1), delimiter=",")
    else:
        np.savetxt(curve, points, delimiter=",", header="x,y,z")
    result = cli("cut", part, "-o", tmp_path / "cut.stl", "--curve", curve, *more, "--json")
    assert result.code == 0
    x, y, _ = np.asarray(read_mesh(tmp_path / "cut.stl").vertices).T
    assert np.hypot(x - 8, y).max() == pytest.approx(20, abs=0.1)
    assert result.json["kept"] == "inside"


def test_pieces_beyond_the_requested_number_are_reported(cli: Callable, part: Path, tmp_path: Path) -> None:
    slit = ("--box", -1, -99, 0, 2, 99, 99)
    one = cli("cut", part, "-o", tmp_path / "one.stl", *slit, "--json")
    assert one.json["dropped_pieces"] == 1
    two = cli("cut", part, "-o", tmp_path / "two.stl", *slit, "--bodies", 2, "--json")
    assert two.json["dropped_pieces"] == 0
    assert read_mesh(tmp_path / "two.stl").body_count == 2


@pytest.mark.parametrize(
    ("way", "code", "words"),
    [
        (("--plane", 0, 0, 0, 0, 0, 0), 2, "normal with a length"),
        (("--plane", 0, 0, "nan", 0, 0, 1), 2, "three finite numbers"),
        (("--plane", 0, 0, 0, 0, 0, 1), 1, "removes all of it"),
        (("--plane", 0, 0, 300, 0, 0, 1), 1, "misses it"),
        (("--box", 200, 0, 0, 210, 5, 5), 1, "misses it"),
        (("--box", 9, 0, 0, 1, 5, 5), 2, "lower corner below the upper"),
        (("--box", -99, -99, -99, 99, 99, 99), 1, "removes all of it"),
        (("--curve", "far.csv"), 1, "removes all of it"),
        (("--curve", "none.csv"), 1, "none.csv, which does not exist"),
        (("--curve", "line.csv"), 1, "three or more points"),
        (("--curve", "cut.csv"), 1, "2 numbers in line 3"),
        (("--curve", "nan.csv"), 1, "finite coordinates in nan.csv"),
        (("--curve", "eight.csv"), 1, "cross itself"),
    ],
)
def test_what_cannot_be_cut_is_one_sentence_and_nothing_is_written(
    cli: Callable, contents: Callable, part: Path, tmp_path: Path, way: tuple, code: int, words: str
) -> None:
    (tmp_path / "line.csv").write_text("0,0,80\n20,0,77\n")
    (tmp_path / "cut.csv").write_text("0,0,80\n20,0,77\n20,2")
    (tmp_path / "nan.csv").write_text("0,0,80\n20,nan,77\n20,20,75\n")
    (tmp_path / "eight.csv").write_text("0,0,80\n20,20,75\n20,0,77\n0,25,76\n")
    np.savetxt(tmp_path / "far.csv", _circle(20) + (300, 0, 0), delimiter=",")
    before = contents(tmp_path)
    way = tuple(tmp_path / value if str(value).endswith(".csv") else value for value in way)
    result = cli("cut", part, "-o", tmp_path / "out.stl", *way)
    assert result.code == code
    assert result.out == ""
    assert result.err.startswith("meshimplant: error: expected")
    assert result.err.count("\n") == 1
    assert words in result.err
    assert str(tmp_path) not in result.err
    assert contents(tmp_path) == before


def test_an_existing_output_is_kept_unless_forced(cli: Callable, part: Path, tmp_path: Path) -> None:
    (tmp_path / "out.stl").write_text("mine")
    tokens = ("cut", part, "-o", tmp_path / "out.stl", "--plane", 0, 0, 0, 1, 0, 0)
    refused = cli(*tokens)
    assert refused.code == 1
    assert "add --force" in refused.err
    assert (tmp_path / "out.stl").read_text() == "mine"
    assert cli(*tokens, "--force").code == 0
    assert read_mesh(tmp_path / "out.stl").is_volume
