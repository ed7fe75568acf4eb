"""Files made to hurt: bombs, pipes, paths that lead elsewhere, endless lines, code, and endless numbers."""

from __future__ import annotations

import bz2
import gzip
import os
import pickle
import signal
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_files import HEAD_MM, write_series
from pydicom.uid import DeflatedExplicitVRLittleEndian
from readable_files import KINDS
from readable_models import MODEL_KINDS

from meshimplant.errors import FileReadError, GeometryError, InputError, MeshImplantError
from meshimplant.io.curves import read_curve
from meshimplant.io.maps import read_map
from meshimplant.io.meshes import read_mesh
from meshimplant.io.points import read_points
from meshimplant.io.volumes import read_volume, write_volume
from meshimplant.runtime import memory
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

ALL_KINDS = {**KINDS, **MODEL_KINDS}
#: Compressed, these are a few thousand bytes.
BOMB = bytes(80 << 20)
NRRD = (
    "NRRD0004\ntype: uchar\ndimension: 3\nspace: LPS\nsizes: {}\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
)
MHD = (
    "NDims = 3\nDimSize = {}\nElementSpacing = 1 1 1\n"
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\nElementType = MET_UCHAR\n"
)


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """Fail instead of waiting."""

    def stop(_signal: int, _frame: object) -> None:
        raise TimeoutError("a reader took longer than 20 s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


# -- what is no regular file ---------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["pipe", "device", "folder"])
@pytest.mark.parametrize("name", ALL_KINDS)
def test_a_pipe_a_device_or_a_folder_in_place_of_a_file_is_refused(
    name: str, what: str, tmp_path: Path
) -> None:
    """Of a DICOM study, one file alone is none, and the slice is missing."""
    path = _made(name, tmp_path)
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(MeshImplantError):
        ALL_KINDS[name].read(path)


def _made(name: str, folder: Path) -> Path:
    return ALL_KINDS[name].make(folder)


# -- bombs ---------------------------------------------------------------------------------------------------


def _nrrd(folder: Path, encoding: str, data: bytes, sizes: str = "10 10 10") -> Path:
    header = f"{NRRD.format(sizes)}encoding: {encoding}\n\n".encode()
    (folder / "in.nrrd").write_bytes(header + data)
    return folder / "in.nrrd"


def _mha(folder: Path, data: bytes, sizes: str = "10 10 10") -> Path:
    header = MHD.format(sizes) + "CompressedData = True\nElementDataFile = LOCAL\n"
    (folder / "in.mha").write_bytes(header.encode() + data)
    return folder / "in.mha"


def _nifti(folder: Path) -> Path:
    whole = gzip.decompress(KINDS["nii.gz"].make(folder).read_bytes())
    (folder / "in.nii.gz").write_bytes(gzip.compress(whole + BOMB, 9))
    return folder / "in.nii.gz"


def _many_streams(folder: Path) -> Path:
    return _nrrd(folder, "gzip", gzip.compress(BOMB[: 1 << 20]) * 80)


BOMBS = {
    "nrrd gzip": lambda folder: _nrrd(folder, "gzip", gzip.compress(BOMB, 9)),
    "nrrd of many streams": _many_streams,
    "nrrd bzip2": lambda folder: _nrrd(folder, "bzip2", bz2.compress(BOMB)),
    "mha": lambda folder: _mha(folder, zlib.compress(BOMB, 9)),
    "nii.gz": _nifti,
}


def _peak_bytes(read: Any, path: Path) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(FileReadError):
            read(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", BOMBS)
def test_no_more_is_inflated_than_the_header_promises(name: str, tmp_path: Path) -> None:
    path = BOMBS[name](tmp_path)
    assert path.stat().st_size < 200_000
    assert _peak_bytes(read_volume, path) < 8 << 20


@pytest.mark.parametrize("make", [_nrrd, _mha], ids=["nrrd", "mha"])
def test_a_header_that_promises_more_than_the_memory_is_refused_with_both_sizes(
    make: Any, tmp_path: Path
) -> None:
    arguments = ("gzip", gzip.compress(b"few")) if make is _nrrd else (zlib.compress(b"few"),)
    path = make(tmp_path, *arguments, sizes="90000 90000 90000")
    with pytest.raises(FileReadError, match=r"GiB free\), got in\.\w+, which states 6.789e\+05 GiB"):
        read_volume(path)


def test_the_memory_that_is_left_is_known_on_linux() -> None:
    available = memory.available_bytes()
    assert available is None or 1 << 20 < available < 1 << 50


def test_a_deflated_study_that_inflates_without_end_is_no_slice(tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", HEAD_MM[:6])
    for n, path in enumerate(files):
        file = pydicom.dcmread(path)
        file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        if n == 2:
            file.add_new(0x00E11001, "OB", BOMB)
        file.save_as(path)
    assert files[2].stat().st_size < 200_000
    tracemalloc.start()
    with pytest.raises(GeometryError, match=r"got 16\.0 mm after slice 2 of 5"):
        read_volume(tmp_path / "series")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


@pytest.mark.parametrize("ending", ["3mf", "zip", "npz"])
def test_an_archive_of_a_bomb_is_refused_unread(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"in.{ending}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr({"3mf": "3D/3dmodel.model", "zip": "in.stl", "npz": "points.npy"}[ending], BOMB)
    read = read_points if ending == "npz" else read_mesh
    assert _peak_bytes(read, path) < 8 << 20


def test_a_mesh_packed_as_no_mesh_is_and_a_disk_without_space_are_named(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in.stl", BOMB)
    with pytest.raises(FileReadError, match="which no mesh is: unpack it yourself if you trust it"):
        read_mesh(path)
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[5:9] = 1
    write_volume(Volume(mask, np.eye(4)), tmp_path / "in.nii")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "in.nii", "in.nii")
    assert read_volume(path).array.sum() == mask.sum()
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: SimpleNamespace(free=100))
    with pytest.raises(FileReadError, match=r"expected space for the .* make space"):
        read_volume(path)


def test_an_array_whose_header_promises_more_than_follows_takes_no_memory(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((150, 6)))
    data = (tmp_path / "in.npy").read_bytes().replace(b"(150, 6), }", b"(150000000, 6), }")
    (tmp_path / "in.npy").write_bytes(data)
    for read in (read_points, read_curve, lambda path: read_map(path, np.zeros((3, 3)))):
        assert _peak_bytes(read, tmp_path / "in.npy") < 1 << 20


# -- data files that lie elsewhere ---------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file beside the folder of the header, as long as its voxels."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.raw").write_bytes(bytes(range(250)) * 4)
    return tmp_path / "secret.raw"


def _naming(folder: Path, ending: str, stated: str) -> Path:
    text = {
        "nhdr": f"{NRRD.format('10 10 10')}encoding: raw\ndata file: {stated}\n",
        "mhd": f"{MHD.format('10 10 10')}ElementDataFile = {stated}\n",
    }[ending]
    (folder / f"in.{ending}").write_text(text)
    return folder / f"in.{ending}"


@pytest.mark.parametrize("ending", ["nhdr", "mhd"])
@pytest.mark.parametrize(
    "way", ["absolute", "above", "through", "link", "folder", "pipe", "device", "list", "pattern", "null"]
)
def test_a_data_file_outside_the_folder_of_its_header_is_not_read(
    way: str, ending: str, secret: Path
) -> None:
    folder = secret.parent / "inside"
    (folder / "link.raw").symlink_to(secret)
    (folder / "zero.raw").symlink_to("/dev/zero")
    (folder / "below").mkdir()
    os.mkfifo(folder / "pipe.raw")
    stated = {
        "absolute": str(secret),
        "above": "../secret.raw",
        "through": "below/../../secret.raw",
        "link": "link.raw",
        "folder": "below",
        "pipe": "pipe.raw",
        "device": "zero.raw",
        "list": f"LIST\n{secret}",
        "pattern": "../secret%d.raw 1 1 1",
        "null": "a\0b.raw",
    }[way]
    path = _naming(folder, ending, stated)
    with pytest.raises(InputError) as refused:
        read_volume(path)
    assert str(secret.parent) not in str(refused.value)


@pytest.mark.parametrize("ending", ["nhdr", "mhd"])
@pytest.mark.parametrize("stated", ["voxels.raw", "below/voxels.raw"])
def test_a_data_file_in_the_folder_of_its_header_or_below_is_read(
    stated: str, ending: str, secret: Path
) -> None:
    folder = secret.parent / "inside"
    (folder / "below").mkdir()
    (folder / stated).write_bytes(secret.read_bytes())
    volume = read_volume(_naming(folder, ending, stated))
    assert volume.array.tobytes(order="F") == secret.read_bytes()


# -- text ----------------------------------------------------------------------------------------------------

TEXT_KINDS = [
    *("nrrd raw", "nrrd text", "nhdr", "seg.nrrd", "mha raw", "mhd", "stl text", "ply text"),
    *("ply text polygons", "obj", "obj polygons", "points text ply", "curve csv", "curve json", "map csv"),
    *("spec toml", "spec json", "training config", "run config", "training set"),
]


@pytest.mark.parametrize("name", TEXT_KINDS)
def test_endless_lines_are_read_or_refused_at_once(name: str, tmp_path: Path) -> None:
    path = _made(name, tmp_path)
    whole = path.read_bytes()
    for piece in (b"(", b" ", b"9", b"[", b'{"a":', b"\\\n", b"(0,", b"-", b"\nf 1 2 3 4"):
        line = (piece * 200_000)[:200_000]
        for text in (line, whole[:30] + line + whole[30:], whole.replace(b": ", b": " + line, 3)):
            path.write_bytes(text)
            assert len(_message(name, path)) < 2000


def _message(name: str, path: Path) -> str:
    """Return why a file is refused; empty where it is read."""
    try:
        ALL_KINDS[name].read(path)
    except MeshImplantError as error:
        return str(error)
    return ""


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    deep = "[" * 100_000
    for name, text in (("in.json", deep), ("in.toml", f"a = {deep}"), ("b.toml", "a = " + "{b=" * 5000)):
        (tmp_path / name).write_text(text)
        with pytest.raises(FileReadError, match=r"nested too deeply|unreadable"):
            ImplantSpec.read(tmp_path / name)
    (tmp_path / "in.mrk.json").write_text(deep)
    with pytest.raises(FileReadError, match="damaged"):
        read_curve(tmp_path / "in.mrk.json")


@pytest.mark.parametrize("number", ["9" * 5000, "nan", "inf", "1e400", "-1", "0", "1_0", "2.5", "٣", ""])
def test_sizes_that_are_no_sizes_are_refused(number: str, tmp_path: Path) -> None:
    sizes = f"{number} 10 10"
    for path in (
        _nrrd(tmp_path, "raw", bytes(1000), sizes),
        _mha(tmp_path, zlib.compress(bytes(1000)), sizes),
    ):
        with pytest.raises(InputError):
            read_volume(path)


@pytest.mark.parametrize("field", ["byte skip: -2", "line skip: -1", "byte skip: 1e3", "byte skip: nan"])
def test_skips_that_are_none_are_refused(field: str, tmp_path: Path) -> None:
    text = f"{NRRD.format('10 10 10')}{field}\nencoding: raw\n\n"
    (tmp_path / "in.nrrd").write_bytes(text.encode() + bytes(1000))
    with pytest.raises(FileReadError, match="skip"):
        read_volume(tmp_path / "in.nrrd")


# -- code and entities ---------------------------------------------------------------------------------------


class _Code:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    "name", ["points npy", "points npz", "curve npy", "map npy", "mean vault", "weights"]
)
def test_no_pickle_is_executed(name: str, tmp_path: Path) -> None:
    path = _made(name, tmp_path)
    code = np.array([_Code(tmp_path / "executed")] * 150, object)
    if path.suffix == ".npz":
        with np.load(path) as data:
            names = data.files
        np.savez(path, **dict.fromkeys(names, code))
    else:
        np.save(path, code)
    with pytest.raises(MeshImplantError):
        ALL_KINDS[name].read(path)
    path.write_bytes(pickle.dumps(code))
    with pytest.raises(MeshImplantError):
        ALL_KINDS[name].read(path)
    assert not (tmp_path / "executed").exists()


def test_no_pickle_is_executed_when_a_training_continues(tmp_path: Path) -> None:
    import torch

    path = _made("checkpoint", tmp_path)
    torch.save({"step": _Code(tmp_path / "executed")}, path)
    with pytest.raises(FileReadError):
        ALL_KINDS["checkpoint"].read(path)
    assert not (tmp_path / "executed").exists()


_LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
DOCTYPES = {
    "growing": f'<!DOCTYPE m [<!ENTITY l0 "lol">{_LAUGHS}]>',
    "file": '<!DOCTYPE m [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    "address": '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/m.dtd">',
}


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("doctype", DOCTYPES)
def test_a_3mf_with_entities_is_refused_unread(doctype: str, coding: str, tmp_path: Path) -> None:
    path = _made("3mf", tmp_path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    model = next(name for name in entries if name.endswith(".model"))
    head, rest = entries[model].decode().split("?>", 1)
    text = head.replace("UTF-8", coding) + "?>" + " " * 9000 + DOCTYPES[doctype] + rest
    entries[model] = text.replace('unit="millimeter"', 'unit="&l9;"').encode(coding)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    assert _peak_bytes(read_mesh, path) < 8 << 20


def test_a_zip_of_names_that_lead_elsewhere_writes_nothing_there(tmp_path: Path) -> None:
    path = _made("stl binary", tmp_path)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(path, "../../../../escaped.stl")
    assert len(read_mesh(tmp_path / "in.zip").faces) == len(read_mesh(path).faces)
    assert not any((folder / "escaped.stl").exists() for folder in tmp_path.parents)
