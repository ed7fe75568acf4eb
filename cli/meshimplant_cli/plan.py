"""The verb `plan`: a resection and its implant on an intact skull, in one stage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant.spec.resection_spec import ResectionSpec
from meshimplant_cli.design import save_design, show_design
from meshimplant_cli.options import (
    DocumentOptions,
    Output,
    OutputOptions,
    PrescriptionOptions,
    SkullOptions,
    Strict,
    Vector,
)
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.table_options import table_of, with_flags_of
from meshimplant_cli.terminal import working


@Parameter(name="*")
@dataclass(frozen=True)
@with_flags_of(ResectionSpec)
class ResectionOptions:
    """How the skull is cut, one option for each field of ``[resection]``."""

    def prescription(self, base: ResectionSpec | None) -> ResectionSpec:
        """Return the table of the prescription, overridden by the options; `UsageError` for wrong values."""
        return table_of(self, base or ResectionSpec())


def plan(
    skull: Path,
    /,
    *,
    curve: Annotated[
        Path,
        Parameter(
            help="Points around what is removed, in order, mm: .mrk.json (closed curve of 3D Slicer), .csv "
            ".txt .npy .json."
        ),
    ],
    output: Output,
    direction: Annotated[
        Vector | None,
        Parameter(help="Direction of the cut, LPS x y z. Default: normal to the bone everywhere."),
    ] = None,
    resection: ResectionOptions = ResectionOptions(),
    strict: Strict = False,
    prescription: PrescriptionOptions = PrescriptionOptions(),
    skull_options: SkullOptions = SkullOptions(),
    documents: DocumentOptions = DocumentOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Plan a resection and its implant on an intact skull, in one stage.

    The skull is cut along the curve, and an implant for that defect is designed, fixed with plates unless the
    prescription says otherwise. A template guides saw and drill. Writes into OUTPUT what `design` writes
    (without steps/), and defective.nrrd (the skull with its planned defect), cut.mrk.json (the cut on the
    bone, a closed curve for 3D Slicer), template.stl and template.png. A curve that crosses itself, is not
    closed, is more than 12 mm from the bone, or leaves the vault is refused, and so is one around an opening
    of the skull.

    Parameters
    ----------
    skull
        Mask or CT of the intact skull (.nrrd .nhdr .nii .nii.gz .mha .mhd), DICOM study, or closed .stl/.ply.
    """
    documents.require_usable()
    spec = prescription.prescription()
    spec = spec.with_values(resection=resection.prescription(spec.resection))
    from meshimplant import plan_resection, read_curve

    with free_folder(output, force=output_options.force), working("read") as progress:
        points = read_curve(curve, frame=skull_options.frame)
        given = skull_options.skull(skull)
        planned = plan_resection(given, points, spec=spec, direction=direction, progress=progress)
        sources = {"skull": skull, "curve": curve}
        save_design(
            planned,
            output,
            sources,
            force=output_options.force,
            documents=documents,
            steps=False,
            progress=progress,
        )
    return show_design(planned, output, strict=strict, as_json=output_options.json)
