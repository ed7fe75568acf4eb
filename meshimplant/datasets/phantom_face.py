"""The phantom's face: orbits, nose, cheek bones, upper jaw, teeth; in the frame of `phantom_base`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.datasets.phantom_base import bump, foramen_magnum
from meshimplant.datasets.phantom_solids import Field, Points, box, chain, cut, ellipsoid, join, meet, rod

#: Upper edge of the cheek bone's arch.
_ARCH = (
    (49.0, -62.0, -53.0),
    (60.0, -46.0, -50.0),
    (65.0, -24.0, -47.0),
    (63.0, -4.0, -44.0),
    (58.0, 6.0, -43.0),
)


def face(points: Points, phases: NDArray[np.float64]) -> Field:
    """Return the bones of the face and the processes below the base; `carve_face` cuts the cavities."""
    half = points.copy()
    half[0] = np.abs(half[0])
    field = chain(half, ((8, -85, -20), (30, -82, -15), (49, -68, -22)), 5.0)  # upper rim of the orbit
    parts = (
        rod(half, (31, -73, -36), (12, -36, -33), 22.5, 9),  # walls of the orbit
        chain(half, ((50, -67, -22), (50, -66, -52)), 5.0),  # lateral rim
        chain(half, ((11, -84, -24), (19, -81, -64)), 5.5),  # medial rim
        rod(points, (0, -84, -20), (0, -96, -44), 6.0, 4.0),  # bridge of the nose
        rod(half, (6, -89, -32), (17, -84, -62), 4.5, 5.0),  # side of the nose
        ellipsoid(half, (46, -66, -58), (11, 10, 12)),  # cheek bone
        rod(half, (45, -69, -58), (25, -79, -59), 7.0),  # lower rim
        ellipsoid(half, (23, -66, -64), (20, 21, 20)),  # upper jaw
        _dental_arch(points),
        _teeth(points, phases),
        box(points, (0, -62, -77), (24, 22, 1.8)) - bump(half[0], 8) * 0.5,  # palate
        rod(half, (14, -36, -46), (15, -38, -84), 3.5, 2.5),  # pterygoid, medial plate
        rod(half, (18, -33, -46), (24, -31, -82), 3.5, 2.5),  # pterygoid, lateral plate
        ellipsoid(half, (0, -22, -40), (17, 22, 13)),  # body of the sphenoid
        rod(half, (53, 15, -44), (51, 13, -73), 12.0, 5.5),  # mastoid
        rod(half, (63, 4, -51), (44, 2, -49), 7.5),  # bone around the ear canal
        rod(half, (42, 5, -60), (37, 0, -82), 2.4, 1.4),  # styloid
        ellipsoid(half, (15, 14, -68), (6, 11, 6)),  # condyle
        chain(half, _ARCH, 2.6),
        chain(half, tuple((x, y, z - 5) for x, y, z in _ARCH[:-1]), 2.2),
    )
    for part in parts:
        field = join(field, part, 3.0)
    return field


def frontal_sinus(points: Points, scale: float) -> Field:
    """Return the two air cells behind the brow, the part of the face that varies most in size."""
    half = points.copy()
    half[0] = np.abs(half[0])
    return ellipsoid(half, (9, -84, -12), (8 * scale, 4.5, 7 * scale))


def carve_face(bone: Field, points: Points, base: Points, phases: NDArray[np.float64]) -> Field:
    """Cut orbits, nose, sinuses, ear canal and foramen magnum; restore septum and ethmoid within the nose.

    Parameters
    ----------
    bone : array
        Field of the bone.
    points : (3, ...) array
        Points in the frame of the standard face.
    base : (3, ...) array
        The same points in the frame of the braincase.
    phases : (6,) array
        Random phases of the small structures.
    """
    half = points.copy()
    half[0] = np.abs(half[0])
    nose = join(
        ellipsoid(points, (0, -68, -58), (12.5, 44, 18)), ellipsoid(points, (0, -92, -54), (9, 16, 16)), 4.0
    )
    voids = (
        rod(half, (34, -86, -36), (13, -38, -32), 18.0, 4.5),  # orbit
        nose,
        ellipsoid(half, (27, -62, -62), (12, 15, 14)),  # maxillary sinus
        ellipsoid(half, (0, -26, -39), (9, 10, 7)),  # sphenoid sinus
        rod(half, (80, 5, -52), (50, 2, -50), 3.0),  # ear canal
    )
    for void in voids:
        bone = cut(bone, void, 1.5)
    plates = np.maximum(_septum(points), _ethmoid(points, phases))
    bone = np.maximum(bone, np.minimum(plates, nose + 6))
    return cut(bone, foramen_magnum(base), 3.0)


def _arch_distance(points: Points) -> tuple[Field, Field]:
    """Return the distance from the curve of the teeth, mm, and the position along it as an angle."""
    across, ahead = points[0] / 27, (points[1] + 52) / 36
    radius = np.sqrt(across * across + ahead * ahead)
    distance = np.abs(radius - 1) * 29
    behind = np.maximum(points[1] + 46, 0)
    return np.sqrt(distance * distance + behind * behind), np.arctan2(across, -ahead)


def _dental_arch(points: Points) -> Field:
    distance, _ = _arch_distance(points)
    return meet(6.5 - distance, 10 - np.abs(points[2] + 81), 7.0)


def _teeth(points: Points, phases: NDArray[np.float64]) -> Field:
    distance, angle = _arch_distance(points)
    gaps = np.float32(1.3) * np.cos(np.float32(28.0) * angle)
    length = 9 + np.float32(0.8) * np.cos(9 * angle + np.float32(phases[0]))
    return np.minimum(3.6 + np.minimum(gaps, 0.6) - distance, length - np.abs(points[2] + 90))


def _septum(points: Points) -> Field:
    bend = np.float32(1.5) * np.sin(points[2] / 14) * np.sin(points[1] / 17)
    plate = np.float32(1.0) - np.abs(points[0] - bend)
    return np.minimum(plate, box(points, (0, -62, -54), (4, 24, 24)))


def _ethmoid(points: Points, phases: NDArray[np.float64]) -> Field:
    """Return thin walls of many small cells between the orbits: the zero level of a gyroid."""
    x, y, z = (points[a] * np.float32(2 * np.pi / 13) + np.float32(phases[a + 1]) for a in range(3))
    gyroid = np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)
    return np.minimum(np.float32(1.1) - 2.2 * np.abs(gyroid), box(points, (0, -58, -42), (11, 22, 10)))
