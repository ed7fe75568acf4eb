"""Pixels of a CT slice as Hounsfield units: decoding, unused bits, padding, rescaling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError
from meshimplant.io.dicom.ct_slice import Slice, quiet
from meshimplant.io.dicom.study_files import StudyFile
from meshimplant.runtime.memory import require_memory

#: Value of padding outside the scanner's field of view, and lower limit of all values: air.
AIR_HU = -1024
#: Corners of a slice are air or padding; above this they show that the values are inverted.
_LIGHT_CORNER_HU = -200.0
#: Memory that is taken for each pixel while a slice is decoded: whole numbers of 8 bytes, twice.
_BYTES_PER_PIXEL = 16

_PIXEL_TAGS = [
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept"),
    *("ModalityLUTSequence", "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelData"),
]


class PixelReader:
    """Reads slices in Hounsfield units; the file that was read last is kept, for its further frames."""

    def __init__(self) -> None:
        self._source: StudyFile | None = None
        self._file: Any = None

    def hounsfield(self, item: Slice) -> NDArray[np.float32]:
        """Return one slice in Hounsfield units, float32 (rows, columns); padding becomes air.

        Values are rescaled by the slope and intercept of the slice itself. Bits outside BitsStored, where old
        scanners kept drawings, are cleared.

        Raises
        ------
        FileReadError
            The pixels are truncated, in an unknown coding, or inverted.
        """
        with quiet():
            try:
                file = self._opened(item.source)
                words = _words(file, item.frame)
                values = _rescaled(_stored_values(words, file), _rescale(item, file))
            except FileReadError:
                raise
            except Exception as error:  # decoders fail in many ways; each makes the slice unusable
                raise FileReadError(
                    "expected readable pixels in every slice, "
                    f"got one at {np.round(item.position_mm, 2).tolist()} mm that is truncated or in an "
                    "unknown transfer syntax: copy or export the series again"
                ) from error
        values[_padding(words, file)] = AIR_HU
        if values.shape != item.shape:
            raise FileReadError(
                f"expected a slice of {item.shape} pixels, got {values.shape}: export the series again"
            )
        np.maximum(values, np.float32(AIR_HU), out=values)
        _require_upright(values, file)
        return values

    def _opened(self, source: StudyFile) -> Any:
        import pydicom

        if self._source is not source:
            self._source = self._file = None
            with source.open() as stream:
                self._file = pydicom.dcmread(stream, specific_tags=_PIXEL_TAGS, force=True)
            self._source = source
        return self._file


def _words(file: Any, frame: int | None) -> NDArray[Any]:
    """Decode the stored words (rows, columns), unused bits included."""
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import JPEGExtended12Bit

    syntax = file.file_meta.TransferSyntaxUID
    require_memory(_BYTES_PER_PIXEL * int(file.Rows) * int(file.Columns), name="a slice")
    if syntax == JPEGExtended12Bit and file.BitsStored > 8:
        return _decoded_by_gdcm(file, frame or 0)
    options: dict[str, Any] = {"correct_unused_bits": False}
    return get_decoder(syntax).as_array(file, index=frame or 0, raw=True, **options)[0]


def _decoded_by_gdcm(file: Any, frame: int) -> NDArray[Any]:
    """Decode a frame with GDCM itself; its plug-in for pydicom refuses JPEG of 12 bits."""
    import gdcm
    from pydicom.encaps import get_frame

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(get_frame(file.PixelData, frame, number_of_frames=_frame_count(file)))
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((file.Columns, file.Rows, 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    bits = file.BitsAllocated, file.BitsStored, file.BitsStored - 1, file.PixelRepresentation
    image.SetPixelFormat(gdcm.PixelFormat(1, *bits))
    values = image.GetBuffer().encode("utf-8", "surrogateescape")  # SWIG returns bytes as a string
    kind = "i" if file.PixelRepresentation else "u"
    return np.frombuffer(values, f"<{kind}{file.BitsAllocated // 8}").reshape(file.Rows, file.Columns)


def _frame_count(file: Any) -> int:
    return int(file.get("NumberOfFrames", 1) or 1)


def _stored_values(words: NDArray[Any], file: Any) -> NDArray[np.int64]:
    """Return the stored values: bits up to HighBit, BitsStored of them, with their sign."""
    allocated, stored, high = int(file.BitsAllocated), int(file.BitsStored), int(file.HighBit)
    if words.ndim != 2 or not 0 < stored <= high + 1 <= allocated or "ModalityLUTSequence" in file:
        raise ValueError("expected one sample for each pixel, within its bits, on a linear scale")
    values = words.astype(np.int64) >> (high + 1 - stored)
    values &= (1 << stored) - 1
    if file.PixelRepresentation == 1:
        sign = 1 << (stored - 1)
        values = (values ^ sign) - sign
    return values


def _rescale(item: Slice, file: Any) -> tuple[float, float]:
    if item.rescale is not None:
        slope, intercept = item.rescale
    else:
        slope, intercept = float(file.get("RescaleSlope", 1)), float(file.get("RescaleIntercept", 0))
    if not np.isfinite([slope, intercept]).all() or slope <= 0:
        raise FileReadError(
            f"expected a RescaleSlope above 0 and a RescaleIntercept in every slice, got {slope:g} and "
            f"{intercept:g}: the header is damaged, export the series again"
        )
    return slope, intercept


def _rescaled(values: NDArray[np.int64], rescale: tuple[float, float]) -> NDArray[np.float32]:
    slope, intercept = rescale
    return values.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _padding(words: NDArray[Any], file: Any) -> NDArray[np.bool_]:
    """Return where a slice holds padding.

    The padding value is that of the whole word, and is often written under the other sign; it may also be
    stated for the stored bits alone.
    """
    padding = file.get("PixelPaddingValue")
    if not isinstance(padding, int):
        return np.zeros(words.shape, bool)
    limit = file.get("PixelPaddingRangeLimit")
    ends = (padding, limit if isinstance(limit, int) else padding)
    whole = _with_sign(words.astype(np.int64), int(file.BitsAllocated), file)
    low, high = sorted(int(_with_sign(np.int64(end), int(file.BitsAllocated), file)) for end in ends)
    values = _stored_values(words, file)
    return ((whole >= low) & (whole <= high)) | ((values >= low) & (values <= high))


def _with_sign(values: Any, bits: int, file: Any) -> Any:
    """Read words of some bits in the sign that the file states for its pixels."""
    values = values & ((1 << bits) - 1)
    sign = 1 << (bits - 1)
    return (values ^ sign) - sign if file.PixelRepresentation == 1 else values


def _require_upright(values: NDArray[np.float32], file: Any) -> None:
    """Refuse inverted values.

    MONOCHROME1 says how to display a picture, not what its values are, but some tools invert the values with
    it. Air in the corners shows that they did not.
    """
    if file.get("PhotometricInterpretation") != "MONOCHROME1":
        return
    rows, columns = (max(1, size // 16) for size in values.shape)
    sides = np.concatenate([values[:rows], values[-rows:]])
    if np.median(np.concatenate([sides[:, :columns], sides[:, -columns:]])) > _LIGHT_CORNER_HU:
        raise FileReadError(
            "expected CT slices as MONOCHROME2, with air in their corners, "
            "got MONOCHROME1 with bright corners, as if black and white were exchanged: "
            "export the original series again"
        )
