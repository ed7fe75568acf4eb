"""`draw_thumbnail`: a small picture of the objects of a file, for the lists of slicers and file managers."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import trimesh
from PIL import Image

from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.preview_scene import IMPLANT_GLOSS
from meshimplant.preview.render_view import Scene, Surface, composite_over, render_view
from meshimplant.preview.view_directions import View, outward_direction, picture_top

_SIDE_PX = 256
#: Share of the picture that the objects fill.
_FILLED = 0.92


def draw_thumbnail(
    objects: Sequence[tuple[trimesh.Trimesh, tuple[float, float, float]]],
    *,
    part: trimesh.Trimesh,
) -> bytes:
    """Return a PNG of 256 x 256 pixels of meshes (LPS mm) in their colours (sRGB, 0 to 1), facing a part.

    Raises
    ------
    MissingDependencyError
        embreex is not installed.
    """
    with picture_errors("thumbnail"):
        scene = Scene([Surface(mesh, colour, IMPLANT_GLOSS) for mesh, colour in objects])
        others = [mesh for mesh, _ in objects if mesh is not part]
        outward = outward_direction(part, max(others, key=lambda mesh: len(mesh.faces), default=None))
        view = View.along("thumbnail", -outward, picture_top(outward))
        centre, size = view.frame(np.concatenate([np.asarray(mesh.vertices) for mesh, _ in objects]))
        mm_per_px = max(float(size.max()), 1e-6) / (_FILLED * _SIDE_PX)
        drawn = render_view(scene, view, centre_mm=centre, mm_per_px=mm_per_px, size_px=(_SIDE_PX, _SIDE_PX))
        buffer = io.BytesIO()
        Image.fromarray(composite_over(drawn, (1.0, 1.0, 1.0))).save(buffer, "PNG")
    return buffer.getvalue()
