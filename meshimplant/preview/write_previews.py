"""`write_previews`: the preview sheet and the interactive page of a design, decimated and lit once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import trimesh
from numpy.typing import ArrayLike

from meshimplant.preview.html_templates import write_text
from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.preview_scene import prepare_preview
from meshimplant.preview.render_preview import draw_sheet, mesh_measures, write_picture
from meshimplant.preview.viewer_page import draw_page
from meshimplant.report import Verdict
from meshimplant.voxels.volume import Volume


def write_previews(
    picture_path: str | Path,
    page_path: str | Path,
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    measures: Mapping[str, Any] | None = None,
    verdict: Verdict | None = None,
    asked_thickness_mm: float | None = None,
    scan: Volume | None = None,
    title: str = "",
) -> None:
    """Write the PNG of `render_preview` and the page of `write_viewer`, from the same decimated meshes.

    Parameters
    ----------
    picture_path, page_path : str or Path
        PNG and HTML file to write.
    implant, skull, thickness_mm, gap_mm, measures, verdict, asked_thickness_mm, scan, title
        As in `render_preview`.

    Raises
    ------
    MissingDependencyError, InputError, MeshError, OutputError
        As in `render_preview`.

    Notes
    -----
    Half of the time is ray casting: about 2 million ambient rays for the head, half as many for the implant
    alone, and the rays that draw the sheet. A quarter is decimation of the skull (VTK, quadric error).
    Measured on one core, 46 k faces in a skull of 244 k faces, extraction of the skull's surface included:
    3.5 s. Fewer rays show as noise. A skull of coarser voxels loses thin walls, and faster decimation
    (clustering of vertices, VTK's topology-preserving collapse) leaves specks.
    """
    with picture_errors("previews"):
        preview, values_mm = prepare_preview(implant, skull, thickness_mm=thickness_mm, gap_mm=gap_mm)
        sheet = draw_sheet(
            preview,
            values_mm.get("thickness"),
            values_mm.get("gap"),
            measures=mesh_measures(implant) if measures is None else measures,
            verdict=verdict,
            asked_thickness_mm=asked_thickness_mm,
            scan=scan,
            title=title,
        )
        write_picture(Path(picture_path), sheet)
        write_text(page_path, draw_page(preview, values_mm, title, verdict, asked_thickness_mm))
