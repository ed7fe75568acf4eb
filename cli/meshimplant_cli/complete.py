"""The verb `complete`: complete a defective skull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    Count,
    Method,
    NetworkOptions,
    Output,
    OutputOptions,
    SkullOptions,
    Template,
    read_template,
)
from meshimplant_cli.outputs import WRITABLE_VOXEL_SUFFIXES, require_free_file
from meshimplant_cli.terminal import describe_finding, show, working


def complete(
    defective: Path,
    /,
    *,
    output: Output,
    method: Method = "auto",
    template: Template | None = None,
    bodies: Annotated[
        Count | None,
        Parameter(help="How many openings to close, the largest first. Default: one; others are errors."),
    ] = None,
    unblended: Annotated[
        bool, Parameter(help="Use the model as fitted, not bent to the bone around the opening.")
    ] = False,
    disagreement: Annotated[
        Path | None,
        Parameter(help="Where to write the distance between the methods tried, as a .csv or .npy map."),
    ] = None,
    uncertainty: Annotated[
        Path | None,
        Parameter(
            help="Where to write the distance between a network's results for the head and its mirror image."
        ),
    ] = None,
    network: NetworkOptions = NetworkOptions(),
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Complete a defective skull: find the defect, and close it to match the intact bone.

    Writes the completed skull around the defect as signed distances: float32 millimetres, positive inside,
    surface at 0, on a crop of the input's grid with axes to L, P and S. `subtract` turns it into the missing
    bone. Prints a point inside the head; with it as --inside-mm, the later verbs make exactly the part that
    `design` makes.

    Parameters
    ----------
    defective
        Mask or CT (.nrrd .nhdr .nii .nii.gz .mha .mhd), DICOM study, or closed .stl/.ply skull.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=output_options.force)
    _require_maps(method, disagreement, uncertainty, output_options)
    network.require_used(method)
    from meshimplant import complete_skull, write_volume
    from meshimplant.design.reconstruct import prepare_skull
    from meshimplant.io.maps import write_map
    from meshimplant.runtime.value_text import count_of

    inputs = Inputs()
    with working("completing the skull"):
        model = read_template(template, method)
        prepared, _ = prepare_skull(inputs.skull(defective, skull_options))
        completion = complete_skull(
            prepared,
            method=method,
            template=model,
            network=network.opened(method),
            bodies=bodies,
            blend=not unblended,
        )
        write_volume(completion.field, output)
        maps = ((disagreement, completion.disagreement), (uncertainty, completion.uncertainty))
        for path, distances in maps:
            if path is not None and distances is not None:
                write_map(path, distances.points_mm, distances.distance_mm)
    result = {
        "method": completion.method,
        "defects": len(completion.defects),
        "inside_mm": completion.pose.centre_mm,
        "findings": [finding.to_dict() for finding in completion.findings],
    }
    count = count_of(len(completion.defects), "defect")
    lines = [
        f"{output.name}: {count} completed by {completion.method['name']}",
        f"reason: {completion.method['reason']}",
        "point inside the head: --inside-mm {!r} {!r} {!r}".format(*completion.pose.centre_mm.tolist()),
    ]
    show(
        result,
        as_json=output_options.json,
        exact=True,
        inputs=inputs,
        text="\n".join(lines + [describe_finding(f) for f in completion.findings]),
    )


def _require_maps(
    method: str, disagreement: Path | None, uncertainty: Path | None, output_options: OutputOptions
) -> None:
    """Refuse maps that cannot be written, or that the method does not make."""
    for path in (disagreement, uncertainty):
        if path is not None:
            require_free_file(path, (".csv", ".npy"), force=output_options.force)
    if disagreement is not None and method not in ("auto", "network"):
        raise UsageError(
            f"expected --disagreement with --method auto or network, got {method}: "
            "leave it out, one method has nothing to disagree with"
        )
    if uncertainty is not None and method != "network":
        raise UsageError(f"expected --uncertainty with --method network, got {method}: leave one out")
