"""The verb `convert`: convert voxels to a mesh, or one file format to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.dicom_out import DicomOptions, out_of_dicom, to_dicom
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Count,
    Frame,
    Level,
    Orientation,
    OutputOptions,
    SegmentName,
    Series,
    ThresholdHu,
    Values,
)
from meshimplant_cli.outputs import (
    MESH_SUFFIXES,
    WRITABLE_VOXEL_SUFFIXES,
    is_mesh,
    require_free_file,
    suffix_of,
)
from meshimplant_cli.terminal import show, show_change, working


def convert(
    source: Path,
    target: Path,
    /,
    *,
    level: Level | None = None,
    values: Values | None = None,
    threshold_hu: ThresholdHu | None = None,
    smooth: Annotated[bool, Parameter(help="Smooth the surface with the default filter.")] = False,
    max_faces: Annotated[Count | None, Parameter(help="Simplify to at most this many faces.")] = None,
    label: Annotated[int | None, Parameter(help="The label to mesh. Default: all but 0.")] = None,
    series: Series | None = None,
    orientation: Orientation | None = None,
    segment: SegmentName | None = None,
    frame: Frame = "LPS",
    target_frame: Annotated[
        Frame | None, Parameter(help="Frame of the written mesh. Default: the same as --frame.")
    ] = None,
    dicom: DicomOptions = DicomOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Convert voxels to a mesh, a mesh to another format or frame, or voxels to another format.

    The bone of a CT is segmented as by design; with --level, any voxels are meshed at that value. With a
    TARGET ending in .dcm and --like, a mesh becomes an encapsulated STL, a mask a segmentation (SEG), and a
    PDF an encapsulated PDF, in the frame of the patient's series; a document comes out again byte by byte.

    Parameters
    ----------
    source
        Voxels (mask, labels, probability, signed distances, CT), a DICOM study, or a mesh; with --like also a
        PDF.
    target
        .stl .3mf .ply .obj .glb, or a voxel format when the source is one, or .dcm.
    """
    of_surface = (max_faces, level, values, threshold_hu, label)
    if suffix_of(target) == ".dcm":
        if smooth or any(option is not None for option in (*of_surface, orientation, segment, target_frame)):
            raise UsageError("expected only --frame, --series and DICOM's options with .dcm, got others")
        inputs = Inputs()
        to_dicom(
            source,
            target,
            options=dicom,
            frame=frame,
            series=series,
            inputs=inputs,
            output_options=output_options,
        )
        return
    dicom.require_unused()
    if out_of_dicom(source, target, output_options=output_options):
        return
    voxels_to_voxels = not is_mesh(source) and not is_mesh(target)
    allowed = MESH_SUFFIXES if is_mesh(source) else MESH_SUFFIXES + WRITABLE_VOXEL_SUFFIXES
    if voxels_to_voxels and (smooth or any(option is not None for option in of_surface)):
        raise UsageError(
            "expected --level, --values, --threshold-hu, --label, --smooth and --max-faces for a mesh, "
            "got voxels as TARGET: leave them out"
        )
    require_free_file(target, allowed, force=output_options.force)
    from meshimplant import load_volume, simplify, surface_of, write_mesh, write_volume
    from meshimplant import smooth as smooth_mesh

    inputs = Inputs()
    with working("converting"):
        if voxels_to_voxels:
            volume = inputs.volume(source, series=series, orientation=orientation, segment=segment)
            write_volume(volume, target)
            text = f"{target.name}: {volume!r}"
            show({"output": target.name}, as_json=output_options.json, text=text, inputs=inputs)
            return
        read: dict[str, Any] = {}
        if is_mesh(source):
            _require_no_voxel_options(orientation, segment, level, values, threshold_hu, label, series)
            mesh = inputs.mesh(source, frame)
        else:
            loaded = load_volume(source, series=series, orientation=orientation, segment=segment)
            surface = surface_of(loaded, level=level, values=values, threshold_hu=threshold_hu, label=label)
            inputs.findings += surface.findings
            mesh, read = surface.mesh, {"read_as": ", ".join(surface.notes)}
        if smooth:
            mesh = smooth_mesh(mesh)
        if max_faces is not None:
            mesh = simplify(mesh, max_faces=max_faces)
        write_mesh(mesh, target, frame=target_frame or frame)
    show_change(mesh, mesh, target, as_json=output_options.json, inputs=inputs, **read)


def _require_no_voxel_options(*options: object) -> None:
    if any(option is not None for option in options):
        raise UsageError(
            "expected --orientation, --segment, --series, --level, --values, --threshold-hu and --label for "
            "voxels, got a mesh: leave them out; a mesh has a --frame"
        )
