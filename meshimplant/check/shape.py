"""Whether a part's surfaces lie where an independent reference expects the skull's."""

from __future__ import annotations

from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.check.reference import Reference
from meshimplant.implant.surfaces import OUTER, Surfaces
from meshimplant.report import Finding, Severity, place_of

#: How far a part may lie off the reference where that is certain, mm, and how much more for each mm of its
#: standard deviation. Measured on the true bone of three openings of SkullFix training skulls (deviations 0.5
#: to 0.75 mm): at most 1.2 mm proud, 1.7 mm inward and 3.5 mm sunken.
OFF_MM = {"proud": 1.6, "sunken": 2.0, "inward": 1.6}
OFF_PER_DEVIATION = 2.0

_WORDS = {
    "proud": "lies {:.1f} mm outside the outer surface that the rest of the head leads one to expect",
    "sunken": "lies {:.1f} mm below the outer surface that the rest of the head leads one to expect",
    "inward": "reaches {:.1f} mm inward of the inner surface that the rest of the head leads one to expect",
}
_CURES = {
    "proud": "lower the outer surface there, or complete the skull by another method",
    "sunken": "complete the skull by another method",
    "inward": "make the part thinner there, or move its inner surface outward",
}


def measure_shape(
    mesh: trimesh.Trimesh, surfaces: Surfaces, reference: Reference | None
) -> tuple[dict[str, Any], list[Finding]]:
    """Return how far the part lies outside, below and inside the surfaces of a reference, worst place each.

    ``shape_proud_mm`` and ``shape_inward_mm`` are the largest over all vertices, ``shape_sunken_mm`` the
    largest over those of the outer surface, across the surface. None where the reference says nothing.
    ``shape_compared_fraction`` is the share of vertices that it covers, ``shape_deviation_mm`` how far it may
    be off itself; what is accepted grows with that.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    surfaces : Surfaces
        Its outer and inner surface.
    reference : Reference or None
        The expected skull; None, or one without patches: not measured, which a finding says.
    """
    if reference is None or not reference.patches:
        return _not_measured("no reference was given" if reference is None else reference.reason)
    proud, inward = reference.heights(mesh.vertices)
    known = np.isfinite(proud)
    measures: dict[str, Any] = {
        "shape_compared_fraction": float(known.mean()) if len(known) else 0.0,
        "shape_deviation_mm": reference.deviation_mm,
    }
    values = {
        "proud": np.where(known, proud, -np.inf),
        "sunken": np.where(known & (surfaces.vertex_labels == OUTER), -proud, -np.inf),
        "inward": np.where(known, inward, -np.inf),
    }
    if not known.any():
        return _not_measured("the part lies below the vault, or beside every opening of it")
    findings = []
    cosine = _slant(mesh, surfaces, reference)
    for name, along in values.items():
        across = np.where(np.isfinite(along), along * cosine, -np.inf)
        worst = int(np.argmax(across))
        value = float(across[worst]) if np.isfinite(across[worst]) else None
        measures[f"shape_{name}_mm"] = None if value is None else max(value, 0.0)
        limit = OFF_MM[name] + OFF_PER_DEVIATION * reference.deviation_mm
        if value is not None and value > limit:
            findings.append(_finding(name, value, limit, mesh.vertices[worst]))
    return measures, findings


def _not_measured(reason: str) -> tuple[dict[str, Any], list[Finding]]:
    names = ("compared_fraction", "deviation_mm", *(f"{name}_mm" for name in _WORDS))
    message = f"the shape is compared with nothing but the border: {reason}: inspect it in the pictures"
    return dict.fromkeys(f"shape_{name}" for name in names), [Finding("shape.no_reference", "info", message)]


def _slant(mesh: trimesh.Trimesh, surfaces: Surfaces, reference: Reference) -> NDArray[np.float64]:
    """Return the cosine (n,) between the local outward direction and that from the head's centre."""
    if reference.pose is None:
        return np.ones(len(mesh.vertices))
    arms = np.asarray(mesh.vertices) - reference.pose.centre_mm
    arms /= np.maximum(np.linalg.norm(arms, axis=1, keepdims=True), 1e-9)
    return np.abs(np.einsum("ij,ij->i", arms, surfaces.outward.at(mesh.vertices)))


def _finding(name: str, value: float, limit: float, place: NDArray[np.float64]) -> Finding:
    severity: Severity = "error" if name == "inward" else "warning"
    message = f"the part {_WORDS[name].format(value)}: {_CURES[name]}"
    return Finding(f"shape.{name}", severity, message, value, limit, "mm", place_of(place))
