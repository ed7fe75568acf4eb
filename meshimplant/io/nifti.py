"""NIfTI volumes (.nii, .nii.gz) read with their raw header so that no fault is papered over."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.payload import RawVolume, inflate, read_bytes, shape_voxels

_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
#: xyzt_units & 7: unknown (read as mm, as every tool does), metre, millimetre, micrometre.
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 1e-3}
_RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class _Header:
    """The fields of either version that matter here."""

    order: str
    sizes: tuple[int, ...]
    datatype: int
    pixdim: tuple[float, ...]
    data_start: int
    slope: float
    intercept: float
    units: int
    qform_code: int
    sform_code: int
    quaternion: tuple[float, ...]
    sform: NDArray[np.float64]


def read_nifti(path: Path) -> RawVolume:
    """Read a NIfTI-1 or -2 file; RAS becomes LPS, metres and micrometres become millimetres, the intensity
    scale is applied.

    The sform gives the place, unless it leads to a template space (codes 3 and up) while the qform leads to
    the scanner. A file with neither states no orientation.

    Source: https://nifti.nimh.nih.gov (nifti1.h, nifti2.h).
    """
    data = read_bytes(path)
    if data[:2] == b"\x1f\x8b":
        data = inflate(data, name=path.name)
    header = _read_header(data, name=path.name)
    if header.datatype not in _TYPES:
        raise InputError(
            f"expected integer or float voxels in {path.name}, got NIfTI type {header.datatype}: export "
            "numbers"
        )
    dtype = np.dtype(header.order + _TYPES[header.datatype])
    array = shape_voxels(data, dtype, header.sizes, name=path.name, start=header.data_start)
    affine = _affine(header, name=path.name)
    return RawVolume(_scaled(array, header), affine, "" if affine is not None else "a qform or sform")


def _read_header(data: bytes, *, name: str) -> _Header:
    for order in "<>":
        size = struct.unpack_from(f"{order}i", data)[0] if len(data) >= 4 else 0
        if size == 348 and len(data) >= 348 and data[344:347] in (b"n+1", b"ni1"):
            return _read_version_1(data, order, name=name)
        if size == 540 and len(data) >= 540 and data[4:7] in (b"n+2", b"ni2"):
            return _read_version_2(data, order, name=name)
    raise FileReadError(
        f"expected a NIfTI header in {name}, got none that is whole: check the format or copy it again"
    )


def _read_version_1(data: bytes, order: str, *, name: str) -> _Header:
    dim = struct.unpack_from(f"{order}8h", data, 40)
    forms = struct.unpack_from(f"{order}2h18f", data, 252)
    return _Header(
        order=order,
        sizes=_sizes(dim, name=name),
        datatype=struct.unpack_from(f"{order}h", data, 70)[0],
        pixdim=struct.unpack_from(f"{order}8f", data, 76),
        data_start=int(struct.unpack_from(f"{order}f", data, 108)[0]),
        slope=struct.unpack_from(f"{order}f", data, 112)[0],
        intercept=struct.unpack_from(f"{order}f", data, 116)[0],
        units=data[123],
        qform_code=forms[0],
        sform_code=forms[1],
        quaternion=forms[2:8],
        sform=np.array(forms[8:20]).reshape(3, 4),
    )


def _read_version_2(data: bytes, order: str, *, name: str) -> _Header:
    slope, intercept = struct.unpack_from(f"{order}2d", data, 176)
    codes = struct.unpack_from(f"{order}2i", data, 344)
    forms = struct.unpack_from(f"{order}18d", data, 352)
    return _Header(
        order=order,
        sizes=_sizes(struct.unpack_from(f"{order}8q", data, 16), name=name),
        datatype=struct.unpack_from(f"{order}h", data, 12)[0],
        pixdim=struct.unpack_from(f"{order}8d", data, 104),
        data_start=struct.unpack_from(f"{order}q", data, 168)[0],
        slope=slope,
        intercept=intercept,
        units=struct.unpack_from(f"{order}i", data, 500)[0],
        qform_code=codes[0],
        sform_code=codes[1],
        quaternion=forms[:6],
        sform=np.array(forms[6:18]).reshape(3, 4),
    )


def _sizes(dim: tuple[int, ...], *, name: str) -> tuple[int, ...]:
    if not 1 <= dim[0] <= 7:
        raise FileReadError(
            f"expected 1 to 7 dimensions in the header of {name}, got {dim[0]}: the file is damaged"
        )
    return tuple(dim[1 : 1 + dim[0]])


def _scaled(array: NDArray[Any], header: _Header) -> NDArray[Any]:
    """Apply the intensity scale; whole numbers stay whole."""
    slope, intercept = header.slope, header.intercept
    if slope == 0 or not np.isfinite([slope, intercept]).all() or (slope == 1 and intercept == 0):
        return array
    if array.dtype.kind in "ui" and float(slope).is_integer() and float(intercept).is_integer():
        limits = np.array([array.min(), array.max()], float) * slope + intercept
        if np.abs(limits).max() < 2**31:
            dtype = np.int16 if np.abs(limits).max() < 2**15 else np.int32
            return (array.astype(np.int32) * np.int32(slope) + np.int32(intercept)).astype(dtype, copy=False)
    return (array * np.float64(slope) + intercept).astype(np.float32)


def _affine(header: _Header, *, name: str) -> NDArray[np.float64] | None:
    template_only = header.sform_code >= 3 and header.qform_code > 0
    if header.sform_code > 0 and not template_only:
        matrix = header.sform
    elif header.qform_code > 0:
        matrix = _qform(header, name=name)
    else:
        return None
    unit = header.units & 7
    if unit not in _MM_PER_UNIT:
        raise GeometryError(
            f"expected a length unit of millimetres in {name}, got xyzt_units {header.units}: export it in mm"
        )
    affine = np.eye(4)
    affine[:3] = matrix * _RAS_TO_LPS[:, None] * _MM_PER_UNIT[unit]
    return affine


def _qform(header: _Header, *, name: str) -> NDArray[np.float64]:
    """Return the (3, 4) index -> RAS matrix of the quaternion form."""
    b, c, d, *offset = header.quaternion
    spacing = np.array(header.pixdim[1:4], float)
    if not (spacing > 0).all():
        raise GeometryError(
            f"expected voxel edges above 0 mm in {name}, got {' x '.join(f'{s:g}' for s in spacing)}: "
            "correct the header's pixdim"
        )
    a = np.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    spacing[2] *= -1 if header.pixdim[0] < 0 else 1
    return np.column_stack([rotation * spacing, offset])
