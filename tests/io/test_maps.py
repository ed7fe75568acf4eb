"""Maps are read back on any mesh and in any frame; anything else is refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshimplant.errors import FileReadError, InputError, MeshImplantError, OutputError
from meshimplant.io.maps import read_map, write_map

RNG = np.random.default_rng(3)
POINTS = np.column_stack([RNG.uniform(-40, 40, (3000, 2)), RNG.uniform(80, 81, 3000)])
VALUES = 4 + 0.02 * POINTS[:, 0]


@pytest.mark.parametrize("frame", ["LPS", "RAS"])
@pytest.mark.parametrize("name", ["map.npy", "map.csv"])
def test_what_is_written_is_read(tmp_path: Path, name: str, frame: str) -> None:
    write_map(tmp_path / name, POINTS, VALUES, frame=frame)
    np.testing.assert_allclose(read_map(tmp_path / name, POINTS, frame=frame), VALUES, atol=2e-6)


def test_the_file_holds_what_it_says(tmp_path: Path) -> None:
    write_map(tmp_path / "a.npy", [[1, 2, 3]], [4.5], frame="RAS")
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), [[-1, -2, 3, 4.5]])
    write_map(tmp_path / "a.csv", [[1, 2, 3], [4, 5, 6]], [4.5, np.nan])
    heading, *lines = (tmp_path / "a.csv").read_text().splitlines()
    assert heading == "x_mm,y_mm,z_mm,value"
    assert [float(word) for word in lines[0].split(",")] == [1, 2, 3, 4.5]
    assert lines[1].endswith(",nan")


def test_a_map_holds_for_another_mesh_of_the_same_surface(tmp_path: Path) -> None:
    write_map(tmp_path / "a.csv", POINTS, VALUES)
    others = np.column_stack([RNG.uniform(-30, 30, (500, 2)), np.full(500, 80.5)])
    read = read_map(tmp_path / "a.csv", others)
    assert np.median(np.abs(read - 4 - 0.02 * others[:, 0])) < 0.02
    assert np.isnan(read_map(tmp_path / "a.csv", np.vstack([others, [[0, 0, 100]]]))[-1])


def test_places_without_a_value_take_no_part(tmp_path: Path) -> None:
    gaps = VALUES.copy()
    gaps[::2] = np.nan
    write_map(tmp_path / "a.npy", POINTS, gaps)
    read = read_map(tmp_path / "a.npy", POINTS)
    np.testing.assert_allclose(read[1::2], VALUES[1::2], atol=1e-6)
    assert np.nanmax(np.abs(read - VALUES)) < 0.2


def test_one_value_per_vertex_is_taken_in_order(tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", VALUES)
    np.testing.assert_array_equal(read_map(tmp_path / "plain.npy", POINTS), VALUES)
    with pytest.raises(InputError, match=r"each of the 10 vertices in plain\.npy, got 3000"):
        read_map(tmp_path / "plain.npy", POINTS[:10])


def test_a_map_of_somewhere_else_is_refused(tmp_path: Path) -> None:
    write_map(tmp_path / "a.csv", POINTS, VALUES)
    with pytest.raises(InputError, match="within 5 mm"):
        read_map(tmp_path / "a.csv", POINTS + 500)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n4,5,6\n", "rows of 3 numbers"),
        ("x,y,z,value\n", "no rows"),
        ("1,2,3,4\n5,6,seven,8\n", "something else"),
        ("1,2,3,4\n5,6,7\n", "something else"),
        ("1,2,3,inf\n", "infinite"),
        ("1,2,nan,4\n", "infinite"),
        ("1,2,3,nan\n", "no values"),
    ],
)
def test_no_map_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(FileReadError, match=rf"bad\.csv.*{message}|{message}.*bad\.csv"):
        read_map(tmp_path / "bad.csv", POINTS)


def test_other_arrays_endings_and_damage_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "square.npy", np.zeros((3, 3)))
    np.save(tmp_path / "words.npy", np.array(["a", "b"]))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "square.npy").read_bytes()[:100])
    for name in ("square.npy", "words.npy", "cut.npy", "none.npy"):
        with pytest.raises(FileReadError, match=name):
            read_map(tmp_path / name, POINTS)
    for call in (lambda p: read_map(p, POINTS), lambda p: write_map(p, POINTS, VALUES)):
        with pytest.raises(InputError, match=r"\.csv or \.npy, got map\.xls"):
            call(tmp_path / "map.xls")


def test_what_does_not_match_is_not_written(tmp_path: Path) -> None:
    for points, values in ((POINTS, VALUES[:5]), (POINTS[:, :2], VALUES), (POINTS, VALUES[:, None])):
        with pytest.raises(InputError, match="got shapes"):
            write_map(tmp_path / "a.npy", points, values)
    with pytest.raises(OutputError):
        write_map(tmp_path / "missing" / "a.npy", POINTS, VALUES)
    with pytest.raises(MeshImplantError, match="LPS or RAS"):
        write_map(tmp_path / "a.npy", POINTS, VALUES, frame="LAS")
    assert not list(tmp_path.iterdir())
