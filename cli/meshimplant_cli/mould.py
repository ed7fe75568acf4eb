"""The verb `mould`: a mould made from a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant.spec.mould_spec import MouldSpec
from meshimplant_cli.exit_codes import exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Frame,
    InsideMm,
    Output,
    OutputOptions,
    Vector,
)
from meshimplant_cli.outputs import free_folder
from meshimplant_cli.table_options import table_of, with_flags_of
from meshimplant_cli.terminal import describe_finding, measure_table, show, working

if TYPE_CHECKING:
    from meshimplant.manufacture.mould import Mould

#: What is printed, in this order.
SHOWN = (
    *("mould_cement_mm3", "mould_resin_mm3", "mould_draft_deg", "mould_undercut_mm", "mould_wall_min_mm"),
    *("mould_deviation_p99_mm", "mould_collision_mm2"),
)


@Parameter(name="*")
@dataclass(frozen=True)
@with_flags_of(MouldSpec)
class MouldOptions:
    """Kind and sizes of the mould, one option for each field of ``[mould]``."""

    def prescription(self) -> MouldSpec:
        """Return the prescription; raise `UsageError` for values that are none."""
        return table_of(self, MouldSpec())


def mould(
    mesh: Path,
    /,
    *,
    output: Output,
    mould_options: MouldOptions = MouldOptions(),
    direction: Annotated[
        Vector | None,
        Parameter(help="Direction of pull out of the head, LPS x y z. Default: the one that grips least."),
    ] = None,
    inside_mm: InsideMm | None = None,
    frame: Frame = "LPS",
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Make a mould in which a part is cast from bone cement, or its positive for a mould of silicone.

    A springform is a base that holds the outer surface, a ring around the border, which is taken off upwards,
    and a stamp for the inner surface. Writes into OUTPUT: mould-outer.stl, mould-inner.stl, mould-ring.stl or
    mould-positive.stl, each with its flat base down as it is printed, and mould.3mf, all of them around the
    part in the patient. A part that grips behind itself is refused with the place and the angle that is
    missing.

    Parameters
    ----------
    mesh
        Closed mesh of one body without holes.
    """
    spec = mould_options.prescription()
    from meshimplant import mould as make_mould
    from meshimplant.io.atomic import atomic_folder
    from meshimplant.manufacture.write_mould import write_mould

    inputs = Inputs()
    with free_folder(output, force=output_options.force), working("making the mould"):
        part = inputs.mesh(mesh, frame)
        result = make_mould(part, spec, direction=direction, inside_mm=inside_mm)
        with atomic_folder(output, force=output_options.force) as folder:
            write_mould(result, folder)
    return _show(result, output, inputs, as_json=output_options.json)


def _show(result: Mould, output: Path, inputs: Inputs, *, as_json: bool) -> int:
    from meshimplant import verdict_of

    verdict = verdict_of(result.findings)
    facts: dict[str, Any] = {
        "output": output.name,
        "verdict": verdict,
        **result.measures,
        "direction": result.pull.direction.tolist(),
        "findings": [finding.to_dict() for finding in result.findings],
    }
    rows = [(name, facts[name]) for name in SHOWN if name in facts]
    sizes = [
        f"{name}.stl: {' x '.join(f'{each:.0f}' for each in extents)} mm"
        for name, extents in result.measures["mould_extents_mm"].items()
    ]
    lines = [f"{output.name}: {result.measures['mould_kind']}, {verdict}", *sizes, measure_table(rows)]
    lines += [describe_finding(finding) for finding in result.findings]
    show(facts, as_json=as_json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(verdict, strict=False)
