"""`require_one_scan`: slices under one series identifier that are those of one patient, on one scale."""

from __future__ import annotations

from collections.abc import Sequence

from meshimplant.errors import FileReadError
from meshimplant.io.dicom.ct_slice import Slice


def require_one_scan(slices: Sequence[Slice]) -> None:
    """Raise an error where slices of one series cannot be one scan.

    Parameters
    ----------
    slices : sequence of Slice
        The slices of a volume.

    Raises
    ------
    FileReadError
        They state several patients, or only some of them state their Hounsfield units.
    """
    patients = {item.patient for item in slices if item.patient}
    if len(patients) > 1:
        raise FileReadError(
            f"expected the slices of one patient, got those of {len(patients)} under one series identifier "
            "(their PatientID differs): put the files of each patient into a folder of their own"
        )
    plain = sum(not item.has_scale for item in slices)
    if 0 < plain < len(slices):
        raise FileReadError(
            f"expected RescaleSlope and RescaleIntercept in every slice, got {plain} of {len(slices)} "
            "without: their Hounsfield units are unknown, export the series again"
        )
