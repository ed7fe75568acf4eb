"""Pixels become the Hounsfield units that the scanner measured, and nothing that was drawn over them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import ct_slice, head_slice, write, write_series
from pydicom.dataset import FileDataset

from meshimplant.errors import FileReadError
from meshimplant.io.dicom.pixels import AIR_HU
from meshimplant.io.dicom.read_series import read_dicom_series

HEIGHTS = (0.0, 2.0, 4.0)


def _series(folder: Path, change) -> np.ndarray:
    """Write slices, each changed in its own way, and return what is read."""
    for n, height in enumerate(HEIGHTS):
        file = ct_slice(head_slice(), height, SeriesInstanceUID="1.2.3")
        change(file, n)
        write(file, folder / f"{n}.dcm")
    return read_dicom_series(folder).array


def _words(file: FileDataset) -> np.ndarray:
    return np.frombuffer(file.PixelData, np.uint16).copy()


def _head() -> np.ndarray:
    return np.repeat(head_slice().T[..., None], 3, axis=2)


def test_drawings_in_unused_bits_are_no_bone(tmp_path):
    """Old scanners kept overlays in bits 12 to 15 of the pixels, as group 6000 states."""

    def draw(file, _n):
        words = _words(file)
        words[100:160] |= 1 << 12
        words[200:220] |= 1 << 15
        file.PixelData = words.tobytes()
        file.BitsStored, file.HighBit = 12, 11
        file.add_new(0x60000100, "US", 16)
        file.add_new(0x60000102, "US", 12)

    np.testing.assert_array_equal(_series(tmp_path, draw), _head())


def test_values_in_the_upper_bits_are_shifted_down(tmp_path):
    def shift(file, _n):
        file.PixelData = (_words(file) << 4 | 5).astype(np.uint16).tobytes()
        file.BitsStored, file.HighBit = 12, 15

    np.testing.assert_array_equal(_series(tmp_path, shift), _head())


def test_signed_and_unsigned_slices_of_one_series_agree(tmp_path):
    def sign(file, n):
        if n == 1:
            values = _words(file).astype(int) - 1024
            file.PixelRepresentation, file.RescaleIntercept = 1, 0
            file.BitsStored, file.HighBit = 12, 11
            file.PixelData = (values & 0xFFF).astype(np.uint16).tobytes()  # the sign is in bit 11

    np.testing.assert_array_equal(_series(tmp_path, sign), _head())


def test_each_slice_is_rescaled_by_its_own_slope(tmp_path):
    def rescale(file, n):
        slope = (1, 0.5, 0.25)[n]
        file.RescaleSlope = slope
        file.PixelData = (_words(file) / slope).astype(np.uint16).tobytes()

    np.testing.assert_array_equal(_series(tmp_path, rescale), _head())


@pytest.mark.parametrize(
    ("stored", "padding"),
    [(63536, -2000), (63536, 63536), (4095, 4095)],
    ids=["other sign", "whole word", "stored bits"],
)
def test_padding_is_air_in_whichever_way_it_is_written(tmp_path, stored, padding):
    """63536 is -2000 as an unsigned word; its lower 12 bits, 2096, would be bone."""

    def pad(file, _n):
        words = _words(file)
        words[:48] = stored
        file.PixelData = words.tobytes()
        file.BitsStored, file.HighBit = 12, 11
        file.add_new(0x00280120, "SS" if padding < 0 else "US", padding)

    array = _series(tmp_path, pad)
    assert (array[:, :2] == AIR_HU).all()
    np.testing.assert_array_equal(array[:, 2:], _head()[:, 2:])


def test_monochrome1_keeps_its_values_and_inverted_ones_are_refused(tmp_path):
    """MONOCHROME1 is about display: the values of a conforming file are Hounsfield units as they are."""

    def display(file, _n):
        file.PhotometricInterpretation = "MONOCHROME1"

    def invert(file, _n):
        file.PhotometricInterpretation = "MONOCHROME1"
        file.PixelData = (4095 - _words(file)).astype(np.uint16).tobytes()

    np.testing.assert_array_equal(_series(tmp_path / "a", display), _head())
    with pytest.raises(FileReadError, match="MONOCHROME1 with bright corners"):
        _series(tmp_path / "b", invert)


@pytest.mark.parametrize(
    "tags",
    [{"RescaleSlope": 0}, {"BitsStored": 17}, {"HighBit": 3}, {"SamplesPerPixel": 2}],
    ids=lambda tags: next(iter(tags)),
)
def test_impossible_descriptions_of_pixels_are_refused(tmp_path, tags):
    write_series(tmp_path, HEIGHTS, **tags)
    with pytest.raises(FileReadError):
        read_dicom_series(tmp_path)


def test_a_table_of_values_in_place_of_a_slope_is_refused(tmp_path):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData = [2, 0, 16], b"\0\0\1\0"
    write_series(tmp_path, HEIGHTS, ModalityLUTSequence=pydicom.Sequence([table]))
    with pytest.raises(FileReadError, match="readable pixels"):
        read_dicom_series(tmp_path)
