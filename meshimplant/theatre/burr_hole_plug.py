"""`plug_burr_holes`: a round plug with a flange for each hole that is too small for an implant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit.repair import is_solid
from meshimplant.errors import InputError, MeshError, NoDefectError, require_type
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.implant.regional_value import Regional, least_of, most_of, values_at
from meshimplant.mesh.convert import new_mesh
from meshimplant.report import Finding, place_of
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.skull.burr_holes import BurrHole, find_burr_holes
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]
#: Width of the flange beyond the widest place of the hole, its thickness, and that of its edge, mm. No
#: source: our choice.
FLANGE_MM, FLANGE_THICKNESS_MM, _EDGE_MM = 3.0, 1.0, 0.4
FLANGE_RANGE_MM, FLANGE_THICKNESS_RANGE_MM = (1.5, 8.0), (0.5, 2.0)
#: Distance of the flange from the bone that it follows, mm; it is lifted off uneven bone by at most so much.
_REST_MM, _LIFT_MM = 0.05, 0.8
#: The plug is narrower by this at its inner end, mm, so that it finds the hole.
_TAPER_MM = 0.5
#: Points around the plug, and the longest edge along a line out from its middle, mm.
_AROUND, _STEP_MM = 144, 0.8
#: A hole is round if its edge is nowhere this much farther from the middle than elsewhere, mm.
_ROUND_MM = 2.0
#: Bone this close under the flange carries it, mm; so much of the flange must rest on bone.
_SEATED_MM, _SEATED_SHARE = 0.6, 0.5
#: Depth of overlap that counts, mm, and share of a voxel by which bone may seem too near.
_OVERLAP_MM, _VOXEL_SHARE = 0.05, 0.3
#: A plug shorter than this holds nothing, mm.
_SHORTEST_MM = 1.5


@dataclass(frozen=True, eq=False)
class BurrHolePlug:
    """A plug, and the hole that it closes.

    Attributes
    ----------
    mesh : Trimesh
        A solid, LPS mm.
    hole : BurrHole
        Its hole.
    measures : dict
        ``plug_diameter_mm``, ``plug_depth_mm`` (below the outer surface), ``flange_diameter_mm``,
        ``proud_mm`` (greatest height above the outer surface), ``gap_median_mm`` and ``gap_min_mm`` of its
        wall, ``penetration_mm``, ``seated_fraction`` (of the flange), ``volume_mm3``.
    findings : tuple of Finding
        ``plug.penetration`` (error: it overlaps bone), ``plug.seat`` (warning: the flange rests on too little
        bone), ``plug.not_round`` (warning: the gap is wide where the hole is not round), ``plug.thin_bone``
        (info: the plug is shorter than asked for, because the bone is thin).
    """

    mesh: trimesh.Trimesh
    hole: BurrHole
    measures: dict[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def plug_burr_holes(
    skull: Volume,
    *,
    clearance_mm: Regional = 0.8,
    thickness_mm: Regional = 4.0,
    flange_mm: float = FLANGE_MM,
    flange_thickness_mm: float = FLANGE_THICKNESS_MM,
    pose: HeadPose | None = None,
) -> tuple[BurrHolePlug, ...]:
    """Make a plug for each hole of the vault that is too small for an implant, such as a burr hole.

    A plug is a round pin with a flange. The pin goes into the hole along its axis and keeps the clearance
    from its narrowest place. The flange rests on the bone around, so that the plug cannot fall in; it follows
    the outer surface of the bone, and runs out to an edge of 0.4 mm under the scalp.

    Parameters
    ----------
    skull : Volume
        Mask of the skull; non-zero is bone. Other openings may be there, too.
    clearance_mm : float or RegionalValue
        Distance from pin to bone, 0.1 to 3 mm. Default 0.8, see `ImplantSpec`.
    thickness_mm : float or RegionalValue
        Depth of the pin below the outer surface, 1.5 to 15 mm; no more than the bone around is thick.
    flange_mm : float
        Width of the flange beyond the hole, 1.5 to 8 mm. Default 3. No source: our choice.
    flange_thickness_mm : float
        Its thickness at the hole, 0.5 to 2 mm. Default 1. No source: our choice.
    pose : HeadPose, optional
        The head's frame. None: fitted.

    Returns
    -------
    tuple of BurrHolePlug
        Widest hole first.

    Raises
    ------
    InputError
        A number is out of range.
    NoDefectError
        There is no such hole, or the pin in one would be too thin.
    MeshError
        A plug is no solid.

    Notes
    -----
    What the check cannot see: vessels and dura under the hole, and bone that is thinner than the voxels.
    """
    require_type(skull, Volume, "the skull")
    for name, value, (low, high) in (
        ("a clearance", clearance_mm, (0.1, 3.0)),
        ("a thickness", thickness_mm, (_SHORTEST_MM, 15.0)),
        ("a flange", flange_mm, FLANGE_RANGE_MM),
        ("a thickness of the flange", flange_thickness_mm, FLANGE_THICKNESS_RANGE_MM),
    ):
        for each in (least_of(value), most_of(value)):
            if not low <= each <= high:
                raise InputError(f"expected {name} of {low:g} to {high:g} mm, got {each!r}: give millimetres")
    mask = bone_mask(skull)
    holes = find_burr_holes(mask, fit_pose(mask) if pose is None else pose)
    if not holes:
        raise NoDefectError(
            "no burr hole found: expected a hole of 6 to 20 mm with bone all around in the vault, got none: "
            "check whether the segmentation filled it; an opening of 300 mm2 or more is closed by design"
        )
    return tuple(
        _plugged(
            hole,
            mask,
            clearance_mm=float(values_at(clearance_mm, hole.centre_mm)),
            thickness_mm=float(values_at(thickness_mm, hole.centre_mm)),
            flange_mm=flange_mm,
            flange_thickness_mm=flange_thickness_mm,
        )
        for hole in holes
    )


def _plugged(
    hole: BurrHole,
    mask: Volume,
    *,
    clearance_mm: float,
    thickness_mm: float,
    flange_mm: float,
    flange_thickness_mm: float,
) -> BurrHolePlug:
    """Return the plug of a hole, measured against the bone."""
    pin_mm = hole.narrowest_mm / 2 - clearance_mm
    if pin_mm < 1.0:
        raise NoDefectError(
            f"expected a hole that a pin of 2 mm or more goes into, got one of {hole.narrowest_mm:.1f} mm at "
            f"{np.round(hole.centre_mm, 1).tolist()}: prescribe less clearance"
        )
    flange_edge_mm = hole.widest_mm / 2 + flange_mm
    reach = flange_edge_mm + thickness_mm + 10
    box = mask.crop(*mask.box_around(hole.centre_mm + np.array([[-reach] * 3, [reach] * 3]), np.ones(3)))
    bone = signed_distance(box)
    lift_mm = _lift(hole, bone, pin_mm, flange_edge_mm)
    depth_mm = min(thickness_mm, hole.bone_mm)
    rings = _profile(hole, pin_mm, flange_edge_mm, lift_mm, depth_mm, flange_thickness_mm, clearance_mm)
    mesh = _turned(hole, rings)
    if not is_solid(mesh):
        raise MeshError(
            f"expected a plug that is a solid, got one with flaws at {np.round(hole.centre_mm, 1).tolist()}: "
            "prescribe less depth or clearance"
        )
    distance = -sample(bone, mesh.vertices, fill=-10.0)
    local = (np.asarray(mesh.vertices) - hole.centre_mm) @ hole.axes.T
    radius = np.linalg.norm(local[:, :2], axis=1)
    above = local[:, 2] - hole.height_mm(local[:, :2])
    wall = np.abs(radius - pin_mm) < 1e-6
    under = (radius > hole.widest_mm / 2) & (np.abs(above - lift_mm) < 1e-6)
    measures: dict[str, Any] = {
        "plug_diameter_mm": 2 * pin_mm,
        "plug_depth_mm": depth_mm,
        "flange_diameter_mm": 2 * flange_edge_mm,
        "proud_mm": float(above.max()),
        "gap_median_mm": float(np.median(distance[wall])),
        "gap_min_mm": float(distance[wall].min()),
        "penetration_mm": max(0.0, -float(distance.min())),
        "seated_fraction": float((distance[under] < _SEATED_MM).mean()),
        "volume_mm3": float(mesh.volume),
    }
    findings = _findings(hole, mesh, measures, distance, thickness_mm, bone)
    return BurrHolePlug(mesh, hole, measures, tuple(findings))


def _findings(
    hole: BurrHole,
    mesh: trimesh.Trimesh,
    measures: dict[str, Any],
    distance: Floats,
    thickness_mm: float,
    bone: Volume,
) -> list[Finding]:
    """Return what is wrong with a plug."""
    findings, place = [], place_of(hole.centre_mm)
    allowed = _OVERLAP_MM + _VOXEL_SHARE * float(bone.spacing_mm.max())
    if measures["penetration_mm"] > allowed:
        deepest = place_of(mesh.vertices[int(np.argmin(distance))])
        message = f"the plug overlaps bone by {measures['penetration_mm']:.2f} mm: prescribe more clearance"
        findings.append(
            Finding("plug.penetration", "error", message, measures["penetration_mm"], allowed, "mm", deepest)
        )
    if measures["seated_fraction"] < _SEATED_SHARE:
        share = measures["seated_fraction"]
        message = f"only {100 * share:.0f} % of the flange rests on bone: make it wider, or look at the bone"
        findings.append(Finding("plug.seat", "warning", message, share, _SEATED_SHARE, "fraction", place))
    uneven = (hole.widest_mm - hole.narrowest_mm) / 2
    if uneven > _ROUND_MM:
        message = (
            f"the hole is not round: its edge is {uneven:.1f} mm farther out at one place than at another, "
            "and so much wider is the gap there; the flange covers it"
        )
        findings.append(Finding("plug.not_round", "warning", message, uneven, _ROUND_MM, "mm", place))
    if hole.bone_mm < thickness_mm:
        message = (
            f"the bone around is {hole.bone_mm:.1f} mm thick, and so deep is the plug: less than asked for"
        )
        findings.append(Finding("plug.thin_bone", "info", message, hole.bone_mm, thickness_mm, "mm", place))
    return findings


def _lift(hole: BurrHole, bone: Volume, pin_mm: float, flange_edge_mm: float) -> float:
    """Return how far the flange is lifted so that it clears the highest bone below it, mm."""
    radii = np.arange(pin_mm, flange_edge_mm + 0.2, 0.4)
    across = _ring(1.0)[None] * radii[:, None, None]
    places = across.reshape(-1, 2)
    level = hole.height_mm(places)
    lift = _REST_MM
    while lift < _LIFT_MM:
        local = np.column_stack([places, level + lift])
        if sample(bone, hole.to_mm(local), fill=-10.0).max() <= 0:
            break
        lift += 0.05
    return lift


def _profile(
    hole: BurrHole,
    pin_mm: float,
    flange_edge_mm: float,
    lift_mm: float,
    depth_mm: float,
    flange_thickness_mm: float,
    clearance_mm: float,
) -> list[tuple[float, float]]:
    """Return radius and height above the outer surface of each ring, from the top inward round the plug."""
    hole_mm = hole.widest_mm / 2
    fillet = min(0.3, clearance_mm / 2)
    top = [
        (radius, lift_mm + _flange_height(radius, hole_mm, flange_edge_mm, flange_thickness_mm))
        for radius in _steps(0.0, flange_edge_mm)[1:]
    ]
    under = [(radius, lift_mm) for radius in _steps(flange_edge_mm, pin_mm + fillet)]
    lowest = -depth_mm + _TAPER_MM
    wall = [(pin_mm, height) for height in _steps(lift_mm - fillet, lowest)]
    bottom = [(radius, -depth_mm) for radius in _steps(pin_mm - _TAPER_MM, 0.0)[:-1]]
    return [*top, *under, *wall, *bottom]


def _flange_height(radius: float, hole_mm: float, edge_mm: float, thickness_mm: float) -> float:
    """Return the thickness of the flange: full over the hole, running out smoothly to its edge."""
    share = np.clip((radius - hole_mm) / (edge_mm - hole_mm), 0, 1)
    least = min(_EDGE_MM, thickness_mm)
    return float(least + (thickness_mm - least) * (0.5 + 0.5 * np.cos(np.pi * share)))


def _steps(start: float, stop: float) -> list[float]:
    count = max(2, int(np.ceil(abs(stop - start) / _STEP_MM)) + 1)
    return np.linspace(start, stop, count).tolist()


def _ring(radius: float) -> Floats:
    turn = np.arange(_AROUND) * 2 * np.pi / _AROUND
    return radius * np.column_stack([np.cos(turn), np.sin(turn)])


def _turned(hole: BurrHole, rings: list[tuple[float, float]]) -> trimesh.Trimesh:
    """Return the closed mesh of rings, whose first and last are closed by their middles."""
    across = np.concatenate([_ring(radius) for radius, _ in rings] + [np.zeros((2, 2))])
    above = np.concatenate([np.repeat([height for _, height in rings], _AROUND), [0.0, 0.0]])
    above[-2], above[-1] = rings[0][1], rings[-1][1]
    vertices = hole.to_mm(np.column_stack([across, hole.height_mm(across) + above]))
    here = np.arange(_AROUND)
    beside = (here + 1) % _AROUND
    top, low = len(vertices) - 2, len(vertices) - 1
    faces = [np.column_stack([np.full(_AROUND, top), here, beside])]
    for number in range(len(rings) - 1):
        first, second = number * _AROUND, (number + 1) * _AROUND
        faces += [
            np.column_stack([first + here, second + here, first + beside]),
            np.column_stack([first + beside, second + here, second + beside]),
        ]
    last = (len(rings) - 1) * _AROUND
    faces.append(np.column_stack([np.full(_AROUND, low), last + beside, last + here]))
    return new_mesh(vertices, np.concatenate(faces))
