"""Which model a head is completed with, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.estimate_vault import Estimate
from meshimplant.complete.shape_model import HELD_MM
from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.report import Finding
from meshimplant.skull.defect import Defect

#: RMS of the intact bone from the nearest model above which to warn, and to refuse.
RESIDUAL_WARN_MM, RESIDUAL_REFUSE_MM = 1.5, 3.0
#: 95th percentile of the distance between two methods' surfaces in the opening above which to warn.
DISAGREE_MM = 3.0


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How far apart two methods' surfaces lie in one opening.

    Attributes
    ----------
    methods : tuple of str
        The one that was taken, and the one that is farthest from it.
    points_mm : (n, 3) array
        LPS points on the outer surface of the one that was taken.
    apart_mm : (n,) array
        The larger of the distances between the outer and the inner surfaces there.
    """

    methods: tuple[str, str]
    points_mm: NDArray[np.float64]
    apart_mm: NDArray[np.float64]

    @property
    def p95_mm(self) -> float:
        """95th percentile of the distances."""
        return float(np.percentile(self.apart_mm, 95))


def choose(estimate: Estimate, defect: Defect) -> tuple[str, str]:
    """Return the model to take, of those that were tried, and why."""
    residuals = dict(zip(estimate.names, (vault.residual_mm for vault in estimate.fitted), strict=True))
    where = (
        "the defect crosses the midline, so shape comes from the bone around it as much as from the other side"
        if defect.crosses_midline
        else "the other side is intact, so shape comes from it, blended into the rim"
    )
    if estimate.names == ("mirror",):
        return "mirror", f"nothing but this head was asked: {where}"
    told = ", ".join(f"{name} {residuals[name]:.1f} mm" for name in estimate.names if name != "mirror")
    if "network" in residuals:
        held = len(estimate.fitted[estimate.names.index("network")].coefficients) > 0
        beside = "holds this head and counts as much" if held else "does not hold this head and was left out"
        return (
            "network",
            f"a network was asked to correct the mean vault; the shape model {beside} (RMS off the intact bone: {told}); {where}",
        )
    if {"ssm", "template"} <= set(residuals):
        name, how = ("ssm", "holds") if residuals["ssm"] <= HELD_MM else ("template", "does not hold")
        return name, f"the shape model {how} this head (RMS off the intact bone: {told}); {where}"
    return estimate.names[0], f"the only model asked (RMS off the intact bone: {told}); {where}"


def require_a_head(estimate: Estimate) -> None:
    """Raise `InputError` when the intact bone is like no head of the population."""
    residual_mm = _nearest(estimate)
    if residual_mm is not None and residual_mm > RESIDUAL_REFUSE_MM:
        raise InputError(
            f"expected intact bone within {RESIDUAL_REFUSE_MM:g} mm (RMS) of a head of the population, got {residual_mm:.1f} mm: "
            "check that this is an adult skull with its top up, or complete it with method mirror, which asks no population"
        )


def residual_findings(estimate: Estimate) -> list[Finding]:
    """Return the warning that the head is unlike the population."""
    residual_mm = _nearest(estimate)
    if residual_mm is None or residual_mm <= RESIDUAL_WARN_MM:
        return []
    message = "this head is unlike those that the model was made of: look at the shape before you use it"
    return [Finding("complete.unlike_model", "warning", message, residual_mm, RESIDUAL_WARN_MM, "mm")]


def compare(estimate: Estimate, chosen: str, defect: Defect, pose: HeadPose) -> Disagreement | None:
    """Return how far the farthest other method lies from the chosen one in the opening; None where no other was tried."""
    if len(estimate.names) < 2:
        return None
    directions = direction_sphere()[0][defect.members]
    directions = directions[is_vault(directions)]
    if len(directions) == 0:
        return None
    node = tuple(np.rint(estimate.chart.to_nodes(directions)).astype(int))
    outer = np.array([surface[node] for surface in estimate.outer_mm])
    inner = outer - np.array([thickness[node] for thickness in estimate.thickness_mm])
    own = estimate.names.index(chosen)
    apart = np.maximum(np.abs(outer - outer[own]), np.abs(inner - inner[own]))
    other = int(np.argmax(np.percentile(apart, 95, axis=1)))
    points = pose.centre_mm + outer[own][:, None] * directions @ pose.axes
    return Disagreement((chosen, estimate.names[other]), points, apart[other])


def disagreement_findings(found: Disagreement | None) -> list[Finding]:
    """Return the warning that two methods differ in the opening, with the place where they differ most."""
    if found is None or found.p95_mm <= DISAGREE_MM:
        return []
    x, y, z = (float(c) for c in found.points_mm[int(np.argmax(found.apart_mm))])
    message = (
        f"methods {found.methods[0]} and {found.methods[1]} differ in the opening (95th percentile; farthest here): "
        "look at both shapes before you use one"
    )
    return [Finding("complete.disagreement", "warning", message, found.p95_mm, DISAGREE_MM, "mm", (x, y, z))]


def _nearest(estimate: Estimate) -> float | None:
    """Return the smallest residual of the models of a population, mm; None where none was tried."""
    pairs = zip(estimate.names, estimate.fitted, strict=True)
    others = ("mirror", "network")  # they follow this head, whatever it is like
    return min((vault.residual_mm for name, vault in pairs if name not in others), default=None)
