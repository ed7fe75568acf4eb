"""What a new DICOM object takes from the series that it belongs to, and what it says of its own making."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from meshimplant.errors import FileReadError, OutputError
from meshimplant.io.atomic import atomic_path
from meshimplant.io.dicom.choose_series import choose_series
from meshimplant.io.dicom.ct_slice import quiet
from meshimplant.io.dicom.pixels import PixelReader
from meshimplant.io.dicom.study import open_study
from meshimplant.version import __version__

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

Identity = Literal["none", "keep"]
Laterality = Literal["R", "L", "B"]
#: Who the patient is; copied only when that is asked for, else empty.
_IDENTITY = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
#: What else names a study; copied with the identity, else empty.
_STUDY = ("StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber")
#: Codes (value, scheme, meaning): SNOMED CT, DICOM PS3.16 and UCUM.
SKULL = ("89546000", "SCT", "Skull")
SIDES = {
    "R": ("24028007", "SCT", "Right"),
    "L": ("7771000", "SCT", "Left"),
    "B": ("51440002", "SCT", "Right and left"),
}
_MAKER = "meshimplant"
_IDENTITY_REMOVED = "identity not copied by meshimplant"


@dataclass(frozen=True, eq=False)
class ExportContext:
    """The series that a new object belongs to.

    Attributes
    ----------
    study, series, frame_of_reference : str
        Unique identifiers of the series.
    instances : tuple of (str, str)
        SOP class and instance of each of its slices.
    identity : dict of str to str
        What was copied of patient and study, by keyword; empty text where nothing was.
    kept : bool
        Whether the identity was copied.
    """

    study: str
    series: str
    frame_of_reference: str
    instances: tuple[tuple[str, str], ...]
    identity: dict[str, str]
    kept: bool

    @property
    def sentence(self) -> str:
        """What is said of the patient's identity."""
        if self.kept:
            return "Name, number, birth date and sex of the patient were copied from the series."
        return (
            "Nothing that names the patient was written (--identity keep copies it); the identifiers of "
            "study and frame of reference were, which tie the file to its series."
        )


def read_dicom_context(
    like: str | Path, *, series: int | str | None = None, identity: Identity = "none"
) -> ExportContext:
    """Read what a new object takes from a series.

    Parameters
    ----------
    like : str or Path
        DICOM study: a folder, a zip archive or one file.
    series : int or str, optional
        Series by number or identifier; None: the best for bone.
    identity : str
        ``keep`` copies name, number, birth date and sex of the patient, and dates and numbers of the study;
        ``none`` leaves them empty.

    Returns
    -------
    ExportContext

    Raises
    ------
    FileReadError
        There is no CT, or it states no frame of reference.
    InputError
        No series has the number or identifier.
    """
    import pydicom

    with open_study(like) as study, quiet():
        slices = choose_series(study, PixelReader(), series).series.group.slices
        first = slices[0]
        if not first.frame_of_reference:
            raise FileReadError(
                "expected a series with a FrameOfReferenceUID, got one without: a part cannot be placed in it"
            )
        with first.source.open() as stream:
            header = pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        known = {name: str(header.get(name, "") or "") for name in (*_IDENTITY, *_STUDY)}
        kept = identity == "keep"
        sop_class = str(header.SOPClassUID)
        return ExportContext(
            first.study,
            first.series,
            first.frame_of_reference,
            tuple(sorted({(sop_class, each.instance) for each in slices})),
            known if kept else dict.fromkeys(known, ""),
            kept,
        )


