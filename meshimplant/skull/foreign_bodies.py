"""`remove_foreign`: take what is no bone off a skull: dressings around it, and tubes through its opening."""

from __future__ import annotations

from meshimplant.head.pose import fit_pose
from meshimplant.head.sphere import direction_sphere
from meshimplant.report import Finding
from meshimplant.skull.bone_runs import read_runs
from meshimplant.skull.drain import remove_drains
from meshimplant.skull.dressing import remove_dressing
from meshimplant.skull.enclosure import find_braincase
from meshimplant.skull.remove_flap import flap_findings
from meshimplant.skull.vault_shell import VaultShell
from meshimplant.voxels.volume import Volume


def remove_foreign(bone: Volume) -> tuple[Volume, tuple[Finding, ...]]:
    """Remove dressings and drains from the dense voxels of a scan, say where they were, and name a bone flap.

    A mask that holds none, or that shows no skull, comes back as it is. A flap stays, see `without_flap`.

    Parameters
    ----------
    bone : Volume
        Mask of all dense voxels, bool or uint8.

    Returns
    -------
    bone : Volume
        The mask without them, of the same type.
    findings : tuple of Finding
        ``input.dressing``, see `remove_dressing`, ``input.drain``, see `remove_drains`, and
        ``input.bone_flap`` or ``input.sawn_vault``, see `flap_findings`, with the place.
    """
    if not bone.array.any() or not find_braincase(bone).is_braincase:
        return bone, ()
    pose, directions = fit_pose(bone), direction_sphere()[0]
    runs = read_runs(bone, pose, directions)
    cleared, dressings = remove_dressing(bone, pose, runs)
    if dressings:
        runs = read_runs(cleared, pose, directions)
    shell = VaultShell.of(runs)
    cleared, drains = remove_drains(cleared, pose, runs, shell)
    return cleared, (*dressings, *drains, *flap_findings(cleared, pose, shell))
