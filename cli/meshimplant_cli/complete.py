"""The verb `complete`: close the defect of a skull."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.options import (
    Method,
    NetworkOptions,
    Output,
    OutputOptions,
    SkullOptions,
    Template,
    read_template,
)
from meshimplant_cli.terminal import (
    WRITABLE_VOXEL_SUFFIXES,
    UsageError,
    describe_finding,
    require_free_file,
    show,
    working,
)


def complete(
    defective: Path,
    /,
    *,
    output: Output,
    method: Method = "auto",
    template: Template | None = None,
    unblended: Annotated[
        bool, Parameter(help="Leave the model as fitted, not bent to the bone around.")
    ] = False,
    disagreement: Annotated[
        Path | None,
        Parameter(help="Where to write how far apart the methods tried lie, as a .csv or .npy map."),
    ] = None,
    uncertainty: Annotated[
        Path | None,
        Parameter(
            help="Where to write how far a network's answers for the head and its mirror image lie apart, as such a map."
        ),
    ] = None,
    network: NetworkOptions = NetworkOptions(),
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Complete a defective skull: find the defect, and close it from the bone that is there.

    Writes the completed skull around the defect as signed distances: float32 millimetres, positive inside,
    surface at 0, on a crop of the input's grid. `subtract` turns it into the missing bone.

    Parameters
    ----------
    defective
        Mask or CT (.nrrd .nhdr .nii .nii.gz .mha .mhd), DICOM folder, or closed .stl/.ply skull.
    """
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=output_options.force)
    _require_maps(method, disagreement, uncertainty, output_options)
    network.require_used(method)
    from meshimplant import complete_skull, write_volume
    from meshimplant.io.maps import write_map

    with working("completing the skull"):
        skull = skull_options.skull(defective)
        model = read_template(template, method)
        completion = complete_skull(
            skull.mask,
            method=method,
            template=model,
            network=network.opened(method),
            blend=not unblended,
        )
        write_volume(completion.field, output)
        for path, apart in ((disagreement, completion.disagreement), (uncertainty, completion.uncertainty)):
            if path is not None and apart is not None:
                write_map(path, apart.points_mm, apart.distance_mm)
    result = {
        "method": completion.method,
        "defects": len(completion.defects),
        "findings": [finding.to_dict() for finding in completion.findings],
    }
    how = f"by {completion.method['name']}: {completion.method['reason']}"
    lines = [f"{output.name}: {len(completion.defects)} defect(s) completed {how}"]
    show(
        result,
        as_json=output_options.json,
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
            f"expected --disagreement with --method auto or network, got {method}: it tries one method only"
        )
    if uncertainty is not None and method != "network":
        raise UsageError(f"expected --uncertainty with --method network, got {method}: leave one out")
