"""Volumes in and out of files: NRRD, NIfTI, MetaImage and DICOM studies, always as LPS millimetres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError, OutputError, require_type
from meshimplant.io.atomic import atomic_path
from meshimplant.io.dicom.segmentation_files import is_segmentation_file
from meshimplant.io.dicom.study_files import is_dicom
from meshimplant.io.metaimage import read_metaimage, write_metaimage
from meshimplant.io.nifti import read_nifti, write_nifti
from meshimplant.io.nrrd import read_nrrd, write_nrrd
from meshimplant.io.orientation import place_voxels, require_agreement
from meshimplant.io.payload import RawVolume
from meshimplant.io.seg_nrrd import is_seg_nrrd, read_seg_nrrd, read_segment_layers
from meshimplant.io.segments import Segment
from meshimplant.io.zipped import holds_one_of, unzipped
from meshimplant.report import Finding
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


@dataclass(frozen=True, eq=False)
class LoadedVolume:
    """A volume as it was read.

    Attributes
    ----------
    volume : Volume
        Voxels and their index -> LPS mm affine.
    findings : tuple of Finding
        What was resampled, left out, stated by the user, or contradictory in the header.
    is_ct : bool
        Whether the values are Hounsfield units for certain: a CT series of a DICOM study.
    segments : tuple of Segment
        The segments of a label map of which none was chosen; empty for any other volume.
    step_mm : float or None
        Largest distance between the slices of a DICOM series as they were scanned, which may have been
        resampled; None for other files.
    """

    volume: Volume
    findings: tuple[Finding, ...] = ()
    is_ct: bool = False
    segments: tuple[Segment, ...] = ()
    step_mm: float | None = None


def read_volume(
    path: str | Path,
    *,
    grid: Volume | None = None,
    series: int | str | None = None,
    orientation: str | None = None,
    segment: str | int | None = None,
) -> Volume:
    """Read one 3-D volume from a file, or one CT series of a DICOM study, in its own voxel type.

    The header is taken as it is: a zero spacing, a shear or a missing orientation is reported and never
    replaced by a default. An axis of one channel or time point is dropped, several are refused. The array is
    (i, j, k), first index fastest in memory, and not copied where the byte order of the file allows.
    `load_volume` returns the findings, too.

    Parameters
    ----------
    path : str or Path
        ``.nrrd .nhdr .nii .nii.gz .mha .mhd`` of any integer or float type, a ``.zip`` that holds one of
        them, or a DICOM study: a folder, a ``.zip`` of one, a ``DICOMDIR``, or a ``.dcm`` file.
    grid : Volume, optional
        Place of the voxels if, and only if, the file does not state one (as an array that a network saved);
        its shape must agree.
    series : int or str, optional
        Number of a series of a DICOM study as `list_series` gives it, or its SeriesInstanceUID. Default: the
        best for bone.
    orientation : str, optional
        Three letters for the sides to which the first, second and third voxel axis run (RAS: to the patient's
        right, to the front, up). They fill the gap of a header that states no orientation, or decide between
        two statements in it that contradict each other; they never replace a statement.
    segment : str or int, optional
        Name (in any capitals) or number of a segment, of a .seg.nrrd of 3D Slicer, or of the DICOM
        segmentations (SEG, RTSTRUCT) in a study; the mask of this segment is read. Not needed where the file
        holds one segment only.

    Returns
    -------
    Volume
        Voxels and their index -> LPS mm affine.

    Raises
    ------
    FileReadError
        The file is missing, empty, truncated, or not what its name says.
    GeometryError
        The header states no place in the patient, an impossible one, two that contradict each other, or
        another one than `orientation`.
    InputError
        The file holds several channels, colours, or values that are not finite.
    """
    return load_volume(path, grid=grid, series=series, orientation=orientation, segment=segment).volume


def load_volume(
    path: str | Path,
    *,
    grid: Volume | None = None,
    series: int | str | None = None,
    orientation: str | None = None,
    segment: str | int | None = None,
) -> LoadedVolume:
    """Read one 3-D volume, with findings about its header.

    Method and errors are those of `read_volume`.

    Parameters
    ----------
    path : str or Path
        A voxel file or a DICOM study, see `read_volume`.
    grid : Volume, optional
        Place of the voxels of a file that states none.
    series : int or str, optional
        Number or SeriesInstanceUID of a series of a DICOM study.
    orientation : str, optional
        Three letters for the sides to which the voxel axes run, where the header does not state them.
    segment : str or int, optional
        Name or number of a segment of a segmentation.

    Returns
    -------
    LoadedVolume
        The volume, the findings, and whether it is a CT for certain.
    """
    path = Path(path)
    suffix = volume_suffix(path)
    if holds_one_of(path, VOLUME_SUFFIXES):
        with unzipped(path, VOLUME_SUFFIXES) as member:
            return load_volume(member, grid=grid, series=series, orientation=orientation, segment=segment)
    if segment is not None or is_segmentation_file(path):
        return _load_segment(path, segment, grid, series, orientation)
    if is_study(path):
        return _load_series(path, series, orientation)
    if series is not None:
        raise InputError(
            f"expected a DICOM study with a series to choose, got {path.name}: leave the series out"
        )
    if suffix is None:
        raise FileReadError(
            f"expected a volume ending in {', '.join(VOLUME_SUFFIXES)} or a DICOM folder or .zip, "
            f"got {path.name}: convert it first"
        )
    if is_seg_nrrd(path):
        return _load_seg_nrrd(path, grid, orientation)
    return _load_file(path, _READERS[suffix], grid, orientation)


def _load_file(
    path: Path, read: Callable[[Path], RawVolume], grid: Volume | None, orientation: str | None
) -> LoadedVolume:
    try:
        raw = read(path)
        affine, findings = place_voxels(raw, orientation=orientation, grid=grid, name=path.name)
        return LoadedVolume(Volume(raw.array, affine), findings)
    except InputError as error:
        if path.name in str(error):
            raise
        raise type(error)(f"{path.name}: {error}") from error
    except (ValueError, OverflowError) as error:  # a field that is not a number
        raise FileReadError(
            f"expected a readable header in {path.name}, got a damaged one: copy or export it again"
        ) from error


def _load_series(path: Path, series: int | str | None, orientation: str | None) -> LoadedVolume:
    from meshimplant.io.dicom.load_segmentation import holds_segmentation_only
    from meshimplant.io.dicom.read_series import load_dicom_series

    try:
        read = load_dicom_series(path, series=series)
    except FileReadError:
        if series is None and holds_segmentation_only(path):
            return _load_segment(path, None, None, None, orientation)
        raise
    require_agreement(read.volume, orientation, name=path.name)
    return LoadedVolume(read.volume, read.findings, is_ct=True, step_mm=read.step_mm)


def _load_seg_nrrd(path: Path, grid: Volume | None, orientation: str | None) -> LoadedVolume:
    """Read the only segment of a .seg.nrrd, or a map of several labels; overlapping layers need a choice."""
    layers = read_segment_layers(path)
    if len(layers) == 1 or any(layer.layer for layer in layers):
        return _load_file(path, partial(read_seg_nrrd, wanted=None), grid, orientation)
    loaded = _load_file(path, read_nrrd, grid, orientation)
    return replace(loaded, segments=tuple(layer.segment for layer in layers))


def _load_segment(
    path: Path,
    segment: str | int | None,
    grid: Volume | None,
    series: int | str | None,
    orientation: str | None,
) -> LoadedVolume:
    """Read one segment of a .seg.nrrd or of the segmentations of a DICOM study."""
    if series is not None:
        raise InputError(
            f"expected a segment or a series to read from {path.name}, got both: leave one of them out"
        )
    if is_seg_nrrd(path):
        return _load_file(path, partial(read_seg_nrrd, wanted=segment), grid, orientation)
    if not is_study(path):
        raise InputError(
            "expected a segmentation with named segments (.seg.nrrd, DICOM SEG or RTSTRUCT), "
            f"got {path.name}: leave segment (--segment) out; a map of labels takes a label (--label)"
        )
    from meshimplant.io.dicom.load_segmentation import load_segmentation

    volume, findings = load_segmentation(path, segment, grid=grid)
    require_agreement(volume, orientation, name=path.name)
    return LoadedVolume(volume, findings)


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


def is_study(path: Path) -> bool:
    """Return whether a path is read as a DICOM study: a folder, a zip of one, a DICOMDIR, or a DICOM file."""
    if path.is_dir():
        return True
    return volume_suffix(path) is None and not holds_one_of(path, VOLUME_SUFFIXES) and is_dicom(path)


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
