"""Tabs: tongues of the part that lie over the bone, each with a screw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from meshimplant.theatre.border_frame import BorderFrame
from meshimplant.theatre.fixture import Fixture, Surroundings, clear_of_bone_mm, highest_bone_mm, long_feature
from meshimplant.theatre.flat_bodies import bar, bored, common, joined, rounded
from meshimplant.theatre.screws import SIZES, ScrewSize, bone_screw

if TYPE_CHECKING:
    import manifold3d

Floats = NDArray[np.float64]

#: Thickness, and the gap to the bone below, mm. No source: our choice.
THICKNESS_MM, GAP_MM = 1.5, 0.2
#: Rim around the screw's head, and from the bone's edge to the screw, mm. No source: our choice.
_RIM_MM, _FROM_EDGE_MM = 2.0, 3.5
#: The root reaches as far over the part as the screw lies over the bone. Where it begins to thin, how deep it
#: is sunk, the radii of its fillets on the part and below the tab, and of the edge towards the scalp, mm. No
#: source: our choice.
_FULL_MM, _SUNK_MM, _FILLET_MM, _UNDER_MM, _EDGE_MM = -1.0, 0.3, 1.5, 0.5, 0.4
#: Radius of the edge towards the bone, mm.
_LOWER_EDGE_MM = 0.25
#: Height over the part at the end of the root, mm.
_THIN_MM = 0.6
#: What the fillet below the tab leaves of the gap, mm.
_CLEAR_MM = 0.3
#: Rough bone lifts the tab until it reaches into it by no more than the first one, mm: into the terraces of
#: its voxels, and less than a check finds; and until no voxel's centre is nearer to it than the second one.
#: Bone that lifts it by more than the third one is not suited.
_INTO_BONE_MM, _OFF_VOXELS_MM, MOST_LIFT_MM = 0.03, 0.05, 0.5
#: The root lies on the part but for this much at its edge, mm.
_SPARE_MM = 0.5
#: How far the hole reaches out of the tab, mm.
_OUT_MM = 2.0


def bone_needed_mm(screw_mm: float) -> float:
    """Return how wide the bone beside the border must be for a tab, from the middle of the gap, mm."""
    return _FROM_EDGE_MM + SIZES[screw_mm].head_mm / 2 + _RIM_MM + 0.5


def make_tab(number: int, frame: BorderFrame, around: Surroundings) -> Fixture | str:
    """Return a tab over the bone with its countersunk hole and its screw, or why there is none.

    It follows the outer surface of the bone `GAP_MM` above it. Where the bone is rough, it lies as much
    higher as keeps it clear.
    """
    screw = SIZES[around.spec.screw_mm]
    at, radius = frame.gap_mm + _FROM_EDGE_MM, screw.head_mm / 2 + _RIM_MM
    smooth = -_INTO_BONE_MM - clear_of_bone_mm(frame, around.bone, at, radius, GAP_MM)
    rough = _OFF_VOXELS_MM - GAP_MM + highest_bone_mm(frame, around.mask, at, radius)
    lift = max(0.0, smooth, rough)
    if lift > MOST_LIFT_MM:
        return f"the bone stands {lift + GAP_MM:.1f} mm out of a smooth surface here"
    if not _root_lies_on_part(frame, at, radius):
        return "the part is too narrow here for the root of a tab, or its border turns"
    low, high = GAP_MM + lift, GAP_MM + lift + THICKNESS_MM
    head, axis = frame.bend(np.array([[at, 0.0, high]]))[0], -frame.outward_at(at)
    label = f"T{number}"
    held = bone_screw(f"S{number}", label, around.bone, head, axis, screw.screw_mm, before_bone_mm=high)
    if isinstance(held, str):
        return held
    body = rounded(
        lambda u, v, w: _field(u, v, w, frame, (low, high), at, radius),
        (-at - radius - 1.5, -radius - 2.5, -1.0),
        (at + radius + 0.5, radius + 2.5, high + 0.5),
        frame,
    )
    feature = long_feature(
        *("tab", label, frame, (-at, at)), width_mm=2 * (radius + _FILLET_MM), heights_mm=(high, 0.0)
    )
    return Fixture((body,), (countersunk(head, axis, screw),), (feature,), (held,), high)


def _root_lies_on_part(frame: BorderFrame, at: float, radius: float) -> bool:
    """Return whether the part lies under all of a tab's root and its fillet."""
    reach = radius + _FILLET_MM - _SPARE_MM
    u, v = (x.ravel() for x in np.meshgrid(np.arange(-at - reach, 0, 0.25), np.arange(-reach, reach, 0.25)))
    root = (bar(u, v, -at, at, reach) <= 0) & (u < -2 * _SPARE_MM)
    return bool(frame.lies_on_part(u[root], v[root]).all())


def _field(
    u: Floats,
    v: Floats,
    w: Floats,
    frame: BorderFrame,
    levels: tuple[float, float],
    at: float,
    radius: float,
) -> Floats:
    """Return the flat distance from a tab with its root and its fillets, negative inside.

    What lies below the outer surface stays behind the border wall, as that leans.
    """
    low, high = levels
    slope = (high - _THIN_MM) / (at + radius + _FULL_MM)
    back = u + max(frame.lean, 0.0) * np.maximum(-w, 0)
    top = high - slope * np.maximum(_FULL_MM - u, 0)
    plan = bar(u, v, -at, at, radius)
    upper = common(plan, (w - top) / np.hypot(1, slope), _EDGE_MM)
    over = common(upper, low - w, _LOWER_EDGE_MM)
    root = np.maximum(np.maximum(upper, back + _SUNK_MM), -0.8 - w)
    slab = np.minimum(over, root)
    sheet = np.maximum(w + _SUNK_MM, -0.8 - w)
    mound = np.maximum(np.maximum(joined(slab, sheet, _FILLET_MM), back + 0.1), plan - _FILLET_MM)
    fillet = min(_UNDER_MM, frame.gap_mm - _CLEAR_MM + 0.15)
    body = np.minimum(slab, mound)
    if fillet > 0.2:
        wall = np.maximum(back + 0.15, -0.8 - w)
        under = np.maximum(np.maximum(joined(over, wall, fillet), w - (low + high) / 2), plan)
        body = np.minimum(body, under)
    return np.asarray(body)


def countersunk(head: Floats, axis: Floats, screw: ScrewSize) -> manifold3d.Manifold:
    """Return the hole of a screw whose head is flush with the tab: a cone of 90 degrees, then a cylinder."""
    outer, inner = screw.head_mm / 2, screw.hole_mm / 2
    profile = [
        (0.0, outer),
        (_OUT_MM, outer),
        (_OUT_MM + outer - inner, inner),
        (_OUT_MM + THICKNESS_MM + 0.6, inner),
    ]
    return bored(head - _OUT_MM * axis, axis, profile)
