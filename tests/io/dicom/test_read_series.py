"""A DICOM folder gives the head at its true place or a clear error, and never the patient's identity."""

from __future__ import annotations

import zipfile
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from dicom_files import ct_slice, recode, write, write_series
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.dicom.pixels import AIR_HU
from meshimplant.io.dicom.read_series import load_dicom_series, read_dicom_series
from meshimplant.io.volumes import read_volume

CENTRE = np.array([-31.0, 412.0, -95.0])
#: Bodies at known places, so that shear, stretch, mirroring and a shift each show: offset from CENTRE,
#: radius, HU.
BODIES = [
    ((0, 0, 0), 22.0, 700),
    ((28, -6, 10), 7.0, 1200),
    ((-8, 26, -14), 6.0, 1500),
    ((4, -22, 21), 6.5, 900),
]
PLANTED = "Doe^Jane"


def _hounsfield(points: np.ndarray) -> np.ndarray:
    """Return the values of bodies with 1 mm ramps in air, so that sampling and interpolation agree."""
    values = np.full(points.shape[:-1], -1000.0)
    for offset, radius, level in BODIES:
        depth = radius - np.linalg.norm(points - (CENTRE + offset), axis=-1)
        values = np.maximum(values, -1000 + (level + 1000) * np.clip(depth / 2 + 0.5, 0, 1))
    return values


