"""Parts, masks and reports as DICOM objects: what they state and leave out, and the content back out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import gdcm
import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_files import FRAME, NAME, NUMBER, STUDY, write_series
from shapes import cap

from meshimplant.errors import EmptyMaskError, FileReadError, GeometryError, OutputError
from meshimplant.io.dicom.encapsulate import (
    PDF_CLASS,
    STL_CLASS,
    holds_document,
    read_encapsulated,
    write_dicom_mesh,
    write_dicom_pdf,
)
from meshimplant.io.dicom.export_context import ExportContext, read_dicom_context
from meshimplant.io.dicom.write_seg import write_dicom_seg
from meshimplant.io.meshes import write_mesh
from meshimplant.io.volumes import load_volume
from meshimplant.voxels.volume import Volume

PART = cap(80, 4, 20, edge_mm=4).mesh
PDF = b"%PDF-1.4 a report"
DIGEST = "ab" * 32


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_series(folder, PatientBirthDate="19610203", PatientSex="F", AccessionNumber="A-815")
    return folder


@pytest.fixture(scope="module")
def context(study: Path) -> ExportContext:
    return read_dicom_context(study)


@pytest.fixture(autouse=True)
def a_fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")


def _mask(affine: np.ndarray | None = None) -> Volume:
    array = np.random.default_rng(3).random((24, 13, 9)) > 0.6
    array[:, :, [0, 4]] = False
    return Volume(array.astype(np.uint8), np.diag([0.5, 0.75, 1.25, 1.0]) if affine is None else affine)


def _write(kind: str, path: Path, context: ExportContext) -> pydicom.Dataset:
    given = {"laterality": "R", "report_sha256": DIGEST}
    if kind == "stl":
        write_dicom_mesh(PART, path, context, **given)
    elif kind == "pdf":
        write_dicom_pdf(PDF, path, context, **given)
    else:
        write_dicom_seg(_mask(), path, context, **given)
    return pydicom.dcmread(path)


@pytest.mark.parametrize("kind", ["stl", "pdf", "seg"])
def test_an_object_belongs_to_the_series_and_names_no_one(kind, context, tmp_path) -> None:
    file = _write(kind, tmp_path / "a.dcm", context)
    assert file.StudyInstanceUID == STUDY
    assert file.SeriesInstanceUID != context.series
    assert (file.get("FrameOfReferenceUID") == FRAME) is (kind != "pdf")
    assert file.SoftwareVersions
    assert DIGEST in file.ContributingEquipmentSequence[0].ContributionDescription
    data = (tmp_path / "a.dcm").read_bytes()
    for planted in (NAME, NUMBER, "19610203", "A-815"):
        assert planted.encode() not in data
    assert (str(file.PatientName), file.PatientID, file.PatientIdentityRemoved) == ("", "", "YES")
    assert file.ContentDate == "19700102"
    _write(kind, tmp_path / "b.dcm", context)
    assert data == (tmp_path / "b.dcm").read_bytes()


@pytest.mark.parametrize("kind", ["stl", "pdf", "seg"])
def test_the_identity_is_copied_only_on_request(kind, study, tmp_path) -> None:
    kept = read_dicom_context(study, identity="keep")
    file = _write(kind, tmp_path / "a.dcm", kept)
    assert (str(file.PatientName), file.PatientID) == (NAME, NUMBER)
    assert (file.PatientBirthDate, file.PatientSex, file.AccessionNumber) == ("19610203", "F", "A-815")
    assert "PatientIdentityRemoved" not in file
    assert "were copied" in kept.sentence
    assert "Nothing that names the patient" in read_dicom_context(study).sentence


def test_the_model_states_class_unit_use_side_and_region(context, tmp_path) -> None:
    file = _write("stl", tmp_path / "a.dcm", context)
    assert (file.SOPClassUID, file.Modality) == (STL_CLASS, "M3D")
    assert file.file_meta.MediaStorageSOPInstanceUID == file.SOPInstanceUID
    assert (file.MIMETypeOfEncapsulatedDocument, file.DocumentTitle) == ("model/stl", "implant")
    code = file.MeasurementUnitsCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator) == ("mm", "UCUM")
    assert file.ModelUsageCodeSequence[0].CodeMeaning == "Implant Fabrication"
    region = file.AnatomicRegionSequence[0]
    assert (region.CodeValue, region.CodingSchemeDesignator) == ("89546000", "SCT")
    assert region.AnatomicRegionModifierSequence[0].CodeMeaning == "Right"
    assert len(file.SourceInstanceSequence) == 20
    write_dicom_mesh(PART, tmp_path / "b.dcm", context)
    plain = pydicom.dcmread(tmp_path / "b.dcm")
    assert "AnatomicRegionModifierSequence" not in plain.AnatomicRegionSequence[0]


def test_the_content_comes_back_byte_by_byte_also_through_gdcm(context, tmp_path) -> None:
    write_mesh(PART, tmp_path / "part.stl")
    stl = (tmp_path / "part.stl").read_bytes()
    for content in (stl, stl + b"odd"[: 1 + len(stl) % 2]):
        write_dicom_mesh(PART, tmp_path / "a.dcm", context, stl=content)
        assert read_encapsulated(tmp_path / "a.dcm") == ("model/stl", content)
        reader = gdcm.Reader()
        reader.SetFileName(str(tmp_path / "a.dcm"))
        assert reader.Read()
        element = reader.GetFile().GetDataSet().GetDataElement(gdcm.Tag(0x0042, 0x0011))
        stored = element.GetByteValue().GetBuffer()
        stored = stored if isinstance(stored, bytes) else stored.encode("utf-8", "surrogateescape")
        assert stored[: len(content)] == content
    write_dicom_pdf(PDF, tmp_path / "r.dcm", context)
    assert read_encapsulated(tmp_path / "r.dcm") == ("application/pdf", PDF)
    assert pydicom.dcmread(tmp_path / "r.dcm").SOPClassUID == PDF_CLASS
    assert [holds_document(tmp_path / name) for name in ("a.dcm", "r.dcm", "part.stl")] == [True, True, False]


_OBLIQUE = np.eye(4)
_OBLIQUE[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) @ np.diag([-0.5, 0.75, 1.25])
_OBLIQUE[:3, 3] = (-31.5, 12.25, 900.125)


@pytest.mark.parametrize("affine", [None, _OBLIQUE], ids=["straight", "oblique"])
def test_a_segmentation_comes_back_voxel_by_voxel(affine, context, tmp_path) -> None:
    mask = _mask(affine)
    write_dicom_seg(mask, tmp_path / "seg.dcm", context)
    back = load_volume(tmp_path / "seg.dcm").volume
    points = mask.to_mm(np.argwhere(mask.array))
    index = np.rint(back.to_index(points)).astype(int)
    assert (back.array != 0).sum() == mask.array.sum()
    assert (back.array[tuple(index.T)] != 0).all()
    assert np.abs(back.to_mm(index) - points).max() < 1e-3
    file = pydicom.dcmread(tmp_path / "seg.dcm")
    assert file.NumberOfFrames == 7
    assert file.ReferencedSeriesSequence[0].SeriesInstanceUID == context.series


def test_itk_reads_the_frames_of_a_segmentation(context, tmp_path) -> None:
    mask = _mask()
    write_dicom_seg(mask, tmp_path / "seg.dcm", context)
    frames = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "seg.dcm")))
    filled = mask.array[:, :, mask.array.any(axis=(0, 1))]
    assert np.array_equal(frames != 0, filled.transpose(2, 1, 0) != 0)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("kind", ["stl", "pdf", "seg"])
def test_an_independent_validator_finds_no_error(kind, context, tmp_path) -> None:
    _write(kind, tmp_path / "a.dcm", context)
    done = subprocess.run(["dciodvfy", str(tmp_path / "a.dcm")], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


def test_what_cannot_be_stored_is_refused(context, study, tmp_path) -> None:
    mask = _mask()
    with pytest.raises(EmptyMaskError):
        write_dicom_seg(mask.with_array(np.zeros_like(mask.array)), tmp_path / "a.dcm", context)
    sheared = np.diag([1.0, 1.0, 1.0, 1.0])
    sheared[0, 1] = 0.2
    with pytest.raises(GeometryError, match="right angles"):
        write_dicom_seg(Volume(mask.array, sheared), tmp_path / "a.dcm", context)
    with pytest.raises(FileReadError, match="expected a PDF"):
        write_dicom_pdf(b"no", tmp_path / "a.dcm", context)
    with pytest.raises(OutputError, match=r"ending in .dcm"):
        write_dicom_mesh(PART, tmp_path / "a.dicom", context)
    with pytest.raises(FileReadError, match="encapsulates"):
        read_encapsulated(next(study.iterdir()))
    assert not list(tmp_path.iterdir())
