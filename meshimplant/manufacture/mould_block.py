"""What the pieces of moulds have in common: outline, chamfered block, pins, bores and letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.manufacture.parting import inside
from meshimplant.theatre.stroke_font import strokes, text_outline

if TYPE_CHECKING:
    import manifold3d

#: Chamfer of the outer edges, mm; corners of a circle.
CHAMFER_MM, SEGMENTS = 1.5, 64
#: Radius of a pin, its height, the depth of its root and its chamfer, mm; wall around a socket. No source:
#: our choice.
PIN_MM, _PIN_HIGH_MM, _ROOT_MM, _PIN_CHAMFER_MM = 3.0, 6.0, 4.0, 1.0
#: Where the pins stand as seen from the middle, degrees: not the same after half a turn, so that the halves
#: go together in one way.
_PIN_TURNS_DEG = (40.0, 140.0, 220.0, 295.0)
#: Depth of the letters, their sizes, tried in this order, and distance to edges and openings, mm.
_DEEP_MM, _SIZES_MM, _CLEAR_MM = 0.6, (10.0, 8.0, 6.0, 5.0, 4.0), 1.0
#: Grid on which room for a text is sought, mm.
_TRIAL_MM = 0.5
#: How far a tool that cuts reaches beyond a face, mm.
BEYOND_MM = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pin:
    """A pin: its middle x, y and the height of the surface on which it stands, mm."""

    x_mm: float
    y_mm: float
    z_mm: float


def chamfered(outline: manifold3d.CrossSection, low_mm: float, high_mm: float) -> manifold3d.Manifold:
    """Return the block between two heights over a convex outline, its upper and lower edges chamfered."""
    import manifold3d

    square = manifold3d.JoinType.Miter
    narrow = outline.offset(-CHAMFER_MM, square)
    wide = manifold3d.Manifold.extrude(outline, high_mm - low_mm - 2 * CHAMFER_MM)
    core = manifold3d.Manifold.extrude(narrow, high_mm - low_mm)
    return manifold3d.Manifold.batch_hull(
        [wide.translate((0, 0, low_mm + CHAMFER_MM)), core.translate((0, 0, low_mm))]
    )


def pin_places(outline: manifold3d.CrossSection, away_mm: float) -> Floats:
    """Return four places (4, 2) at a distance from an outline, at its long ends and sides."""
    around = np.asarray(outline.hull().offset(away_mm).to_polygons()[0])
    middle = (around.min(axis=0) + around.max(axis=0)) / 2
    half = np.ptp(around, axis=0) / 2
    turn = np.degrees(np.arctan2(*((around - middle) / half).T[::-1])) % 360
    order = np.argsort(turn)
    places = [
        [np.interp(each, turn[order], around[order, axis], period=360) for axis in (0, 1)]
        for each in _PIN_TURNS_DEG
    ]
    return np.array(places)


def pin(place: Pin) -> manifold3d.Manifold:
    """Return a pin with its root and its chamfered head."""
    profile = [
        (-_ROOT_MM, PIN_MM),
        (_PIN_HIGH_MM - _PIN_CHAMFER_MM, PIN_MM),
        (_PIN_HIGH_MM, PIN_MM - _PIN_CHAMFER_MM),
    ]
    return turned(profile).translate((place.x_mm, place.y_mm, place.z_mm))


def socket(place: Pin, play_mm: float) -> manifold3d.Manifold:
    """Return the hole for a pin, all around as far from it as the play."""
    profile = [(-_ROOT_MM - BEYOND_MM, PIN_MM + play_mm), (_PIN_HIGH_MM + play_mm, PIN_MM + play_mm)]
    return turned(profile).translate((place.x_mm, place.y_mm, place.z_mm))


def bore(
    place: Floats, low_mm: float, high_mm: float, width_mm: float, draft_deg: float
) -> manifold3d.Manifold:
    """Return a round channel at (2,) that is `width_mm` wide at its upper end and wider below."""
    radius = width_mm / 2
    wide = radius + (high_mm - low_mm) * np.tan(np.radians(draft_deg))
    return turned([(low_mm, float(wide)), (high_mm, radius)]).translate(
        (float(place[0]), float(place[1]), 0.0)
    )


def turned(profile: Sequence[tuple[float, float]]) -> manifold3d.Manifold:
    """Return the body of revolution about z through (height, radius), mm; its circles keep their area."""
    import manifold3d

    angle = 2 * np.pi / SEGMENTS
    grow = float(np.sqrt(angle / np.sin(angle)))
    corners = [
        (0.0, profile[0][0]),
        *((radius * grow, height) for height, radius in profile),
        (0.0, profile[-1][0]),
    ]
    return manifold3d.Manifold.revolve(manifold3d.CrossSection([corners]), SEGMENTS)


def letters(
    lines: Sequence[str], face: manifold3d.CrossSection, height_mm: float, *, upward: bool
) -> manifold3d.Manifold | None:
    """Return the body that engraves lines of text into a flat face; None where no size of them fits.

    Parameters
    ----------
    lines : sequence of str
        From top to bottom.
    face : CrossSection
        The face without its openings.
    height_mm : float
        Its height.
    upward : bool
        Whether it faces up; a text on a face below is read from below.
    """
    polygons = [np.asarray(each) for each in face.offset(-_CLEAR_MM).to_polygons()]
    if not polygons:
        return None
    low = np.concatenate(polygons).min(axis=0)
    count = np.ceil(np.ptp(np.concatenate(polygons), axis=0) / _TRIAL_MM).astype(int) + 1
    places = low + _TRIAL_MM * np.moveaxis(np.indices(tuple(count.tolist())), 0, -1)
    room = np.zeros(tuple(count), bool)
    for polygon in polygons:
        room ^= inside(polygon, places.reshape(-1, 2)).reshape(room.shape)
    for size in _SIZES_MM:
        drawn, extent = strokes(list(lines), size)
        for turn in (0.0, 90.0):
            place = _room_for(room, places, extent if turn == 0 else extent[::-1])
            if place is not None:
                flat = text_outline(drawn, size).rotate(turn)
                flat = flat if upward else flat.scale((-1.0, 1.0))
                start = height_mm - (_DEEP_MM if upward else BEYOND_MM)
                body = flat.extrude(_DEEP_MM + BEYOND_MM)
                return body.translate((float(place[0]), float(place[1]), start))
    return None


def _room_for(room: NDArray[np.bool_], places: Floats, extent: Floats) -> Floats | None:
    """Return the place (2,) nearest to the middle about which a rectangle lies in a face, or None."""
    half = np.ceil(extent / 2 / _TRIAL_MM).astype(int)
    fits = np.argwhere(
        ndimage.minimum_filter(room, size=tuple((2 * half + 1).tolist()), mode="constant", cval=False)
    )
    if not len(fits):
        return None
    away = np.linalg.norm(fits - (np.array(room.shape) - 1) / 2, axis=1)
    return np.asarray(places[tuple(fits[int(np.argmin(np.round(away, 6)))])])
