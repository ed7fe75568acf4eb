"""`describe_file`: what a voxel file, DICOM study or mesh holds, and what is seen of a skull in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trimesh

from meshimplant.errors import FileReadError, InputError, MeshImplantError
from meshimplant.io.dicom.load_segmentation import holds_segmentation_only
from meshimplant.io.dicom.read_series import StudyContents, study_contents
from meshimplant.io.dicom.segmentation_files import is_segmentation_file
from meshimplant.io.meshes import load_mesh
from meshimplant.io.segments import require_one_choice
from meshimplant.io.volumes import LoadedVolume, is_study, load_volume
from meshimplant.report import Finding
from meshimplant.skull.describe_skull import describe_skull
from meshimplant.skull.segment import is_mesh_file, skull_of
from meshimplant.voxels.volume import Volume

#: What is told about a file: the name of each fact, which ends in its unit, and its value.
Facts = dict[str, Any]


@dataclass(frozen=True, eq=False)
class FileDescription:
    """What a file holds; each fact is named with its unit.

    Attributes
    ----------
    facts : dict
        The grid of voxels or the size of a mesh: ``kind``, ``shape``, ``spacing_mm``, ...
    sections : dict of dict
        Further facts by subject: ``ct``, the peaks of its histogram, its noise and the threshold of bone; and
        ``skull``.
    findings : tuple of Finding
        What a person should know before designing: tilt, gaps, metal, bone cut by the edge of the scan.
    study : StudyContents or None
        The series of a DICOM study; the facts are those of the one that is read.
    error : InputError or None
        Why no series of a study can be read; the facts are then those of the study alone.
    """

    facts: Facts
    sections: dict[str, Facts] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    study: StudyContents | None = None
    error: InputError | None = None

    def to_dict(self) -> Facts:
        """Return the facts with the sections, the series of a study, and the findings below them."""
        return {
            **self.facts,
            **self.sections,
            **({} if self.study is None else self.study.to_dict()),
            **({} if self.error is None else {"error": _error_facts(self.error)}),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def describe_file(
    path: str | Path,
    *,
    frame: str = "LPS",
    threshold_hu: float | None = None,
    label: int | None = None,
    series: int | str | None = None,
    values: str | None = None,
    orientation: str | None = None,
    segment: str | int | None = None,
    remove_flap: bool = False,
) -> FileDescription:
    """Describe a file: its grid and values, and, where it shows a skull, what of the head is seen.

    Parameters
    ----------
    path : str or Path
        Voxel file, DICOM study, or mesh.
    frame : str
        Frame of a mesh whose file does not state its own.
    threshold_hu : float, optional
        Lowest value of bone, as in `read_skull`, like the next six.
    label : int, optional
        The label of bone in a map of several tissues.
    series : int or str, optional
        The series of a DICOM study.
    values : str, optional
        What the values are, where that does not follow from them.
    orientation : str, optional
        Three letters for the sides to which the voxel axes run, where the header does not state them.
    segment : str or int, optional
        Name or number of a segment of a segmentation.
    remove_flap : bool
        Describe the skull without the bone flap that lies in it.

    Returns
    -------
    FileDescription

    Raises
    ------
    InputError
        The file cannot be read. Values that show no skull are described without one, with the reason, and a
        study of which no series can be read by its list of series.
    """
    path = Path(path)
    if is_mesh_file(path) and series is None:
        read = load_mesh(path, frame=frame)
        return FileDescription(_mesh_facts(read.mesh), findings=read.findings)
    require_one_choice(segment, label)
    study = _contents(path)
    try:
        loaded = load_volume(path, series=series, orientation=orientation, segment=segment)
    except InputError as error:
        if study is None:
            raise
        return FileDescription({"kind": "study"}, study=study, error=error)
    options = {"threshold_hu": threshold_hu, "values": values, "label": label, "remove_flap": remove_flap}
    sections, seen = _skull_facts(loaded, **options)
    findings = (*loaded.findings, *seen)
    return FileDescription(_voxel_facts(loaded.volume), sections, findings, study)


def _contents(path: Path) -> StudyContents | None:
    """Return the series of a study; None for other files, and for a study of segmentations alone."""
    if not is_study(path) or is_segmentation_file(path):
        return None
    try:
        return study_contents(path)
    except FileReadError:
        if holds_segmentation_only(path):
            return None
        raise


def _error_facts(error: InputError) -> Facts:
    return {"type": type(error).__name__, "message": str(error)}


def _skull_facts(loaded: LoadedVolume, **options: Any) -> tuple[dict[str, Facts], tuple[Finding, ...]]:
    """Describe the tissues and the skull in a volume, with the findings; or say why there is no skull."""
    try:
        skull = skull_of(loaded, **options)
    except MeshImplantError as error:
        return {"skull": {"reason": str(error)}}, ()
    tissues = {} if skull.tissues is None else {"ct": skull.tissues.to_dict()}
    how = {"how": ", ".join(skull.notes)} if skull.notes else {}
    facts = {"read_as": skull.kind, **how, **describe_skull(skull.mask)}
    return {**tissues, "skull": facts}, skull.findings


def _voxel_facts(volume: Volume) -> Facts:
    return {
        "kind": "voxels",
        "shape": list(volume.shape),
        "type": str(volume.array.dtype),
        "spacing_mm": volume.spacing_mm.round(4).tolist(),
        "orientation": volume.orientation,
        "origin_mm": volume.affine[:3, 3].round(3).tolist(),
        "extents_mm": (volume.spacing_mm * volume.shape).round(2).tolist(),
        "minimum": float(volume.array.min()),
        "maximum": float(volume.array.max()),
        "nonzero_volume_mm3": float((volume.array != 0).sum() * volume.voxel_volume_mm3),
    }


def _mesh_facts(mesh: trimesh.Trimesh) -> Facts:
    return {
        "kind": "mesh",
        "vertices": len(mesh.vertices),
        "faces": len(mesh.faces),
        "low_mm": mesh.bounds[0].round(3).tolist(),
        "high_mm": mesh.bounds[1].round(3).tolist(),
        "extents_mm": mesh.extents.round(3).tolist(),
        "volume_mm3": float(mesh.volume) if mesh.is_watertight else None,
        "area_mm2": float(mesh.area),
        "watertight": bool(mesh.is_watertight),
        "consistent_winding": bool(mesh.is_winding_consistent),
        "bodies": int(mesh.body_count),
    }
