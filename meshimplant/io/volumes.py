"""Volumes in and out of files: NRRD, NIfTI, MetaImage and DICOM studies, always as LPS millimetres."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, GeometryError, InputError, OutputError, require_type
from meshimplant.io.atomic import atomic_path
from meshimplant.io.dicom_sources import is_dicom
from meshimplant.io.metaimage import read_metaimage, write_metaimage
from meshimplant.io.nifti import read_nifti, write_nifti
from meshimplant.io.nrrd import read_nrrd, write_nrrd
from meshimplant.voxels.volume import Volume

_READERS = {
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
    ".nii": read_nifti,
    ".nii.gz": read_nifti,
    ".mha": read_metaimage,
    ".mhd": read_metaimage,
}
#: Formats of one file that holds the voxels and their place.
_WRITERS = {".nrrd": write_nrrd, ".nii.gz": write_nifti, ".nii": write_nifti, ".mha": write_metaimage}
#: Endings of the volume files that can be read.
VOLUME_SUFFIXES = tuple(_READERS)
#: Endings of the volume files that can be written.
WRITABLE_VOLUME_SUFFIXES = tuple(_WRITERS)


def read_volume(path: str | Path, *, grid: Volume | None = None, series: int | str | None = None) -> Volume:
    """Read one 3-D volume from a file, or one CT series of a DICOM study, in its own voxel type.

    The header is taken as it is: a zero spacing, a shear or a missing orientation is reported and never
    replaced by a default. An axis of one channel or time point is dropped, several are refused. The array is
    (i, j, k), first index fastest in memory, and not copied where the byte order of the file allows.

    Parameters
    ----------
    path : str or Path
        ``.nrrd .nhdr .nii .nii.gz .mha .mhd`` of any integer or float type, or a DICOM study: a folder, a
        ``.zip`` of one, a ``DICOMDIR``, or a ``.dcm`` file.
    grid : Volume, optional
        Place of the voxels if, and only if, the file does not state one (as an array that a network saved);
        its shape must agree.
    series : int or str, optional
        Number of a series of a DICOM study as `list_series` gives it, or its SeriesInstanceUID. Default: the
        best for bone.

    Returns
    -------
    Volume
        Voxels and their index -> LPS mm affine.

    Raises
    ------
    FileReadError
        The file is missing, empty, truncated, or not what its name says.
    GeometryError
        The header states no place in the patient, or an impossible one.
    InputError
        The file holds several channels, colours, or values that are not finite.
    """
    path = Path(path)
    suffix = volume_suffix(path)
    if (suffix is None and is_dicom(path)) or path.is_dir():
        from meshimplant.io.dicom import read_dicom_series

        return read_dicom_series(path, series=series)
    if series is not None:
        raise InputError(
            f"expected a DICOM study with a series to choose, got {path.name}: leave the series out"
        )
    if suffix is None:
        raise FileReadError(
            f"expected a volume ending in {', '.join(VOLUME_SUFFIXES)} or a DICOM folder or .zip, "
            f"got {path.name}: convert it first"
        )
    try:
        raw = _READERS[suffix](path)
    except InputError:
        raise
    except (ValueError, OverflowError) as error:  # a field that is not a number
        raise FileReadError(
            f"expected a readable header in {path.name}, got a damaged one: copy or export it again"
        ) from error
    affine = raw.affine
    if affine is None and grid is not None and raw.array.shape == grid.shape:
        affine = grid.affine
    if affine is None:
        raise GeometryError(
            f"expected {path.name} to state its place in the patient, got a header without {raw.missing}: "
            "left and right would be a guess; write the file with its orientation"
        )
    try:
        return Volume(raw.array, affine)
    except InputError as error:
        raise type(error)(f"{path.name}: {error}") from error


def write_volume(volume: Volume, path: str | Path) -> None:
    """Write a volume to ``.nrrd``, ``.nii.gz``, ``.nii`` or ``.mha``, compressed except for ``.nii``.

    Equal volumes give equal bytes: no time stamp is written, and the layout in memory does not matter. Bool
    becomes uint8 and float16 float32; all other types are kept. An existing file is replaced as a whole or
    not at all.

    Parameters
    ----------
    volume : Volume
        Voxels and their affine. ``.nrrd`` keeps the affine exactly, ``.mha`` to the last bit or two, and
        NIfTI in float32.
    path : str or Path
        The file to write.

    Raises
    ------
    OutputError
        The ending is none of these, the format cannot hold the voxels, or the file cannot be written.
    """
    require_type(volume, Volume, "the volume")
    path = Path(path)
    write = _WRITERS.get(volume_suffix(path) or "")
    if write is None:
        raise OutputError(
            f"expected a volume name ending in {', '.join(WRITABLE_VOLUME_SUFFIXES)}, got {path.name}: "
            "choose one of these"
        )
    array = _storable(volume.array, name=path.name)
    with atomic_path(path) as temporary:
        write(array, volume.affine, temporary)


def volume_suffix(path: str | Path) -> str | None:
    """Return the volume ending of a name in lower case (``.nii.gz`` as one), or None where it has none."""
    name = Path(path).name.lower()
    return next((suffix for suffix in sorted(_READERS, key=len, reverse=True) if name.endswith(suffix)), None)


def _storable(array: NDArray[Any], *, name: str) -> NDArray[Any]:
    """Return the voxels in a type that every format knows."""
    if array.dtype == bool:
        return array.view(np.uint8)
    if array.dtype == np.float16:
        return array.astype(np.float32)
    if array.dtype.itemsize > 8:
        raise OutputError(
            f"expected voxels of at most 64 bits for {name}, got {array.dtype}: convert them to float64"
        )
    return array
