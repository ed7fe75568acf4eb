"""Concave and non-planar polygons become triangles that fill them once, whatever the file."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from meshimplant.errors import FileReadError
from meshimplant.io.mesh_files.obj_polygons import has_obj_polygons
from meshimplant.io.mesh_files.ply_polygons import has_ply_polygons
from meshimplant.io.mesh_files.polygons import ragged, split_polygons
from meshimplant.io.meshes import load_mesh, read_mesh

#: Outlines (counter-clockwise, from different corners) and their areas.
ARROW = [(0, 0), (40, 0), (10, 10), (0, 40)]
LETTER_C = [(0, 0), (30, 0), (30, 10), (10, 10), (10, 20), (30, 20), (30, 30), (0, 30)]
COMB = [(0, 0), (50, 0), (50, 30), (40, 30), (40, 10), (30, 10), (30, 30), (20, 30), (20, 10), (0, 10)]
OUTLINES = {"arrow": (ARROW, 400.0), "letter": (LETTER_C, 700.0), "comb": (COMB, 900.0)}


def _turn() -> np.ndarray:
    return trimesh.transformations.rotation_matrix(0.9, (1, 2, -0.7), (5, -3, 2))


def _prism(outline, first: int = 0) -> tuple[np.ndarray, list[list[int]]]:
    """Return a closed prism 12 high, turned and far from the origin, whose caps begin at corner `first`."""
    flat = np.array(outline, float)
    n = len(flat)
    points = np.vstack([np.c_[flat, np.zeros(n)], np.c_[flat, np.full(n, 12.0)]])
    ring = np.roll(np.arange(n), -first).tolist()
    sides = [[a, b, b + n, a + n] for a, b in zip(range(n), [*range(1, n), 0], strict=True)]
    polygons = [ring[::-1], [corner + n for corner in ring], *sides]
    return trimesh.transform_points(points, _turn()) + (300, -200, 900), polygons


def _obj(points, polygons) -> bytes:
    lines = [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in points]
    lines += ["f " + " ".join(f"{corner + 1}//1" for corner in polygon) for polygon in polygons]
    return "\n".join(lines).encode()


def _ply(points, polygons, form: str) -> bytes:
    head = [
        "ply",
        f"format {form} 1.0",
        f"element vertex {len(points)}",
        *(f"property double {axis}" for axis in "xyz"),
        f"element face {len(polygons)}",
        "property uchar quality",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    order = "<" if "little" in form else ">"
    if form == "ascii":
        rows = [" ".join(map(repr, map(float, point))) for point in points]
        rows += [" ".join(map(str, [7, len(polygon), *polygon])) for polygon in polygons]
        return "\n".join([*head, *rows, ""]).encode()
    body = points.astype(order + "f8").tobytes()
    for polygon in polygons:
        body += bytes([7, len(polygon)]) + np.array(polygon, order + "i4").tobytes()
    return "\n".join([*head, ""]).encode() + body


FORMS = {
    "m.obj": _obj,
    "m_ascii.ply": lambda *body: _ply(*body, "ascii"),
    "m_little.ply": lambda *body: _ply(*body, "binary_little_endian"),
    "m_big.ply": lambda *body: _ply(*body, "binary_big_endian"),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("outline", OUTLINES)
def test_concave_caps_are_filled_once(tmp_path, outline, name):
    corners, area = OUTLINES[outline]
    length = np.linalg.norm(np.roll(corners, -1, axis=0) - np.array(corners), axis=1).sum()
    for first in range(len(corners)):
        (tmp_path / name).write_bytes(FORMS[name](*_prism(corners, first)))
        mesh = read_mesh(tmp_path / name)
        assert mesh.is_watertight
        assert mesh.volume == pytest.approx(12 * area, rel=1e-6)
        assert mesh.area == pytest.approx(2 * area + 12 * length, rel=1e-6)


@pytest.mark.parametrize("outline", OUTLINES)
def test_a_bent_concave_polygon_has_no_triangle_turned_over(outline):
    """Its corners are up to 2 mm off one plane; seen from above, the triangles still fill it once."""
    corners, area = OUTLINES[outline]
    flat = np.array(corners, float)
    points = np.c_[flat, np.cos(flat[:, 0] / 7) * 2]
    split = split_polygons(points, *ragged([list(range(len(points)))]))
    above = points[split.faces][:, :, :2]
    areas = _areas(above)
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(area)


def _areas(triangles: np.ndarray) -> np.ndarray:
    (ax, ay), (bx, by) = (triangles[:, 1] - triangles[:, 0]).T, (triangles[:, 2] - triangles[:, 0]).T
    return (ax * by - ay * bx) / 2


def test_convex_polygons_stay_fans_in_the_order_of_the_file():
    turns = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    points = np.c_[np.cos(turns), np.sin(turns), np.zeros(6)]
    split = split_polygons(points, *ragged([[0, 1, 2, 3], [3, 4, 5], [0, 1], [0, 1, 2, 3, 4]]))
    assert split.faces.tolist() == [
        [0, 1, 2], [0, 2, 3], [3, 4, 5], [0, 1, 2], [0, 2, 3], [0, 3, 4]
    ]  # fmt: skip
    assert split.crossing == 0


def test_a_polygon_that_crosses_itself_is_a_finding(tmp_path):
    points, polygons = _prism(ARROW)
    bow = np.array([(0, 0, 50), (20, 20, 50), (20, 0, 50), (0, 20, 50)], float) + (300, -200, 900)
    path = tmp_path / "m.obj"
    path.write_bytes(_obj(np.vstack([points, bow]), [*polygons, [8, 9, 10, 11]]))
    loaded = load_mesh(path)
    assert [(finding.code, finding.value) for finding in loaded.findings] == [("input.crossing_polygons", 1)]
    path.write_bytes(_obj(points, polygons))
    assert load_mesh(path).findings == ()


def test_corners_may_count_backwards_and_lines_may_continue(tmp_path):
    points, polygons = _prism(LETTER_C)
    text = _obj(points, []).decode()
    for polygon in polygons:
        text += "\nf " + " \\\n".join(str(corner - len(points)) for corner in polygon)
    (tmp_path / "m.obj").write_text(text)
    assert read_mesh(tmp_path / "m.obj").volume == pytest.approx(8400, rel=1e-6)


@pytest.mark.parametrize("name", FORMS)
def test_truncated_polygons_and_missing_vertices_are_refused(tmp_path, name):
    points, polygons = _prism(LETTER_C)
    data = FORMS[name](points, polygons)
    (tmp_path / name).write_bytes(FORMS[name](points, [*polygons, [0, 1, 2, 99]]))
    with pytest.raises(FileReadError):
        read_mesh(tmp_path / name)
    if name.endswith(".ply"):
        for cut in (3, 30, 200):
            (tmp_path / name).write_bytes(data[:-cut])
            with pytest.raises(FileReadError):
                read_mesh(tmp_path / name)


def test_files_of_triangles_take_the_quick_way():
    ball = trimesh.creation.icosphere(subdivisions=2)
    assert not has_obj_polygons(ball.export(file_type="obj").encode())
    for encoding in ("ascii", "binary"):
        assert not has_ply_polygons(ball.export(file_type="ply", encoding=encoding))
