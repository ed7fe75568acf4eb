"""Align a head to the mean vault: the pitch and the centre, which symmetry alone does not determine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.columns import Columns
from meshimplant.head.latitude_longitude import close_seam, interpolate_map, map_directions
from meshimplant.head.mean_vault import VaultMean, trimmed_rms
from meshimplant.head.pose import CoarseHead, HeadPose, fit_pose
from meshimplant.head.robust_fit import robust_fit
from meshimplant.head.sphere import direction_sphere, read_vault
from meshimplant.voxels.volume import Volume

#: A subdivided sphere keeps its coarser vertices first; these are 4 mm apart on the bone.
ALIGN_COUNT = 10242
#: Weight of a direction: 0 below the first elevation (sine), where face and base are; 1 above the second.
_FADE_SIN = (-0.4, -0.2)
#: Maximum number of rounds of weighting and fitting, and the change, in steps, below which they end.
_ROUNDS, _SETTLED = 10, 1e-3
#: Scale of the robust loss, mm.
_ROBUST_MM = 1.5
#: Rounds of fitting pitch and symmetry plane in turn. After them, three SkullFix heads rotated by 18 degrees
#: have the same frame as unrotated ones to 0.03 mm and 0.25 degrees; with a quarter of the directions in all
#: rounds but the last, to 0.33 degrees.
_ALIGNMENTS = 4
#: Number of directions used to judge a pose, 9 mm apart, and the RMS distance from the mean above which other
#: orientations are tried. A SkullFix skull with its defect: 1.2 mm as it lies, 3.4 mm back to front, 3.0 to
#: 19 mm in the other orientations by quarter turns, except for one that the pitch alone corrects.
_JUDGE_COUNT, _DOUBTFUL_MM = 2562, 3.0
#: Another orientation is chosen if its RMS is below this fraction of the present one; the search ends below
#: this RMS.
_BETTER, _GOOD_MM = 0.7, 2.0
_BACK_TO_FRONT = np.diag([-1.0, -1.0, 1.0])
#: Steps of the finite differences: pitch (radians), shifts and size (mm).
_STEPS = (0.005, 0.5, 0.5, 0.5)


def align_head(skull: Volume, pose: HeadPose, mean: VaultMean) -> tuple[HeadPose, float]:
    """Return the head's frame as determined by the bone alone, and the angle by which the head is turned.

    Symmetry plane and pitch are fitted in turn, until the frame no longer depends on how the head lay in the
    scanner. A head that does not match the mean is also tried back to front, as when a file confuses LPS and
    RAS, and then in the 24 orientations by quarter turns (a minute); another orientation is chosen if it
    matches much better. Only rotations are tried, so left stays left.

    Parameters
    ----------
    skull : Volume
        Mask of the skull.
    pose : HeadPose
        From `fit_pose`.
    mean : VaultMean
        The mean vault.

    Returns
    -------
    pose : HeadPose
    turned_deg : float
        Rotation against the orientation that the file states, degrees; 0 where that orientation was kept.
    """
    rms_mm, head = _mismatch(skull, pose, mean), CoarseHead.of(skull)
    turns = [_BACK_TO_FRONT, *_quarter_turns()] if rms_mm > _DOUBTFUL_MM else []
    turned = False
    for turn in turns:
        other = _turned_pose(head, turn)
        other_mm = _mismatch(skull, other, mean)
        if other_mm < _BETTER * rms_mm:
            pose, rms_mm, turned = other, other_mm, True
        if rms_mm < _GOOD_MM:
            break
    for _ in range(_ALIGNMENTS):
        pose = align_to_mean(pose, read_vault(skull, pose, count=ALIGN_COUNT), mean)
        pose = fit_pose(head, near=pose)
    cosine = np.clip((np.trace(pose.axes) - 1) / 2, -1, 1)
    return pose, float(np.degrees(np.arccos(cosine))) if turned else 0.0


def _mismatch(skull: Volume, pose: HeadPose, mean: VaultMean) -> float:
    """Return the RMS distance of the upper outer bone from the aligned mean, mm, without the farthest 5 %."""
    columns = read_vault(skull, pose, count=_JUDGE_COUNT)
    found = ~columns.missing
    points = direction_sphere()[0][:_JUDGE_COUNT][found] * columns.outer_mm[found, None]
    match = align_points(points, mean)
    moved = move_points(points, match[:3])
    radius = np.linalg.norm(moved, axis=1)
    direction = moved / radius[:, None]
    residual_mm = (radius - match[3] * interpolate_map(_outer_map(mean), direction))[
        direction[:, 2] > _FADE_SIN[1]
    ]
    return trimmed_rms(residual_mm) if len(residual_mm) > _JUDGE_COUNT // 10 else np.inf


def _turned_pose(head: CoarseHead, turn: NDArray[np.float64]) -> HeadPose:
    """Return the pose fitted to the rotated head, expressed in the frame of the head as it lies."""
    pose = fit_pose(head.turned(turn))
    return replace(pose, centre_mm=turn.T @ pose.centre_mm, axes=pose.axes @ turn)


def _quarter_turns() -> Iterator[NDArray[np.float64]]:
    """Yield the 24 rotations that map axes onto axes."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0:
                yield turn


