"""Whether the holes of a part are those that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import trimesh

from meshimplant.implant.close_holes import close_holes
from meshimplant.implant.features import Feature, FeatureKind, near_features
from meshimplant.mesh.topology import as_written, handles
from meshimplant.report import Finding, Place, place_of
from meshimplant.theatre.ground import Ground

#: The kinds that must go through the part.
THROUGH: tuple[FeatureKind, ...] = ("drainage", "suture", "tenting", "slot")
#: A screw that begins within a pocket, or this near to it, mm, is its screw.
_POCKET_MM = 1.0


def measure_holes(mesh: trimesh.Trimesh, features: Sequence[Feature]) -> tuple[dict[str, Any], list[Finding]]:
    """Return the number of holes through a part, and what is wrong with them.

    Parameters
    ----------
    mesh : Trimesh
        The closed part, LPS mm.
    features : sequence of Feature
        All that was made in it on purpose. Holes for drainage, sutures and tenting must go through, and so
        must slots and pockets; screws may.

    Returns
    -------
    measures : dict
        ``holes``: through the part; ``holes_asked``: those that were asked for.
    findings : list of Finding
        ``holes.missing`` (error): a hole that was asked for does not go through. ``holes.unasked`` (error):
        the part has more holes than were asked for.
    """
    # A pocket and the hole of its screw lead from the outer surface to the border, and are one hole.
    pockets = [feature for feature in features if feature.kind == "pocket"]
    holes = close_holes(mesh, [each for each in features if each not in pockets and not _in(pockets, each)])
    missing = [feature for feature in holes.missing if feature.kind in THROUGH]
    through, made = handles(as_written(mesh)), len(holes.closed) + len(pockets)
    findings = [_missing(feature) for feature in missing]
    if through > made:
        message = (
            f"the part has {through} holes, {made} of which were asked for: close the others, or give their "
            "features if they are meant"
        )
        place = _place(holes.mesh)
        findings.append(Finding("holes.unasked", "error", message, through, made, "count", place))
    return {"holes": through, "holes_asked": made + len(missing)}, findings


def _in(pockets: Sequence[Feature], feature: Feature) -> bool:
    """Return whether a feature begins in one of the pockets."""
    return bool(near_features(feature.point_mm, pockets, margin_mm=_POCKET_MM).any())


def _missing(feature: Feature) -> Finding:
    message = f"the hole {feature.label} was asked for and does not go through the part: make it again"
    return Finding("holes.missing", "error", message, location_mm=place_of(feature.point_mm))


def _place(mesh: trimesh.Trimesh) -> Place:
    """Return the middle of an opening in the outer surface, or of the part where there is none."""
    openings = Ground.of(mesh, spacing_mm=np.inf).loops[1]
    return place_of(openings[0].mean(axis=0) if openings else np.asarray(mesh.bounds).mean(axis=0))
