"""Lay a head on the mean vault: the nod and the centre that scan and neck leave open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.columns import Columns
from meshimplant.head.latitude_longitude import close_seam, map_directions, read_map
from meshimplant.head.mean_vault import VaultMean, trimmed_rms
from meshimplant.head.pose import CoarseHead, HeadPose, fit_pose
from meshimplant.head.robust_fit import robust_fit
from meshimplant.head.sphere import direction_sphere, read_vault
from meshimplant.voxels.volume import Volume

#: A subdivided sphere keeps its coarser vertices first; these are 4 mm apart on the bone.
ALIGN_COUNT = 10242
#: Directions below the first elevation (sine) are face and base and take no part; above the second they count in full.
_FADE_SIN = (-0.4, -0.2)
#: Rounds of weighting and fitting, and the change, in steps, below which they end.
_ROUNDS, _SETTLED = 10, 1e-3
_ROBUST_MM = 1.5
#: Rounds of nod and symmetry plane. After them three SkullFix heads turned by 18 degrees have the same frame as unturned, to
#: 0.03 mm and 0.25 degrees; with a quarter of the directions in all rounds but the last, it moves by up to 0.33 degrees.
_ALIGNMENTS = 4
#: Directions read to judge a pose, 9 mm apart, and the RMS from the mean beyond which a head may lie otherwise than its file
#: says. A SkullFix skull with its defect: 1.2 mm as it lies, 3.4 mm back to front, 3.0 to 19 mm in the other positions that
#: quarter turns give, but for one, where the nod alone brings it back.
_JUDGE_COUNT, _DOUBTFUL_MM = 2562, 3.0
#: Another position is taken at this fraction of the RMS, and none is looked for beyond one below this RMS.
_BETTER, _GOOD_MM = 0.7, 2.0
_BACK_TO_FRONT = np.diag([-1.0, -1.0, 1.0])
#: Steps of the slopes: nod (radians), shifts and size (mm).
_STEPS = (0.005, 0.5, 0.5, 0.5)


def align_head(skull: Volume, pose: HeadPose, mean: VaultMean) -> tuple[HeadPose, float]:
    """Return the head's frame as the bone alone decides it, and by how many degrees the head lies otherwise than its file says.

    Symmetry plane and nod are fitted in turn until a turned head has the same frame. A head that does not match the mean is
    tried back to front, as when a file takes LPS for RAS, and then in the 24 positions that quarter turns give (a minute);
    another position is taken if it matches much better. Left stays left: a turn mirrors nothing.
    `pose` is what `fit_pose` found.
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
    """Return how far the upper half of the outer bone lies from the mean laid on it, mm (RMS, the farthest 5 % left out)."""
    columns = read_vault(skull, pose, count=_JUDGE_COUNT)
    found = ~columns.missing
    points = direction_sphere()[0][:_JUDGE_COUNT][found] * columns.outer_mm[found, None]
    match = match_nod(points, mean)
    moved = move_points(points, match[:3])
    radius = np.linalg.norm(moved, axis=1)
    direction = moved / radius[:, None]
    left = (radius - match[3] * read_map(_outer_map(mean), direction))[direction[:, 2] > _FADE_SIN[1]]
    return trimmed_rms(left) if len(left) > _JUDGE_COUNT // 10 else np.inf


def _turned_pose(head: CoarseHead, turn: NDArray[np.float64]) -> HeadPose:
    """Return the pose that is found when the patient is turned, in the frame of the head as given."""
    pose = fit_pose(head.turned(turn))
    return replace(pose, centre_mm=turn.T @ pose.centre_mm, axes=pose.axes @ turn)


def _quarter_turns() -> Iterator[NDArray[np.float64]]:
    """Yield the 24 rotations that bring axes to axes."""
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            turn = np.zeros((3, 3))
            turn[range(3), order] = signs
            if np.linalg.det(turn) > 0:
                yield turn


def align_to_mean(pose: HeadPose, columns: Columns, mean: VaultMean) -> HeadPose:
    """Return the pose nodded and moved within the symmetry plane so that the vault matches the mean.

    The intact columns' outer points are moved; a robust loss of their distance to the scaled mean is minimised over nod, two
    shifts and the scale. So the frame depends on the bone alone, and not on how the head lay in the scanner.

    Parameters
    ----------
    pose
        From `fit_pose`; its symmetry plane is kept.
    columns
        Read along the first directions of `direction_sphere` with that pose; `ALIGN_COUNT` of them are plenty.
    mean
        The mean vault.
    """
    chosen = np.flatnonzero(~columns.missing[:ALIGN_COUNT])
    points = direction_sphere()[0][chosen] * columns.outer_mm[chosen, None]
    nod, back, up = match_nod(points, mean)[:3]
    axes = _nod_matrix(nod) @ pose.axes
    return replace(pose, axes=axes, centre_mm=pose.centre_mm + back * pose.axes[1] + up * pose.axes[2])


def match_nod(points: NDArray[np.float64], mean: VaultMean) -> NDArray[np.float64]:
    """Return nod (radians), shifts back and up (mm) and size (mm) that lay points (n, 3) of the head's frame on the mean."""
    outer = _outer_map(mean)
    size = float(np.median(np.linalg.norm(points, axis=1)))

    def refined(start: NDArray[np.float64]) -> NDArray[np.float64]:
        weights = _weights(points, start)

        def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
            moved = move_points(points, parameters[:3])
            radius = np.linalg.norm(moved, axis=1)
            return weights * (radius - parameters[3] * read_map(outer, moved / radius[:, None]))

        return robust_fit(residuals, start, steps=_STEPS, robust=_ROBUST_MM)

    best = np.array([0.0, 0.0, 0.0, size])
    for _ in range(_ROUNDS):
        before, best = best, refined(best)
        if np.all(np.abs(best - before) < np.multiply(_STEPS, _SETTLED)):
            break
    return best


def _weights(points: NDArray[np.float64], parameters: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 on the vault and 0 on face and base, judged in the frame that the parameters give."""
    moved = move_points(points, parameters[:3])
    low, high = _FADE_SIN
    return np.clip((moved[:, 2] / np.linalg.norm(moved, axis=1) - low) / (high - low), 0, 1)


def move_points(points: NDArray[np.float64], nod_back_up: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (n, 3) in the frame that is nodded and shifted by ``(radians, mm, mm)``."""
    nod, back, up = nod_back_up
    return (points - (0.0, back, up)) @ _nod_matrix(nod).T


def _nod_matrix(nod: float) -> NDArray[np.float64]:
    cos, sin = np.cos(nod), np.sin(nod)
    return np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])


@lru_cache(maxsize=2)
def _outer_map(mean: VaultMean) -> NDArray[np.float64]:
    """Return the mean's outer radius as a map over azimuth and elevation."""
    directions = map_directions()
    outer = mean.at(directions.reshape(-1, 3))[0].reshape(directions.shape[:2])
    close_seam(outer)
    return outer
