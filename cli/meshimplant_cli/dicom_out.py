"""What `convert` does with DICOM objects: a part, a mask or a PDF into one, and a document out of one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import OutputOptions, Series
from meshimplant_cli.outputs import is_mesh, require_free_file, suffix_of
from meshimplant_cli.terminal import show, working


@Parameter(name="*")
@dataclass(frozen=True)
class DicomOptions:
    """What a DICOM object takes from the series that it belongs to."""

    like: Annotated[
        Path | None,
        Parameter(help="DICOM study of the patient, for a TARGET ending in .dcm: its frame and identifiers."),
    ] = None
    identity: Annotated[
        Literal["none", "keep"],
        Parameter(help="Whether name, number, birth date and sex of the patient are copied from --like."),
    ] = "none"
    laterality: Annotated[
        Literal["R", "L", "B"] | None,
        Parameter(help="Side of the head, R, L or B for both, as it is stated in a DICOM object."),
    ] = None
    report: Annotated[
        Path | None, Parameter(help="The report.json of the design, whose SHA-256 a DICOM object states.")
    ] = None

    def require_unused(self) -> None:
        """Raise `UsageError` for options that only a DICOM object uses."""
        if self.like or self.laterality or self.report or self.identity != "none":
            raise UsageError(
                "expected --like, --identity, --laterality and --report with a TARGET ending in .dcm, "
                "got another: leave them out"
            )


def to_dicom(
    source: Path,
    target: Path,
    *,
    options: DicomOptions,
    frame: str,
    series: Series | None,
    inputs: Inputs,
    output_options: OutputOptions,
) -> None:
    """Write a mesh, voxels or a PDF as a DICOM object in the frame of a series, and print what it is."""
    if options.like is None:
        raise UsageError(
            "expected --like with a TARGET ending in .dcm, got none: name the DICOM study of the patient"
        )
    require_free_file(target, (".dcm",), force=output_options.force)
    from meshimplant import read_dicom_context, write_dicom_mesh, write_dicom_pdf, write_dicom_seg
    from meshimplant.io.payload import read_bytes, sha256_of

    with working("writing DICOM"):
        context = read_dicom_context(options.like, series=series, identity=options.identity)
        digest = "" if options.report is None else sha256_of(options.report)
        given: dict[str, Any] = {"laterality": options.laterality, "report_sha256": digest}
        if suffix_of(source) == ".pdf":
            kind = "encapsulated PDF"
            write_dicom_pdf(read_bytes(source), target, context, **given)
        elif is_mesh(source):
            kind = "encapsulated STL"
            mesh = inputs.mesh(source, frame)
            stl = read_bytes(source) if suffix_of(source) == ".stl" else None
            write_dicom_mesh(mesh, target, context, stl=stl, **given)
        else:
            kind = "segmentation"
            write_dicom_seg(inputs.volume(source), target, context, **given)
    side = options.laterality or "not stated: --laterality states it"
    facts = {"output": target.name, "kind": kind, "identity": options.identity, "laterality": side}
    text = f"{target.name}: {kind}; side {side}\n{context.sentence}"
    show(facts, as_json=output_options.json, text=text, inputs=inputs)


def out_of_dicom(source: Path, target: Path, *, output_options: OutputOptions) -> bool:
    """Write the STL or PDF that a DICOM file encapsulates, byte by byte; False for any other source."""
    from meshimplant.io.dicom.encapsulate import holds_document

    if not holds_document(source):
        return False
    from meshimplant import read_encapsulated
    from meshimplant.io.atomic import atomic_path

    kind, content = read_encapsulated(source)
    require_free_file(target, (f".{kind.rpartition('/')[2]}",), force=output_options.force)
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)
    facts = {"output": target.name, "kind": kind, "bytes": len(content)}
    text = f"{target.name}: {kind}, {len(content)} bytes"
    show(facts, as_json=output_options.json, text=text)
    return True
