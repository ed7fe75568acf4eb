"""jitter_of: every second slice beside its stated place is found and put in line, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_files import ct_slice, write

from meshimplant.io.dicom.read_series import DicomSeries, load_dicom_series

STEP_MM, PIXEL_MM = 5.0, 1.0
SLICES = 12


def _slice(number: int, aside_mm: tuple[float, float]) -> np.ndarray:
    """Return a section (rows, columns) of a head that narrows upwards and leans to one side, HU."""
    rows, columns = np.indices((120, 100)) * PIXEL_MM
    centre = np.array([60 + 0.9 * number, 50.0]) + np.array(aside_mm)
    radius = np.hypot((rows - centre[0]) / 1.2, columns - centre[1])
    skin, outer, inner = (size - 0.12 * number**2 for size in (44.0, 38.0, 32.0))
    values = np.full(rows.shape, -1000.0)
    for edge, value in ((skin, 40.0), (outer, 1200.0), (inner, 35.0)):
        values += (value - values) * np.clip(edge - radius + 0.5, 0, 1)
    return values.round().astype(np.int16)


def _read(folder: Path, aside_mm, *, step_mm: float = STEP_MM) -> DicomSeries:
    """Read slices of which each shows the head beside its stated place, along columns and rows."""
    for number in range(SLICES):
        file = ct_slice(
            _slice(number, aside_mm(number)),
            number * step_mm,
            pixel=(PIXEL_MM, PIXEL_MM),
            SeriesInstanceUID="1.2.3",
        )
        write(file, folder / f"{number:02d}.dcm")
    return load_dicom_series(folder)


def _codes(series: DicomSeries) -> list[str]:
    return [finding.code for finding in series.findings if finding.code != "input.thick_slices"]


def test_every_second_slice_is_put_in_line_with_the_others(tmp_path):
    even = _read(tmp_path / "even", lambda _: (0.0, 0.0)).volume
    jagged = _read(tmp_path / "jagged", lambda n: (1.5 * (-1) ** n, -0.5 * (-1) ** n))
    (code,) = _codes(jagged)
    assert code == "input.alternating_slices"
    finding = next(f for f in jagged.findings if f.code == code)
    assert finding.severity == "warning"
    assert finding.value == pytest.approx(np.hypot(1.5, 0.5), abs=0.1)
    assert jagged.volume.same_grid(even)
    off = np.abs(jagged.volume.array.astype(float) - even.array)[3:-3, 3:-3]
    raw = np.stack([_slice(n, (1.5 * (-1) ** n, -0.5 * (-1) ** n)) for n in range(SLICES)]).T.astype(float)
    before = np.abs(raw - even.array)[3:-3, 3:-3]
    assert (off > 300).sum() < 0.05 * (before > 300).sum()


@pytest.mark.parametrize(
    "aside_mm",
    [
        lambda _: (0.0, 0.0),
        lambda n: (0.3 * (-1) ** n, 0.0),
        lambda n: (2.0, 0.0) if n == 5 else (0.0, 0.0),
        lambda n: (2.0, 1.0) if n > 5 else (0.0, 0.0),
        lambda n: (0.05 * n**2, 0.5 * n),
    ],
    ids=["none", "too little", "one slice", "a block", "a bend"],
)
def test_slices_that_do_not_alternate_are_left_where_they_are(tmp_path, aside_mm):
    series = _read(tmp_path, aside_mm)
    assert _codes(series) == []
    expected = np.stack([_slice(n, aside_mm(n)) for n in range(SLICES)]).T
    np.testing.assert_array_equal(series.volume.array, expected)


def test_thin_slices_are_left_where_they_are(tmp_path):
    series = _read(tmp_path, lambda n: (1.5 * (-1) ** n, 0.0), step_mm=1.0)
    assert _codes(series) == []
