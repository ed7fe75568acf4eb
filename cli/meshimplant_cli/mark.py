"""The verb `mark`: write a text on a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant.errors import SpecError
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import (
    FeaturesFile,
    InsideMm,
    Material,
    Output,
    OutputOptions,
    SkullOptions,
)
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_features, require_free_file
from meshimplant_cli.table_options import flags_of, with_flags_of
from meshimplant_cli.terminal import inside_point, show_change, working


@Parameter(name="*")
@dataclass(frozen=True)
@with_flags_of(MarkSpec)
class MarkOptions:
    """The text and how it is written, one option for each field of ``[mark]``."""

    def prescription(self) -> MarkSpec:
        """Return the prescription; raise `UsageError` for values that are none."""
        given = {name: value for name, value in flags_of(self, MarkSpec).items() if value is not None}
        try:
            return MarkSpec(**given)
        except SpecError as error:
            raise UsageError(str(error)) from error


def mark(
    mesh: Path,
    /,
    *,
    output: Output,
    mark_options: MarkOptions = MarkOptions(),
    skull: Annotated[
        Path | None,
        Parameter(help="The defective skull, from which a point inside the head is found."),
    ] = None,
    features: FeaturesFile | None = None,
    features_out: Annotated[
        Path | None,
        Parameter(help="Where to write these features and the mark: .json .mrk.json (3D Slicer) or .csv."),
    ] = None,
    material: Material = "PEEK",
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Write a text on a part, engraved or raised, following its curvature.

    The text of --text stands upright at the flattest place that has room for it, clear of border and holes.
    An arrow to the top of the head and the letters of the patient's sides and front are added, unless hidden;
    nothing else is.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    spec = mark_options.prescription()
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    require_free_features(features_out, force=output_options.force)
    from meshimplant import mark as mark_mesh
    from meshimplant import write_features, write_mesh
    from meshimplant.spec.implant_spec import MATERIALS_MIN_THICKNESS_MM

    inputs = Inputs()
    with working("marking"):
        before = inputs.mesh(mesh, skull_options.frame)
        known = inputs.features(features)
        done = mark_mesh(
            before,
            spec,
            features=known,
            inside_mm=inside_point(before, skull, inside_mm, inputs, skull_options),
            least_wall_mm=MATERIALS_MIN_THICKNESS_MM[material],
        )
        write_mesh(done.mesh, output, frame=skull_options.frame)
        if features_out is not None:
            write_features(features_out, [*known, *done.features])
    show_change(before, done.mesh, output, as_json=output_options.json, inputs=inputs, **done.measures)
