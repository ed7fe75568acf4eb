"""Tangential screws: pocket holes from the outer surface through the border into the bone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.implant.features import Feature
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.report import place_of
from meshimplant.theatre.border_frame import BorderFrame
from meshimplant.theatre.fixture import Fixture, Surroundings, boss, boss_height
from meshimplant.theatre.flat_bodies import bored
from meshimplant.theatre.screws import SIZES, Screw, ScrewSize, bone_screw

#: Angles between screw and surface, degrees, and the shares of the wall's depth at which a screw leaves the
#: border. No source for either: our choice; Nout and Mommaerts name pocket-hole screws without angles.
ANGLES_DEG, _SHARES = (30.0, 35.0, 40.0, 45.0), np.arange(0.4, 0.81, 0.05)
#: Least and most length of the part below the head along the screw, least wall between hole and inner
#: surface, and between pocket and border, mm. No source: our choice.
LEAST_BEARING_MM, _MOST_BEARING_MM, _BELOW_MM, _RIM_MM = 1.2, 3.0, 0.4, 0.8
#: Least wall in which a pocket fits, mm, by the diameter of the screw; a thinner one gets a boss.
_WALL_MM = {1.5: 3.9, 2.0: 4.9}
#: Room around the head in its pocket, mm. No source: our choice.
_POCKET_ROOM_MM = 0.1
#: How far the pocket reaches out of the part, and the hole into the gap, mm.
_OUT_MM = 8.0


def bone_needed_mm(screw_mm: float) -> float:
    """Return how wide the bone beside the border must be for a tangential screw, mm."""
    return 5.0 + screw_mm / 2


def make_pocket(number: int, frame: BorderFrame, around: Surroundings) -> Fixture | str:
    """Return a pocket hole with its screw, or why there is none.

    Of the angles and depths at which the head is sunk and has its bearing, the one with the longest screw in
    bone is taken; of equal ones the flattest.
    """
    screw = SIZES[around.spec.screw_mm]
    raised = boss_height(frame, _WALL_MM[screw.screw_mm])
    wall = frame.wall_mm + raised
    best: tuple[Screw, float, float] | None = None
    refused = "the part is too thin for a pocket"
    for angle_deg in ANGLES_DEG:
        for share in _SHARES:
            depth = float(share) * wall
            bearing = min(_bearing_mm(depth, wall, angle_deg, screw), _MOST_BEARING_MM)
            if bearing < LEAST_BEARING_MM:
                continue
            if _rim_mm(frame, depth, angle_deg, bearing, screw) < _RIM_MM:
                refused = f"the border leans outward: no {_RIM_MM:g} mm are left between pocket and border"
                continue
            head, axis = _axis(frame, depth, angle_deg, bearing)
            found = bone_screw(
                *(f"S{number}", f"K{number}", around.bone, head, axis, screw.screw_mm),
                before_bone_mm=bearing,
                inward=-frame.outward_at(frame.gap_mm + 4.0),
            )
            if isinstance(found, str):
                refused = found
            elif best is None or (found.held_mm, found.tip_to_inner_mm) > (
                best[0].held_mm + 0.1,
                best[0].tip_to_inner_mm,
            ):
                best = found, angle_deg, bearing
    if best is None:
        return refused
    held, angle_deg, bearing = best
    head, axis = np.asarray(held.point_mm), np.asarray(held.axis)
    run = bearing + frame.gap_mm / 2 / np.cos(np.radians(angle_deg)) + screw.hole_mm
    pocket = bored(
        head - _OUT_MM * axis,
        axis,
        [(along, screw.head_mm / 2 + _POCKET_ROOM_MM) for along in (0.0, _OUT_MM)],
    )
    hole = bored(head - 0.5 * axis, axis, [(0.0, screw.hole_mm / 2), (run + 0.5, screw.hole_mm / 2)])
    feature = Feature(
        *("pocket", f"K{number}", place_of(head - 3.0 * axis), held.axis),
        diameter_mm=screw.head_mm + 2 * _POCKET_ROOM_MM,
        length_mm=3.0 + run,
    )
    boss_at = (-3.8, 0.0)
    return Fixture(
        add=(boss(frame, boss_at, _WALL_MM[screw.screw_mm]),) if raised else (),
        remove=(pocket, hole),
        features=(feature,),
        screws=(held,),
        proud_mm=0.0,
        boss_mm=raised,
    )


def _bearing_mm(depth_mm: float, wall_mm: float, angle_deg: float, screw: ScrewSize) -> float:
    """Return the most part below the sunk head, along the axis; -1 where the hole leaves the part."""
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    if depth_mm + screw.hole_mm / 2 * cosine > wall_mm - _BELOW_MM:
        return -1.0
    return float((depth_mm - screw.head_mm / 2 * cosine) / sine - screw.head_height_mm)


def _rim_mm(
    frame: BorderFrame, depth_mm: float, angle_deg: float, bearing_mm: float, screw: ScrewSize
) -> float:
    """Return the width of the outer surface that is left between pocket and border."""
    sine, cosine = np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))
    radius = screw.head_mm / 2 + _POCKET_ROOM_MM
    head = -depth_mm * frame.lean - bearing_mm * cosine
    return float(-(head + radius * sine))


def _axis(
    frame: BorderFrame, depth_mm: float, angle_deg: float, bearing_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the bearing of the head (3,), LPS mm, and the screw's direction (3,)."""
    at_border = -depth_mm * frame.lean
    leaves = frame.bend(np.array([[at_border, 0.0, -depth_mm]]))[0]
    up = frame.outward_at(0.0)
    ahead = unit_vectors(frame.axes[0] - (frame.axes[0] @ up) * up)
    angle = np.radians(angle_deg)
    axis = np.cos(angle) * ahead - np.sin(angle) * up
    return leaves - bearing_mm * axis, axis