def _rotation(about: int, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.eye(3)
    a, b = [axis for axis in range(3) if axis != about]
    matrix[[a, a, b, b], [a, b, a, b]] = c, -s, s, c
    return matrix


def _write_series(
    folder: Path,
    heights=None,
    *,
    axes=None,
    move=None,
    pixel=(0.9, 0.8),
    size=(84, 96),
    thickness=0.0,
    series=None,
    **tags,
) -> list[Path]:
    """Sample the bodies at `heights` along `move` (default the slice normal); pixel = (row, column) step."""
    folder.mkdir(parents=True, exist_ok=True)
    heights = np.arange(-36, 37, 1.5) if heights is None else np.asarray(heights)
    axes = np.eye(3) if axes is None else axes
    move = axes[:, 2] if move is None else move
    series = series or generate_uid()
    rows, columns = size
    corner = CENTRE - axes[:, 0] * pixel[1] * (columns - 1) / 2 - axes[:, 1] * pixel[0] * (rows - 1) / 2
    v, u = np.meshgrid(np.arange(rows) * pixel[0], np.arange(columns) * pixel[1], indexing="ij")
    paths = []
    for n in np.random.default_rng(0).permutation(len(heights)):  # file names say nothing about the order
        position = corner + move * heights[n]
        points = position + u[..., None] * axes[:, 0] + v[..., None] * axes[:, 1]
        values = np.rint(_hounsfield(points)).astype(np.int16)
        file = _dataset(values, position, axes, pixel, thickness, series, int(n))
        for name, value in tags.items():
            setattr(file, name, value)
        paths.append(folder / f"IM{len(paths):03d}.dcm")
        file.save_as(paths[-1], enforce_file_format=True)
    return [
        path
        for _, path in sorted(zip(np.random.default_rng(0).permutation(len(heights)), paths, strict=True))
    ]


def _dataset(values, position, axes, pixel, thickness, series, number) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    file.SeriesInstanceUID, file.Modality, file.ImageType = series, "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    file.PatientName, file.PatientID, file.InstanceNumber = PLANTED, "ID-4711", number
    file.Rows, file.Columns = values.shape
    file.PixelSpacing = [f"{p:.8g}" for p in pixel]
    file.ImagePositionPatient = [f"{p:.7f}" for p in position]
    file.ImageOrientationPatient = [f"{a:.8f}" for a in axes[:, :2].T.ravel()]
    if thickness:
        file.SliceThickness = thickness
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 16, 15, 1
    file.RescaleSlope, file.RescaleIntercept = 1, -24
    file.PixelData = (values + 24).astype(np.int16).tobytes()
    return file


def _assert_true_places(volume, *, tolerance_mm=0.15, tolerance_hu=40.0):
    """Check that each body's centroid is where it was put, and each voxel shows what is at its place."""
    grid = np.moveaxis(np.indices(volume.shape), 0, -1)
    points = volume.to_mm(grid)
    for offset, radius, level in BODIES:
        far = np.linalg.norm(points - (CENTRE + offset), axis=-1)
        weight = np.where(far < radius + 4, np.clip(volume.array, -1000, level) + 1000.0, 0)
        others = [
            o
            for o in BODIES
            if o[0] != offset and np.linalg.norm(np.subtract(o[0], offset)) < o[1] + radius + 6
        ]
        if not others:
            centroid = np.tensordot(weight, points, axes=3) / weight.sum()
            assert np.linalg.norm(centroid - CENTRE - offset) < tolerance_mm
    inside = (grid > 0).all(axis=-1) & (grid < np.array(volume.shape) - 1).all(axis=-1)
    error = np.abs(volume.array - _hounsfield(points))[inside]
    assert error.mean() < tolerance_hu
    return error


# -- shape and place -----------------------------------------------------------------------------------------


def test_a_straight_even_series_keeps_every_value(tmp_path):
    _write_series(tmp_path)
    series = load_dicom_series(tmp_path)
    volume = series.volume
    assert (volume.shape, volume.array.dtype, series.findings) == ((96, 84, 49), np.dtype(np.int16), ())
    np.testing.assert_allclose(volume.spacing_mm, (0.8, 0.9, 1.5), atol=1e-6)
    assert _assert_true_places(volume).max() <= 1
    assert read_volume(tmp_path).same_grid(volume)


@pytest.mark.parametrize(
    "axes",
    [
        _rotation(0, 90),  # coronal
        _rotation(1, 90) @ _rotation(2, 180),  # sagittal
        _rotation(0, 13) @ _rotation(1, -7) @ _rotation(2, 31),  # oblique
        np.diag([-1.0, 1, -1]),  # lying the other way round
    ],
)
def test_any_orientation_lies_true(tmp_path, axes):
    _write_series(tmp_path, axes=axes)
    assert _assert_true_places(read_dicom_series(tmp_path)).max() <= 1


@pytest.mark.parametrize("tilt", [18.5, -24.0])
def test_gantry_tilt_is_resampled_not_sheared(tmp_path, tilt):
    axes = _rotation(0, tilt)
    _write_series(tmp_path, axes=axes, move=np.array([0, 0, 1.0]), size=(110, 96))
    series = load_dicom_series(tmp_path)
    _assert_true_places(series.volume)
    assert [f.code for f in series.findings] == ["input.gantry_tilt"]
    assert series.findings[0].value == pytest.approx(abs(tilt), abs=0.01)
    np.testing.assert_allclose(
        series.volume.affine[:3, 2] / series.volume.spacing_mm[2], axes[:, 2], atol=1e-6
    )


def test_uneven_steps_are_resampled_not_stretched(tmp_path):
    heights = np.concatenate([np.arange(-36, -6, 1.0), np.arange(-6, 12, 2.0), np.arange(12, 40, 2.5)])
    _write_series(tmp_path, heights)
    series = load_dicom_series(tmp_path)
    _assert_true_places(series.volume, tolerance_mm=0.3)
    assert series.volume.spacing_mm[2] == pytest.approx(1.0)
    assert [f.code for f in series.findings] == ["input.uneven_slices"]


def test_a_leaning_wall_between_uneven_thick_slices_is_no_stair(tmp_path):
    """Halfway between slices of 6 mm, a wall at 45 degrees lies halfway and is as dense as in the slices."""

    def wall(height_mm: float) -> np.ndarray:
        rows = np.arange(80)[:, None] * 0.8 - 14 - height_mm
        dense = np.clip(4.5 - np.abs(rows), 0, 1) + np.zeros((80, 60))
        return (40 + 1000 * dense).astype(np.int16)

    heights = [0.0, 2.0, 4.0, 6.0, 12.0, 18.0, 24.0]
    for number, height in enumerate(heights):
        file = ct_slice(wall(height), height, pixel=(0.8, 0.8), SeriesInstanceUID="1.2.3")
        write(file, tmp_path / f"{number}.dcm")
    series = load_dicom_series(tmp_path)
    assert series.step_mm == pytest.approx(6.0)
    between = series.volume.array[30, :, 10]  # 20 mm: a third of the way from 18 to 24 mm
    assert np.abs(between - wall(20.0)[:, 30]).max() < 150


def test_slices_shifted_against_each_other_lie_true_and_are_reported(tmp_path):
    """One slice, or a block with another field of view, off the line of the others is no gantry tilt."""
    shifts = np.where(np.arange(49) < 20, 0.0, 4.0)
    for number, paths in enumerate(_write_series(tmp_path)):
        file = pydicom.dcmread(paths)
        x, y, z = file.ImagePositionPatient
        file.ImagePositionPatient = [f"{float(x) + shifts[number]:.7f}", y, z]
        file.save_as(paths)
    series = load_dicom_series(tmp_path)
    (finding,) = series.findings
    assert (finding.code, finding.severity) == ("input.shifted_slices", "warning")
    assert finding.value > 1.0
    assert series.volume.shape[0] == 96 + 5


def test_positions_that_would_need_a_huge_grid_are_refused(tmp_path):
    path = _write_series(tmp_path)[7]
    file = pydicom.dcmread(path)
    x, _, z = file.ImagePositionPatient
    file.ImagePositionPatient = [x, "1e9", z]
    file.save_as(path)
    with pytest.raises(GeometryError, match="lie above each other"):
        load_dicom_series(tmp_path)


def test_tilt_with_uneven_steps_is_both(tmp_path):
    heights = np.concatenate([np.arange(-40, -6, 1.0), np.arange(-6, 42, 2.0)])
    _write_series(tmp_path, heights, axes=_rotation(0, 18.5), move=np.array([0, 0, 1.0]), size=(110, 96))
    series = load_dicom_series(tmp_path)
    _assert_true_places(series.volume, tolerance_mm=0.3)
    assert [f.code for f in series.findings] == ["input.gantry_tilt", "input.uneven_slices"]


def test_rounded_positions_count_as_even(tmp_path):
    _write_series(tmp_path, np.round(np.arange(-36, 37, 1.25) + 1e-9, 1))
    assert load_dicom_series(tmp_path).findings == ()


# -- slices missing, doubled, mixed --------------------------------------------------------------------------


def test_one_missing_thin_slice_is_interpolated_and_named_with_its_place(tmp_path):
    heights = np.delete(np.arange(-36, 37, 1.0), 30)
    _write_series(tmp_path, heights, thickness=1.0)
    series = load_dicom_series(tmp_path)
    finding = next(f for f in series.findings if f.code == "input.missing_slices")
    assert finding.severity == "warning"
    np.testing.assert_allclose(finding.location_mm, np.add(CENTRE, (0, 0, -6)), atol=1)
    _assert_true_places(series.volume, tolerance_mm=0.3)


@pytest.mark.parametrize(
    ("step", "missing", "thickness"),
    [
        (1.0, [30, 31, 32], 1.0),
        (2.5, [14], 2.5),
        (2.5, [14, 16], 0.0),
        (3.0, [0 + 10], 3.0),
        (1.0, range(20, 34), 0.0),
    ],
)
def test_missing_slices_are_refused(tmp_path, step, missing, thickness):
    _write_series(tmp_path, np.delete(np.arange(-36, 37, step), list(missing)), thickness=thickness)
    with pytest.raises(GeometryError, match="missing"):
        read_dicom_series(tmp_path)


def test_intended_blocks_of_steps_are_not_missing_slices(tmp_path):
    heights = np.concatenate([np.arange(-36, 0, 4.0), [0, 1.1], np.arange(8.1, 40, 7.0)])
    _write_series(tmp_path, heights)
    assert [f.code for f in load_dicom_series(tmp_path).findings] == [
        "input.uneven_slices",
        "input.thick_slices",
    ]


@pytest.mark.parametrize(("heights", "words"), [([0.0, 1.0], "three"), ([0.0, 12, 24], "10 mm")])
def test_too_few_or_too_coarse_slices_are_refused(tmp_path, heights, words):
    _write_series(tmp_path, heights)
    with pytest.raises(GeometryError, match=words):
        read_dicom_series(tmp_path)


def test_the_same_slice_twice_counts_once(tmp_path):
    paths = _write_series(tmp_path, np.arange(-36, 37, 3.0) / 2)
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / paths[3].name).write_bytes(paths[3].read_bytes())
    assert read_dicom_series(tmp_path).shape[2] == 25