def align_to_mean(pose: HeadPose, columns: Columns, mean: VaultMean) -> HeadPose:
    """Rotate and move a pose within its symmetry plane so that the vault matches the mean.

    A robust loss of the distance between the outer points of the intact columns and the scaled mean is
    minimised over the pitch, two shifts and the scale. The frame then depends on the bone alone, not on how
    the head lay in the scanner.

    Parameters
    ----------
    pose : HeadPose
        From `fit_pose`; its symmetry plane is kept.
    columns : Columns
        Read along the first directions of `direction_sphere` with that pose; `ALIGN_COUNT` of them suffice.
    mean : VaultMean
        The mean vault.

    Returns
    -------
    HeadPose
    """
    chosen = np.flatnonzero(~columns.missing[:ALIGN_COUNT])
    points = direction_sphere()[0][chosen] * columns.outer_mm[chosen, None]
    pitch, back, up = align_points(points, mean)[:3]
    axes = _pitch_matrix(pitch) @ pose.axes
    return replace(pose, axes=axes, centre_mm=pose.centre_mm + back * pose.axes[1] + up * pose.axes[2])


def align_points(points: NDArray[np.float64], mean: VaultMean) -> NDArray[np.float64]:
    """Return pitch (radians), shifts back and up (mm) and size (mm) that align points (n, 3) to the mean."""
    outer = _outer_map(mean)
    size = float(np.median(np.linalg.norm(points, axis=1)))

    def refined(start: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = _weights(points, start)

        def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
            moved = move_points(points, parameters[:3])
            radius = np.linalg.norm(moved, axis=1)
            return weights * (radius - parameters[3] * interpolate_map(outer, moved / radius[:, None]))

        return robust_fit(residuals, start, steps=_STEPS, robust=_ROBUST_MM)

    best = np.array([0.0, 0.0, 0.0, size])
    for _ in range(_ROUNDS):
        before, best = best, refined(best)
        if np.all(np.abs(best - before) < np.multiply(_STEPS, _SETTLED)):
            break
    return best


def _weights(points: NDArray[np.float64], parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights (n,): 1 on the vault, 0 on face and base, in the frame given by the parameters."""
    moved = move_points(points, parameters[:3])
    low, high = _FADE_SIN
    return np.clip((moved[:, 2] / np.linalg.norm(moved, axis=1) - low) / (high - low), 0, 1)


def move_points(points: NDArray[np.float64], pitch_back_up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (n, 3) in the frame that is rotated and shifted by ``(radians, mm back, mm up)``."""
    pitch, back, up = pitch_back_up
    return (points - (0.0, back, up)) @ _pitch_matrix(pitch).T


def _pitch_matrix(pitch: float) -> NDArray[np.float64]:
    """Return the rotation (3, 3) about the left axis."""
    cos, sin = np.cos(pitch), np.sin(pitch)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


@lru_cache(maxsize=2)
def _outer_map(mean: VaultMean) -> NDArray[np.float64]:
    """Return the mean's outer radius as a map over azimuth and elevation."""
    directions = map_directions()
    outer = mean.at(directions.reshape(-1, 3))[0].reshape(directions.shape[:2])
    close_seam(outer)
    return outer
