"""A small undamaged file of every kind that is read, with the function that reads it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clouds
import numpy as np
from dicom_files import HEAD_MM, write_series
from segmentations import write_ct, write_rtstruct, write_seg
from shapes import sphere

from meshimplant.io.curves import read_curve
from meshimplant.io.maps import read_map, write_map
from meshimplant.io.meshes import read_mesh, write_mesh
from meshimplant.io.metaimage import write_metaimage
from meshimplant.io.points import read_points
from meshimplant.io.volumes import read_volume, write_volume
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

_SERIES = "1.2.826.0.1.3680043.8.498.1"


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes
    ----------
    make : callable
        Writes it into a folder, and returns the file that is damaged.
    read : callable
        Reads it, from the path that `make` returned.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]


def _volume() -> Volume:
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (-30, 20, 900)
    values = np.random.default_rng(1).integers(0, 200, (13, 11, 9)).astype(np.int16)
    return Volume(values, affine)


def _mask() -> Volume:
    volume = _volume()
    return volume.with_array((volume.array > 90).astype(np.uint8))


def _written(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_volume(_volume(), folder / name)
        return folder / name

    return make


def _nrrd_header(volume: Volume, encoding: str, more: str = "") -> bytes:
    directions = " ".join(f"({','.join(map(str, column))})" for column in volume.affine[:3, :3].T)
    return (
        "NRRD0004\n# a comment\ntype: int16\ndimension: 3\nspace: left-posterior-superior\n"
        f"sizes: {' '.join(map(str, volume.shape))}\nspace directions: {directions}\n"
        f"kinds: domain domain domain\nendian: little\nencoding: {encoding}\n"
        f'space origin: (-30,20,900)\nspace units: "mm" "mm" "mm"\n{more}\n'
    ).encode()


def _nrrd(encoding: str) -> Callable[[Path], Path]:
    import bz2

    packers = {
        "raw": bytes,
        "bzip2": bz2.compress,
        "ascii": lambda data: " ".join(map(str, np.frombuffer(data, "<i2"))).encode(),
    }

    def make(folder: Path) -> Path:
        volume = _volume()
        data = packers[encoding](volume.array.tobytes(order="F"))
        (folder / "in.nrrd").write_bytes(_nrrd_header(volume, encoding) + data)
        return folder / "in.nrrd"

    return make


def _nhdr(folder: Path) -> Path:
    volume = _volume()
    (folder / "voxels.raw").write_bytes(b"12\n34" + volume.array.tobytes(order="F"))
    more = "line skip: 1\nbyte skip: 2\ndata file: voxels.raw\n"
    (folder / "in.nhdr").write_bytes(_nrrd_header(volume, "raw", more))
    return folder / "in.nhdr"


def _seg_nrrd(folder: Path) -> Path:
    volume = _mask()
    names = "".join(
        f"Segment{n}_Name:={name}\nSegment{n}_ID:=S{n}\nSegment{n}_LabelValue:={n + 1}\nSegment{n}_Layer:=0\n"
        for n, name in enumerate(("Bone", "Skin"))
    )
    header = _nrrd_header(volume, "raw", names).replace(b"int16", b"uchar")
    (folder / "in.seg.nrrd").write_bytes(header + volume.array.tobytes(order="F"))
    return folder / "in.seg.nrrd"


def _mha(folder: Path) -> Path:
    write_metaimage(_volume().array, _volume().affine, folder / "in.mha", compressed=False)
    return folder / "in.mha"


def _mhd(folder: Path) -> Path:
    _mha(folder)
    head, voxels = (folder / "in.mha").read_bytes().split(b"LOCAL\n", 1)
    (folder / "voxels.raw").write_bytes(voxels)
    (folder / "in.mhd").write_bytes(head.replace(b"NDims", b"HeaderSize = 0\nNDims") + b"voxels.raw\n")
    return folder / "in.mhd"


def _dicom(folder: Path) -> Path:
    return write_series(folder / "series", HEAD_MM[:6])[2]


def _dicom_zip(folder: Path) -> Path:
    files = write_series(folder / "series", HEAD_MM[:6])
    with zipfile.ZipFile(folder / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.name)
    return folder / "in.zip"


def _deflated_dicom(folder: Path) -> Path:
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    files = write_series(folder / "series", HEAD_MM[:6])
    for path in files:
        file = pydicom.dcmread(path)
        file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        file.save_as(path)
    return files[2]


def _dicom_seg(folder: Path) -> Path:
    mask = _mask()
    write_seg(folder / "in.dcm", {"Bone": mask.array}, mask)
    return folder / "in.dcm"


def _rtstruct(folder: Path) -> Path:
    volume = _mask()
    write_ct(folder / "study" / "ct", volume.with_array(volume.array.astype(np.int16)), _SERIES)
    square = np.array([(2, 2, 0), (9, 2, 0), (9, 8, 0), (2, 8, 0)], float)
    contours = [volume.to_mm(square + (0, 0, k)) for k in range(2, 7)]
    write_rtstruct(folder / "study" / "regions.dcm", {"Bone": contours}, _SERIES)
    return folder / "study" / "regions.dcm"


def _mesh(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_mesh(sphere(40, subdivisions=2).mesh, folder / name)
        return folder / name

    return make


def _text_mesh(kind: str, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        text = sphere(40, subdivisions=1).mesh.export(file_type=kind, **options)
        path = folder / f"in.{kind.partition('_')[0]}"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return make


_ENDS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
_CORNERS = np.array(_ENDS) * (40.0, 30.0, 10.0)
_SIDES = ((0, 3, 2, 1), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))


def _polygon_ply(form: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        head = (
            f"ply\nformat {form} 1.0\nelement vertex 8\n"
            "property float x\nproperty float y\nproperty float z\n"
            "element face 6\nproperty list uchar int vertex_indices\nend_header\n"
        )
        if form == "ascii":
            rows = [" ".join(map(str, row)) for row in (*_CORNERS.tolist(), *((4, *side) for side in _SIDES))]
            body = ("\n".join(rows) + "\n").encode()
        else:
            sides = b"".join(b"\4" + np.array(side, "<i4").tobytes() for side in _SIDES)
            body = _CORNERS.astype("<f4").tobytes() + sides
        (folder / "in.ply").write_bytes(head.encode() + body)
        return folder / "in.ply"

    return make


def _polygon_obj(folder: Path) -> Path:
    rows = ["v " + " ".join(map(str, row)) for row in _CORNERS.tolist()]
    rows += ["f " + " ".join(f"{corner + 1}//1" for corner in side) for side in _SIDES]
    (folder / "in.obj").write_text("# a box\n" + "\n".join(rows) + "\n")
    return folder / "in.obj"


def _zipped_mesh(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(_mesh("in.stl")(folder), "in.stl")
    return folder / "in.zip"


def _points(name: str, **options: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        table = clouds.rows(clouds.ball_points(60, 150))
        if name.endswith(".ply"):
            clouds.write_ply(folder / name, table, **options)
        elif name.endswith(".npz"):
            np.savez_compressed(folder / name, points=table[:, :3], normals=table[:, 3:])
        else:
            np.save(folder / name, table)
        return folder / name

    return make


_CURVE = np.column_stack([40 * np.cos(np.arange(30) / 5), 30 * np.sin(np.arange(30) / 5), np.arange(30)])


def _curve(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import json

        path = folder / name
        if name.endswith(".npy"):
            np.save(path, _CURVE)
        elif name.endswith(".json"):
            points = [{"id": str(n), "position": row} for n, row in enumerate(_CURVE.tolist())]
            markup = {"type": "Curve", "coordinateSystem": "LPS", "controlPoints": points}
            path.write_text(json.dumps({"markups": [markup]}))
        else:
            path.write_text("x,y,z\n" + "".join(f"{x},{y},{z}\n" for x, y, z in _CURVE))
        return path

    return make


def _map(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        write_map(folder / name, _CURVE, np.arange(30.0))
        return folder / name

    return make


def _spec(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        import json

        spec = ImplantSpec()
        text = json.dumps(spec.to_dict()) if name.endswith("json") else spec.to_toml()
        (folder / name).write_text(text)
        return folder / name

    return make


#: Kinds whose readers need no network.
KINDS: dict[str, Kind] = {
    "nrrd gzip": Kind(_written("in.nrrd"), read_volume),
    "nrrd raw": Kind(_nrrd("raw"), read_volume),
    "nrrd bzip2": Kind(_nrrd("bzip2"), read_volume),
    "nrrd text": Kind(_nrrd("ascii"), read_volume),
    "nhdr": Kind(_nhdr, read_volume),
    "seg.nrrd": Kind(_seg_nrrd, lambda path: read_volume(path, segment="Bone")),
    "nii": Kind(_written("in.nii"), read_volume),
    "nii.gz": Kind(_written("in.nii.gz"), read_volume),
    "mha raw": Kind(_mha, read_volume),
    "mha compressed": Kind(_written("in.mha"), read_volume),
    "mhd": Kind(_mhd, read_volume),
    "dicom slice": Kind(_dicom, lambda path: read_volume(path.parent)),
    "dicom deflated": Kind(_deflated_dicom, lambda path: read_volume(path.parent)),
    "dicom zip": Kind(_dicom_zip, read_volume),
    "dicom seg": Kind(_dicom_seg, lambda path: read_volume(path, segment="Bone")),
    "rtstruct": Kind(_rtstruct, lambda path: read_volume(path.parent, segment="Bone")),
    "stl binary": Kind(_mesh("in.stl"), read_mesh),
    "stl text": Kind(_text_mesh("stl_ascii"), read_mesh),
    "ply binary": Kind(_mesh("in.ply"), read_mesh),
    "ply text": Kind(_text_mesh("ply", encoding="ascii"), read_mesh),
    "ply polygons": Kind(_polygon_ply("binary_little_endian"), read_mesh),
    "ply text polygons": Kind(_polygon_ply("ascii"), read_mesh),
    "obj": Kind(_mesh("in.obj"), read_mesh),
    "obj polygons": Kind(_polygon_obj, read_mesh),
    "3mf": Kind(_mesh("in.3mf"), read_mesh),
    "glb": Kind(_mesh("in.glb"), read_mesh),
    "mesh zip": Kind(_zipped_mesh, read_mesh),
    "points npy": Kind(_points("in.npy"), read_points),
    "points npz": Kind(_points("in.npz"), read_points),
    "points ply": Kind(_points("in.ply"), read_points),
    "points text ply": Kind(_points("in.ply", form="ascii"), read_points),
    "curve csv": Kind(_curve("in.csv"), read_curve),
    "curve npy": Kind(_curve("in.npy"), read_curve),
    "curve json": Kind(_curve("in.mrk.json"), read_curve),
    "map csv": Kind(_map("in.csv"), lambda path: read_map(path, _CURVE)),
    "map npy": Kind(_map("in.npy"), lambda path: read_map(path, _CURVE)),
    "spec toml": Kind(_spec("in.toml"), ImplantSpec.read),
    "spec json": Kind(_spec("in.json"), ImplantSpec.read),
}
