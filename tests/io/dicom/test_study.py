"""Of a study as hospitals hand it out, the series that shows bone best is read, and all others are named."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import (
    HEAD_MM,
    NAME,
    NUMBER,
    capture,
    ct_slice,
    dose_report,
    head_slice,
    page,
    scout,
    write,
    write_series,
    write_study,
)
from pydicom.uid import generate_uid

import meshimplant
from meshimplant.errors import FileReadError, GeometryError, InputError
from meshimplant.io.dicom.ct_slice import Slice, Traits
from meshimplant.io.dicom.group_slices import SliceGroup
from meshimplant.io.dicom.read_series import list_series, load_dicom_series, read_dicom_series, study_contents
from meshimplant.io.dicom.series_summary import summarize_series
from meshimplant.io.volumes import read_volume

THIN_MM = np.arange(0, 160, 2.0)


def _codes(path: Path, **options) -> list[str]:
    return [finding.code for finding in load_dicom_series(path, **options).findings]


def _chosen(path: Path) -> int:
    (number,) = [item.number for item in list_series(path) if item.chosen]
    return number


# -- a whole study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """Write one study for the tests of this module."""
    folder = tmp_path_factory.mktemp("Doe_Jane") / "study"
    return folder, write_study(folder)


def test_the_series_are_listed_and_the_best_for_bone_is_marked(study):
    folder, uids = study
    series = list_series(folder)
    assert [(item.number, item.uid) for item in series] == [
        (2, uids["thick"]),
        (3, uids["thin"]),
        (4, uids["mpr"]),
    ]
    assert [item.chosen for item in series] == [False, True, False]
    assert [item.kind for item in series] == ["original", "original", "reformatted"]
    thin = series[1]
    assert (thin.slices, thin.step_mm, thin.kernel, thin.tilt_deg) == (80, 2.0, "H60s", 0.0)
    assert thin.extent_mm == (192.0, 192.0, 160.0)
    assert (thin.head_fraction, thin.problem) == (1.0, None)


def test_files_that_are_no_slices_are_counted_by_kind(study):
    assert study_contents(study[0]).left_out == {
        "PDF document": 1,
        "dose report": 1,
        "localizer": 1,
        "page without a position": 1,
        "secondary capture": 1,
    }


def test_one_series_is_read_and_the_others_are_named_with_the_reason(study):
    read = load_dicom_series(study[0])
    assert read.volume.shape == (24, 24, 80)
    found = {finding.code: finding for finding in read.findings}
    assert list(found) == ["input.other_series", "input.pages_left_out", "input.files_left_out"]
    others = found["input.other_series"]
    assert (others.severity, others.value) == ("info", 3)
    assert "number 3 was read, the best for bone (80 slices, 2.00 mm apart, bone kernel)" in others.message
    assert "Not read: 2 (thicker slices), 4 (reformatted, not original)" in others.message
    assert found["input.pages_left_out"].severity == "warning"
    assert found["input.files_left_out"].value == 4


def test_a_series_is_chosen_by_its_number_or_identifier(study):
    folder, uids = study
    for series in (2, "2", uids["thick"]):
        assert read_dicom_series(folder, series=series).shape == (24, 24, 20)


def test_an_unknown_series_is_refused_with_the_numbers_that_exist(study):
    with pytest.raises(InputError, match=r"numbers 2, 3, 4, or a SeriesInstanceUID.*got 9: list them"):
        read_dicom_series(study[0], series=9)
    with pytest.raises(InputError, match="got another identifier"):
        read_dicom_series(study[0], series="1.2.3")


def test_a_skull_and_a_volume_are_read_from_a_study_with_a_series(study):
    folder, _ = study
    skull = meshimplant.read_skull(folder, series=2)
    assert (skull.kind, skull.mask.shape) == ("ct", (24, 24, 20))
    assert "input.other_series" in [finding.code for finding in skull.findings]
    assert read_volume(folder, series=2).shape == (24, 24, 20)


def test_a_series_of_a_file_that_is_no_study_is_refused(tmp_path):
    meshimplant.write_volume(
        meshimplant.Volume(np.zeros((3, 3, 3), np.uint8), np.eye(4)), tmp_path / "a.nrrd"
    )
    with pytest.raises(InputError, match=r"expected a DICOM study with a series to choose, got a\.nrrd"):
        meshimplant.read_skull(tmp_path / "a.nrrd", series=2)


def test_descriptions_are_plain_text_and_stay_out_of_findings(study):
    series = list_series(study[0])
    assert [item.description for item in series] == [f"Head 5mm {NAME}", "Bone [2J1.0", ""]
    read = load_dicom_series(study[0])
    text = " ".join(finding.message for finding in read.findings)
    assert not any(word in text for word in ("Doe", "Jane", NUMBER, "5mm", "2J", "H60s"))


# -- zip, DICOMDIR, one file


def test_a_zip_and_a_dicomdir_and_a_file_of_it_give_what_the_folder_gives(study, tmp_path):
    folder, _ = study
    archive = tmp_path / "study.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for file in sorted(folder.rglob("*")):
            out.write(file, Path("Doe_Jane") / file.relative_to(folder))
    expected = load_dicom_series(folder)
    read = load_dicom_series(archive)
    np.testing.assert_array_equal(read.volume.array, expected.volume.array)
    assert read.findings == expected.findings
    assert list_series(archive) == list_series(folder)
    assert meshimplant.read_skull(archive).mask.same_grid(expected.volume)
    assert sorted(tmp_path.iterdir()) == [archive]
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert load_dicom_series(folder / "DICOMDIR").findings == expected.findings
    (folder / "DICOMDIR").unlink()
    assert read_volume(folder / "B" / "IM0003.dcm").shape == (24, 24, 20)
    with pytest.raises(FileReadError, match="expected a slice of a CT, got a dose report: name the folder"):
        read_volume(folder / "E" / "dose")


# -- choice


def test_a_noisy_bone_kernel_comes_after_a_quiet_soft_one(tmp_path):
    write_series(tmp_path / "soft", SeriesNumber=1, ConvolutionKernel="FC21", noise_hu=4)
    write_series(tmp_path / "bone", SeriesNumber=2, ConvolutionKernel="FC30", noise_hu=60)
    assert _chosen(tmp_path) == 1
    message = load_dicom_series(tmp_path).findings[0].message
    assert "2 (noisy bone kernel)" in message
    write_series(tmp_path / "bone", SeriesNumber=2, ConvolutionKernel="FC30", noise_hu=12)
    assert _chosen(tmp_path) == 2
    assert "1 (no bone kernel)" in load_dicom_series(tmp_path).findings[0].message


@pytest.mark.parametrize(
    ("kernel", "is_bone"),
    [
        *(
            (name, True)
            for name in ("BONEPLUS", "bone", "EDGE", "H60s", "Hr68h", "B70f", "J70h", "FC30", "YD")
        ),
        *((name, False) for name in ("STANDARD", "STD+", "SOFT", "H31s", "Hr40f", "FC21", "FC68", "UB", "")),
    ],
)
def test_bone_kernels_of_each_maker_are_known(kernel, is_bone):
    item = Slice(None, None, "1", "1", "1", "1", 1, (9, 9), (1, 1), 1, (0, 0, 0), (1, 0, 0, 0, 1, 0))
    group = SliceGroup((replace(item, traits=Traits(kernel=kernel)),))
    assert summarize_series(group, 1, 1).has_bone_kernel is is_bone


def test_thin_series_of_a_part_of_the_head_or_of_the_body_come_after_a_thick_one_of_the_head(tmp_path):
    write_series(tmp_path / "ear", np.arange(0, 40, 1.0), SeriesNumber=1)
    write_series(tmp_path / "zoom", THIN_MM, SeriesNumber=2, PixelSpacing=[3.0, 3.0])
    write_series(tmp_path / "head", SeriesNumber=3)
    assert _chosen(tmp_path) == 3
    write_series(tmp_path / "body", np.arange(0, 480, 5.0), SeriesNumber=4)
    assert _chosen(tmp_path) == 3
    message = load_dicom_series(tmp_path).findings[0].message
    assert [f"{n} (covers less of the head, or the body)" in message for n in (1, 2, 4)] == [True] * 3


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, "derived"),
        ({"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}, "derived"),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]}, "reformatted"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "projection"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "SUBTRACTION"]}, "subtracted"),
        ({"SeriesDescription": "CTA subtracted"}, "subtracted"),
        ({"SeriesDescription": "CBF"}, "parameter map"),
        ({"RescaleType": "MGML"}, "parameter map"),
    ],
)
def test_derived_images_are_never_taken_before_an_original(tmp_path, tags, kind):
    write_series(tmp_path / "fine", THIN_MM, SeriesNumber=1, **tags)
    write_series(tmp_path / "coarse", SeriesNumber=2)
    assert [item.kind for item in list_series(tmp_path)] == [kind, "original"]
    assert _chosen(tmp_path) == 2
    assert "input.derived_series" in _codes(tmp_path, series=1)


def test_a_derived_series_alone_is_read_with_a_warning_and_a_subtracted_one_is_not(tmp_path):
    write_series(tmp_path / "a", THIN_MM, ImageType=["DERIVED", "PRIMARY", "AXIAL"])
    assert _codes(tmp_path / "a") == ["input.derived_series"]
    write_series(tmp_path / "b", THIN_MM, SeriesDescription="SUBTRACTION", SeriesNumber=7)
    with pytest.raises(FileReadError, match=r"only a subtracted.*--series N"):
        read_dicom_series(tmp_path / "b")
    assert _codes(tmp_path / "b", series=7) == ["input.derived_series"]
    assert not any(item.chosen for item in list_series(tmp_path / "b"))


def test_series_of_two_studies_are_not_chosen_between(tmp_path):
    write_series(tmp_path / "before", SeriesNumber=1)
    write_series(tmp_path / "after", SeriesNumber=5, StudyInstanceUID=generate_uid())
    with pytest.raises(FileReadError, match=r"of 2 studies .*--series \(1, 5\)"):
        read_dicom_series(tmp_path)
    assert {item.study for item in list_series(tmp_path)} == {1, 2}
    assert read_dicom_series(tmp_path, series=5).shape == (24, 24, 20)


def test_a_fine_series_with_missing_slices_gives_way_to_a_coarse_one_with_a_warning(tmp_path):
    write_series(tmp_path / "fine", np.delete(THIN_MM, [30, 31]), SeriesNumber=1)
    with pytest.raises(GeometryError, match="missing"):
        read_dicom_series(tmp_path)
    write_series(tmp_path / "coarse", SeriesNumber=2)
    finding = load_dicom_series(tmp_path).findings[0]
    assert (finding.code, finding.severity) == ("input.other_series", "warning")
    assert "1 (slices missing or too far apart)" in finding.message
    with pytest.raises(GeometryError, match="missing"):
        read_dicom_series(tmp_path, series=1)


def test_a_part_of_the_head_does_not_stand_in_for_a_whole_one_with_missing_slices(tmp_path):
    write_series(tmp_path / "whole", np.delete(THIN_MM, [30, 31]), SeriesNumber=1)
    write_series(tmp_path / "ear", np.arange(0, 40, 1.0), SeriesNumber=2)
    with pytest.raises(GeometryError, match="missing"):
        read_dicom_series(tmp_path)


def test_a_series_with_an_impossible_plane_does_not_refuse_the_others(tmp_path):
    write_series(tmp_path / "a", SeriesNumber=1, ImageOrientationPatient=[1, 0, 0, 0.3, 0.95, 0])
    write_series(tmp_path / "b", SeriesNumber=2, ImageOrientationPatient=[0, 0, 0, 0, 0, 0])
    write_series(tmp_path / "c", SeriesNumber=3)
    assert _chosen(tmp_path) == 3
    problems = [item.problem for item in list_series(tmp_path)]
    assert all("perpendicular" in problem for problem in problems[:2])


def test_numbers_are_those_of_a_viewer_and_free_ones_where_these_repeat(tmp_path):
    for folder, number in (("a", 4), ("b", 9), ("c", 4), ("d", None)):
        tags = {} if number is None else {"SeriesNumber": number}
        write_series(tmp_path / folder, HEAD_MM[:3], **tags)
    numbers = [item.number for item in list_series(tmp_path)]
    assert numbers == [9, 10, 11, 12]


# -- what is no slice


def test_files_of_other_kinds_never_refuse_the_rest(tmp_path):
    write_series(tmp_path, THIN_MM)
    others = [scout(), dose_report(), capture(), capture(Modality="CT"), page()]
    for n, file in enumerate(others):
        write(file, tmp_path / f"x{n}.dcm")
    write(ct_slice(head_slice(), 0, Modality="MR"), tmp_path / "y.dcm")
    (finding,) = load_dicom_series(tmp_path).findings
    assert (finding.code, finding.severity, finding.value) == ("input.files_left_out", "info", 6)
    assert finding.message.endswith(
        "MR file (1), dose report (1), localizer (1), page without a position (1), secondary capture (2)."
    )


def test_damaged_files_are_counted_and_a_gap_that_they_leave_is_named(tmp_path):
    paths = write_series(tmp_path, np.arange(0, 40, 1.0))
    whole = paths[0].read_bytes()
    (tmp_path / "x.dcm").write_bytes(whole[:200])
    (tmp_path / "y").write_bytes(whole[:132] + b"\xff" * 400)
    (tmp_path / "z.dcm").write_bytes(b"")
    paths[20].write_bytes(whole[:300] + b"\xff" * 500)
    found = {finding.code: finding for finding in load_dicom_series(tmp_path).findings}
    assert found["input.damaged_files"].value == 4
    assert found["input.damaged_files"].severity == "warning"
    assert found["input.missing_slices"].location_mm[2] == pytest.approx(20)


def test_a_series_of_a_viewer_with_nothing_but_damaged_slices_is_refused(tmp_path):
    for path in write_series(tmp_path, HEAD_MM[:4]):
        path.write_bytes(path.read_bytes()[:180])
    with pytest.raises(FileReadError, match=r"got only damaged file \(4\)"):
        read_dicom_series(tmp_path)


# -- a real series among others


@pytest.mark.realdata
def test_a_real_series_in_a_study_of_made_ones_is_listed_and_read(data_folder, tmp_path):
    """Of the head's 28 slices the lower ten, which take a third of the time."""
    study, archive = tmp_path / "study", tmp_path / "alone.zip"
    whole = data_folder / "ct" / "human_head_ge_tilt_variable_spacing_dicom.zip"
    with zipfile.ZipFile(whole) as packed, zipfile.ZipFile(archive, "w") as part:
        for name in sorted(name for name in packed.namelist() if not name.endswith("/"))[:10]:
            packed.extract(name, study / "GE")
            part.writestr(name, packed.read(name))
    one = pydicom.dcmread(next((study / "GE").rglob("*.dcm")), stop_before_pixels=True)
    same = {"StudyInstanceUID": one.StudyInstanceUID, "FrameOfReferenceUID": one.FrameOfReferenceUID}
    write_series(study / "thick", np.arange(0, 40, 10.0), SeriesNumber=3, SliceThickness=10, **same)
    for n, file in enumerate([scout(**same), dose_report(**same), capture(**same), page(**same)]):
        write(file, study / f"x{n}")
    assert [(item.number, item.chosen) for item in list_series(study)] == [(2, True), (3, False)]
    read, alone = load_dicom_series(study), load_dicom_series(archive)
    np.testing.assert_array_equal(read.volume.array, alone.volume.array)
    codes = {"input.other_series", "input.files_left_out"}
    assert {finding.code for finding in read.findings} - {f.code for f in alone.findings} == codes
