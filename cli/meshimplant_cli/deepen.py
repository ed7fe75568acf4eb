"""The verb `deepen`: deepen a body of missing bone towards the inside of the head."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    ASKING_BODY,
    BodyValues,
    InsideMm,
    NotNegative,
    Output,
    OutputOptions,
    Positive,
    SkullFile,
    SkullOptions,
)
from meshimplant_cli.outputs import WRITABLE_VOXEL_SUFFIXES, require_free_file
from meshimplant_cli.terminal import show_body, working


def deepen(
    body: Path,
    /,
    *,
    output: Output,
    skull: SkullFile | None = None,
    inside_mm: InsideMm | None = None,
    thickness_mm: Annotated[
        Positive, Parameter(help="Wall thickness of the part that will be cut from the body.")
    ] = 4.0,
    depth_mm: Annotated[
        NotNegative | None,
        Parameter(help="How far to deepen. Default: enough for --thickness-mm where the bone is 1 mm thin."),
    ] = None,
    body_values: BodyValues | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Deepen a body of missing bone towards the inside of the head: thin bone shall not give a thin part.

    Its outer surface stays. One of --skull and --inside-mm is needed.

    Parameters
    ----------
    body
        Result of separate: signed distances.
    """
    if skull is None and inside_mm is None:
        raise UsageError("expected --skull or --inside-mm, got neither: add one of them")
    require_free_file(output, WRITABLE_VOXEL_SUFFIXES, force=output_options.force)
    from meshimplant import deepen as deepen_body
    from meshimplant import write_volume
    from meshimplant.design.reconstruct import prepare_skull
    from meshimplant.design.steps import deepening_mm
    from meshimplant.head.pose import fit_pose
    from meshimplant.values.read_values import read_distances

    inputs = Inputs()
    with working("deepening"):
        field = read_distances(inputs.volume(body), values=body_values, asking=ASKING_BODY)
        point: Any = inside_mm
        if inside_mm is None and skull is not None:
            prepared, _ = prepare_skull(inputs.skull(skull, skull_options))
            point = fit_pose(prepared).centre_mm
        depth = deepening_mm(thickness_mm) if depth_mm is None else depth_mm
        deepened = deepen_body(field, depth, inside_mm=point)
        write_volume(deepened, output)
    show_body(deepened, output, output_options, inputs)
