"""Slices of one head stay together whatever their identifiers, and two heads at one place never mix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import ct_slice, head_slice, write, write_series
from pydicom.uid import generate_uid

from meshimplant.errors import GeometryError
from meshimplant.io.dicom.read_series import list_series, load_dicom_series, read_dicom_series

HEIGHTS = np.arange(0, 40, 2.0)


def _level(path: Path, **options) -> float:
    """Return the value of brain in the series that is read."""
    return float(np.median(read_dicom_series(path, **options).array[12, 12]))


def _codes(path: Path) -> list[str]:
    return [finding.code for finding in load_dicom_series(path).findings]


# -- noise of headers


@pytest.mark.parametrize("about", [0.0, 0.0005, 0.31730450, 0.94832350])
def test_orientations_on_both_sides_of_any_rounding_boundary_are_one_plane(tmp_path, about):
    """0.9483235 +- 4e-7 rounds to 0.948 or 0.949 at three digits; neither slice may vanish."""
    across = np.sqrt(1 - about**2)
    for n, height in enumerate(HEIGHTS):
        noise = 4e-7 * (-1) ** n
        plane = [1, 0, 0, 0, f"{about + noise:.8f}", f"{-across:.8f}"]
        place = [-92, *(f"{height * part:.7f}" for part in (across, about))]
        file = ct_slice(head_slice(), 0, orientation=plane, SeriesInstanceUID="1.2.3")
        file.ImagePositionPatient = place
        write(file, tmp_path / f"{n}.dcm")
    read = load_dicom_series(tmp_path)
    assert read.volume.shape[2] == len(HEIGHTS)
    assert read.findings == ()
    assert [item.slices for item in list_series(tmp_path)] == [len(HEIGHTS)]


def test_pixel_spacings_on_both_sides_of_a_rounding_boundary_are_one_stack(tmp_path):
    spacings = [[7.4995 + 4e-7 * (-1) ** n] * 2 for n in range(len(HEIGHTS))]
    write_series(tmp_path, HEIGHTS, PixelSpacing=[[f"{a:.7f}", f"{b:.7f}"] for a, b in spacings])
    assert _codes(tmp_path) == []
    assert read_dicom_series(tmp_path).shape[2] == len(HEIGHTS)


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("PixelSpacing", [8.1, 8.1]),
        ("ImageOrientationPatient", [1, 0, 0, 0, 0.99, 0.141067]),
        ("FrameOfReferenceUID", "1.2.9"),
    ],
)
def test_another_plane_spacing_or_frame_is_left_out_counted_and_can_be_asked_for(tmp_path, tag, value):
    write_series(tmp_path / "a", HEIGHTS, SeriesInstanceUID="1.2.3", SeriesNumber=6)
    write_series(tmp_path / "b", HEIGHTS[:5] + 0.5, SeriesInstanceUID="1.2.3", SeriesNumber=6, **{tag: value})
    read = load_dicom_series(tmp_path)
    assert read.volume.shape[2] == len(HEIGHTS)
    found = {finding.code: finding for finding in read.findings}
    assert found["input.slices_left_out"].value == 5
    assert [(item.number, item.slices) for item in list_series(tmp_path)] == [(6, len(HEIGHTS)), (7, 5)]
    assert read_dicom_series(tmp_path, series=7).shape[2] == 5


# -- reconstructions and phases at the same positions


@pytest.mark.parametrize(
    "tags",
    [
        {"ConvolutionKernel": ["H31s", "H32s"]},
        {"SeriesDescription": ["Head", "Head repeat"]},
        {"AcquisitionNumber": [1, 2]},
        {"ImageType": [["ORIGINAL", "PRIMARY", "AXIAL"], ["ORIGINAL", "PRIMARY", "AXIAL", "B"]]},
        {"AcquisitionTime": ["101500", "101730.5"]},
        {"ContentTime": ["101500", "101730.5"]},
    ],
    ids=lambda tags: next(iter(tags)),
)
def test_two_phases_of_one_series_are_told_apart(tmp_path, tags):
    ((tag, (one, two)),) = tags.items()
    write_series(tmp_path / "a", HEIGHTS, level=30, SeriesInstanceUID="1.2.3", **{tag: one})
    write_series(tmp_path / "b", HEIGHTS, level=60, SeriesInstanceUID="1.2.3", **{tag: two})
    assert [item.slices for item in list_series(tmp_path)] == [len(HEIGHTS)] * 2
    levels = {_level(tmp_path, series=item.number) for item in list_series(tmp_path)}
    assert levels == {30, 60}
    assert np.ptp(read_dicom_series(tmp_path).array[12, 12]) == 0
    assert "input.slices_left_out" in _codes(tmp_path)


def test_phases_that_nothing_tells_apart_are_refused(tmp_path):
    write_series(tmp_path / "a", HEIGHTS, level=30, SeriesInstanceUID="1.2.3")
    write_series(tmp_path / "b", HEIGHTS, level=60, SeriesInstanceUID="1.2.3")
    with pytest.raises(GeometryError, match="two that differ"):
        read_dicom_series(tmp_path)


def test_reconstructions_between_each_others_slices_are_told_apart(tmp_path):
    write_series(tmp_path / "a", HEIGHTS, level=30, SeriesInstanceUID="1.2.3", ConvolutionKernel="A")
    write_series(tmp_path / "b", HEIGHTS + 0.7, level=60, SeriesInstanceUID="1.2.3", ConvolutionKernel="B")
    assert np.ptp(read_dicom_series(tmp_path).array[12, 12]) == 0


def test_blocks_of_one_head_stay_together(tmp_path):
    """A scan in two blocks changes acquisition, kernel and step between base and vertex."""
    base, vertex = np.arange(0, 20, 1.0), np.arange(20, 58, 2.0)
    for name, heights, kernel in (("a", base, "A"), ("b", vertex, "B")):
        tags = {"SeriesInstanceUID": "1.2.3", "ConvolutionKernel": kernel}
        write_series(tmp_path / name, heights, AcquisitionNumber=len(heights), **tags)
    (series,) = list_series(tmp_path)
    assert series.slices == 39
    assert _codes(tmp_path) == ["input.uneven_slices"]


def test_an_acquisition_number_for_each_slice_of_two_phases_is_sorted_out(tmp_path):
    count = len(HEIGHTS)
    for name, level, first in (("a", 30, 1), ("b", 60, 1 + count)):
        tags = {"SeriesInstanceUID": "1.2.3", "AcquisitionNumber": list(range(first, first + count))}
        write_series(tmp_path / name, HEIGHTS, level=level, **tags)
    assert [item.slices for item in list_series(tmp_path)] == [count, count]
    assert np.ptp(read_dicom_series(tmp_path).array[12, 12]) == 0


@pytest.mark.parametrize("per_kernel", [True, False], ids=["at the same positions", "in turn"])
def test_kernels_in_one_folder_are_two_series_and_the_other_one_is_named(tmp_path, per_kernel):
    kernels = [["A"] * 20, ["B"] * 20] if per_kernel else [["A", "B"] * 10, ["A", "B"] * 10]
    for n, (shift, kernel) in enumerate(zip((0, 0 if per_kernel else 40), kernels, strict=True)):
        write_series(tmp_path / str(n), HEIGHTS + shift, SeriesInstanceUID="1.2.3", ConvolutionKernel=kernel)
    assert [(item.slices, item.kernel) for item in list_series(tmp_path)] == [(20, "A"), (20, "B")]
    assert {"input.other_series", "input.slices_left_out"} <= set(_codes(tmp_path))


# -- identifiers


def test_one_series_for_each_slice_is_joined_with_a_warning(tmp_path):
    uids = [generate_uid() for _ in HEIGHTS]
    write_series(tmp_path, HEIGHTS, SeriesInstanceUID=uids)
    read = load_dicom_series(tmp_path)
    assert read.volume.shape[2] == len(HEIGHTS)
    (finding,) = read.findings
    assert (finding.code, finding.severity, finding.value) == ("input.joined_series", "warning", len(HEIGHTS))
    assert read_dicom_series(tmp_path, series=uids[3]).same_grid(read.volume)


def test_slices_of_series_that_do_not_agree_are_not_joined(tmp_path):
    uids, frames = ([generate_uid() for _ in HEIGHTS] for _ in range(2))
    write_series(tmp_path, HEIGHTS, SeriesInstanceUID=uids, FrameOfReferenceUID=frames)
    with pytest.raises(GeometryError, match="20 series of one or two slices each"):
        read_dicom_series(tmp_path)


def test_identifiers_of_study_and_frame_for_each_slice_mean_nothing(tmp_path):
    tags = {
        name: [generate_uid() for _ in HEIGHTS]
        for name in ("StudyInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")
    }
    write_series(tmp_path, HEIGHTS, SeriesInstanceUID="1.2.3", **tags)
    assert _codes(tmp_path) == []


def test_one_instance_identifier_for_all_slices_keeps_them_all_with_a_warning(tmp_path):
    write_series(tmp_path, HEIGHTS, SOPInstanceUID="1.2.4")
    read = load_dicom_series(tmp_path)
    assert read.volume.shape[2] == len(HEIGHTS)
    assert [finding.code for finding in read.findings] == ["input.repeated_identifiers"]


def test_one_instance_at_one_place_with_two_contents_is_refused_and_a_copy_is_not(tmp_path):
    paths = write_series(tmp_path / "a", HEIGHTS, SeriesInstanceUID="1.2.3")
    (tmp_path / "copy.dcm").write_bytes(paths[3].read_bytes())
    assert _codes(tmp_path) == []
    data = bytearray(paths[3].read_bytes())
    data[-700] ^= 64  # one pixel
    (tmp_path / "copy.dcm").write_bytes(bytes(data))
    with pytest.raises(GeometryError, match="two that differ"):
        read_dicom_series(tmp_path)


def test_the_choice_does_not_depend_on_the_names_of_files(tmp_path):
    for name, level in (("a", 30), ("b", 60)):
        tags = {"SeriesInstanceUID": "1.2.3", "AcquisitionNumber": level}
        write_series(tmp_path / "one" / name, HEIGHTS, level=level, **tags)
        write_series(tmp_path / "two" / {"a": "z", "b": "y"}[name], HEIGHTS, level=level, **tags)
    assert _level(tmp_path / "one") == _level(tmp_path / "two")


@pytest.mark.parametrize("phases", [1, 2, 3])
def test_a_frame_of_reference_for_each_position_of_one_or_more_phases_means_nothing(tmp_path, phases):
    frames = [generate_uid() for _ in HEIGHTS]
    for phase in range(phases):
        tags = {"SeriesInstanceUID": "1.2.3", "FrameOfReferenceUID": frames}
        write_series(tmp_path / str(phase), HEIGHTS, ConvolutionKernel=f"K{phase}", **tags)
    assert [item.slices for item in list_series(tmp_path)] == [len(HEIGHTS)] * phases


def test_slices_without_a_frame_of_reference_belong_to_the_frame_of_their_series(tmp_path):
    frames = ["1.2.5", ""] * (len(HEIGHTS) // 2)
    write_series(tmp_path, HEIGHTS, SeriesInstanceUID="1.2.3", FrameOfReferenceUID=frames)
    assert [item.slices for item in list_series(tmp_path)] == [len(HEIGHTS)]
    assert _codes(tmp_path) == []
