"""An enhanced CT, many slices in one file, gives the volume that classic slices give."""

from __future__ import annotations

from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
from dicom_files import ct_slice, enhanced, head_slice, recode, write
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless

from meshimplant.errors import FileReadError, GeometryError
from meshimplant.io.dicom.read_series import list_series, load_dicom_series, read_dicom_series

HEIGHTS = np.arange(0, 20, 2.0)
ORDER = np.random.default_rng(3).permutation(len(HEIGHTS))
SHARED = {
    "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    "PixelMeasuresSequence": {"PixelSpacing": [8, 8], "SliceThickness": 2},
    "PixelValueTransformationSequence": {"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "HU"},
}


def _place(height: float, **groups) -> dict:
    return {"PlanePositionSequence": {"ImagePositionPatient": [-92, -92, float(height)]}, **groups}


def _frames() -> list[np.ndarray]:
    """Return frames that differ in the value of brain, 2 HU for each slice."""
    return [head_slice(level=20 + 2 * int(n)) for n in ORDER]


def _object(**tags):
    return enhanced(_frames(), [_place(HEIGHTS[n]) for n in ORDER], SHARED, **tags)


def _assert_read(folder: Path) -> None:
    read = load_dicom_series(folder)
    assert (read.volume.shape, read.findings) == ((24, 24, len(HEIGHTS)), ())
    np.testing.assert_allclose(
        read.volume.affine, [[8, 0, 0, -92], [0, 8, 0, -92], [0, 0, 2, 0], [0, 0, 0, 1]]
    )
    for k in range(len(HEIGHTS)):
        np.testing.assert_array_equal(read.volume.array[..., k], head_slice(level=20 + 2 * k).T)


def test_frames_are_sorted_by_their_positions(tmp_path):
    write(_object(), tmp_path / "one.dcm")
    _assert_read(tmp_path)
    _assert_read(tmp_path / "one.dcm")


def test_each_frame_may_state_everything_itself(tmp_path):
    """The first half is stored with another slope than the second."""
    frames, places = [], []
    for n, frame in zip(ORDER, _frames(), strict=True):
        slope = 2 if n < 5 else 1
        frames.append((frame + 1024) // slope - 1024)  # put_pixels adds 1024 again
        transform = {"RescaleSlope": slope, "RescaleIntercept": -1024}
        own = {**SHARED, "PixelValueTransformationSequence": transform}
        places.append(_place(HEIGHTS[n], **own))
    write(enhanced(frames, places), tmp_path / "one.dcm")
    _assert_read(tmp_path)


def test_run_lengths_and_several_files_give_the_same_volume(tmp_path):
    file = _object()
    file.compress(RLELossless, generate_instance_uid=False)
    write(file, tmp_path / "a" / "one.dcm")
    _assert_read(tmp_path / "a")
    for name, part in (("1", slice(0, 4)), ("2", slice(4, None))):
        places = [_place(HEIGHTS[n]) for n in ORDER[part]]
        file = enhanced(_frames()[part], places, SHARED, SeriesInstanceUID="1.2.3")
        write(file, tmp_path / "b" / name)
    _assert_read(tmp_path / "b")


@pytest.mark.parametrize(
    "syntax",
    ["JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless"]
    + ["RLELossless"],
)
def test_every_lossless_coding_of_frames_gives_the_same_volume(tmp_path, syntax):
    file, coded = _object(), []
    for frame in _frames():
        path = write(ct_slice(frame, 0), tmp_path / "slice")
        recode(path, getattr(gdcm.TransferSyntax, syntax))
        slice_file = pydicom.dcmread(path)
        coded += generate_frames(slice_file.PixelData, number_of_frames=1)
        path.unlink()
    file.file_meta.TransferSyntaxUID = slice_file.file_meta.TransferSyntaxUID
    file.PixelData = encapsulate(coded)
    file["PixelData"].is_undefined_length = True
    write(file, tmp_path / "one.dcm")
    _assert_read(tmp_path)


def test_deflated_and_big_endian_frames_give_the_same_volume(tmp_path):
    file = _object()
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    write(file, tmp_path / "a" / "one.dcm")
    _assert_read(tmp_path / "a")
    file.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    file.PixelData = np.frombuffer(file.PixelData, "<u2").astype(">u2").tobytes()
    (tmp_path / "b").mkdir()
    form = {"implicit_vr": False, "little_endian": False, "force_encoding": True}
    pydicom.dcmwrite(tmp_path / "b" / "one.dcm", file, **form)
    _assert_read(tmp_path / "b")


@pytest.mark.parametrize(
    "trait",
    [
        ("FrameContentSequence", "StackID"),
        ("FrameContentSequence", "TemporalPositionIndex"),
        ("CTReconstructionSequence", "ConvolutionKernel"),
    ],
    ids=lambda trait: trait[1],
)
def test_stacks_phases_and_kernels_in_one_file_are_told_apart(tmp_path, trait):
    group, keyword = trait
    frames, places = [], []
    for height in HEIGHTS:
        for number, level in ((1, 30), (2, 60)):
            value = number if keyword == "TemporalPositionIndex" else f"A{number}"
            frames.append(head_slice(level=level))
            places.append(_place(height, **{group: {keyword: value}}))
    write(enhanced(frames, places, SHARED), tmp_path / "one.dcm")
    series = list_series(tmp_path)
    assert [item.slices for item in series] == [len(HEIGHTS)] * 2
    levels = [set(read_dicom_series(tmp_path, series=item.number).array[12, 12]) for item in series]
    assert levels == [{30}, {60}]


def test_missing_descriptions_of_frames_are_refused(tmp_path):
    file = _object()
    file.PerFrameFunctionalGroupsSequence = file.PerFrameFunctionalGroupsSequence[:-1]
    write(file, tmp_path / "one.dcm")
    with pytest.raises(GeometryError, match="multi-frame file without positions"):
        read_dicom_series(tmp_path)


def test_a_truncated_file_is_refused(tmp_path):
    path = write(_object(), tmp_path / "one.dcm")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(FileReadError, match="truncated"):
        read_dicom_series(tmp_path)
