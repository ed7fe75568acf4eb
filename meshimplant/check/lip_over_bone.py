"""What a part's onlay lip does to bone, and whether what a part has beyond its border is that lip."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh

from meshimplant.check.gap import measure_penetration
from meshimplant.implant.site import Bone
from meshimplant.mesh.convert import to_manifold
from meshimplant.mesh.deviation import distances_mm
from meshimplant.report import Finding, place_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.fields import sample

#: What lies farther than this from the part without its lip lies over the bone, mm: beyond gap and edge.
_OVER_MM = 2.5
#: A lip may be this much wider than asked for (the gap, and what bone and border leave of it), mm, and stand
#: this much higher above bone than its thickness (the gap, and what rough bone lifts it).
_WIDER_MM, _HIGHER_MM = 4.0, 0.9
#: Share of the part without its lip that the part may lack.
_LACKING = 0.01


def measure_lip_over_bone(
    mesh: trimesh.Trimesh, without_lip: trimesh.Trimesh | None, bone: Bone, spec: ImplantSpec
) -> tuple[dict[str, Any], list[Finding]]:
    """Return how high a lip stands above bone and its least gap to it, and whether it reaches into it.

    Findings: ``lip.unknown`` (warning: a lip is prescribed, and the part without it is not given),
    ``lip.mismatch`` (error: the part without the lip is another one), ``lip.proud`` (warning: it stands
    higher above bone than asked for), and ``fit.penetration``, as `check_fit` has it, for the part with its
    lip.
    """
    if without_lip is None:
        return {}, [] if spec.lip_mm is None else [_unknown()]
    vertices = np.asarray(mesh.vertices)
    from_plain = distances_mm(vertices, without_lip)
    over = from_plain > _OVER_MM
    away = -sample(bone.distance, vertices, fill=-1e3)
    findings = _mismatch(mesh, without_lip, from_plain, spec)
    measures, overlap = measure_penetration(mesh, bone.mask, bone.distance, away)
    if over.any():
        highest = np.flatnonzero(over)[int(np.argmax(away[over]))]
        height, most = float(away[highest]), spec.lip_thickness_mm + _HIGHER_MM
        measures |= {"lip_height_max_mm": height, "lip_gap_min_mm": float(away[over].min())}
        if height > most:
            message = (
                f"the lip stands {height:.1f} mm above the bone, {most:.1f} mm at most were expected: make "
                "the lip for this skull"
            )
            place = place_of(vertices[highest])
            findings.append(Finding("lip.proud", "warning", message, height, most, "mm", place))
    return measures, [*findings, *overlap]


def _unknown() -> Finding:
    message = (
        "the prescription has a lip, and what the part is without it is not known: gap, border and shape are "
        "measured with it: give the part without its lip, which design writes, too"
    )
    return Finding("lip.unknown", "warning", message)


def _mismatch(
    mesh: trimesh.Trimesh, without_lip: trimesh.Trimesh, from_plain: np.ndarray, spec: ImplantSpec
) -> list[Finding]:
    """Return ``lip.mismatch`` where one mesh is not the other one with a lip."""
    widest = (8.0 if spec.lip_mm is None else spec.lip_mm) + _WIDER_MM
    farthest = int(np.argmax(from_plain))
    plain = to_manifold(without_lip)
    lacking = float((plain - to_manifold(mesh)).volume() / plain.volume())
    if from_plain[farthest] <= widest and lacking <= _LACKING:
        return []
    message = (
        f"the part reaches {from_plain[farthest]:.1f} mm beyond the part without its lip, {widest:.1f} mm at "
        f"most were expected, and lacks {100 * lacking:.0f} % of it: give the same part without its lip"
    )
    place = place_of(mesh.vertices[farthest])
    return [Finding("lip.mismatch", "error", message, float(from_plain[farthest]), widest, "mm", place)]
