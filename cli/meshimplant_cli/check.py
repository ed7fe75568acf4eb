"""The verb `check`: check whether a mesh is a printable part that fits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.exit_codes import exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    PrescriptionOptions,
    PrintOptions,
    SkullFile,
    SkullOptions,
    Strict,
)
from meshimplant_cli.terminal import (
    describe_criteria,
    describe_finding,
    headlines,
    measure_table,
    show,
    working,
)


def check(
    mesh: Path,
    /,
    *,
    skull: SkullFile | None = None,
    features: Annotated[
        Path | None,
        Parameter(
            help="The features.json of the part: its holes are counted, and everything else is measured as "
            "if they were closed."
        ),
    ] = None,
    without_lip: Annotated[
        Path | None,
        Parameter(
            help="The same part without its onlay lip (implant-without-lip.stl of a design): wall, gap and "
            "shape are measured of it."
        ),
    ] = None,
    strict: Strict = False,
    prescription: PrescriptionOptions = PrescriptionOptions(),
    skull_options: SkullOptions = SkullOptions(),
    print_options: PrintOptions = PrintOptions(),
) -> int:
    """Check whether a mesh is a printable part, and with --skull whether it fits.

    The verdict is passed, passed with warnings, or failed (exit code 3); findings name what is wrong, and
    where. With --skull it also estimates the scores that neurosurgeons would give.

    Parameters
    ----------
    mesh
        The part: .stl .3mf .ply .obj .glb.
    """
    spec = prescription.prescription()
    from meshimplant import check_part, reference_of
    from meshimplant.design.reconstruct import prepare_skull
    from meshimplant.design.steps import regions_on

    inputs = Inputs()
    with working("checking"):
        part = inputs.mesh(mesh, skull_options.frame)
        bone = None if skull is None else inputs.skull(skull, skull_options)
        reference = None if bone is None else reference_of(prepare_skull(bone)[0])
        known = None if features is None else inputs.features(features)
        regions = regions_on(spec, bone) if spec.regions else None
        result = check_part(
            part,
            spec=spec,
            skull=bone,
            reference=reference,
            features=known,
            regions=regions,
            without_lip=None if without_lip is None else inputs.mesh(without_lip, skull_options.frame),
        )
    lines = [f"{mesh.name}: {result.verdict}", measure_table(headlines(result.measures))]
    lines += [describe_finding(finding) for finding in result.findings]
    lines += describe_criteria(result.criteria)
    printed = {
        "verdict": result.verdict,
        "passed": result.passed,
        "measures": result.measures,
        "criteria": [criterion.to_dict() for criterion in result.criteria],
        "findings": [finding.to_dict() for finding in result.findings],
    }
    show(printed, as_json=print_options.json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(result.verdict, strict=strict)
