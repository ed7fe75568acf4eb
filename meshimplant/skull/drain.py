"""`remove_drains`: take tubes and cables that pass through the opening out of the bone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, grow, is_vault, nearest_direction
from meshimplant.report import Finding, place_of
from meshimplant.skull.bone_runs import BoneRuns
from meshimplant.skull.vault_shell import VaultShell
from meshimplant.voxels.grid import box_slices
from meshimplant.voxels.volume import Volume

#: Openings below this elevation (sine), and those of the face, are natural.
_LOWEST_SIN = -0.3
#: A tube reaches at least this far into the head below the vault, and this far out of it, mm.
_INSIDE_MM, _OUTSIDE_MM = 5.0, 2.0
#: Bone this far below or above the vault is that of the vault: its surfaces are known to about 2 mm.
_BELOW_MM, _ABOVE_MM = 3.0, 2.0
#: How far below and above the vault, and beyond the opening, a tube is followed, mm.
_DEPTH_MM, _HEIGHT_MM, _BESIDE_RINGS = 40.0, 20.0, 8
#: Around the place where it crosses the vault, within this distance, everything lies as close to one axis as
#: the radius of the widest tube and a voxel, mm.
_AROUND_MM, _WIDEST_RADIUS_MM = 9.0, 3.2
#: Its length there is this many times its width at least.
_SLENDER = 2.5
#: Places within the vault at which that is tried, and the fewest voxels around one.
_PLACES, _LEAST_VOXELS = 40, 8
#: Smaller pieces are specks, mm3.
_LEAST_MM3 = 25.0


@dataclass(frozen=True, eq=False)
class _Tube:
    """A tube: its voxels (n, 3), where it crosses the vault, its direction outwards, and its width."""

    index: NDArray[np.int64]
    place_mm: NDArray[np.float64]
    outward: NDArray[np.float64]
    width_mm: float


def remove_drains(
    bone: Volume, pose: HeadPose, runs: BoneRuns, shell: VaultShell
) -> tuple[Volume, tuple[Finding, ...]]:
    """Remove tubes and cables that run from outside through the opening into the head.

    In the cone of the opening, below and above the vault, whatever is connected, slender, and reaches from
    outside to inside is a tube: a drain, a shunt, the lead of an electrode. Those that run along the bone
    without passing through the opening are not looked for.

    Parameters
    ----------
    bone : Volume
        Mask of all dense voxels, bool or uint8.
    pose : HeadPose
        The head's frame.
    runs : BoneRuns
        Its runs of bone along `direction_sphere`.
    shell : VaultShell
        Its vault.

    Returns
    -------
    bone : Volume
        The mask without the tubes, of the same type.
    findings : tuple of Finding
        ``input.drain``, a warning for each: where it crosses the vault, its width and direction.
    """
    directions = direction_sphere()[0]
    opening = shell.opening & is_vault(directions) & (directions[:, 2] > _LOWEST_SIN)
    if not _is_crossed(runs, shell, opening):
        return bone, ()
    tubes = list(_tubes(bone, pose, shell, opening))
    if not tubes:
        return bone, ()
    cleared = bone.array.copy(order="K")
    for tube in tubes:
        cleared[tuple(tube.index.T)] = 0
    return bone.with_array(cleared), tuple(_finding(tube) for tube in tubes)


def _is_crossed(runs: BoneRuns, shell: VaultShell, opening: NDArray[np.bool_]) -> bool:
    """Return whether anything lies below the vault near the opening."""
    near = grow(opening, 2)[runs.ray]
    return bool(np.any(near & (runs.begin_mm < shell.inner_mm[runs.ray] - _BELOW_MM)))


def _tubes(bone: Volume, pose: HeadPose, shell: VaultShell, opening: NDArray[np.bool_]) -> Iterator[_Tube]:
    """Yield the tubes through an opening."""
    import cc3d

    start, stop = _box(bone, pose, shell, opening)
    box = box_slices(start, stop)
    index = np.argwhere(bone.array[box] != 0)
    local = (bone.to_mm(index + start) - pose.centre_mm) @ pose.axes.T
    radius, ray = np.linalg.norm(local, axis=1), nearest_direction(local)
    above, below = radius - shell.outer_mm[ray], shell.inner_mm[ray] - radius
    free = (below > _BELOW_MM) | (above > _ABOVE_MM) | opening[ray]
    index, local, ray, above, below = (values[free] for values in (index, local, ray, above, below))
    loose = np.zeros(np.subtract(stop, start), np.uint8)
    loose[tuple(index.T)] = 1
    piece = np.asarray(cc3d.connected_components(loose, connectivity=26))[tuple(index.T)]
    level = np.abs(above - below)  # 0 halfway between the surfaces of the vault
    within = (below <= _BELOW_MM) & (above <= _ABOVE_MM)
    deep = np.bincount(piece, below > _INSIDE_MM) > 0
    high = np.bincount(piece, above > _OUTSIDE_MM) > 0
    volume_mm3 = np.bincount(piece) * bone.voxel_volume_mm3
    for n in np.flatnonzero(deep & high & (volume_mm3 >= _LEAST_MM3)):
        mine = piece == n
        tube = _tube_of(bone, pose, index[mine] + start, local[mine], within[mine], level[mine])
        if tube is not None:
            yield tube


def _box(
    bone: Volume, pose: HeadPose, shell: VaultShell, opening: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the index box around an opening, and what lies below, above and beside it."""
    near = grow(opening, _BESIDE_RINGS)
    rays = direction_sphere()[0][near] @ pose.axes
    low, high = shell.inner_mm[near] - _DEPTH_MM, shell.outer_mm[near] + _HEIGHT_MM
    known = np.isfinite(low) & np.isfinite(high)
    ends = np.concatenate([low[known, None] * rays[known], high[known, None] * rays[known]])
    start, stop = bone.box_around(pose.centre_mm + ends)
    return np.clip(start, 0, bone.shape), np.clip(stop, 0, bone.shape)


