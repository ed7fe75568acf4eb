"""`Lit`: an implant and its skull with the soft light on them, computed once for every picture that shows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.preview.colours import BONE, IMPLANT
from meshimplant.preview.panels import IMPLANT_GLOSS
from meshimplant.preview.shade import Scene, Surface


@dataclass(frozen=True, eq=False)
class Lit:
    """The meshes that pictures are made of, as light as they are to be shown.

    Attributes
    ----------
    implant, skull
        LPS mm; without a skull the implant stands alone.
    """

    implant: trimesh.Trimesh
    skull: trimesh.Trimesh | None

    @cached_property
    def alone(self) -> Scene:
        """The implant by itself."""
        return Scene([Surface(self.implant, IMPLANT, IMPLANT_GLOSS)])

    @cached_property
    def together(self) -> Scene:
        """The implant in its skull; first the implant's faces and vertices, then the skull's."""
        if self.skull is None:
            return self.alone
        return Scene([Surface(self.implant, IMPLANT, IMPLANT_GLOSS), Surface(self.skull, BONE)])

    @property
    def light(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The light on the implant's vertices (n,) and on the skull's (m,), see `ambient_light`."""
        count = len(self.implant.vertices)
        return self.together.light[:count], self.together.light[count:]