def coded(code: tuple[str, str, str], **more: Any) -> Dataset:
    """Return a code (value, scheme, meaning) as an item of a sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    for name, value in more.items():
        setattr(item, name, value)
    return item


def item_of(**tags: Any) -> Dataset:
    """Return tags by keyword as an item of a sequence."""
    from pydicom.dataset import Dataset

    item = Dataset()
    for name, value in tags.items():
        setattr(item, name, value)
    return item


def new_object(
    context: ExportContext,
    content: bytes,
    *,
    sop_class: str,
    modality: str,
    title: str,
    date: str,
    report_sha256: str = "",
    laterality: Laterality | None = None,
) -> FileDataset:
    """Return an object with patient, study, series, equipment, frame of reference and anatomy.

    Its identifiers follow from series, content and program, so that equal input gives equal bytes.

    Parameters
    ----------
    context : ExportContext
        The series that it belongs to.
    content : bytes
        What it holds.
    sop_class, modality, title : str
        What it is.
    date : str
        YYYY-MM-DD.
    report_sha256 : str
        SHA-256 of the report of the design; empty where there is none.
    laterality : str, optional
        ``R``, ``L`` or ``B`` (both sides); None: not stated.
    """
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, UID(sop_class)
    meta.MediaStorageSOPInstanceUID = UID(_uid(context, content, sop_class, "instance"))
    meta.ImplementationClassUID = UID(_uid(context, b"", "", "implementation", of_program=True))
    meta.ImplementationVersionName = f"MESHIMPLANT_{__version__}"[:16]
    file = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    file.SpecificCharacterSet = "ISO_IR 192"
    for name, value in context.identity.items():
        setattr(file, name, value)
    if not context.kept:
        file.PatientIdentityRemoved, file.DeidentificationMethod = "YES", _IDENTITY_REMOVED
    file.StudyInstanceUID = context.study
    file.SeriesInstanceUID = _uid(context, content, sop_class, "series")
    file.Modality, file.SeriesNumber, file.InstanceNumber = modality, 1, 1
    file.SeriesDescription = title[:64]
    file.FrameOfReferenceUID, file.PositionReferenceIndicator = context.frame_of_reference, ""
    file.Manufacturer = file.ManufacturerModelName = _MAKER
    file.DeviceSerialNumber, file.SoftwareVersions = __version__, __version__
    file.ContentDate = file.SeriesDate = date.replace("-", "")
    file.ContentTime = file.SeriesTime = "000000"
    made = f"Made by meshimplant {__version__}, research software: not a medical device."
    if report_sha256:
        made += f" SHA-256 of report.json: {report_sha256}."
    file.ContributingEquipmentSequence = [
        item_of(
            Manufacturer=_MAKER,
            ManufacturerModelName=_MAKER,
            SoftwareVersions=__version__,
            ContributionDescription=made,
            PurposeOfReferenceCodeSequence=[coded(("109102", "DCM", "Processing Equipment"))],
        )
    ]
    region = coded(SKULL)
    if laterality is not None:
        region.AnatomicRegionModifierSequence = [coded(SIDES[laterality])]
    file.AnatomicRegionSequence = [region]
    file.ReferencedSeriesSequence = [
        item_of(SeriesInstanceUID=context.series, ReferencedInstanceSequence=referenced(context.instances))
    ]
    return file


def _uid(
    context: ExportContext, content: bytes, sop_class: str, role: str, *, of_program: bool = False
) -> str:
    """Return an identifier that follows from what it identifies."""
    from pydicom.uid import generate_uid

    digest = hashlib.sha256(content).hexdigest()
    own = [_MAKER, __version__, role]
    sources = own if of_program else [*own, context.series, sop_class, digest, str(context.kept)]
    return str(generate_uid(entropy_srcs=sources))


def referenced(instances: Iterable[tuple[str, str]]) -> list[Dataset]:
    """Return references to slices as items of a sequence."""
    return [
        item_of(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance)
        for sop_class, instance in instances
    ]


def save_object(file: FileDataset, path: str | Path) -> None:
    """Write an object as a whole or not at all; raise `OutputError` where its file cannot be written."""
    path = Path(path)
    if path.suffix.lower() != ".dcm":
        raise OutputError(f"expected a DICOM file ending in .dcm, got {path.name}: change the ending")
    with atomic_path(path) as temporary:
        file.save_as(temporary, enforce_file_format=True)
