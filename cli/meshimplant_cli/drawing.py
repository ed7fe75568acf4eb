"""The verb `drawing`: the outer side of a part with numbered screws and holes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import FeaturesFile, Force, Material, Output, SkullFile, SkullOptions
from meshimplant_cli.outputs import require_free_file
from meshimplant_cli.terminal import describe_finding, say, working


def drawing(
    part: Path,
    /,
    *,
    output: Output,
    features: FeaturesFile | None = None,
    skull: SkullFile | None = None,
    material: Material | None = None,
    title: Annotated[str, Parameter(help="Title above the drawing.")] = "",
    skull_options: SkullOptions = SkullOptions(),
    force: Force = False,
) -> None:
    """Draw a part's outer side with numbered screws and holes, sizes and distances, and a table of screws.

    Orthographic along the part's mean normal, with anatomical letters and a scale bar; legible on A4. The
    numbers are those of the features. With --material the mass of the part is stated.

    Parameters
    ----------
    part
        Implant mesh.
    """
    require_free_file(output, (".png",), force=force)
    from meshimplant import write_drawing
    from meshimplant.mesh.areas import enclosed_mm3
    from meshimplant.preview.skull_surface import skull_surface
    from meshimplant.strength.materials import material_of

    inputs = Inputs()
    with working("drawing"):
        mesh = inputs.mesh(part, skull_options.frame)
        bone = None if skull is None else inputs.skull(skull, skull_options)
        measures = {}
        if material is not None and mesh.is_watertight:
            measures["mass_g"] = enclosed_mm3(mesh) / 1000 * material_of(material).density_g_cm3
        write_drawing(
            output,
            implant=mesh,
            features=inputs.features(features),
            skull=None if bone is None else skull_surface(bone),
            measures=measures,
            title=title,
        )
    say("\n".join([f"{output.name}: drawn", *map(describe_finding, inputs.findings)]))
