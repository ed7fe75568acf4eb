"""`write_resection`: the files of a planned resection: the skull with its defect, the cut, the template."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from meshimplant.errors import MeshImplantError
from meshimplant.io.curves import write_closed_curve
from meshimplant.io.meshes import write_mesh
from meshimplant.io.volumes import write_volume
from meshimplant.manufacture.resection_template import ResectionTemplate
from meshimplant.preview.skull_surface import skull_surface
from meshimplant.preview.template_picture import write_template_picture
from meshimplant.report import Finding
from meshimplant.skull.cut_line import STEP_MM
from meshimplant.skull.resect import Resection

#: Distance between the points of a planned cut in its file, mm.
_MARKUP_STEP_MM = 3.0


def write_resection(
    folder: Path, cut: Resection, template: ResectionTemplate | None, title: str = ""
) -> list[Finding]:
    """Write the files of a planned resection into a folder; return a finding where the picture is missing.

    defective.nrrd, the skull with its planned defect; cut.mrk.json, the cut as a closed curve of 3D Slicer;
    with a template template.stl, LPS mm, and template.png, which shows it on the cut skull.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    write_volume(cut.defective, folder / "defective.nrrd")
    points = cut.line.points_mm[:: round(_MARKUP_STEP_MM / STEP_MM)]
    write_closed_curve(folder / "cut.mrk.json", points, name="cut")
    if template is None:
        return []
    write_mesh(template.mesh, folder / "template.stl", name="template")
    whole = cut.defective.with_array(np.maximum(cut.defective.array, cut.flap.array))
    words = f"{title}: template" if title else ""
    try:
        write_template_picture(
            folder / "template.png", template=template, cut=cut, skull=skull_surface(whole), title=words
        )
    except MeshImplantError as error:
        message = f"The picture of the template could not be drawn; the template itself was written: {error}"
        return [Finding("template.no_picture", "warning", message)]
    return []
