"""NIfTI volumes (.nii, .nii.gz): the header through nibabel, the checks and the voxels here.

nibabel's own image reader is not used: it stops reading before the checksum of a .nii.gz, and fills in what a
damaged header lacks. Its quaternions are used: for half turns the rotation is right to 1e-7, where taking the
square root of a rounded 0 gave 5e-4, or 0.1 mm over a head.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError, OutputError
from meshimplant.io.orientation import compare_places, spacing_of
from meshimplant.io.payload import (
    RawVolume,
    deflate,
    inflate,
    inflate_start,
    read_bytes,
    shape_voxels,
    voxel_bytes,
)

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

#: xyzt_units & 7: unknown (read as mm, as every tool does), metre, millimetre, micrometre.
_MM_PER_UNIT = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 1e-3}
_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SCANNER_CODE, _TEMPLATE_CODE = 1, 3
_DATA_START = 352
#: Size of a NIfTI-2 header, and the latest start of voxels behind extensions, bytes.
_LONGEST_HEADER, _LATEST_START = 540, 1 << 28
_LONGEST_AXIS = 32767
_GZIP_MAGIC = b"\x1f\x8b"


def read_nifti(path: Path) -> RawVolume:
    """Read a NIfTI-1 or NIfTI-2 file as LPS millimetres, with its intensity scale applied.

    The sform states the place, unless it leads to a template space (codes 3 and up) while the qform leads to
    the scanner. A file with neither states no orientation. Where both are there, they are compared.

    Source: https://nifti.nimh.nih.gov (nifti1.h, nifti2.h).
    """
    data = read_bytes(path)
    packed = data.startswith(_GZIP_MAGIC)
    head = inflate_start(data, _LONGEST_HEADER, name=path.name) if packed else data[:_LONGEST_HEADER]
    header = _read_header(head, name=path.name)
    sizes, dtype = _sizes(header, name=path.name), _dtype(header, name=path.name)
    start = _data_start(header, name=path.name)
    if packed:
        data = inflate(data, name=path.name, promised=start + max(0, prod(sizes)) * dtype.itemsize)
    array = shape_voxels(data, dtype, sizes, name=path.name, start=start)
    return _placed(_scaled(array, header), header, name=path.name)


def write_nifti(array: NDArray[Any], affine: NDArray[np.float64], path: Path) -> None:
    """Write voxels (i, j, k) and their index -> LPS mm affine as NIfTI-1, compressed if the name ends in .gz.

    The affine is rounded to float32, the precision of the format. Raises `OutputError` for axes of more than
    32767 voxels, which the format cannot state.
    """
    import nibabel

    if max(array.shape) > _LONGEST_AXIS:
        raise OutputError(
            f"expected at most {_LONGEST_AXIS} voxels along each axis of a NIfTI file, "
            f"got {array.shape}: write .nrrd"
        )
    ras = _LPS_FROM_RAS @ affine + 0.0  # no negative zeros: equal grids give equal bytes
    header = nibabel.Nifti1Header(endianness="<")
    header.set_data_shape(array.shape)
    header.set_data_dtype(np.dtype(array.dtype.str[1:]))
    header.set_qform(ras, code=_SCANNER_CODE)
    header.set_sform(ras, code=_SCANNER_CODE)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1, 0)
    header["vox_offset"] = _DATA_START
    head = header.binaryblock.ljust(_DATA_START, b"\0")
    chunks: Iterable[bytes] = chain([head], voxel_bytes(array))
    if path.name.lower().endswith(".gz"):
        chunks = deflate(chunks, gzip=True)
    with path.open("wb") as out:
        out.writelines(chunks)


def _read_header(data: bytes, *, name: str) -> Nifti1Header:
    """Return the header in nibabel's form; it holds the fields as they are in the file."""
    import nibabel

    for order in "<>":
        size = int.from_bytes(data[:4], "little" if order == "<" else "big")
        if size == 348 and len(data) >= 348 and data[344:347] in (b"n+1", b"ni1"):
            return nibabel.Nifti1Header(data[:348], order, check=False)
        if size == 540 and len(data) >= 540 and data[4:7] in (b"n+2", b"ni2"):
            return nibabel.Nifti2Header(data[:540], order, check=False)
    raise FileReadError(
        f"expected a complete NIfTI header in {name}, got none: check the format or copy the file again"
    )


def _sizes(header: Nifti1Header, *, name: str) -> tuple[int, ...]:
    """Return the length of each axis."""
    dimensions = int(header["dim"][0])
    if not 1 <= dimensions <= 7:
        raise FileReadError(
            f"expected 1 to 7 dimensions in the header of {name}, "
            f"got {dimensions}: the file is damaged, copy it again"
        )
    return tuple(int(size) for size in header["dim"][1 : 1 + dimensions])


