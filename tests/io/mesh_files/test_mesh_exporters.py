"""STL, 3MF and zipped meshes as other programs write them."""

from __future__ import annotations

import io
import re
import struct
import zipfile

import numpy as np
import pytest
import trimesh

from meshimplant.errors import FileReadError
from meshimplant.io import zipped
from meshimplant.io.meshes import load_mesh, read_mesh

BOX = trimesh.creation.box((30, 20, 10), trimesh.transformations.translation_matrix((7, -8, 900)))


def _text(body=BOX) -> str:
    return body.export(file_type="stl_ascii")


def _read(tmp_path, data: bytes | str, name: str = "m.stl"):
    (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
    return load_mesh(tmp_path / name)


def _codes(loaded) -> list[str]:
    return [finding.code for finding in loaded.findings]


# -- STL -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: "\ufeff" + text,
        lambda text: text.upper(),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("solid", "solid facet vertex 1 2 3", 1),
        lambda text: text.replace("  ", "\t"),
        lambda text: "\n\n  " + text + "\n\n",
    ],
    ids=["plain", "mark", "capitals", "crlf", "cr", "name", "tabs", "blank"],
)
def test_text_stl_is_read_however_it_is_spaced(tmp_path, change):
    loaded = _read(tmp_path, change(_text()), "M.STL")
    assert loaded.mesh.is_watertight
    np.testing.assert_allclose(loaded.mesh.bounds, BOX.bounds, atol=1e-5)
    assert loaded.findings == ()


def test_several_solids_become_one_mesh(tmp_path):
    other = BOX.copy()
    other.apply_translation((60, 0, 0))
    loaded = _read(tmp_path, _text() + "\n" + _text(other))
    assert loaded.mesh.volume == pytest.approx(12000, rel=1e-5)
    assert loaded.mesh.body_count == 2


def test_decimal_commas_are_read_and_said(tmp_path):
    commas = re.sub(r"(\d)\.(\d)", r"\1,\2", _text())
    loaded = _read(tmp_path, commas)
    np.testing.assert_allclose(loaded.mesh.bounds, BOX.bounds, atol=1e-5)
    assert _codes(loaded) == ["input.decimal_commas"]


@pytest.mark.parametrize(
    "number", ["vertex 1,000.5 2.0 3.0", "vertex 1,5 2.0 3.0", "vertex 1,000,5 2,0 3,0", "vertex 1, 2, 3"]
)
def test_ambiguous_commas_are_refused(tmp_path, number):
    text = re.sub(r"vertex \S+ \S+ \S+", number, _text(), count=1)
    with pytest.raises(FileReadError):
        _read(tmp_path, text)


def test_binary_stl_may_begin_with_solid(tmp_path):
    data = b"solid facet exported".ljust(80) + BOX.export(file_type="stl")[80:]
    assert _read(tmp_path, data).mesh.is_watertight


@pytest.mark.parametrize("extra", [b"\0", b"\r\n", b"\0" * 500, b"colour table " * 20])
def test_bytes_after_the_last_facet_are_ignored_and_said(tmp_path, extra):
    loaded = _read(tmp_path, BOX.export(file_type="stl") + extra)
    assert loaded.mesh.is_watertight
    assert _codes(loaded) == ["input.extra_bytes"]


def test_facets_beyond_the_stated_number_are_refused(tmp_path):
    data = BOX.export(file_type="stl")
    with pytest.raises(FileReadError, match="expected 9 facets"):
        _read(tmp_path, data[:80] + struct.pack("<I", 9) + data[84:])


@pytest.mark.parametrize("words", ["endloop", "vertex", "outer loop"])
def test_a_text_stl_with_an_incomplete_facet_is_refused(tmp_path, words):
    with pytest.raises(FileReadError, match="complete STL"):
        _read(tmp_path, _text().replace(words, "", 1))


# -- 3MF -----------------------------------------------------------------------------------------------------

_CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
_PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"


def _mesh_xml(body=BOX) -> str:
    vertices = "".join(f'<vertex x="{x}" y="{y}" z="{z}"/>' for x, y, z in body.vertices)
    triangles = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in body.faces)
    return f"<mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh>"


def _3mf(resources: str, items: str, *, attributes: str = "", **files: str) -> bytes:
    model = (
        f'<model xmlns="{_CORE}" xmlns:p="{_PRODUCTION}" {attributes}>'
        f"<resources>{resources}</resources><build>{items}</build></model>"
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("3D/3dmodel.model", model)
        for name, text in files.items():
            package.writestr(f"3D/{name}.model", text)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["support", "solidsupport", "other"])
