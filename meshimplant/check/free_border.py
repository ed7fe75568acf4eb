"""How a part ends where no bone lies opposite its border: share, places, tongues, radii, edge and turn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.implant.find_free_border import FreeBorder
from meshimplant.implant.map_regions import Region, edge_distance, find_tongues, grown, nearer
from meshimplant.implant.outline_map import OutlineMap
from meshimplant.report import Finding, Severity, place_of

#: Narrowest tongue and slit, least radius of the line, thinnest edge, mm, and largest turn of the outer
#: surface over 12 mm, degrees: what a free border must have.
TONGUE_MM, SLIT_MM, RADIUS_MM, EDGE_MM, TURN_DEG = 8.0, 6.0, 3.0, 1.5, 75.0
#: A part with more of its border free than this may be too small, or belong to another skull.
MOSTLY_FREE_FRACTION = 0.5
#: Widths and radii are tried in these steps, mm.
_WIDTHS_MM, _RADII_MM = np.arange(1.0, 12.5, 0.5), np.arange(0.5, 6.5, 0.5)
#: A tongue reaches this far beyond the widest disc in it, mm; a corner that much, which is what pixels leave.
_TONGUE_REACH_MM, _CORNER_REACH_MM = 2.0, 0.6
#: Where it meets the border that has bone opposite, over this length, mm, bone forms the corner: its radius
#: is not measured.
_JOINT_MM = 4.0
#: The edge's thickness is measured this far inside the line, mm: beside its rounding.
_EDGE_ZONE_MM = (1.25, 2.5)

#: A value and its place (3,); None where there is none.
_Worst = tuple[float | None, NDArray[np.float64] | None]
_NAMES = ("tongue_mm", "slit_mm", "radius_mm", "edge_mm", "turn_deg")


def measure_free_border(border: FreeBorder, outline: OutlineMap) -> tuple[dict[str, Any], list[Finding]]:
    """Return share and places of the free border and how it ends; nothing but its share, 0, without one.

    ``border_free_tongue_mm`` and ``border_free_slit_mm`` are the widths of the narrowest tongue and slit up
    to 12 mm, ``border_free_radius_mm`` the least radius of the line up to 6 mm; None: there is none so small.
    A sharp square corner is found from a radius of 1.5 mm on. ``border_free_edge_mm`` is the thinnest edge,
    ``border_free_turn_deg`` the largest turn of the outer surface over the last 12 mm.
    """
    measures: dict[str, Any] = {
        "border_free_fraction": border.fraction,
        "border_free_mm": border.length_mm,
        "border_free_places": [
            {"length_mm": stretch.length_mm, "middle_mm": list(stretch.middle_mm)}
            for stretch in border.stretches
        ],
        "gap_excludes": ["border.free"] if border.vertices.any() else [],
    }
    if not border.free.any():
        return measures | {f"border_free_{name}": None for name in _NAMES}, []
    found = _worst_places(border, outline)
    measures |= {f"border_free_{name}": value for name, (value, _) in found.items()}
    return measures, [_share_finding(border), *_findings(found)]


def _share_finding(border: FreeBorder) -> Finding:
    """Return the finding that tells how much of the border is free, and where."""
    longest, share = border.stretches[0], border.fraction
    message = (
        f"{100 * share:.0f} % of the border, {border.length_mm:.0f} mm in {len(border.stretches)} "
        "stretches, has no bone opposite: gap, step and kink are measured on the rest"
    )
    severity: Severity = "info"
    if share > MOSTLY_FREE_FRACTION:
        severity, message = "warning", f"{message}; check that the part belongs to this skull"
    return Finding(
        "border.free", severity, message, share, MOSTLY_FREE_FRACTION, "fraction", longest.middle_mm
    )


def _findings(found: dict[str, _Worst]) -> list[Finding]:
    """Compare the worst places with the limits; end the free border anew where they are exceeded."""
    limits = {
        "tongue_mm": ("border.tongue", TONGUE_MM, -1, "has a tongue {:.1f} mm wide"),
        "slit_mm": ("border.slit", SLIT_MM, -1, "has a slit {:.1f} mm wide"),
        "radius_mm": ("border.radius", RADIUS_MM, -1, "has a corner of radius {:.1f} mm"),
        "edge_mm": ("border.thin", EDGE_MM, -1, "has an edge {:.1f} mm thick"),
        "turn_deg": ("border.curl", TURN_DEG, 1, "turns inward by {:.0f} degrees"),
    }
    findings = []
    for name, (code, limit, side, words) in limits.items():
        value, place = found[name]
        if value is None or place is None or side * (value - limit) <= 0:
            continue
        unit = name.rsplit("_", 1)[1]
        message = f"the border {words.format(value)} where no bone lies opposite: cut it back there"
        findings.append(Finding(code, "warning", message, value, limit, unit, place_of(place)))
    return findings


def _worst_places(border: FreeBorder, outline: OutlineMap) -> dict[str, _Worst]:
    """Return the worst value and its place (3,), or None, for each name."""
    free, fixed = border.sides(outline)
    body, pixel_mm = outline.body, outline.view.spacing_mm
    points = outline.view.points_at(outline.radius_mm)
    air_free, air_fixed = (grown(side, pixel_mm, pixel_mm) & ~body for side in (free, fixed))
    part = _Side(body, free, fixed, points, pixel_mm)
    air = _Side(~body, air_free, air_fixed & ~air_free, points, pixel_mm)
    tongue, slit = (side.narrowest() for side in (part, air))
    joint = grown(fixed, _JOINT_MM, pixel_mm)
    radii = [replace(side, free=side.free & ~joint).sharpest() for side in (part, air)]
    radius = min(radii, key=lambda one: np.inf if one[0] is None else one[0])
    depth = edge_distance(body, pixel_mm)
    at_free = nearer(free, fixed) & outline.part.hit
    edge = at_free & (depth > _EDGE_ZONE_MM[0]) & (depth < _EDGE_ZONE_MM[1])
    wall = ndimage.median_filter(outline.wall_mm, 3)
    zone = at_free & (depth < 8.0)
    thin = _extreme(np.where(edge, wall, np.inf), points, edge, np.argmin)
    turn = _extreme(np.where(zone, outline.turn_deg, -np.inf), points, zone, np.argmax)
    return {"tongue_mm": tongue, "slit_mm": slit, "radius_mm": radius, "edge_mm": thin, "turn_deg": turn}


@dataclass(frozen=True, eq=False)
class _Side:
    """The part or the air beside it on the map, and its outline without and with bone opposite."""

    region: Region
    free: Region
    fixed: Region
    points: NDArray[np.float64]
    pixel_mm: float

    def narrowest(self) -> _Worst:
        """Return the width and the place of the narrowest tongue."""
        for width in _WIDTHS_MM:
            found = self._left_by(width / 2, _TONGUE_REACH_MM, 0.25)
            if found.any():
                return float(width), self.points[found][0]
        return None, None

    def sharpest(self) -> _Worst:
        """Return the radius and the place of the sharpest corner."""
        for radius in _RADII_MM:
            found = self._left_by(radius, _CORNER_REACH_MM, 0.5)
            if found.any():
                return float(radius), self.points[found][0]
        return None, None

    def _left_by(self, radius_mm: float, reach_mm: float, free_share: float) -> Region:
        return find_tongues(
            self.region,
            self.free,
            self.fixed,
            radius_mm=radius_mm,
            spacing_mm=self.pixel_mm,
            reach_mm=reach_mm,
            free_share=free_share,
        )


def _extreme(values: NDArray[np.float64], points: NDArray[np.float64], zone: Region, pick: Any) -> _Worst:
    """Return the picked value within a zone of the map and its place; None where the zone is empty."""
    if not zone.any():
        return None, None
    at = np.unravel_index(int(pick(values)), values.shape)
    return float(values[at]), points[at]
