"""`read_skull`: read a mask, a CT, a DICOM folder or a closed mesh of a skull as a bone mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from meshimplant.errors import EmptyMaskError, GeometryError, InputError, require_type
from meshimplant.io.meshes import MESH_SUFFIXES, load_mesh
from meshimplant.io.segments import choose_segment, require_one_choice
from meshimplant.io.volumes import LoadedVolume, load_volume
from meshimplant.io.zipped import holds_one_of
from meshimplant.report import Finding
from meshimplant.skull.ct_tissues import CtTissues
from meshimplant.skull.find_bone import find_bone
from meshimplant.skull.foreign_bodies import remove_foreign
from meshimplant.skull.head_room import cut_off_findings
from meshimplant.skull.keep_skull import keep_skull
from meshimplant.skull.remove_flap import without_flap
from meshimplant.values.distinct_values import as_whole_numbers, distinct_values
from meshimplant.values.read_values import Reading, read_values
from meshimplant.values.value_facts import MAX_BONE_DEPTH_MM
from meshimplant.values.value_words import Asking
from meshimplant.voxels.volume import Volume
from meshimplant.voxels.voxelize import voxelize

__all__ = ["SkullInput", "read_skull", "segment_bone", "voxelize"]

#: Range of a skull's longest side, mm.
SKULL_EXTENT_MM = (60.0, 600.0)

#: The options that a message about the values of a skull names.
_ASKING = Asking(level="--threshold-hu")


@dataclass(frozen=True)
class SkullInput:
    """A skull as it was read.

    Attributes
    ----------
    mask : Volume
        Bone, uint8 0/1, on the input's own grid; for a mesh, and for a CT with slices more than 3.2 mm apart
        (`find_bone`), on a new one.
    kind : str
        Kind of input: ``"mask"``, ``"ct"`` or ``"mesh"``.
    notes : tuple of str
        How the input was converted.
    findings : tuple of Finding
        Warnings: tilt, gaps, foreign bodies that were removed, a bone flap, metal, a doubtful threshold, bone
        cut by the edge of the scan.
    tissues : CtTissues or None
        Peaks of the histogram, noise and threshold of a CT in Hounsfield units.
    scan : Volume or None
        The values of a CT, to show the part in them; None of a mask or mesh.
    """

    mask: Volume
    kind: Literal["mask", "ct", "mesh"]
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    tissues: CtTissues | None = None
    scan: Volume | None = None


def read_skull(
    path: str | Path,
    *,
    threshold_hu: float | None = None,
    frame: str = "LPS",
    spacing_mm: float = 0.5,
    label: int | None = None,
    series: int | str | None = None,
    values: str | None = None,
    orientation: str | None = None,
    segment: str | int | None = None,
    remove_flap: bool = False,
) -> SkullInput:
    """Read a skull from a mask, a CT, a DICOM study or a closed surface.

    What a volume is follows from its values, see `read_values`. All labels but 0 are bone, or `label` alone;
    probabilities and signed distances are cut at their surface; Hounsfield units are segmented with
    `segment_bone`. An image of another unit needs `threshold_hu`, in that unit.

    Parameters
    ----------
    path : str or Path
        ``.nrrd .nhdr .nii .nii.gz .mha .mhd``, a DICOM study (a folder, a ``.zip`` of one, a ``DICOMDIR``,
        or a ``.dcm`` file), ``.stl .ply .obj .3mf .glb``, or a ``.zip`` that holds one volume or mesh.
    threshold_hu : float, optional
        Lowest value of bone; any volume with more than two values is then read as a CT, in its own unit
        unless `values` states another. Default: it follows from the CT, see `find_bone`.
    frame : str
        Frame of a mesh whose file does not state its own.
    spacing_mm : float
        Edge length of the voxels for a mesh.
    label : int, optional
        The label of bone in a map of several tissues.
    series : int or str, optional
        Number of a series of a DICOM study as `list_series` gives it, or its SeriesInstanceUID. Default: the
        best for bone; a finding names the others.
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`, where that does not follow from them.
    orientation : str, optional
        Three letters for the sides to which the voxel axes run, where the header of a volume does not state
        them; see `read_volume`.
    segment : str or int, optional
        Name or number of a segment, of a .seg.nrrd or of the DICOM segmentations of a study; see
        `read_volume`.
    remove_flap : bool
        Leave out a bone flap that lies in the opening, to design a part that replaces it, see `without_flap`.

    Returns
    -------
    SkullInput

    Raises
    ------
    InputError
        The values have no meaning or more than one, the bone is a solid head, or there is no flap to remove.
    EmptyMaskError
        No bone was found.
    FileReadError, GeometryError, MeshError
        The file cannot be read, its place or size is invalid, or the surface is open.
    """
    path = Path(path)
    if is_mesh_file(path) and series is None:
        if orientation is not None or segment is not None:
            raise InputError(
                f"expected voxels for an orientation or a segment, got the mesh {path.name}: "
                "leave --orientation and --segment out; a mesh has a frame (--frame)"
            )
        skull = _from_mesh(path, frame=frame, spacing_mm=spacing_mm)
        return _without_flap(skull) if remove_flap else skull
    require_one_choice(segment, label)
    loaded = load_volume(path, series=series, orientation=orientation, segment=segment)
    skull = skull_of(loaded, threshold_hu=threshold_hu, values=values, label=label, remove_flap=remove_flap)
    return replace(skull, findings=(*loaded.findings, *skull.findings))


def _without_flap(skull: SkullInput) -> SkullInput:
    """Leave the bone flap out; the finding that says so stands in place of the one that named the flap."""
    mask, finding = without_flap(skull.mask)
    others = (other for other in skull.findings if other.code != finding.code)
    return replace(skull, mask=mask, findings=(*others, finding))


def is_mesh_file(path: Path) -> bool:
    """Return whether a path is a mesh file or a ZIP archive that holds one."""
    return (path.suffix.lower() in MESH_SUFFIXES and not path.is_dir()) or holds_one_of(path, MESH_SUFFIXES)


def skull_of(
    loaded: LoadedVolume,
    *,
    threshold_hu: float | None = None,
    values: str | None = None,
    label: int | None = None,
    remove_flap: bool = False,
) -> SkullInput:
    """Convert voxels that were read to a mask of bone, by the kind of their values, as `read_skull` does."""
    skull = _skull_of(loaded, threshold_hu, values, label)
    return _without_flap(skull) if remove_flap else skull


def _skull_of(
    loaded: LoadedVolume, threshold_hu: float | None, values: str | None, label: int | None
) -> SkullInput:
    """Convert voxels to a mask of bone, with the flap that lies in it."""
    volume = loaded.volume
    if loaded.segments and label is None:
        choose_segment(loaded.segments, None, name="the segmentation")
    if loaded.is_ct:
        return _from_image(volume, threshold_hu, values, loaded.step_mm)
    if label is not None:
        return _from_label(volume, label)
    if threshold_hu is not None and _has_grades(volume, values):
        return _from_image(volume, threshold_hu, values)
    reading = read_values(volume, values, asking=_ASKING)
    if reading.kind == "ct":
        return _not_a_head(_from_ct(reading.volume, threshold_hu), "state its unit with --values")
    return _from_body(reading)


def segment_bone(ct: Volume, *, threshold_hu: float | None = None, values: str | None = None) -> Volume:
    """Return the skull's bone in a CT as uint8 0/1 on the CT's grid, or between its slices, too.

    What is dense as `find_bone` tells is bone if it belongs to the largest connected body, to a piece that
    almost touches it (a jaw in its joint, teeth), or to one within its convex hull (a bone flap). Table, head
    rest, electrodes and specks are removed. Metal is no bone; what it hides is interpolated.

    Parameters
    ----------
    ct : Volume
        Hounsfield units, or the unit of `threshold_hu`.
    threshold_hu : float, optional
        Every voxel from it upwards is dense. Default: it follows from the CT, with each edge at half height.
    values : str, optional
        ``"hu"``, ``"hu+1000"`` or ``"hu+1024"``, where that does not follow from the values.

    Returns
    -------
    Volume
        On a finer grid where the slices are more than 3.2 mm apart and no threshold is given (`find_bone`).

    Raises
    ------
    InputError
        No threshold is given and the values are not Hounsfield units, or the bone is a solid head.
    EmptyMaskError
        No voxel reaches the threshold.
    """
    require_type(ct, Volume, "the CT")
    return _from_image(ct, threshold_hu, values).mask


def _from_ct(ct: Volume, threshold_hu: float | None, step_mm: float | None = None) -> SkullInput:
    """Segment the bone of a CT whose slices were `step_mm` apart before they were resampled."""
    found = find_bone(ct, threshold_hu, step_mm=step_mm)
    freed, foreign = remove_foreign(found.bone)
    mask, notes = keep_skull(freed)
    findings = (*foreign, *found.findings, *cut_off_findings(mask))
    return SkullInput(mask, "ct", (*found.notes, *notes), findings, found.tissues, ct)


def _from_image(
    image: Volume, threshold_hu: float | None, values: str | None, step_mm: float | None = None
) -> SkullInput:
    """Segment a CT in Hounsfield units, or an image of any unit whose threshold is given."""
    if threshold_hu is None or values is not None:
        reading = read_values(image, values, asking=_ASKING)
        if reading.kind != "ct":
            raise InputError(
                f"expected a CT in Hounsfield units, got {reading.note or f'a {reading.kind}'}: "
                "give --values hu if it is one, or --threshold-hu with its lowest value of bone"
            )
        image = reading.volume
    return _not_a_head(
        _from_ct(image, threshold_hu, step_mm), "raise --threshold-hu, in the unit of the file"
    )


def _not_a_head(skull: SkullInput, advice: str) -> SkullInput:
    """Return the bone of a CT; raise `InputError` if it is solid, because soft tissue was taken for bone."""
    _require_bone_not_head(skull.mask, advice)
    return skull


def _has_grades(volume: Volume, values: str | None) -> bool:
    """Return whether a threshold applies: to more than two values that are not stated to be no CT."""
    if values is not None:
        return values.startswith("hu")
    levels = distinct_values(volume.array)
    return levels is None or len(levels) > 2


def _from_label(volume: Volume, label: int) -> SkullInput:
    """Return one label of a map of tissues as bone."""
    bone = as_whole_numbers(volume.array) == label
    return _mask_input(volume.with_array(bone), f"label {label}", f"voxel of label {label}")


def _from_body(reading: Reading) -> SkullInput:
    """Convert a mask, labels, a probability or distances to a mask of bone."""
    array, note = reading.volume.array, reading.note
    bone = array != 0 if reading.level is None else array >= reading.level
    if len(reading.labels) > 1:
        note = f"labels {', '.join(map(str, reading.labels))} together"
    return _mask_input(reading.volume.with_array(bone), note, "voxel above 0")


def _mask_input(bone: Volume, note: str, what: str) -> SkullInput:
    """Return a mask of bone (bool), which must not be empty or a solid head, as uint8."""
    if not bone.array.any():
        raise EmptyMaskError(f"expected a skull, got a mask without a single {what}: check the segmentation")
    mask = bone.with_array(bone.array.view(np.uint8))
    _require_bone_not_head(mask, "give the mask of the bone, or its label")
    mask, foreign = remove_foreign(mask)
    return SkullInput(mask, "mask", (note,) if note else (), (*foreign, *cut_off_findings(mask)))


def _from_mesh(path: Path, *, frame: str, spacing_mm: float) -> SkullInput:
    """Read a closed surface and convert it to voxels."""
    loaded = load_mesh(path, frame=frame)
    mesh = loaded.mesh
    extent = float(mesh.extents.max())
    if not SKULL_EXTENT_MM[0] <= extent <= SKULL_EXTENT_MM[1]:
        raise GeometryError(
            f"expected a skull {SKULL_EXTENT_MM[0]:g} to {SKULL_EXTENT_MM[1]:g} mm long in {path.name}, "
            f"got {extent:.4g} mm: give the whole skull, not a part of it or an implant; if it is in "
            "centimetres or without a unit, scale it to millimetres"
        )
    mask = voxelize(mesh, spacing_mm=spacing_mm)
    _require_bone_not_head(mask, "give the surface of the bone")
    mask, foreign = remove_foreign(mask)
    notes = (f"{len(mesh.faces)} faces as voxels of {spacing_mm:g} mm",)
    return SkullInput(mask, "mesh", notes, (*loaded.findings, *foreign))


def _require_bone_not_head(mask: Volume, advice: str) -> None:
    """Raise `InputError` if the mask is solid: a filled head, or brain and skin labelled as bone."""
    from meshimplant.skull.keep_skull import depth_mm

    depth = depth_mm(mask)
    if depth > MAX_BONE_DEPTH_MM:
        raise InputError(
            f"expected bone, which is never more than {MAX_BONE_DEPTH_MM:g} mm deep, "
            f"got a body {depth:.0f} mm deep (a whole head, or a map of several tissues): {advice}"
        )
