"""`expected_error`: how far the outer surface in an opening is expected to lie from the true one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from meshimplant.complete.estimate_vault import Estimate
from meshimplant.complete.leave_out import LeftOut
from meshimplant.complete.mixture import MIXTURE
from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.report import Finding
from meshimplant.skull.defect import Defect

#: Expected error above which to warn, mm.
EXPECTED_WARN_MM = 1.5
#: Logarithm of the expected error: constant, and powers of the typical error in the opening, of this head's
#: errors at the places left out relative to the typical ones there, and of the distance between the methods.
#: Fitted to 24 defects of nine kinds in SkullFix training skulls, each left out of the models. For skulls
#: left out of this fit, too, expected and true errors have the ratio 0.96 and a rank correlation of 0.58
#: (0.35 by the typical error alone, 0.48 by the distance alone).
_CONSTANT, _TYPICAL, _RELATIVE, _APART = 0.165, 0.42, 0.4, 0.27
#: Distances between methods below this are taken as this, mm.
_LEAST_APART_MM = 0.02


def expected_error(estimate: Estimate, chosen: str, defect: Defect) -> float | None:
    """Return the expected RMS error of the outer surface of the chosen model in the opening, mm.

    Three things predict it: what is typical of heads in such an opening (`typical_error`), how far the model
    missed the intact bone of this head at places left out, and how far the methods differ in the opening.

    Parameters
    ----------
    estimate : Estimate
        From `estimate_vault`, with the places that were left out.
    chosen : str
        Name of the model that is used.
    defect : Defect
        The opening.

    Returns
    -------
    float or None
        None where nothing was left out.
    """
    left_out = estimate.left_out
    apart_mm = _apart(estimate, defect)
    if left_out is None or apart_mm is None:
        return None
    return float(
        np.exp(_CONSTANT)
        * left_out.opening_typical_mm**_TYPICAL
        * _relative(left_out, chosen, estimate.weights) ** _RELATIVE
        * max(apart_mm, _LEAST_APART_MM) ** _APART
    )


def left_out_report(estimate: Estimate) -> dict[str, float] | None:
    """Return the mean error of each model at the places left out, mm; None where nothing was left out."""
    left_out = estimate.left_out
    return None if left_out is None else {name: left_out.mean_mm(name) for name in left_out.names}


def expected_error_findings(expected_mm: float | None) -> list[Finding]:
    """Return the warning that a large error is expected in the opening, if it is."""
    if expected_mm is None or expected_mm <= EXPECTED_WARN_MM:
        return []
    message = (
        f"the outer surface in the opening is expected to be {expected_mm:.1f} mm off (RMS), by the errors "
        "on this head's intact bone and the distance between methods: inspect the shape before you use it"
    )
    return [Finding("complete.expected_error", "warning", message, expected_mm, EXPECTED_WARN_MM, "mm")]


def _relative(left_out: LeftOut, chosen: str, weights: Mapping[str, float] | None) -> float:
    """Return the errors of the chosen model at the places left out relative to the typical ones."""
    shares = weights if chosen == MIXTURE and weights is not None else {chosen: 1.0}
    return sum(share * left_out.relative(name) for name, share in shares.items())


def _apart(estimate: Estimate, defect: Defect) -> float | None:
    """Return the RMS distance of the models' outer surfaces in the opening from their mean, mm."""
    directions = direction_sphere()[0][defect.members]
    directions = directions[is_vault(directions)]
    if len(directions) == 0 or len(estimate.names) == 1:
        return None
    node = tuple(np.rint(estimate.chart.to_nodes(directions)).astype(int))
    pairs = zip(estimate.names, estimate.outer_mm, strict=True)
    alone = np.array([outer[node] for name, outer in pairs if name != MIXTURE])
    return float(np.sqrt(np.var(alone, axis=0).mean()))