def test_identical_pixels_at_one_place_count_once_and_different_ones_are_refused(tmp_path):
    series = generate_uid()
    _write_series(tmp_path / "a", np.arange(-36, 37, 1.5), series=series)
    _write_series(tmp_path / "b", [-1.5, 0.0], series=series)
    assert read_dicom_series(tmp_path).shape[2] == 49
    _write_series(tmp_path / "c", [0.0], series=series, RescaleIntercept=-90)
    with pytest.raises(GeometryError, match="two that differ"):
        read_dicom_series(tmp_path)


def test_a_scout_and_slices_of_another_plane_are_left_out_and_counted(tmp_path):
    series = generate_uid()
    _write_series(tmp_path / "a", series=series)
    _write_series(tmp_path / "scout", [0.0], series=series, axes=_rotation(0, 90))
    assert read_dicom_series(tmp_path).shape[2] == 49
    _write_series(tmp_path / "b", np.arange(0, 12, 1.5), series=series, axes=_rotation(0, 90))
    read = load_dicom_series(tmp_path)
    assert read.volume.shape[2] == 49
    left_out = next(f for f in read.findings if f.code == "input.slices_left_out")
    assert (left_out.severity, left_out.value) == ("warning", 9)


def test_the_largest_series_is_read_and_reported(tmp_path):
    _write_series(tmp_path / "small", np.arange(-10, 10, 2.0))
    _write_series(tmp_path / "large")
    series = load_dicom_series(tmp_path)
    assert series.volume.shape[2] == 49
    assert [f.code for f in series.findings] == ["input.other_series"]


