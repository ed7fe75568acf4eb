"""The SkullFix layout: what is listed, what is computed, what is refused."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.volumes import write_volume
from meshimplant.voxels.volume import Volume

AFFINE = np.array([[-0.5, 0, 0, 40.0], [0, 0.5, 0, -70.0], [0, 0, 0.75, 12.0], [0, 0, 0, 1]])


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("complete_skull", "implant"):
        (tmp_path / name).mkdir()
    for case in ("001", "000"):
        complete = (rng.random((8, 9, 10)) < 0.6).astype(np.int32)
        implant = complete.copy()
        implant[4:] = 0
        write_volume(Volume(complete, AFFINE), tmp_path / "complete_skull" / f"{case}.nrrd")
        write_volume(Volume(implant, AFFINE), tmp_path / "implant" / f"{case}.nrrd")
    (tmp_path / "implant" / "notes.txt").write_text("not a volume")
    return tmp_path


def test_lists_cases_in_order_and_computes_the_defective_skull(folder):
    cases = list_skullfix(folder)
    assert [case.name for case in cases] == ["000", "001"]
    volumes = read_case(cases[1])
    assert volumes.implant.array.any()
    np.testing.assert_array_equal(volumes.complete.array, volumes.defective.array + volumes.implant.array)
    assert volumes.defective.array.dtype == np.uint8
    np.testing.assert_allclose(volumes.defective.affine, AFFINE)


def test_reads_a_defective_skull_that_is_there_and_checks_it(folder):
    (folder / "defective_skull").mkdir()
    volumes = read_case(list_skullfix(folder)[0])
    write_volume(volumes.defective, folder / "defective_skull" / "000.nrrd")
    case = list_skullfix(folder)[0]
    assert case.defective is not None
    np.testing.assert_array_equal(read_case(case).defective.array, volumes.defective.array)
    write_volume(volumes.complete, folder / "defective_skull" / "000.nrrd")
    with pytest.raises(InputError, match="other voxels"):
        read_case(case)


def test_refuses_an_implant_of_another_skull_and_another_grid(folder):
    case = list_skullfix(folder)[0]
    shutil.copy(folder / "implant" / "001.nrrd", case.implant)
    with pytest.raises(InputError, match="voxels outside"):
        read_case(case)
    write_volume(Volume(np.ones((8, 9, 10), np.uint8), np.eye(4)), case.implant)
    with pytest.raises(GeometryError, match="complete skull and the implant"):
        read_case(case)


def test_refuses_an_empty_implant(folder):
    case = list_skullfix(folder)[0]
    write_volume(Volume(np.zeros((8, 9, 10), np.uint8), AFFINE), case.implant)
    with pytest.raises(InputError, match="0 in all"):
        read_case(case)


@pytest.mark.parametrize("path", ["", "complete_skull", "elsewhere"])
def test_refuses_a_folder_of_another_layout(folder, path):
    if path == "":
        shutil.rmtree(folder / "implant")
    with pytest.raises(FileReadError, match="pass the folder that holds both"):
        list_skullfix(folder / path)


def test_refuses_an_incomplete_copy(folder):
    (folder / "implant" / "001.nrrd").unlink()
    with pytest.raises(FileReadError, match="got 001 in one only"):
        list_skullfix(folder)


@pytest.mark.realdata
def test_the_real_folder(data_folder):
    cases = list_skullfix(data_folder / "skullfix")
    assert len(cases) == 75
    volumes = read_case(cases[0])
    assert volumes.complete.shape == (512, 512, 237)
    volume_cm3 = np.count_nonzero(volumes.implant.array) * volumes.implant.voxel_volume_mm3 / 1000
    assert volume_cm3 == pytest.approx(36.3, abs=0.1)
