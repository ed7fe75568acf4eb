"""The verb `skull-model`: print the skull on which a part is tried."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import Material, Output, OutputOptions, Positive, SkullFile, SkullOptions
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file, suffix_of
from meshimplant_cli.terminal import measure_table, show, working


def skull_model(
    skull: SkullFile,
    /,
    *,
    output: Output,
    cut_mm: Annotated[
        Positive | None,
        Parameter(help="Cut the base flat this far above its lowest point. Default: uncut."),
    ] = None,
    hollow_mm: Annotated[
        Positive | None,
        Parameter(help="Wall of a model that is hollow where bone is thicker, with drains. Default: solid."),
    ] = None,
    part: Annotated[
        Path | None, Parameter(help="The part: both are written in their places into one .3mf.")
    ] = None,
    plates: Annotated[Path | None, Parameter(help="The plates.stl of the part.")] = None,
    material: Material = "PEEK",
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Make a printable model of a defective skull, alone or with its part and plates as coloured objects.

    Floating pieces under 1 cm3 are left out, pores closed, and faces saved within 0.1 mm.
    """
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    if part is not None and suffix_of(output) != ".3mf":
        raise UsageError(
            f"expected an output ending in .3mf with --part, got {output.name}: change its ending"
        )
    if plates is not None and part is None:
        raise UsageError("expected --plates with --part, got them alone: name the part, too")
    from meshimplant import skull_model as make_model
    from meshimplant import write_mesh
    from meshimplant.design.print_files import PrintLabels, write_fit
    from meshimplant.mesh.bodies import connected_meshes

    inputs = Inputs()
    with working("making the model"):
        model = make_model(inputs.skull(skull, skull_options), cut_mm=cut_mm, hollow_mm=hollow_mm)
        if part is None:
            write_mesh(model, output, frame=skull_options.frame, name="skull")
        else:
            frame = skull_options.frame
            known = [] if plates is None else connected_meshes(inputs.mesh(plates, frame))
            labels = PrintLabels("", material, {})
            write_fit(output, skull=model, part=inputs.mesh(part, frame), plates=known, labels=labels)
    facts: dict[str, Any] = {
        "faces": len(model.faces),
        "volume_mm3": float(model.volume),
        "extents_mm": model.extents.tolist(),
    }
    text = f"{output.name}: written\n{measure_table(facts.items())}"
    show({"output": output.name, **facts}, as_json=output_options.json, text=text, inputs=inputs)
