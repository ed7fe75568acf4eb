"""`reference_of`: the surface that a part in a skull is checked against, which no part has a share in."""

from __future__ import annotations

from meshimplant.check.reference import Reference, ReferencePatch
from meshimplant.complete.estimate_vault import Estimate, estimate_vault
from meshimplant.complete.trusted_columns import THICKNESS_RANGE_MM
from meshimplant.errors import MeshImplantError, require_type
from meshimplant.head.mean_vault import flat_vault
from meshimplant.head.pose import CoarseHead, fit_pose
from meshimplant.head.sphere import direction_sphere
from meshimplant.skull.defect import find_defects
from meshimplant.skull.require_skull import require_skull
from meshimplant.voxels.volume import Volume


def reference_of(skull: Volume) -> Reference:
    """Return the vault that is expected over the openings of a skull, from this head alone.

    It is the surface of method ``mirror``: the other side where that is intact, bent to the bone around the
    opening, and the smoothest continuation of that bone where it is not. No population and no part enters.

    Parameters
    ----------
    skull : Volume
        Mask of the defective skull; non-zero is bone.

    Returns
    -------
    Reference
        Without patches, and with the reason, where the head does not allow one: it is not whole enough for
        its frame, or the vault has no opening.
    """
    require_type(skull, Volume, "the defective skull")
    try:
        require_skull(skull)
        head = CoarseHead.of(skull)
        pose = fit_pose(head)
        openings = find_defects(skull, pose)
        estimates = [estimate_vault(openings, each, {"mirror": flat_vault()}) for each in openings.defects]
    except (MeshImplantError, ValueError) as error:
        return Reference(None, (), reason=" ".join(str(error).split()))
    directions = direction_sphere()[0]
    rays = tuple(directions[defect.members] for defect in (*openings.defects, *openings.small))
    return Reference(pose, tuple(map(_patch, estimates)), head.field, rays)


def _patch(estimate: Estimate) -> ReferencePatch:
    outer, thickness = estimate.outer_mm[0], estimate.thickness_mm[0]
    inner = outer - thickness.clip(min=THICKNESS_RANGE_MM[0])
    return ReferencePatch(estimate.chart, outer, inner, estimate.deviation_mm)