def _data_start(header: Nifti1Header, *, name: str) -> int:
    """Return where the voxels start, after the header and its extensions."""
    start = float(header["vox_offset"])
    shortest = int(header["sizeof_hdr"])
    if not np.isfinite(start) or not (start == 0 or shortest <= start <= _LATEST_START):
        raise FileReadError(
            f"expected voxels after the {shortest} bytes of the header of {name}, "
            f"got vox_offset {start:g}: the file is damaged, copy it again"
        )
    return int(start)


def _dtype(header: Nifti1Header, *, name: str) -> np.dtype[Any]:
    """Return the voxel type with its byte order."""
    try:
        dtype = np.dtype(header.get_data_dtype())
    except KeyError:
        dtype = np.dtype("V")
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise InputError(
            f"expected integer or float voxels in {name}, "
            f"got NIfTI type {int(header['datatype'])}: export numbers"
        )
    return dtype


def _scaled(array: NDArray[Any], header: Nifti1Header) -> NDArray[Any]:
    """Apply the intensity scale; integers stay integers where slope and intercept are whole numbers."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite([slope, intercept]).all() or (slope == 1 and intercept == 0):
        return array
    if array.dtype.kind in "ui" and slope.is_integer() and intercept.is_integer():
        limits = np.array([array.min(), array.max()], float) * slope + intercept
        if np.abs(limits).max() < 2**31:
            dtype = np.int16 if np.abs(limits).max() < 2**15 else np.int32
            return (array.astype(np.int32) * np.int32(slope) + np.int32(intercept)).astype(dtype, copy=False)
    return (array * np.float64(slope) + intercept).astype(np.float32)


def _placed(array: NDArray[Any], header: Nifti1Header, *, name: str) -> RawVolume:
    """Return the voxels with the place that the header states, and what speaks against it."""
    mm_per_unit = _mm_per_unit(header, name=name)
    sform_code, qform_code = int(header["sform_code"]), int(header["qform_code"])
    forms = []
    if sform_code > 0:
        forms.append(("sform", _lps(header.get_sform(), mm_per_unit)))
    if qform_code > 0:
        try:
            forms.append(("qform", _lps(_qform(header, name=name), mm_per_unit)))
        except GeometryError:
            if not forms:
                raise
    if not forms:
        edges = np.asarray(header["pixdim"][1:4], np.float64) * mm_per_unit
        return RawVolume(array, None, "a qform or sform", spacing_mm=spacing_of(np.diag(edges)))
    if len(forms) < 2 or not all(_is_usable(affine) for _, affine in forms):
        return RawVolume(array, forms[0][1])
    to_template = sform_code >= _TEMPLATE_CODE
    used = forms[::-1] if to_template else forms
    same_frame = not to_template or qform_code == sform_code
    findings = compare_places(used, array.shape, name=name, same_frame=same_frame)
    if findings is None:
        return RawVolume(array, None, choices=tuple(used))
    return RawVolume(array, used[0][1], findings=findings)


def _mm_per_unit(header: Nifti1Header, *, name: str) -> float:
    units = int(header["xyzt_units"])
    if units & 7 not in _MM_PER_UNIT:
        raise GeometryError(
            f"expected a length unit of millimetres in {name}, got xyzt_units {units}: export it in mm"
        )
    return _MM_PER_UNIT[units & 7]


def _lps(ras: NDArray[np.float64], mm_per_unit: float) -> NDArray[np.float64]:
    """Convert an index -> RAS affine in the unit of the file to LPS mm."""
    affine = np.array(ras, np.float64)
    affine[:3] = affine[:3] * np.diag(_LPS_FROM_RAS)[:3, None] * mm_per_unit
    return affine


def _is_usable(affine: NDArray[np.float64]) -> bool:
    """Whether an affine is finite and has three axes; others are reported when the volume is made."""
    return bool(np.isfinite(affine).all() and np.linalg.norm(affine[:3, :3], axis=0).min() > 0)


def _qform(header: Nifti1Header, *, name: str) -> NDArray[np.float64]:
    """Return the index -> RAS affine of the quaternion form."""
    spacing = header["pixdim"][1:4]
    if not (spacing > 0).all():
        raise GeometryError(
            f"expected voxel edges above 0 mm in {name}, got {' x '.join(f'{s:g}' for s in spacing)}: "
            "correct the header's pixdim"
        )
    header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1  # the format defines 0 as 1
    try:
        return np.array(header.get_qform(), np.float64)
    except ValueError as error:
        raise GeometryError(
            f"expected a unit quaternion in the header of {name}, "
            "got b, c, d that are longer than 1: export it again"
        ) from error
