"""Meshes keep shape, size, side and closedness in every format; damaged files are reported."""

from __future__ import annotations

import io
import json
import struct
import time
import xml.etree.ElementTree as ET
import zipfile

import numpy as np
import pytest
import trimesh

from meshimplant.errors import FileReadError, GeometryError, MeshError, MeshImplantError, OutputError
from meshimplant.io.meshes import MESH_SUFFIXES, read_mesh, write_mesh

FAR = np.array([-113.0, 402.5, 1371.25])


def _body() -> trimesh.Trimesh:
    """Return a closed body without symmetry: an ellipsoid with a horn to +x +y +z, far from the origin."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=1)
    vertices = ball.vertices * (30, 22, 15)
    horn = np.clip(ball.vertices @ np.array([0.6, 0.64, 0.48]) - 0.9, 0, None)[:, None]
    return trimesh.Trimesh(vertices + horn * (90, 130, 170) + FAR, ball.faces, process=False)


def _write_raw(path, data: bytes):
    path.write_bytes(data)
    return path


# -- round trips ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame", ["LPS", "RAS"])
@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_every_format_returns_the_same_triangles(tmp_path, suffix, frame):
    body = _body()
    write_mesh(body, tmp_path / f"m{suffix}", frame=frame)
    back = read_mesh(tmp_path / f"m{suffix}")
    assert len(back.vertices) == len(body.vertices)
    np.testing.assert_allclose(back.triangles, body.triangles, atol=1e-4)
    assert back.is_watertight
    assert back.volume == pytest.approx(body.volume, rel=1e-5)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_two_frames_differ_by_half_a_turn_about_z(tmp_path, suffix):
    """An independent reader sees x and y with the other sign, and the winding outward in both."""
    seen = {}
    for frame in ("LPS", "RAS"):
        write_mesh(_body(), tmp_path / f"m{suffix}", frame=frame)
        seen[frame] = trimesh.load_mesh(tmp_path / f"m{suffix}")
        assert seen[frame].volume > 0
    turn = np.diag([-1.0, 1, -1]) if suffix == ".glb" else np.diag([-1.0, -1, 1])
    np.testing.assert_allclose(seen["RAS"].bounds.mean(0), turn @ seen["LPS"].bounds.mean(0), rtol=1e-5)


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_writing_later_gives_the_same_bytes_and_edits_nothing(tmp_path, suffix, monkeypatch):
    body = _body()
    before = body.vertices.tobytes() + body.faces.tobytes()
    write_mesh(body, tmp_path / f"a{suffix}")
    now = time.time() + 4e6
    monkeypatch.setattr(time, "time", lambda: now)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(now))
    write_mesh(body, tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert body.vertices.tobytes() + body.faces.tobytes() == before


def test_a_file_without_a_stated_frame_is_read_in_the_asked_one(tmp_path):
    body = _body()
    path = _write_raw(tmp_path / "m.stl", body.export(file_type="stl"))
    np.testing.assert_allclose(read_mesh(path).bounds, body.bounds, atol=1e-3)
    ras = read_mesh(path, frame="RAS")
    np.testing.assert_allclose(ras.centroid, body.centroid * (-1, -1, 1), atol=1e-3)
    assert ras.volume == pytest.approx(body.volume, rel=1e-5)


def test_a_stated_frame_wins(tmp_path):
    data = bytearray(_body().export(file_type="stl"))
    data[:34] = b"3D Slicer output. SPACE=RAS       "
    path = _write_raw(tmp_path / "m.stl", bytes(data))
    np.testing.assert_allclose(
        read_mesh(path, frame="LPS").centroid, _body().centroid * (-1, -1, 1), atol=1e-3
    )


def test_an_unknown_frame_is_refused(tmp_path):
    with pytest.raises(GeometryError, match="LPS or RAS"):
        write_mesh(_body(), tmp_path / "m.stl", frame="RPI")
    with pytest.raises(GeometryError, match="LPS or RAS"):
        read_mesh(tmp_path / "m.stl", frame="lps")
    assert list(tmp_path.iterdir()) == []


# -- what each format says -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj"])
def test_headers_state_product_unit_and_frame(tmp_path, suffix):
    write_mesh(_body(), tmp_path / f"m{suffix}", name="left implant", frame="RAS")
    head = (tmp_path / f"m{suffix}").read_bytes()[:200]
    for words in (b"meshimplant", b"left implant", b"unit=mm", b"SPACE=RAS"):
        assert words in head
    assert not head.startswith(b"solid")


def test_stl_normals_point_outward(tmp_path):
    write_mesh(_body(), tmp_path / "m.stl")
    data = (tmp_path / "m.stl").read_bytes()
    count = struct.unpack_from("<I", data, 80)[0]
    assert count == len(_body().faces)
    records = np.frombuffer(data, np.dtype([("n", "<f4", 3), ("v", "<f4", (3, 3)), ("x", "<u2")]), count, 84)
    assert (np.einsum("ij,ij->i", records["n"], _body().face_normals) > 0.999).all()


def test_3mf_is_a_valid_package_in_millimetres(tmp_path):
    body = _body()
    write_mesh(body, tmp_path / "m.3mf", name='flap "A" & <B>')
    with zipfile.ZipFile(tmp_path / "m.3mf") as package:
        assert package.testzip() is None
        assert package.namelist()[0] == "[Content_Types].xml"
        for entry in package.namelist():
            ET.fromstring(package.read(entry))
        root = ET.fromstring(package.read("3D/3dmodel.model"))
    ns = {"m": "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"}
    metadata = {entry.get("name"): entry.text for entry in root.findall("m:metadata", ns)}
    assert root.get("unit") == "millimeter"
    assert metadata["Title"] == 'flap "A" & <B>'
    assert metadata["Application"].startswith("meshimplant ")
    assert "unit=mm SPACE=LPS" in metadata["Description"]
    assert len(root.findall(".//m:vertex", ns)) == len(body.vertices)
    assert len(root.findall(".//m:triangle", ns)) == len(body.faces)
    item = root.find("m:build/m:item", ns)
    assert root.find(f".//m:object[@id='{item.get('objectid')}']", ns).get("type") == "model"
    assert trimesh.load_scene(tmp_path / "m.3mf").units == "millimeter"


@pytest.mark.parametrize(
    ("unit", "scale"), [("meter", 1e-3), ("inch", 1 / 25.4), ("centimeter", 0.1), ("micron", 1e3)]
)
def test_3mf_units_are_honoured(tmp_path, unit, scale):
    body = _body()
    small = trimesh.Trimesh(body.vertices * scale, body.faces, process=False)
    write_mesh(body, tmp_path / "m.3mf")
    with zipfile.ZipFile(tmp_path / "m.3mf") as package:
        parts = {entry: package.read(entry) for entry in package.namelist()}
    with zipfile.ZipFile(tmp_path / "u.3mf", "w") as package:
        for entry, data in parts.items():
            if entry.endswith(".model"):
                vertices = "".join(
                    f'<vertex x="{x!r}" y="{y!r}" z="{z!r}"/>' for x, y, z in small.vertices.tolist()
                )
                start, stop = data.index(b"<vertices>") + 10, data.index(b"</vertices>")
                data = data[:start] + vertices.encode() + data[stop:]
                data = data.replace(b'unit="millimeter"', f'unit="{unit}"'.encode())
            package.writestr(entry, data)
    np.testing.assert_allclose(read_mesh(tmp_path / "u.3mf").triangles, body.triangles, atol=1e-4)


def test_glb_is_metres_with_y_up_and_valid_bounds(tmp_path):
    body = _body()
    write_mesh(body, tmp_path / "m.glb")
    data = (tmp_path / "m.glb").read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert (magic, version, length, kind, len(data) % 4) == (b"glTF", 2, len(data), b"JSON", 0)
    document = json.loads(data[20 : 20 + size])
    position = document["accessors"][0]
    low, high = body.bounds / 1000  # x left, y back, z up -> x left, y up, z front
    np.testing.assert_allclose(position["min"], (low[0], low[2], -high[1]), atol=1e-6)
    np.testing.assert_allclose(position["max"], (high[0], high[2], -low[1]), atol=1e-6)
    assert trimesh.load_mesh(tmp_path / "m.glb").volume == pytest.approx(body.volume * 1e-9, rel=1e-4)


def test_a_glb_scene_with_moved_bodies_is_put_together(tmp_path):
    """Two metre-sized balls, one moved by its node: both are read where the scene puts them."""
    ball = trimesh.creation.icosphere(radius=0.02)
    scene = trimesh.Scene()
    scene.add_geometry(ball, node_name="a")
    scene.add_geometry(
        ball, node_name="b", transform=trimesh.transformations.translation_matrix((0.1, 0.2, 0.3))
    )
    back = read_mesh(_write_raw(tmp_path / "s.glb", scene.export(file_type="glb")))
    assert back.body_count == 2
    np.testing.assert_allclose(back.bounds, [[-20, -320, -20], [120, 20, 220]], atol=0.5)


# -- closedness ----------------------------------------------------------------------------------------------


def test_vertices_that_fall_together_in_stl_do_not_open_the_surface(tmp_path):
    """Splitting an edge 1e-7 mm beside its end makes two faces that collapse in float32."""
    body = _body()
    a, b, c = body.faces[0]
    other = next(n for n, f in enumerate(body.faces) if n and {a, b} <= set(f))
    d = next(v for v in body.faces[other] if v not in (a, b))
    new = len(body.vertices)
    vertices = np.vstack([body.vertices, body.vertices[a] + 1e-7])
    faces = np.delete(body.faces, [0, other], axis=0)
    faces = np.vstack([faces, [[a, new, c], [new, b, c], [b, new, d], [new, a, d]]])
    split = trimesh.Trimesh(vertices, faces, process=False)
    assert split.is_watertight
    write_mesh(split, tmp_path / "m.stl")
    back = read_mesh(tmp_path / "m.stl")
    assert back.is_watertight
    assert back.is_winding_consistent
    assert len(back.faces) == len(body.faces)


def test_reading_repairs_nothing(tmp_path):
    body = _body()
    torn = trimesh.Trimesh(body.vertices, np.vstack([body.faces[5:], body.faces[20:22, ::-1]]), process=False)
    for suffix in MESH_SUFFIXES:
        write_mesh(torn, tmp_path / f"m{suffix}")
        back = read_mesh(tmp_path / f"m{suffix}")
        assert len(back.faces) == len(torn.faces)
        assert not back.is_watertight


def test_ascii_files_and_polygons_are_read(tmp_path):
    body = _body()
    for suffix, kind in ((".stl", "stl_ascii"), (".obj", "obj")):
        text = body.export(file_type=kind)
        back = read_mesh(_write_raw(tmp_path / f"m{suffix}", text.encode()))
        assert back.is_watertight
        assert back.volume == pytest.approx(body.volume, rel=1e-5)
    ply = body.export(file_type="ply", encoding="ascii")
    assert read_mesh(_write_raw(tmp_path / "m.ply", ply)).is_watertight
    box = trimesh.creation.box((30, 20, 10))
    corners = "".join(f"v {x} {y} {z}\n" for x, y, z in box.vertices)
    quads = "f 1 2 4 3\nf 5 7 8 6\nf 1 5 6 2\nf 3 4 8 7\nf 1 3 7 5\nf 2 6 8 4\n"
    cube = read_mesh(_write_raw(tmp_path / "q.obj", (corners + quads).encode()))
    assert cube.is_watertight
    assert abs(cube.volume) == pytest.approx(6000)


# -- broken and foreign files --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"\0" * 500, b"hello world\n" * 50])
def test_empty_and_foreign_content_is_refused(tmp_path, suffix, content):
    with pytest.raises(FileReadError, match=f"m{suffix}"):
        read_mesh(_write_raw(tmp_path / f"m{suffix}", content))


@pytest.mark.parametrize("share", [0.0005, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".stl", ".3mf", ".ply", ".glb"])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    write_mesh(_body(), tmp_path / f"m{suffix}")
    data = (tmp_path / f"m{suffix}").read_bytes()
    with pytest.raises(FileReadError):
        read_mesh(_write_raw(tmp_path / f"m{suffix}", data[: int(len(data) * share)]))


@pytest.mark.parametrize("suffix", [".stl", ".ply"])
def test_truncated_text_files_are_refused(tmp_path, suffix):
    kind = {"file_type": "stl_ascii"} if suffix == ".stl" else {"file_type": "ply", "encoding": "ascii"}
    data = _body().export(**kind)
    data = data if isinstance(data, bytes) else data.encode()
    for share in (0.3, 0.95):
        with pytest.raises(FileReadError):
            read_mesh(_write_raw(tmp_path / f"m{suffix}", data[: int(len(data) * share)]))


def test_an_obj_that_lost_its_vertices_is_refused(tmp_path):
    lines = _body().export(file_type="obj").splitlines()
    kept = [line for n, line in enumerate(lines) if not (line.startswith("v ") and n % 7 == 0)]
    with pytest.raises(FileReadError):
        read_mesh(_write_raw(tmp_path / "m.obj", "\n".join(kept).encode()))


def test_a_point_cloud_is_refused(tmp_path):
    cloud = trimesh.PointCloud(_body().vertices).export(file_type="ply")
    with pytest.raises(FileReadError, match="triangles"):
        read_mesh(_write_raw(tmp_path / "m.ply", cloud))
    with pytest.raises(FileReadError, match="triangles"):
        read_mesh(_write_raw(tmp_path / "m.obj", b"v 0 0 0\nv 9 0 0\nv 0 9 0\n"))


@pytest.mark.parametrize(("scale", "words"), [(1e-3, "metres, scale it by 1000"), (1e3, "another unit")])
def test_other_units_are_named(tmp_path, scale, words):
    body = _body()
    body = trimesh.Trimesh((body.vertices - FAR) * scale, body.faces, process=False)
    with pytest.raises(GeometryError, match=words):
        read_mesh(_write_raw(tmp_path / "m.stl", body.export(file_type="stl")))


def test_not_a_number_is_refused_both_ways(tmp_path):
    body = _body()
    vertices = body.vertices.copy()
    vertices[7, 1] = np.nan
    broken = trimesh.Trimesh(vertices, body.faces, process=False)
    with pytest.raises(MeshError, match="NaN"):
        write_mesh(broken, tmp_path / "m.stl")
    buffer = io.BytesIO()
    broken.export(buffer, file_type="ply")
    with pytest.raises(GeometryError, match="finite"):
        read_mesh(_write_raw(tmp_path / "m.ply", buffer.getvalue()))


def test_an_empty_mesh_and_an_unknown_ending_are_refused(tmp_path):
    with pytest.raises(MeshError, match="0 faces"):
        write_mesh(trimesh.Trimesh(), tmp_path / "m.stl")
    for name in ("m.dae", "m", "missing/m.stl"):
        with pytest.raises(OutputError):
            write_mesh(_body(), tmp_path / name)
    with pytest.raises(FileReadError, match="ending in"):
        read_mesh(tmp_path / "m.dae")
    with pytest.raises(FileReadError, match="does not exist"):
        read_mesh(tmp_path / "m.stl")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_mesh(tmp_path):
    write_mesh(_body(), tmp_path / "m.stl")
    before = (tmp_path / "m.stl").read_bytes()
    with pytest.raises(MeshError):
        write_mesh(trimesh.Trimesh(), tmp_path / "m.stl")
    assert (tmp_path / "m.stl").read_bytes() == before


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_every_reading_error_is_ours(tmp_path, suffix):
    """No damage may escape as a foreign exception; some is found, some harmless."""
    rng = np.random.default_rng(3)
    path = tmp_path / f"m{suffix}"
    mesh = trimesh.creation.icosphere(subdivisions=1, radius=20)
    write_mesh(mesh, path)
    good, refused, kept = path.read_bytes(), 0, 0
    for _ in range(60):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), 3):
            bad[at] = rng.integers(0, 256)
        try:
            kept += len(read_mesh(_write_raw(path, bytes(bad))).vertices) == len(mesh.vertices)
        except MeshImplantError:
            refused += 1
    assert refused >= 10
    assert kept >= 1 or suffix == ".3mf"  # the checksums of its archive find all damage
    path.write_bytes(good)
    assert len(read_mesh(path).vertices) == len(mesh.vertices)
