"""`without_tabs`: a part without the tabs that lie over bone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh

from meshimplant.implant.features import Feature
from meshimplant.mesh.cut_away import cut_away, require_solid
from meshimplant.mesh.vectors import unit_vectors

#: What is cut off with a tab: so far above and below it, beside it, and from the border on, mm.
_ABOVE_MM, _BELOW_MM, _BESIDE_MM, _FROM_BORDER_MM = 1.0, 1.0, 0.3, 0.1


def without_tabs(mesh: trimesh.Trimesh, features: Sequence[Feature]) -> trimesh.Trimesh:
    """Return a closed part without what its tabs have beyond the border; the mesh itself without tabs.

    A tab's point lies over the border, and its span leads to the bone, see `Feature`.
    """
    tabs = [feature for feature in features if feature.kind == "tab"]
    for tab in tabs:
        mesh = cut_away(mesh, _beyond_border(tab), solid=require_solid(mesh)).mesh
    return mesh


def _beyond_border(tab: Feature) -> trimesh.Trimesh:
    """Return a box around what a tab has beyond the border."""
    axis, span = np.asarray(tab.axis), np.asarray(tab.span_mm)
    ahead = unit_vectors(span)
    length = float(np.linalg.norm(span)) / 2 + tab.diameter_mm / 2 + _BESIDE_MM
    depth = tab.length_mm + _ABOVE_MM + _BELOW_MM
    sides = np.array([length - _FROM_BORDER_MM, tab.diameter_mm + 2 * _BESIDE_MM, depth])
    box = trimesh.creation.box(extents=sides)
    middle = np.asarray(tab.point_mm) + ahead * (length + _FROM_BORDER_MM) / 2
    middle = middle + axis * (depth / 2 - _ABOVE_MM)
    frame = np.eye(4)
    frame[:3] = np.column_stack([ahead, np.cross(axis, ahead), axis, middle])
    return box.apply_transform(frame)
