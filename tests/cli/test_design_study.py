"""design on a study folder: two series, a scout, a report and a screenshot, to a part with one command."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import capture, ct_slice, dose_report, scout, write
from pydicom.uid import generate_uid
from scipy import ndimage

from meshimplant import evaluate, read_mesh, read_volume


def head_hu(case):
    """Return the CT of the tiny case, HU: bone, brain and scalp in air, blurred and noisy."""
    defective, complete = (read_volume(path) for path in (case.defective, case.complete))
    axial = defective.reorient("LPS")
    bone, whole = axial.array != 0, complete.reorient("LPS").array != 0
    inside = np.stack([ndimage.binary_fill_holes(layer) for layer in np.moveaxis(whole, 2, 0)], axis=2)
    head = ndimage.binary_dilation(inside, iterations=2)
    values = np.where(bone, 1000.0, np.where(head, 40.0, -1000.0))
    values = ndimage.gaussian_filter(values, 0.5)
    values += np.random.default_rng(0).normal(0, 10, values.shape)
    return axial.with_array(np.rint(values).astype(np.int16))


def write_series(ct, folder, step, **tags):
    corner, spacing = ct.affine[:3, 3], ct.spacing_mm
    uid = generate_uid()
    for n in range(0, ct.shape[2], step):
        file = ct_slice(
            ct.array[:, :, n].T,
            float(corner[2] + n * spacing[2]),
            pixel=(float(spacing[1]), float(spacing[0])),
            corner=(float(corner[0]), float(corner[1])),
            SeriesInstanceUID=uid,
            SliceThickness=float(step * spacing[2]),
            **tags,
        )
        write(file, folder / f"IM{n:04d}.dcm")


@pytest.mark.slow
def test_a_study_becomes_a_part_with_one_command(cli, case, tmp_path):
    study, ct = tmp_path / "study", head_hu(case)
    write_series(ct, study / "A", 1, SeriesNumber=2, SeriesDescription="thin")
    write_series(ct, study / "B", 4, SeriesNumber=3, SeriesDescription="thick")
    for name, file in {"scout": scout(), "dose": dose_report(), "screen": capture()}.items():
        write(file, study / f"{name}.dcm")
    answer = cli("design", study, "-o", tmp_path / "part", "--thickness-mm", 3.5, "--json")
    assert answer.code in (0, 3), answer.err
    codes = {finding["code"] for finding in answer.json["findings"]}
    assert "input.other_series" in codes
    made = read_volume(tmp_path / "part" / "reconstruction.nrrd")
    metrics = evaluate(made, read_volume(case.truth), read_volume(case.defective))
    assert metrics.dice > 0.85
    assert read_mesh(tmp_path / "part" / "implant.stl").is_volume
    assert answer.json["verdict"] != "failed", answer.json["findings"]
