"""`read_prediction` recognises masks, label maps, probabilities, distances and points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clouds import rows, shell_points
from segmentations import write_rtstruct, write_seg
from shapes import sample_on, skull_with_hole

from meshimplant import Volume, write_volume
from meshimplant.errors import EmptyMaskError, FileReadError, GeometryError, InputError
from meshimplant.predictions.read_prediction import read_prediction

COMPLETE, DEFECTIVE, IMPLANT = skull_with_hole(40, 6, 32)
GRID = COMPLETE.grid(2.0)
SKULL, MISSING = DEFECTIVE.mask(2.0, grid=GRID), IMPLANT.mask(2.0, grid=GRID)
LABELS = SKULL.with_array((SKULL.array * 3 + MISSING.array * 2).astype(np.uint8))


@pytest.fixture
def written(tmp_path: Path):
    def write(values: Volume) -> Path:
        write_volume(values, tmp_path / "p.nii.gz")
        return tmp_path / "p.nii.gz"

    return write


def test_one_label_of_several_is_selected(written) -> None:
    found = read_prediction(written(LABELS), SKULL, label=2, implant_only=True)
    np.testing.assert_array_equal(found.volume.array, MISSING.array)
    assert found.description == "label 2"


def test_all_labels_together_are_a_complete_skull_but_no_implant(written) -> None:
    path = written(LABELS.with_array(LABELS.array.astype(np.float32)))
    found = read_prediction(path, SKULL)
    np.testing.assert_array_equal(found.volume.array, LABELS.array > 0)
    assert found.description == "labels 2, 3 together"
    with pytest.raises(
        InputError, match=r"p\.nii\.gz: expected the implant alone, got the labels 2, 3: state which"
    ):
        read_prediction(path, SKULL, implant_only=True)


@pytest.mark.parametrize("values", [MISSING.array * np.uint8(5), MISSING.array * np.float32(0.7)])
def test_two_values_are_a_mask(written, values) -> None:
    found = read_prediction(written(GRID.with_array(values)), SKULL, implant_only=True)
    np.testing.assert_array_equal(found.volume.array, MISSING.array)
    assert (found.description, found.level) == ("a mask", None)


def test_a_distance_is_left_unchanged(written) -> None:
    values = IMPLANT.field(2.0, grid=GRID).array
    found = read_prediction(written(GRID.with_array(values)), SKULL, implant_only=True)
    np.testing.assert_array_equal(found.volume.array, values)
    assert (found.description, found.level) == ("signed distances, positive inside", 0)


def test_a_probability_in_percent_becomes_one_from_0_to_1(written) -> None:
    field = IMPLANT.field(2.0, grid=GRID).array
    percent = GRID.with_array(np.rint(100 / (1 + np.exp(-2 * field.clip(-20, 20)))).astype(np.uint8))
    found = read_prediction(written(percent), SKULL, implant_only=True)
    np.testing.assert_array_equal(found.volume.array > found.level, percent.array > 50)
    assert found.description == "a probability in percent, surface at 50"


def test_a_sign_is_asked_for_and_a_ct_is_no_prediction(written) -> None:
    field = IMPLANT.field(2.0, grid=GRID).array
    path = written(GRID.with_array(-field))
    with pytest.raises(InputError, match=r"p\.nii\.gz: .*give --predicted-values distance-outside"):
        read_prediction(path, SKULL)
    found = read_prediction(path, SKULL, values="distance-outside")
    np.testing.assert_array_equal(found.volume.array, field)
    ct = written(SKULL.with_array(SKULL.array * np.int16(2000) - np.int16(1000)))
    with pytest.raises(InputError, match=r"got a CT in Hounsfield units: .*--level"):
        read_prediction(ct, SKULL)
    with pytest.raises(InputError, match="--predicted-values or --level, got both"):
        read_prediction(ct, SKULL, values="hu", level=200)


def test_points_become_a_field_on_the_skull(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", rows(shell_points(40, 6, 2000)))
    found = read_prediction(tmp_path / "p.npy", SKULL)
    assert found.description == "4000 points with normals"
    inside = sample_on(COMPLETE.distance, found.volume) > 0
    assert np.count_nonzero((found.volume.array > 0.5) != inside) < 0.05 * np.count_nonzero(inside)


def test_points_in_ras_are_converted(tmp_path: Path) -> None:
    affine = np.array(SKULL.affine)
    affine[:2, 3] += (70, 90)
    moved = Volume(SKULL.array, affine)
    np.save(
        tmp_path / "p.npy", (rows(shell_points(40, 6, 2000)) + [70, 90, 0, 0, 0, 0]) * [-1, -1, 1, -1, -1, 1]
    )
    assert (read_prediction(tmp_path / "p.npy", moved, frame="RAS").volume.array > 0.5).any()
    with pytest.raises(GeometryError, match="LPS or RAS"):
        read_prediction(tmp_path / "p.npy", moved)


def test_an_image_needs_its_level(written) -> None:
    image = GRID.with_array((np.arange(GRID.array.size).reshape(GRID.shape) % 200).astype(np.uint8))
    assert read_prediction(written(image), SKULL, level=99.5).description == "voxels, surface at 99.5"
    with pytest.raises(InputError, match=r"--predicted-values probability-255 if .*, or --level with"):
        read_prediction(written(image), SKULL)


def test_unusable_input_is_reported(written, tmp_path: Path) -> None:
    with pytest.raises(EmptyMaskError, match=r"label 4 in p\.nii\.gz, got the labels 2, 3"):
        read_prediction(written(LABELS), SKULL, label=4)
    with pytest.raises(FileReadError, match=r"voxels or points with normals \(.*\.npz\), got p\.stl"):
        read_prediction(tmp_path / "p.stl", SKULL)
    np.save(tmp_path / "p.npy", rows(shell_points(40, 6, 500)))
    with pytest.raises(
        InputError, match="voxels for a label, a level, values, an orientation or a segment, got the"
    ):
        read_prediction(tmp_path / "p.npy", SKULL, label=1)


def test_a_segment_is_a_prediction_and_contours_take_the_grid_of_the_skull(tmp_path: Path) -> None:
    upright = GRID.with_array(np.zeros(GRID.shape, np.uint8))
    segments = {"skull": SKULL.array, "implant": MISSING.array}
    write_seg(tmp_path / "seg.dcm", segments, upright)
    found = read_prediction(tmp_path / "seg.dcm", SKULL, segment="Implant", implant_only=True)
    assert found.volume.array.sum() == MISSING.array.sum()
    assert [finding.code for finding in found.findings] == ["input.segment"]
    with pytest.raises(InputError, match=r"1 'skull', 2 'implant'.*--predicted-segment"):
        read_prediction(tmp_path / "seg.dcm", SKULL, implant_only=True)
    with pytest.raises(InputError, match="segment or a label"):
        read_prediction(tmp_path / "seg.dcm", SKULL, segment="implant", label=1)
    corners = np.array([(4.5, 4.5), (9.5, 4.5), (9.5, 8.5), (4.5, 8.5)])
    contours = [GRID.to_mm(np.c_[corners, np.full(4, k)]) for k in range(5, 9)]
    write_rtstruct(tmp_path / "contours.dcm", {"implant": contours}, "1.2.3")
    filled = read_prediction(tmp_path / "contours.dcm", SKULL, implant_only=True)
    assert filled.volume.same_grid(SKULL)
    assert filled.volume.array.sum() == 5 * 4 * 4
