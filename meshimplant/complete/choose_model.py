"""`choose_model`: which model a head is completed with, and how far the result can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.estimate_vault import Estimate
from meshimplant.complete.leave_out import LeftOut
from meshimplant.complete.mixture import MIXTURE
from meshimplant.complete.open_forehead import TURNED
from meshimplant.complete.shape_model import HELD_MM
from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.report import Finding
from meshimplant.skull.defect import Defect

#: RMS distance of the intact bone from the best-fitting model above which to warn, and to refuse.
RESIDUAL_WARN_MM, RESIDUAL_REFUSE_MM = 1.5, 3.0
#: Methods whose residual says nothing of the population.
_FOLLOW_ANY_HEAD = ("mirror", "network", "ssm-loose", TURNED, MIXTURE)
#: Models that are not fitted to the bone, and have no residual of their own.
NOT_FITTED = ("mirror", MIXTURE)
#: 95th percentile of the distance between two methods' surfaces in the opening above which to warn.
DISAGREE_MM = 3.0


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Distance between two methods' surfaces in one opening.

    Attributes
    ----------
    methods : tuple of str
        The chosen method, and the one that lies farthest from it.
    points_mm : (n, 3) array
        LPS points on the outer surface of the chosen method.
    distance_mm : (n,) array
        The larger of the distances between the outer and between the inner surfaces there.
    """

    methods: tuple[str, str]
    points_mm: NDArray[np.float64]
    distance_mm: NDArray[np.float64]

    @property
    def p95_mm(self) -> float:
        """95th percentile of the distances."""
        return float(np.percentile(self.distance_mm, 95))


def choose_model(estimate: Estimate, defect: Defect) -> tuple[str, str]:
    """Return the name of the model to use, of those that were tried, and the reason.

    The shape model is used where it fits the intact bone to within `HELD_MM`; otherwise the mixture of all
    models, or the scaled mean where too little bone is left to compare them. Where the forehead is open, the
    shape model with a free pose is used, with a share of the mirror.
    """
    residuals = dict(zip(estimate.names, (vault.residual_mm for vault in estimate.fitted), strict=True))
    source = (
        "the defect crosses the midline, so its shape follows the surrounding bone as much as the other side"
        if defect.crosses_midline
        else "the other side is intact, so the shape follows it and is blended into the border"
    )
    if estimate.names == ("mirror",):
        return "mirror", f"method mirror uses nothing but this head: {source}"
    fits = ", ".join(f"{name} {residuals[name]:.1f} mm" for name in estimate.names if name not in NOT_FITTED)
    fits = f"RMS distance from the intact bone: {fits}"
    if "network" in residuals:
        held = len(estimate.fitted[estimate.names.index("network")].coefficients) > 0
        share = "fits this head and counts as much" if held else "does not fit this head and is left out"
        reason = f"the network corrects the mean vault; the shape model {share} ({fits}); {source}"
        return "network", reason
    if TURNED in residuals and estimate.weights is not None:
        return MIXTURE, f"{_open_forehead_reason(estimate.weights)} ({fits}); {source}"
    if {"ssm", "template"} <= set(residuals):
        held = residuals["ssm"] <= HELD_MM
        limit = f"it is used up to {HELD_MM:g} mm"
        if held:
            return "ssm", f"the shape model fits this head, {limit} ({fits}); {source}"
        if estimate.weights is not None and estimate.left_out is not None:
            mixture = _mixture_reason(estimate.weights, estimate.left_out)
            return MIXTURE, f"{mixture}: {limit} ({fits}); {source}"
        reason = f"the scaled mean, since the shape model does not fit this head: {limit} ({fits})"
        return "template", f"{reason}; {source}"
    return estimate.names[0], f"the only model of this method ({fits}); {source}"


def _open_forehead_reason(weights: Mapping[str, float]) -> str:
    """Return why pose and shape are fitted together, and the shares of the mixture."""
    return (
        "most of the forehead is open, and without it the pose of the head is uncertain: the shape model is "
        f"fitted with the pose ({100 * weights[TURNED]:.0f} %) and mixed with the mirror "
        f"({100 * weights['mirror']:.0f} %)"
    )


