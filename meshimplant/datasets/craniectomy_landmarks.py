"""Heights of brow, temporal base and foramen magnum, by which the craniectomies of clinics are placed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshimplant.datasets.craniectomy_vault import bone_at
from meshimplant.errors import InputError
from meshimplant.head.braincase import Braincase
from meshimplant.head.columns import read_columns
from meshimplant.head.latitude_longitude import to_direction
from meshimplant.voxels.volume import Volume

#: Where the brow is looked for: mm to the side, depths and heights in the braincase's frame. Seen from the
#: front, the forehead ends where the next bone below lies farther back than this.
_BROW_SIDE_MM = np.arange(22.0, 37.0, 2.0)
_BROW_BACK_MM = np.arange(-125.0, -30.0, 1.0)
_BROW_HEIGHT_MM = np.arange(12.0, -46.0, -1.0)
_ORBIT_DEPTH_MM = 7.0
#: The floor of the middle fossa lies on these rays from the centre (degrees beside the front, and down), at
#: least this far to the side.
_FLOOR_AZIMUTH_DEG = np.arange(62.0, 96.0, 3.0)
_FLOOR_ELEVATION_DEG = np.arange(-58.0, -12.0, 2.0)
_FLOOR_SIDE_MM = 38.0
#: The midline of the occipital bone is followed down to where it ends or jumps back by more than this.
_OCCIPUT_ELEVATION_DEG = np.arange(-10.0, -86.0, -1.0)
_JUMP_MM = 8.0


@dataclass(frozen=True)
class Landmarks:
    """Landmarks of one half of a head in the braincase's frame: mm to the left, back and up from its centre.

    Attributes
    ----------
    side : float
        1 for the left half, -1 for the right one.
    half_width_mm, long_mm, high_mm : float
        Half breadth of the head outside, and the braincase's semi-axes to the back and up.
    brow_mm : float
        Height of the upper rim of the orbit, or of the end of the scan if that is higher.
    temporal_floor_mm : float
        Height of the floor of the middle fossa.
    opisthion_deg : float
        Angle below the long axis at which the occipital bone ends in the midline: the rear rim of the foramen
        magnum, or the end of the scan.
    """

    side: float
    half_width_mm: float
    long_mm: float
    high_mm: float
    brow_mm: float
    temporal_floor_mm: float
    opisthion_deg: float


def read_landmarks(skull: Volume, frame: Braincase, side: float) -> Landmarks:
    """Read the landmarks of the left (side 1) or right (-1) half of a complete skull.

    Raises
    ------
    InputError
        The temples are not in the scan.
    """
    return Landmarks(
        side=side,
        half_width_mm=_half_width(skull, frame, side),
        long_mm=float(frame.semi_axes_mm[0]),
        high_mm=float(frame.semi_axes_mm[1]),
        brow_mm=_brow(skull, frame, side),
        temporal_floor_mm=_temporal_floor(skull, frame, side),
        opisthion_deg=_opisthion(skull, frame),
    )


def _half_width(skull: Volume, frame: Braincase, side: float) -> float:
    """Return the median outer distance from the midline to the side of the head, at ear and above."""
    rays = np.array([to_direction(90 - 90 * side + turn, up) for turn in (-10, 0, 10) for up in (0, 10, 20)])
    outer = read_columns(skull, frame.centre_mm, rays @ frame.axes).outer_mm
    if np.isnan(outer).all():
        raise InputError(
            "expected bone at the side of the head, got none: pass a complete skull with both temples"
        )
    return float(np.nanmedian(outer * np.abs(rays[:, 0])))


def _brow(skull: Volume, frame: Braincase, side: float) -> float:
    """Return the height, median over the orbit's width, at which the forehead ends as seen from the front."""
    left, up, back = np.meshgrid(side * _BROW_SIDE_MM, _BROW_HEIGHT_MM, _BROW_BACK_MM, indexing="ij")
    bone = bone_at(skull, frame.to_mm(np.stack([left, back, up], axis=-1)))
    front = np.where(bone.any(axis=-1), bone.argmax(axis=-1), len(_BROW_BACK_MM))
    ended = np.diff(front, axis=1) > _ORBIT_DEPTH_MM
    last = np.where(ended.any(axis=1), ended.argmax(axis=1), ended.shape[1])
    return float(np.median(_BROW_HEIGHT_MM[last]))


def _temporal_floor(skull: Volume, frame: Braincase, side: float) -> float:
    """Return the height of the deepest part of the middle fossa."""
    rays = np.array(
        [to_direction(-90 + side * turn, up) for turn in _FLOOR_AZIMUTH_DEG for up in _FLOOR_ELEVATION_DEG]
    )
    points = rays * read_columns(skull, frame.centre_mm, rays @ frame.axes).inner_mm[:, None]
    beside = side * points[:, 0] > _FLOOR_SIDE_MM
    if np.count_nonzero(beside) < 20:
        raise InputError(
            "expected the inside of the temple, got no bone there: pass a skull scanned down to its base"
        )
    return float(np.percentile(points[beside, 2], 4))


def _opisthion(skull: Volume, frame: Braincase) -> float:
    """Return the elevation, degrees, at which the bone of the back of the head ends in the midline."""
    ends = []
    for beside in (-4.0, 0.0, 4.0):
        rays = np.array([to_direction(90 + beside, up) for up in _OCCIPUT_ELEVATION_DEG])
        inner = read_columns(skull, frame.centre_mm, rays @ frame.axes).inner_mm
        ended = np.isnan(inner) | (np.diff(inner, prepend=inner[0]) > _JUMP_MM)
        ends.append(_OCCIPUT_ELEVATION_DEG[max(int(ended.argmax()) - 1, 0)] if ended.any() else -85.0)
    return float(np.median(ends))
