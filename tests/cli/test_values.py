"""What the values of a volume are is the same for every verb, and can be stated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shapes import sphere

from meshimplant import Volume, read_mesh, read_volume, write_mesh, write_volume


def _ct(case) -> Volume:
    """The complete skull of the case as a CT with brain and air, in Hounsfield units."""
    from scipy.ndimage import binary_closing, binary_fill_holes

    skull = read_volume(case.complete)
    bone = skull.array != 0
    head = binary_closing(bone[::3, ::3, ::3], iterations=8)
    head = np.kron(binary_fill_holes(head), np.ones((3, 3, 3), bool))[tuple(map(slice, bone.shape))]
    soft = np.zeros(bone.shape, bool)
    soft[tuple(slice(0, size) for size in head.shape)] = head
    noise = np.random.default_rng(0).normal(0, 10, bone.shape)
    return skull.with_array(np.rint(np.where(bone, 1000, np.where(soft, 40, -1000)) + noise).astype(np.int16))


@pytest.fixture(scope="module")
def scans(case, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    ct = _ct(case)
    write_volume(ct, folder / "ct.nrrd")
    write_volume(ct.with_array((ct.array + 1024).clip(0).astype(np.uint16)), folder / "raw.nrrd")
    write_volume(ct.with_array(((ct.array + 1024) / 4096).astype(np.float32)), folder / "scaled.nrrd")
    return folder


def test_convert_segments_a_ct_and_meshes_at_a_level_that_is_given(
    cli: Callable, scans: Path, case, tmp_path: Path
) -> None:
    result = cli("convert", scans / "ct.nrrd", tmp_path / "skull.stl", "--json")
    assert result.code == 0, result.err
    assert "each edge at 0.58 of its height" in result.json["read_as"]
    bone = read_volume(case.complete)
    volume_mm3 = np.count_nonzero(bone.array) * bone.voxel_volume_mm3
    assert read_mesh(tmp_path / "skull.stl").volume == pytest.approx(volume_mm3, rel=0.05)
    whole = cli("convert", scans / "ct.nrrd", tmp_path / "head.stl", "--level", -500)
    assert whole.code == 0, whole.err
    assert abs(read_mesh(tmp_path / "head.stl").volume) > 1.2 * volume_mm3


@pytest.mark.parametrize("name", ["raw", "scaled"])
def test_a_ct_of_another_unit_is_asked_for_by_every_verb_that_reads_a_skull(
    cli: Callable, scans: Path, tmp_path: Path, name: str
) -> None:
    scan, option = scans / f"{name}.nrrd", {"raw": "--values hu+1024", "scaled": "--threshold-hu 0."}[name]
    part = tmp_path / "part.stl"
    write_mesh(sphere(10).mesh, part)
    for call in (
        ("check", part, "--skull", scan),
        ("complete", scan, "-o", tmp_path / "c.nrrd"),
        ("design", scan, "-o", tmp_path / "d"),
    ):
        result = cli(*call)
        assert (result.code, option in result.err) == (1, True), result.err
    assert "--values" in cli("convert", scan, tmp_path / "s.stl").err
    assert "--values" in cli("extract", scan, "-o", tmp_path / "s.stl").err


def test_stated_values_give_the_same_skull(cli: Callable, scans: Path, tmp_path: Path) -> None:
    right = cli("convert", scans / "ct.nrrd", tmp_path / "a.stl", "--json").json
    raw = cli("convert", scans / "raw.nrrd", tmp_path / "b.stl", "--values", "hu+1024", "--json").json
    own = cli("convert", scans / "raw.nrrd", tmp_path / "c.stl", "--threshold-hu", 1224, "--json").json
    assert right["volume_after_mm3"] == raw["volume_after_mm3"] == own["volume_after_mm3"]
    low = cli("convert", scans / "raw.nrrd", tmp_path / "d.stl", "--threshold-hu", 226)
    assert (low.code, "mm deep" in low.err) == (1, True), low.err


def test_evaluate_takes_masks_or_what_is_stated(cli: Callable, case, tmp_path: Path) -> None:
    truth, defective = read_volume(case.truth), read_volume(case.defective)

    def dice(array: np.ndarray, *options: object) -> object:
        write_volume(truth.with_array(array), tmp_path / "p.nrrd")
        files = ("--prediction", tmp_path / "p.nrrd", "--truth", case.truth, "--defective", case.defective)
        result = cli("evaluate", *files, *options, "--json")
        return result.json["dice"] if result.code == 0 else result.err

    assert dice(truth.array * np.uint8(255)) == 1
    assert dice(truth.array * np.float32(1.00002)) == 1
    assert "--values inverted-mask" in str(dice(truth.array + 1))
    assert "got labels 1, 2" in str(dice(defective.array + 2 * truth.array))
    field = truth.array * 200.0 + np.random.default_rng(0).uniform(0, 20, truth.shape)
    assert "--values" in str(dice(field.astype(np.uint8)))
    assert dice(field.astype(np.uint8), "--values", "probability-255") == 1


def test_extract_asks_for_the_sign_of_distances(cli: Callable, tmp_path: Path) -> None:
    field = sphere(10, (30, -40, 50)).field(1.0)
    write_volume(field.with_array(-field.array), tmp_path / "f.nrrd")
    refused = cli("extract", tmp_path / "f.nrrd", "-o", tmp_path / "a.ply")
    assert (refused.code, "--values distance-outside" in refused.err) == (1, True)
    assert (
        cli("extract", tmp_path / "f.nrrd", "-o", tmp_path / "a.ply", "--values", "distance-outside").code
        == 0
    )
    radius = np.linalg.norm(read_mesh(tmp_path / "a.ply").vertices - (30, -40, 50), axis=1)
    assert np.abs(radius - 10).max() < 0.1


def test_info_shows_the_tissues_of_a_ct_and_the_threshold_chosen_or_given(cli: Callable, scans: Path) -> None:
    facts = cli("info", scans / "ct.nrrd", "--json").json["ct"]
    assert facts["air_hu"] == pytest.approx(-1000, abs=2)
    assert facts["soft_tissue_hu"] == pytest.approx(40, abs=3)
    assert facts["threshold_hu"] == facts["soft_tissue_hu"] + 110
    assert facts["noise_hu"] == pytest.approx(10, rel=0.1)
    assert facts["is_automatic"]
    assert cli("info", scans / "ct.nrrd", "--threshold-hu", "auto", "--json").json["ct"] == facts
    given = cli("info", scans / "ct.nrrd", "--threshold-hu", 250, "--json").json["ct"]
    assert (given["threshold_hu"], given["is_automatic"]) == (250, False)
    wrong = cli("info", scans / "ct.nrrd", "--threshold-hu", "high")
    assert (wrong.code, "auto or a number" in wrong.err) == (2, True), wrong.err