def _mixture_reason(weights: Mapping[str, float], left_out: LeftOut) -> str:
    """Return the shares of the mixture, and the errors on intact bone that they follow from."""
    ordered = sorted((name for name in weights if weights[name] > 0), key=lambda name: -weights[name])
    shares = ", ".join(f"{name} {100 * weights[name]:.0f} %" for name in ordered)
    errors = ", ".join(f"{name} {left_out.mean_mm(name):.2f}" for name in ordered)
    return (
        f"a mixture ({shares}) by the errors on {len(left_out.places)} places of intact bone that were left "
        f"out ({errors} mm), since the shape model does not fit this head"
    )


def require_head_of_population(estimate: Estimate) -> None:
    """Raise `InputError` when the intact bone is unlike any head of the population."""
    residual_mm = _smallest_residual(estimate)
    if residual_mm is not None and residual_mm > RESIDUAL_REFUSE_MM:
        raise InputError(
            f"expected intact bone within {RESIDUAL_REFUSE_MM:g} mm (RMS) of a head of the population, "
            f"got {residual_mm:.1f} mm: check that this is an adult skull with its top up, "
            "or choose method mirror, which uses no population"
        )


def residual_findings(estimate: Estimate, chosen: str) -> list[Finding]:
    """Return the warning that the chosen model lies off the intact bone, if it does."""
    residual_mm = _residual_of(estimate, chosen)
    if residual_mm is None or residual_mm <= RESIDUAL_WARN_MM:
        return []
    message = (
        f"method {chosen} lies {residual_mm:.1f} mm (RMS) from the intact bone: this head is unlike those "
        "that its model was built from: inspect the shape before you use it"
    )
    return [Finding("complete.unlike_model", "warning", message, residual_mm, RESIDUAL_WARN_MM, "mm")]


def measure_disagreement(
    estimate: Estimate, chosen: str, defect: Defect, pose: HeadPose
) -> Disagreement | None:
    """Return the distance of the farthest other method from the chosen one; None without another."""
    if len(estimate.names) == 1:
        return None
    directions = direction_sphere()[0][defect.members]
    directions = directions[is_vault(directions)]
    if len(directions) == 0:
        return None
    node = tuple(np.rint(estimate.chart.to_nodes(directions)).astype(int))
    outer = np.array([surface[node] for surface in estimate.outer_mm])
    inner = outer - np.array([thickness[node] for thickness in estimate.thickness_mm])
    own = estimate.names.index(chosen)
    distance = np.maximum(np.abs(outer - outer[own]), np.abs(inner - inner[own]))
    other = int(np.argmax(np.percentile(distance, 95, axis=1)))
    points = pose.centre_mm + outer[own][:, None] * directions @ pose.axes
    return Disagreement((chosen, estimate.names[other]), points, distance[other])


def disagreement_findings(disagreement: Disagreement | None) -> list[Finding]:
    """Return the warning that two methods differ in the opening, with the place where they differ most."""
    if disagreement is None or disagreement.p95_mm <= DISAGREE_MM:
        return []
    x, y, z = (float(c) for c in disagreement.points_mm[int(np.argmax(disagreement.distance_mm))])
    one, other = disagreement.methods
    message = (
        f"methods {one} and {other} differ in the opening (95th percentile; they differ most at this place): "
        "inspect both shapes before you use one"
    )
    return [
        Finding(
            "complete.disagreement", "warning", message, disagreement.p95_mm, DISAGREE_MM, "mm", (x, y, z)
        )
    ]


def _residual_of(estimate: Estimate, chosen: str) -> float | None:
    """Return the residual of the chosen model, mm; where it follows any head, the population's."""
    if chosen in _FOLLOW_ANY_HEAD:
        return _smallest_residual(estimate)
    return estimate.fitted[estimate.names.index(chosen)].residual_mm


def _smallest_residual(estimate: Estimate) -> float | None:
    """Return the smallest residual of the population models, mm; None where none was tried."""
    pairs = zip(estimate.names, estimate.fitted, strict=True)
    return min((vault.residual_mm for name, vault in pairs if name not in _FOLLOW_ANY_HEAD), default=None)