def test_supports_are_left_out_and_said(tmp_path, kind):
    aside = BOX.copy()
    aside.apply_translation((50, 0, 0))
    resources = (
        f'<object id="1">{_mesh_xml()}</object><object id="2" type="{kind}">{_mesh_xml(aside)}</object>'
    )
    both = '<item objectid="1"/><item objectid="2"/>'
    loaded = _read(tmp_path, _3mf(resources, both), "m.3mf")
    np.testing.assert_allclose(loaded.mesh.bounds, BOX.bounds)
    assert _codes(loaded) == ["input.objects_left_out"]
    with pytest.raises(FileReadError, match=f"only objects of type {kind}"):
        _read(tmp_path, _3mf(resources, '<item objectid="2"/>'), "m.3mf")


def test_components_are_moved_by_every_transform_on_the_way(tmp_path):
    """A component is turned by 90 degrees about z and mirrored, then the object that holds it is moved."""
    resources = (
        f'<object id="1">{_mesh_xml()}</object><object id="2"><components>'
        '<component objectid="1" transform="0 1 0 -1 0 0 0 0 1 0 0 0"/>'
        '<component objectid="1" transform="-1 0 0 0 1 0 0 0 1 0 100 0"/></components></object>'
    )
    moved = '<item objectid="2" transform="1 0 0 0 1 0 0 0 1 500 0 -900"/>'
    mesh = _read(tmp_path, _3mf(resources, moved), "m.3mf").mesh
    assert mesh.volume == pytest.approx(12000)
    low, high = BOX.bounds
    turned = np.array([(-high[1], low[0], low[2]), (-low[1], high[0], high[2])]) + (500, 0, -900)
    mirrored = np.array([(-high[0], low[1], low[2]), (-low[0], high[1], high[2])]) + (500, 100, -900)
    boxes = sorted((body.bounds for body in mesh.split()), key=lambda bounds: bounds[0][1])
    np.testing.assert_allclose(boxes, sorted((turned, mirrored), key=lambda bounds: bounds[0][1]))


def test_a_part_in_another_file_of_the_package_is_found(tmp_path):
    other = f'<model xmlns="{_CORE}"><resources><object id="7">{_mesh_xml()}</object></resources></model>'
    item = '<item objectid="7" p:path="/3D/parts.model"/>'
    data = _3mf("", item, attributes='requiredextensions="p"', parts=other)
    assert _read(tmp_path, data, "m.3mf").mesh.volume == pytest.approx(6000)


def test_objects_that_hold_themselves_and_unknown_extensions_are_refused(tmp_path):
    loop = '<object id="1"><components><component objectid="1"/></components></object>'
    item = '<item objectid="1"/>'
    with pytest.raises(FileReadError, match="refer to themselves"):
        _read(tmp_path, _3mf(loop, item), "m.3mf")
    beams = (
        'xmlns:b="http://schemas.microsoft.com/3dmanufacturing/beamlattice/2017/02" requiredextensions="b"'
    )
    lattice = _3mf(f'<object id="1">{_mesh_xml()}</object>', item, attributes=beams)
    with pytest.raises(FileReadError, match="requires the extension"):
        _read(tmp_path, lattice, "m.3mf")
    with pytest.raises(FileReadError, match="to be in it"):
        _read(tmp_path, _3mf("", item), "m.3mf")


# -- ZIP -----------------------------------------------------------------------------------------------------


def _zip(tmp_path, **members: bytes):
    path = tmp_path / "sent.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return path


def test_the_one_mesh_of_an_archive_is_read(tmp_path):
    data = BOX.export(file_type="stl")
    path = _zip(tmp_path, a__part_STL=data, a__readme_txt=b"hello")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/a/._part.STL", b"x")
    assert read_mesh(path).is_watertight


def test_several_meshes_in_an_archive_are_named(tmp_path):
    data = BOX.export(file_type="stl")
    with pytest.raises(FileReadError, match=r"2 \(a\.stl, b\.stl\)"):
        read_mesh(_zip(tmp_path, a_stl=data, b_stl=data))
    with pytest.raises(FileReadError, match="got none"):
        read_mesh(_zip(tmp_path, a_txt=b"hello"))


def test_only_what_a_file_needs_of_an_archive_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "MAX_UNPACKED_BYTES", 1 << 20)
    path = _zip(tmp_path, a_stl=BOX.export(file_type="stl"), beside_bin=b"\0" * (2 << 20))
    assert read_mesh(path).is_watertight


def test_an_archive_within_an_archive_is_not_unpacked(tmp_path):
    with pytest.raises(FileReadError, match="got an archive in it: unpack it"):
        read_mesh(_zip(tmp_path, inner_zip=b"PK"))


def test_an_archive_that_grows_too_large_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(zipped, "MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(FileReadError, match="when unpacked"):
        read_mesh(_zip(tmp_path, a_stl=b"\0" * (2 << 20)))


def test_a_damaged_archive_is_refused(tmp_path):
    path = _zip(tmp_path, a_stl=BOX.export(file_type="stl"))
    data = bytearray(path.read_bytes())
    for damaged in (data[: len(data) // 2], b"PK" + b"\0" * 50, data[:60] + b"\xff" * 40 + data[100:]):
        path.write_bytes(bytes(damaged))
        with pytest.raises(FileReadError):
            read_mesh(path)
