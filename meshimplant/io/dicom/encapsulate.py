"""`write_dicom_mesh`, `write_dicom_pdf`: a part or its report as DICOM objects, and back out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from meshimplant.errors import FileReadError, MeshError, require_type
from meshimplant.io.dicom.ct_slice import quiet
from meshimplant.io.dicom.export_context import (
    ExportContext,
    Laterality,
    coded,
    new_object,
    referenced,
    save_object,
)
from meshimplant.io.dicom.segmentation_files import sop_class
from meshimplant.io.dicom.study_files import StudyFile, is_dicom, is_one_file
from meshimplant.io.mesh_files.encode_mesh import encode_stl
from meshimplant.runtime.today import today
from meshimplant.version import __version__

#: SOP classes, and the types of content that they hold.
STL_CLASS, PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.3", "1.2.840.10008.5.1.4.1.1.104.1"
_STL, _PDF = "model/stl", "application/pdf"
#: Codes: what the document is, what the model is for, and its unit.
_MODEL = ("85040-4", "LN", "CT 3D CAM model")
_REPORT = ("18748-4", "LN", "Diagnostic imaging report")
_MILLIMETRE = ("mm", "UCUM", "mm")


def write_dicom_mesh(
    mesh: trimesh.Trimesh,
    path: str | Path,
    context: ExportContext,
    *,
    stl: bytes | None = None,
    name: str = "implant",
    laterality: Laterality | None = None,
    report_sha256: str = "",
) -> None:
    """Write a part as a DICOM Encapsulated STL (manufacturing 3D model) in the frame of a series.

    Parameters
    ----------
    mesh : Trimesh
        The part, LPS mm.
    path : str or Path
        The ``.dcm`` file to write.
    context : ExportContext
        The series, from `read_dicom_context`.
    stl : bytes, optional
        The binary STL of the mesh, if there is one already: it is kept byte by byte.
    name : str
        What the part is called; never a patient's name.
    laterality : str, optional
        ``R``, ``L`` or ``B`` (both sides); None: not stated.
    report_sha256 : str
        SHA-256 of the report of the design.

    Raises
    ------
    MeshError
        The mesh is empty or holds NaN.
    OutputError
        The file cannot be written.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise MeshError("expected a part of finite triangles, got none or NaN: repair it first")
    if stl is None:
        header = f"meshimplant {__version__} {name[:30]} unit=mm SPACE=LPS"
        stl = encode_stl(np.asarray(mesh.vertices, float), np.asarray(mesh.faces, np.int64), header=header)
    given: dict[str, Any] = {"laterality": laterality, "report_sha256": report_sha256}
    file = _document(stl, context, STL_CLASS, "M3D", name, _STL, _MODEL, **given)
    file.MeasurementUnitsCodeSequence = [coded(_MILLIMETRE)]
    file.ModelModification, file.ModelMirroring = "YES", "NO"
    file.ModelUsageCodeSequence = [coded(("129016", "DCM", "Implant Fabrication"))]
    file.ContentDescription = "Designed cranial implant, patient coordinates LPS, mm"
    file.ContentCreatorName, file.ContentLabel = "", "IMPLANT"
    save_object(file, path)


def write_dicom_pdf(
    pdf: bytes,
    path: str | Path,
    context: ExportContext,
    *,
    name: str = "Cranial implant: design report",
    laterality: Laterality | None = None,
    report_sha256: str = "",
) -> None:
    """Write a PDF, such as ``report.pdf``, as a DICOM Encapsulated PDF in the study of a series.

    Parameters
    ----------
    pdf : bytes
        The document.
    path : str or Path
        The ``.dcm`` file to write.
    context : ExportContext
        The series, from `read_dicom_context`.
    name : str
        Title of the document; never a patient's name.
    laterality : str, optional
        ``R``, ``L`` or ``B`` (both sides); None: not stated.
    report_sha256 : str
        SHA-256 of the report of the design.

    Raises
    ------
    FileReadError
        The bytes are no PDF.
    OutputError
        The file cannot be written.
    """
    if not pdf.startswith(b"%PDF-"):
        raise FileReadError("expected a PDF, got other data: pass the report.pdf that design --pdf writes")
    given: dict[str, Any] = {"laterality": laterality, "report_sha256": report_sha256}
    file = _document(pdf, context, PDF_CLASS, "DOC", name, _PDF, _REPORT, **given)
    file.ConversionType = "WSD"
    del file.FrameOfReferenceUID, file.PositionReferenceIndicator
    save_object(file, path)


def _document(
    content: bytes,
    context: ExportContext,
    stored_class: str,
    modality: str,
    title: str,
    kind: str,
    concept: tuple[str, str, str],
    *,
    laterality: Laterality | None,
    report_sha256: str,
) -> Any:
    """Return an encapsulated document; odd content gets one byte more, which its stated length leaves out."""
    file = new_object(
        context,
        content,
        sop_class=stored_class,
        modality=modality,
        title=title,
        date=today(),
        laterality=laterality,
        report_sha256=report_sha256,
    )
    file.AcquisitionDateTime, file.BurnedInAnnotation = "", "NO"
    file.DocumentTitle, file.MIMETypeOfEncapsulatedDocument = title, kind
    file.ConceptNameCodeSequence = [coded(concept)]
    file.SourceInstanceSequence = referenced(context.instances)
    file.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    file.EncapsulatedDocumentLength = len(content)
    return file


def holds_document(path: str | Path) -> bool:
    """Return whether a file is a DICOM object that encapsulates an STL or a PDF."""
    path = Path(path)
    if not path.is_file() or not is_one_file(path) or not is_dicom(path):
        return False
    return sop_class(StudyFile(path.name, lambda: path.open("rb"))) in (STL_CLASS, PDF_CLASS)


def read_encapsulated(path: str | Path) -> tuple[str, bytes]:
    """Return type (``model/stl``, ``application/pdf``) and content of an encapsulated document, byte by byte.

    Parameters
    ----------
    path : str or Path
        The ``.dcm`` file.

    Returns
    -------
    kind : str
        Its media type.
    content : bytes
        The document.

    Raises
    ------
    FileReadError
        The file holds no such document, or not all of it.
    """
    import pydicom

    path = Path(path)
    try:
        with quiet():
            file = pydicom.dcmread(path)
            content = bytes(file.EncapsulatedDocument)
            length = int(file.get("EncapsulatedDocumentLength", len(content)))
            kind = str(file.MIMETypeOfEncapsulatedDocument)
    except Exception as error:  # damaged files fail in a dozen ways; each means this
        raise FileReadError(
            f"expected a DICOM file that encapsulates an STL or a PDF in {path.name}, got none: "
            "check the path, or copy it again"
        ) from error
    if length > len(content):
        raise FileReadError(
            f"expected {length} bytes of content in {path.name}, got {len(content)}: copy it again"
        )
    return kind, content[:length]
