"""`without_flap`: leave a bone flap out of a skull, and name one that is in it."""

from __future__ import annotations

from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.head.sphere import direction_sphere
from meshimplant.report import Finding, Severity, place_of
from meshimplant.skull.bone_flap import Flap, find_flap
from meshimplant.skull.bone_runs import read_runs
from meshimplant.skull.enclosure import find_braincase
from meshimplant.skull.vault_shell import VaultShell
from meshimplant.voxels.volume import Volume

#: A flap whose surface is off by less is in place, mm. Where the vault is round, flaps that were sawn out on
#: the computer and not moved were measured as 1.7 and 2.3 mm raised.
_IN_PLACE_MM = 3.0


def without_flap(skull: Volume) -> tuple[Volume, Finding]:
    """Leave the bone flap out of a skull, so that a part is designed to replace it.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone.

    Returns
    -------
    skull : Volume
        The mask without the flap, of the same type.
    finding : Finding
        ``input.bone_flap``: its place, area and position.

    Raises
    ------
    InputError
        There is no flap, see `find_flap`.
    """
    flap = None
    if skull.array.any() and find_braincase(skull).is_braincase:
        pose = fit_pose(skull)
        flap = find_flap(skull, pose, VaultShell.of(read_runs(skull, pose, direction_sphere()[0])))
    if flap is None or flap.is_half_vault:
        found = "none" if flap is None else "a skull sawn in two"
        raise InputError(
            "expected a bone flap, a plate of the vault that a saw line separates nearly all round, to leave "
            f"out, got {found}: leave --remove-flap out, or cut the flap from the mask by hand"
        )
    array = skull.array.copy(order="K")
    array[tuple(flap.voxels.T)] = 0
    message = f"{_described(flap)}, was left out as asked: the part replaces it."
    return skull.with_array(array), _finding("input.bone_flap", "warning", message, flap)


def flap_findings(bone: Volume, pose: HeadPose, shell: VaultShell) -> tuple[Finding, ...]:
    """Return a finding that names the bone flap in a skull, or a saw line all round its vault.

    Parameters
    ----------
    bone : Volume
        Mask; non-zero is bone.
    pose : HeadPose
        The head's frame.
    shell : VaultShell
        Its vault.

    Returns
    -------
    tuple of Finding
        ``input.bone_flap``, a warning, or ``input.sawn_vault``, for the record; empty without either.
    """
    flap = find_flap(bone, pose, shell)
    if flap is None:
        return ()
    if flap.is_half_vault:
        message = (
            "A saw line runs all round the vault, and its top lies on the rest, as in an anatomical "
            "specimen: both count as bone."
        )
        return (_finding("input.sawn_vault", "info", message, flap),)
    where = (
        "it counts as bone, and its opening as closed"
        if abs(flap.offset_mm) < _IN_PLACE_MM
        else "it counts as bone, and stands in the way of a part"
    )
    message = f"{_described(flap)}: {where}. If the part is to replace it, leave it out with --remove-flap."
    return (_finding("input.bone_flap", "warning", message, flap),)


def _described(flap: Flap) -> str:
    """Return the flap in words, with its area and position."""
    if abs(flap.offset_mm) < _IN_PLACE_MM:
        position = "in place"
    else:
        position = f"{'sunken' if flap.offset_mm < 0 else 'raised'} by {abs(flap.offset_mm):.0f} mm"
    return f"A bone flap of {flap.area_mm2 / 100:.0f} cm2 within a saw line in the vault, {position}"


def _finding(code: str, severity: Severity, message: str, flap: Flap) -> Finding:
    return Finding(code, severity, message, flap.area_mm2, None, "mm2", place_of(flap.place_mm))
