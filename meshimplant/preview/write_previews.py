"""`write_previews`: the picture sheet and the page that turns, from meshes thinned out and lit once."""

from __future__ import annotations

from pathlib import Path

import trimesh
from numpy.typing import ArrayLike

from meshimplant.preview.lighter_mesh import carried_over, thinned
from meshimplant.preview.picture_errors import checked_values, picture_errors, require_drawable
from meshimplant.preview.render import draw_sheet, write_picture
from meshimplant.preview.soft_light import Lit
from meshimplant.preview.templates import write_text
from meshimplant.preview.viewer_page import MAX_IMPLANT_FACES, MAX_SKULL_FACES, draw_page


def write_previews(
    picture: str | Path,
    page: str | Path,
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    title: str = "",
) -> None:
    """Write what `render_preview` and `write_viewer` write, both from the meshes of the page.

    Parameters
    ----------
    picture, page
        Where to write the PNG and the HTML.
    implant, skull, thickness_mm, gap_mm, title
        As for `render_preview`.

    Raises
    ------
    MissingDependencyError
        embreex is not installed.
    InputError, MeshError, OutputError
        Values that do not belong to the mesh, a mesh that cannot be drawn, a file that cannot be written.

    Notes
    -----
    What bounds it: rays. About 2 million soft ones for the head, half as many for the implant alone, and those that draw the
    sheet are half of its time; thinning out the skull (VTK's quadric collapse) is a quarter. Measured on one core, a part of
    46 000 faces in a skull of 244 000, surface of the skull included: 3.5 s. Fewer rays would show as noise; a skull of coarser
    voxels would lose thin walls, and cheaper ways to thin it out (vertices merged by cells, VTK's other collapse) leave specks.
    """
    with picture_errors("previews"):
        require_drawable(implant, name="the implant")
        if skull is not None:
            require_drawable(skull, name="the skull")
            skull = thinned(skull, max_faces=MAX_SKULL_FACES)
        shown = thinned(implant, max_faces=MAX_IMPLANT_FACES)
        values = {
            name: None if numbers is None else carried_over(numbers, implant, shown)
            for name, numbers in (
                ("thickness", checked_values(thickness_mm, implant, name="thickness_mm")),
                ("gap", checked_values(gap_mm, implant, name="gap_mm")),
            )
        }
        lit = Lit(shown, skull)
        write_picture(Path(picture), draw_sheet(lit, values["thickness"], values["gap"], title=title))
        write_text(page, draw_page(lit, {k: v for k, v in values.items() if v is not None}, title))
