"""`PreviewScene`: an implant and its skull, checked, decimated and lit once for all pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colour_scales import BONE, IMPLANT
from meshimplant.preview.decimate import MAX_SKULL_FACES, decimate, transfer_values
from meshimplant.preview.picture_errors import checked_values, require_drawable
from meshimplant.preview.render_view import Scene, Surface

#: An implant with more faces is decimated.
MAX_IMPLANT_FACES = 150_000
#: Strength of the highlight on the implant, 0 (matt, as bone) to 1.
IMPLANT_GLOSS = 0.22


@dataclass(frozen=True, eq=False)
class PreviewScene:
    """The implant and the skull of a preview, decimated as far as they are to be, with their ambient light.

    Attributes
    ----------
    implant : Trimesh
        LPS mm.
    skull : Trimesh or None
        LPS mm; None shows the implant alone.
    """

    implant: trimesh.Trimesh
    skull: trimesh.Trimesh | None

    @cached_property
    def implant_only(self) -> Scene:
        """The implant without the skull."""
        return Scene([Surface(self.implant, IMPLANT, IMPLANT_GLOSS)])

    @cached_property
    def with_skull(self) -> Scene:
        """The implant in the skull; the implant's faces and vertices come first."""
        if self.skull is None:
            return self.implant_only
        return Scene([Surface(self.implant, IMPLANT, IMPLANT_GLOSS), Surface(self.skull, BONE)])

    @property
    def vertex_light(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Ambient light at the implant's vertices (n,) and at the skull's (m,); see `ambient_light`."""
        count = len(self.implant.vertices)
        return self.with_skull.light[:count], self.with_skull.light[count:]


def prepare_preview(
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None,
    *,
    thickness_mm: ArrayLike | None,
    gap_mm: ArrayLike | None,
) -> tuple[PreviewScene, dict[str, NDArray[np.float64]]]:
    """Return the decimated meshes, and the values of their implant's vertices (n,) by quantity.

    Raises
    ------
    InputError
        The number of values differs from the number of vertices.
    MeshError
        A mesh is empty or has vertices that are not finite.
    """
    require_drawable(implant, name="the implant")
    if skull is not None:
        require_drawable(skull, name="the skull")
        skull = decimate(skull, max_faces=MAX_SKULL_FACES)
    shown = decimate(implant, max_faces=MAX_IMPLANT_FACES)
    measured_mm = {
        "thickness": checked_values(thickness_mm, implant, name="thickness_mm"),
        "gap": checked_values(gap_mm, implant, name="gap_mm"),
    }
    values_mm = {
        name: transfer_values(column, implant, shown)
        for name, column in measured_mm.items()
        if column is not None
    }
    return PreviewScene(shown, skull), values_mm