# -- pixels --------------------------------------------------------------------------------------------------


def test_rescale_and_padding_become_hounsfield_and_air(tmp_path):
    paths = _write_series(
        tmp_path, [0.0, 1.5, 3.0], PixelPaddingValue=-1976, RescaleSlope=2, RescaleIntercept=-48
    )
    file = pydicom.dcmread(paths[1])
    pixels = file.pixel_array.copy()
    pixels[:5] = -1976
    pixels[5:10] = 300
    file.PixelData = pixels.tobytes()
    file.save_as(paths[1])
    array = read_dicom_series(tmp_path).array
    assert (array[:, :5, 1] == AIR_HU).all()
    assert (array[:, 5:10, 1] == 552).all()
    assert array.min() == AIR_HU


SYNTAXES = {
    "JPEG lossless": (gdcm.TransferSyntax.JPEGLosslessProcess14, "1.2.840.10008.1.2.4.57"),
    "JPEG lossless SV1": (gdcm.TransferSyntax.JPEGLosslessProcess14_1, "1.2.840.10008.1.2.4.70"),
    "JPEG-LS": (gdcm.TransferSyntax.JPEGLSLossless, "1.2.840.10008.1.2.4.80"),
    "JPEG 2000 lossless": (gdcm.TransferSyntax.JPEG2000Lossless, "1.2.840.10008.1.2.4.90"),
    "run length": (gdcm.TransferSyntax.RLELossless, "1.2.840.10008.1.2.5"),
    "deflated": (gdcm.TransferSyntax.DeflatedExplicitVRLittleEndian, "1.2.840.10008.1.2.1.99"),
    "big endian": (gdcm.TransferSyntax.ExplicitVRBigEndian, "1.2.840.10008.1.2.2"),
}


@pytest.mark.parametrize("name", SYNTAXES)
def test_every_lossless_coding_gives_the_same_volume(tmp_path, name):
    syntax, uid = SYNTAXES[name]
    paths = _write_series(tmp_path, [0.0, 1.5, 3.0])
    expected = read_dicom_series(tmp_path)
    for path in paths:
        recode(path, syntax)
    assert pydicom.dcmread(paths[0]).file_meta.TransferSyntaxUID == uid
    series = read_dicom_series(tmp_path)
    np.testing.assert_array_equal(series.array, expected.array)
    assert series.same_grid(expected)


@pytest.mark.parametrize("name", ["JPEG lossless SV1", "JPEG-LS", "JPEG 2000 lossless", "run length"])
@pytest.mark.parametrize("share", [0.3, 0.8, 0.97])
def test_a_truncated_code_stream_is_refused(tmp_path, name, share):
    from pydicom.encaps import encapsulate, generate_frames

    path = _write_series(tmp_path, [0.0, 1.5, 3.0])[1]
    recode(path, SYNTAXES[name][0])
    file = pydicom.dcmread(path)
    stream = next(generate_frames(file.PixelData, number_of_frames=1))
    file.PixelData = encapsulate([stream[: int(len(stream) * share)]])
    file.save_as(path)
    with pytest.raises(FileReadError, match="truncated"):
        read_dicom_series(tmp_path)