def _tube_of(
    bone: Volume,
    pose: HeadPose,
    index: NDArray[np.int64],
    local: NDArray[np.float64],
    within: NDArray[np.bool_],
    level: NDArray[np.float64],
) -> _Tube | None:
    """Return a piece as a tube, if it is slender where it crosses the vault."""
    centres = local[within][np.argsort(level[within], kind="stable")]
    fits = [_fit(local, centre) for centre in centres[:: max(1, len(centres) // _PLACES)]]
    straight = [fit for fit in fits if fit is not None]
    if not straight:
        return None
    # The place nearest to the middle of the vault that is not at a bend.
    narrowest_mm = min(fit.radius_mm for fit in straight)
    best = next(fit for fit in straight if fit.radius_mm < narrowest_mm + bone.spacing_mm.mean() / 2)
    voxel_mm = float(bone.spacing_mm.mean())
    width_mm = 2 * best.radius_mm + 0.5 * voxel_mm
    # Where the tube leans against the wall of the opening, the bone beside it stays.
    near = np.linalg.norm(local - best.middle_mm, axis=1) < _AROUND_MM
    wall = within & near & (_beside(local, best.middle_mm, best.axis) > width_mm / 2 + voxel_mm)
    return _Tube(index[~wall], pose.centre_mm + best.middle_mm @ pose.axes, best.axis @ pose.axes, width_mm)


@dataclass(frozen=True, eq=False)
class _Fit:
    """A straight piece of a tube, in the head's frame."""

    middle_mm: NDArray[np.float64]
    axis: NDArray[np.float64]
    radius_mm: float


def _fit(local: NDArray[np.float64], centre: NDArray[np.float64]) -> _Fit | None:
    """Fit a straight piece to the points (n, 3) around a place; None if they are not slender there."""
    near = local[np.linalg.norm(local - centre, axis=1) < _AROUND_MM]
    if len(near) < _LEAST_VOXELS:
        return None
    middle = near.mean(axis=0)
    spread, axes = np.linalg.eigh(np.cov((near - middle).T))
    axis = axes[:, 2] * (1 if axes[:, 2] @ centre > 0 else -1)
    beside = _beside(near, middle, axis)
    if np.percentile(beside, 98) > _WIDEST_RADIUS_MM or spread[2] < _SLENDER**2 * spread[1]:
        return None
    return _Fit(middle, axis, float(np.percentile(beside, 95)))


def _beside(
    local: NDArray[np.float64], middle: NDArray[np.float64], axis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the distances (n,) of points from a line."""
    arms = local - middle
    return np.asarray(np.linalg.norm(arms - (arms @ axis)[:, None] * axis, axis=1))


def _finding(tube: _Tube) -> Finding:
    x, y, z = tube.outward
    message = (
        f"A tube or cable {tube.width_mm:.1f} mm wide (a drain, a shunt, an electrode's lead) passes through "
        f"the opening, outwards along ({x:.2f}, {y:.2f}, {z:.2f}) LPS, and was left out of the bone: the "
        "part closes its way. Ask whether it stays, and if so leave a hole or a notch "
        f"{tube.width_mm + 2:.0f} mm wide for it there."
    )
    return Finding("input.drain", "warning", message, tube.width_mm, None, "mm", place_of(tube.place_mm))
