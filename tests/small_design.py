"""The design of a small analytic head: the whole line and its check in a few seconds."""

from __future__ import annotations

from edited_places import HEAD, VOXEL_MM

from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.spec.implant_spec import ImplantSpec


def small_design() -> Design:
    """Return the design, made anew."""
    whole = HEAD.mask(VOXEL_MM, whole=True)
    return design_implant(HEAD.mask(VOXEL_MM), spec=ImplantSpec(max_faces=8_000), complete=whole)
