"""`read_points` reads what other programs write, and refuses the rest with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clouds import ball_points, rows, write_ply

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.points import read_points

CLOUD = ball_points(40, 500)
ROWS = rows(CLOUD) + np.array([5, -20, 30, 0, 0, 0])


@pytest.mark.parametrize("form", ["binary_little_endian", "binary_big_endian", "ascii"])
def test_ply_gives_points_and_normals_exactly(tmp_path: Path, form: str) -> None:
    write_ply(tmp_path / "p.ply", ROWS, form=form)
    found = read_points(tmp_path / "p.ply")
    np.testing.assert_array_equal(found.points_mm, ROWS[:, :3])
    np.testing.assert_allclose(found.normals, ROWS[:, 3:], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("p.npy", ROWS),
        ("p.npy", ROWS[None].astype(np.float32)),
        ("p.npz", {"points": ROWS[:, :3], "normals": 3 * ROWS[:, 3:], "threshold": np.zeros(1)}),
        ("p.npz", {"arr_0": ROWS}),
    ],
    ids=["rows", "batch of one", "points and normals", "one array"],
)
def test_arrays_give_points_and_unit_normals(tmp_path: Path, name: str, arrays) -> None:
    path = tmp_path / name
    np.savez(path, **arrays) if isinstance(arrays, dict) else np.save(path, arrays)
    found = read_points(path)
    np.testing.assert_allclose(found.points_mm, ROWS[:, :3], rtol=1e-6)
    np.testing.assert_allclose(found.normals, ROWS[:, 3:], rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found.normals, axis=1), 1, rtol=1e-12)


def test_ras_turns_points_and_normals_and_a_stated_frame_goes_first(tmp_path: Path) -> None:
    signs = np.array([-1.0, -1, 1])
    np.save(tmp_path / "p.npy", ROWS)
    write_ply(tmp_path / "p.ply", ROWS, comment="SPACE=LPS")
    turned = read_points(tmp_path / "p.npy", frame="RAS")
    np.testing.assert_array_equal(turned.points_mm, ROWS[:, :3] * signs)
    np.testing.assert_allclose(turned.normals, ROWS[:, 3:] * signs, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(read_points(tmp_path / "p.ply", frame="RAS").points_mm, ROWS[:, :3])


def _without_normals_ply(path: Path) -> None:
    write_ply(path, ROWS[:, :3])


def _surface_ply(path: Path) -> None:
    write_ply(path, ROWS)
    path.write_bytes(path.read_bytes().replace(b"end_header", b"element face 9\nend_header"))


def _truncated_ply(path: Path) -> None:
    write_ply(path, ROWS)
    path.write_bytes(path.read_bytes()[:-1])


def _array(values) -> object:
    return lambda path: np.save(path, values)


def _changed(column: int, value: float) -> np.ndarray:
    changed = ROWS.copy()
    changed[7, column:] = value
    return changed


BAD = {
    "no normals in ply": ("p.ply", _without_normals_ply, InputError, "got 500 points without"),
    "no normals in npy": ("p.npy", _array(ROWS[None, :, :3]), InputError, "do not show on which side"),
    "a surface": ("p.ply", _surface_ply, InputError, "a surface of 9 faces"),
    "truncated ply": ("p.ply", _truncated_ply, FileReadError, "truncated or foreign"),
    "truncated ascii": (
        "p.ply",
        lambda path: path.write_bytes(
            b"ply\nformat ascii 1.0\nelement vertex 5\nproperty float x\nend_header\n1 2"
        ),
        FileReadError,
        "truncated or foreign",
    ),
    "not a ply": ("p.ply", lambda path: path.write_bytes(b"solid"), FileReadError, "foreign file"),
    "damaged npy": ("p.npy", lambda path: path.write_bytes(b"\x93NUMPY\x01"), FileReadError, "damaged"),
    "objects": (
        "p.npy",
        lambda path: np.save(path, np.array([{}]), allow_pickle=True),
        FileReadError,
        "Python objects",
    ),
    "several clouds": ("p.npy", _array(np.stack([ROWS, ROWS])), FileReadError, r"got \(2, 500, 6\)"),
    "words": ("p.npy", _array(ROWS.astype(str)), FileReadError, "expected numbers"),
    "normalised": (
        "p.npy",
        _array(np.hstack([CLOUD.points_mm / 40, CLOUD.normals])),
        GeometryError,
        r"normalised \(all within -1 and 1\)",
    ),
    "small": ("p.npy", _array(ROWS * [0.1, 0.1, 0.1, 1, 1, 1]), GeometryError, "centimetres"),
    "large": ("p.npy", _array(ROWS * [100, 100, 100, 1, 1, 1]), GeometryError, "another unit"),
    "nan": ("p.npy", _array(_changed(2, np.nan)), GeometryError, "NaN"),
    "no direction": ("p.npy", _array(_changed(3, 0)), InputError, "got 1 normals of length 0"),
    "too few": ("p.npy", _array(ROWS[:99]), InputError, "at least 100 points"),
    "another ending": ("p.xyz", lambda path: path.write_bytes(b"1"), FileReadError, "ending in .ply"),
}


@pytest.mark.parametrize("case", BAD)
def test_unusable_input_is_reported(tmp_path: Path, case: str) -> None:
    name, write, error, words = BAD[case]
    write(tmp_path / name)
    with pytest.raises(error, match=words) as caught:
        read_points(tmp_path / name)
    assert name in str(caught.value)
