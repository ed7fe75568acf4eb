"""The verb `perforate`: make holes through a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from meshimplant.spec.perforation_spec import PerforationSpec
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
from meshimplant_cli.table_options import table_of, with_flags_of
from meshimplant_cli.terminal import describe_finding, inside_point, show_change, working

if TYPE_CHECKING:
    import numpy as np


@Parameter(name="*")
@dataclass(frozen=True)
@with_flags_of(PerforationSpec)
class HoleOptions:
    """Size and layout of the holes, one option for each field of ``[perforation]``."""

    def prescription(self) -> PerforationSpec:
        """Return the prescription; raise `UsageError` for values that do not go together."""
        return table_of(self, PerforationSpec())


def perforate(
    mesh: Path,
    /,
    *,
    output: Output,
    skull: Annotated[
        Path | None,
        Parameter(help="The defective skull, from which a point inside the head is found."),
    ] = None,
    hole_options: HoleOptions = HoleOptions(),
    places: Annotated[
        Path | None,
        Parameter(
            help="Points on the outer surface, in place of a pattern, mm: .csv .txt .npy .json (3D Slicer)."
        ),
    ] = None,
    along: Annotated[
        Literal["points", "curve"],
        Parameter(
            help="Whether a hole is made at each of the places, or evenly along the curve through them."
        ),
    ] = "points",
    features: FeaturesFile | None = None,
    features_out: Annotated[
        Path | None,
        Parameter(help="Where to write these features and the holes: .json .mrk.json (3D Slicer) or .csv."),
    ] = None,
    material: Material = "PEEK",
    inside_mm: InsideMm | None = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> None:
    """Make holes through a part for drainage, sutures and tenting of the dura.

    The holes are spread evenly over the outer surface, or lie in pairs along the border, or at places of your
    own; they run along the local normal, and both ends are rounded. A hole that cannot be made is named.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    spec = hole_options.prescription()
    require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    require_free_features(features_out, force=output_options.force)
    from meshimplant import perforate as perforate_mesh
    from meshimplant import write_features, write_mesh

    inputs = Inputs()
    with working("perforating"):
        before = inputs.mesh(mesh, skull_options.frame)
        known = inputs.features(features)
        done = perforate_mesh(
            before,
            spec,
            places_mm=_places(places, skull_options.frame),
            along=along,
            features=known,
            inside_mm=inside_point(before, skull, inside_mm, inputs, skull_options),
            material=material,
        )
        write_mesh(done.mesh, output, frame=skull_options.frame)
        if features_out is not None:
            write_features(features_out, [*known, *done.features])
    more: dict[str, Any] = dict(done.measures)
    left_out = [describe_finding(finding) for finding in done.findings]
    show_change(
        before,
        done.mesh,
        output,
        as_json=output_options.json,
        inputs=inputs,
        remarks=left_out,
        listed={
            "features": [feature.to_dict() for feature in done.features],
            "findings": [finding.to_dict() for finding in done.findings],
        },
        **more,
    )


def _places(path: Path | None, frame: str) -> np.ndarray | None:
    """Read the places; None without a file."""
    from meshimplant import read_curve

    return None if path is None else read_curve(path, frame=frame)
