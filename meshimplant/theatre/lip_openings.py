"""`openings`: the bodies that keep a part's screws and holes open where something is added to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from meshimplant.implant.features import HOLE_KINDS, Feature
from meshimplant.theatre.flat_bodies import bored
from meshimplant.theatre.screws import SIZES
from meshimplant.theatre.tabs import countersunk

if TYPE_CHECKING:
    import manifold3d

#: An opening reaches so far out of the part, and so far beyond its inner side, mm.
_OUT_MM, _BELOW_MM = 4.0, 1.0


def openings(features: Iterable[Feature]) -> list[manifold3d.Manifold]:
    """Return a body for each screw of a tab and each straight hole: what has to stay free of material."""
    made = list(features)
    tabs = {feature.label for feature in made if feature.kind == "tab"}
    bodies = []
    for feature in made:
        point, axis = np.asarray(feature.point_mm), np.asarray(feature.axis)
        if feature.kind == "screw":
            if feature.hold is not None and feature.hold.fixation in tabs:
                bodies.append(countersunk(point, axis, SIZES[feature.diameter_mm]))
        elif feature.kind in HOLE_KINDS and not np.any(feature.span_mm):
            radius = feature.diameter_mm / 2
            length = _OUT_MM + feature.length_mm + _BELOW_MM
            bodies.append(bored(point - _OUT_MM * axis, axis, [(0.0, radius), (length, radius)]))
    return bodies