def _series_of_8_bit(folder: Path) -> list[Path]:
    paths = _write_series(folder, [0.0, 1.5, 3.0])
    for path in paths:
        file = pydicom.dcmread(path)
        file.PixelData = np.clip(file.pixel_array // 8 + 128, 0, 255).astype(np.uint8).tobytes()
        file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 8, 8, 7, 0
        file.RescaleSlope, file.RescaleIntercept = 8, -1024
        file.save_as(path)
    return paths


@pytest.mark.parametrize(
    "name", ["JPEGBaselineProcess1", "JPEGExtendedProcess2_4", "JPEG2000", "JPEGLSNearLossless"]
)
def test_lossy_codings_give_nearly_the_same_volume(tmp_path, name):
    paths = _series_of_8_bit(tmp_path)
    expected = read_dicom_series(tmp_path).array.astype(int)
    for path in paths:
        recode(path, getattr(gdcm.TransferSyntax, name))
    assert np.abs(read_dicom_series(tmp_path).array - expected).mean() < 8  # one grey level


def test_lossy_jpeg_of_12_bits_is_read(tmp_path):
    from pydicom.data import get_testdata_file

    coded = pydicom.dcmread(get_testdata_file("JPGExtended.dcm", download=False))
    assert coded.BitsStored == 12
    for path in _write_series(tmp_path, [0.0, 1.5, 3.0]):
        file = pydicom.dcmread(path)
        for tag in ("Rows", "Columns", "BitsStored", "HighBit", "PixelRepresentation", "PixelData"):
            setattr(file, tag, getattr(coded, tag))
        file["PixelData"].is_undefined_length = True
        file.file_meta.TransferSyntaxUID = coded.file_meta.TransferSyntaxUID
        file.save_as(path)
    array = read_dicom_series(tmp_path).array + 24  # the intercept
    assert array.shape == (256, 1024, 3)
    assert (array[..., 0] == array[..., 2]).all()
    assert (array.min(), array.max()) == (0, 264)


def test_lossy_jpeg_of_12_bits_that_is_truncated_is_refused(tmp_path):
    from pydicom.data import get_testdata_file
    from pydicom.encaps import encapsulate, generate_frames

    coded = pydicom.dcmread(get_testdata_file("JPGExtended.dcm", download=False))
    stream = next(generate_frames(coded.PixelData, number_of_frames=1))
    for path in _write_series(tmp_path, [0.0, 1.5, 3.0]):
        file = pydicom.dcmread(path)
        for tag in ("Rows", "Columns", "BitsStored", "HighBit", "PixelRepresentation"):
            setattr(file, tag, getattr(coded, tag))
        file.PixelData = encapsulate([stream[: len(stream) // 2]])
        file["PixelData"].is_undefined_length = True
        file.file_meta.TransferSyntaxUID = coded.file_meta.TransferSyntaxUID
        file.save_as(path)
    with pytest.raises(FileReadError, match="truncated"):
        read_dicom_series(tmp_path)


# -- folders that are not a series ---------------------------------------------------------------------------


def test_folders_without_ct_are_refused(tmp_path):
    with pytest.raises(FileReadError, match="no DICOM file"):
        read_dicom_series(tmp_path)
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "noise.dcm").write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(FileReadError, match=r"only damaged file \(1\)"):
        read_dicom_series(tmp_path)
    _write_series(tmp_path / "mr", [0.0, 1, 2], Modality="MR")
    with pytest.raises(FileReadError, match=r"MR file \(3\)"):
        read_dicom_series(tmp_path)
    _write_series(tmp_path / "scout", [0.0], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    with pytest.raises(FileReadError, match=r"localizer \(1\)"):
        read_dicom_series(tmp_path)
    with pytest.raises(FileReadError, match="folder"):
        read_dicom_series(tmp_path / "note.txt")


@pytest.mark.parametrize("tag", ["PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient"])
def test_a_slice_without_a_place_is_counted_and_none_with_one_is_refused(tmp_path, tag):
    paths = _write_series(tmp_path, [0.0, 1.5, 3.0, 4.5, 6.0])
    for path in (paths[0], *paths[1:]):
        file = pydicom.dcmread(path)
        delattr(file, tag)
        file.save_as(path)
        if path == paths[0]:
            read = load_dicom_series(tmp_path)
            assert read.volume.shape[2] == 4
            found = [(f.code, f.severity, f.value) for f in read.findings]
            assert found == [("input.pages_left_out", "warning", 1)]
    with pytest.raises(GeometryError, match=r"PixelSpacing.*page without a position \(5\)"):
        read_dicom_series(tmp_path)


def test_a_skewed_slice_plane_is_refused(tmp_path):
    _write_series(tmp_path, [0.0, 1.5, 3.0], ImageOrientationPatient=[1, 0, 0, 0.3, 0.95, 0])
    with pytest.raises(GeometryError, match="perpendicular"):
        read_dicom_series(tmp_path)


def test_zero_pixel_spacing_is_refused(tmp_path):
    _write_series(tmp_path, [0.0, 1.5, 3.0], PixelSpacing=[0, 0])
    with pytest.raises(GeometryError, match="PixelSpacing"):
        read_dicom_series(tmp_path)


def test_a_multi_frame_file_without_positions_is_refused(tmp_path):
    _write_series(tmp_path, [0.0, 1.5, 3.0], NumberOfFrames=3)
    with pytest.raises(GeometryError, match="multi-frame"):
        read_dicom_series(tmp_path)


def test_a_truncated_slice_is_refused(tmp_path):
    path = _write_series(tmp_path, [0.0, 1.5, 3.0])[1]
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(FileReadError, match="truncated"):
        read_dicom_series(tmp_path)


def test_no_identity_leaves_the_reader(tmp_path, capsys, recwarn):
    folder = tmp_path / "Doe_Jane_1970"
    _write_series(folder, np.delete(np.arange(-36, 37, 1.0), 30), thickness=1.0)
    text = repr(load_dicom_series(folder))
    _write_series(folder, [0.0], Modality="CT")
    for broken in ([0.0, 12.0, 24.0], [0.0]):
        _write_series(tmp_path / "x" / PLANTED, broken)
        with pytest.raises(GeometryError) as caught:
            read_dicom_series(tmp_path / "x")
        text += str(caught.value)
    text += "".join(capsys.readouterr()) + "".join(str(w.message) for w in recwarn)
    assert not any(planted in text for planted in ("Doe", "Jane", "4711", "1970"))


# -- a real series -------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_the_real_tilted_uneven_series_is_true_to_its_positions(data_folder, tmp_path):
    from scipy.ndimage import map_coordinates

    with zipfile.ZipFile(data_folder / "ct" / "human_head_ge_tilt_variable_spacing_dicom.zip") as archive:
        archive.extractall(tmp_path)
    series = load_dicom_series(tmp_path)
    assert {f.code for f in series.findings} == {
        "input.gantry_tilt",
        "input.uneven_slices",
        "input.thick_slices",
        "input.alternating_slices",  # two slices at once, 7 mm apart along their normal, 1.2 mm off each
    }
    assert series.step_mm == pytest.approx(7.0, abs=0.01)
    volume = series.volume
    aside = next(f.value for f in series.findings if f.code == "input.alternating_slices")
    for number, path in enumerate(sorted(tmp_path.rglob("*.dcm"))):
        if number % 4:
            continue
        file = pydicom.dcmread(path)
        row, column = np.reshape(file.ImageOrientationPatient, (2, 3)).astype(float)
        rows, columns = np.mgrid[100:420:7, 100:420:7]
        points = (
            np.array(file.ImagePositionPatient, float)
            + columns[..., None] * float(file.PixelSpacing[1]) * row
            + rows[..., None] * float(file.PixelSpacing[0]) * column
        )
        if number >= 14:
            points -= aside * column
        index = np.moveaxis(volume.to_index(points), -1, 0)
        seen = map_coordinates(volume.array, index, output=np.float32, order=1)
        meant = np.maximum(file.pixel_array[rows, columns], AIR_HU)
        assert np.corrcoef(seen.ravel(), meant.ravel())[0, 1] > 0.98


# -- slices that are not one scan ----------------------------------------------------------------------------


def test_two_patients_under_one_series_are_refused_without_their_names(tmp_path):
    write_series(tmp_path, PatientID=["A-1"] * 10 + ["B-2"] * 10)
    with pytest.raises(FileReadError, match=r"got those of 2 under one series") as caught:
        read_dicom_series(tmp_path)
    assert "A-1" not in str(caught.value)


def test_a_patient_number_that_some_slices_lack_is_no_other_patient(tmp_path):
    write_series(tmp_path, PatientID=["", "A-1"] * 10)
    assert read_dicom_series(tmp_path).shape == (24, 24, 20)


def test_a_slice_without_hounsfield_units_among_others_is_refused(tmp_path):
    paths = write_series(tmp_path)
    file = pydicom.dcmread(paths[4])
    del file.RescaleSlope, file.RescaleIntercept
    file.save_as(paths[4])
    with pytest.raises(FileReadError, match=r"RescaleIntercept in every slice, got 1 of 20 without"):
        read_dicom_series(tmp_path)


def test_a_slope_of_zero_is_said(tmp_path):
    write_series(tmp_path, RescaleSlope=[1] * 7 + [0] * 13)
    with pytest.raises(FileReadError, match="expected a RescaleSlope above 0"):
        read_dicom_series(tmp_path)
