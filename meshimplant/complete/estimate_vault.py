"""`estimate_vault`: the vault over an opening, from a population, the surrounding bone and the other side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.below_vault import (
    AROUND_COLUMNS_MM,
    LowerHead,
    complete_below_vault,
    shell_share,
)
from meshimplant.complete.extent import find_extent
from meshimplant.complete.leave_out import LeftOut, leave_out
from meshimplant.complete.lower_mean import LowerMean, median_radius_mm
from meshimplant.complete.mirrored_columns import mirror_below_vault
from meshimplant.complete.mixture import MIXTURE, mix, mix_fitted, mixture_weights
from meshimplant.complete.open_forehead import TURNED, TURNED_PRIOR, with_turned
from meshimplant.complete.shell import Shell
from meshimplant.complete.trusted_columns import THICKNESS_RANGE_MM, fit_twice, select_columns
from meshimplant.head.chart import CHART_RADIUS_MM, Chart
from meshimplant.head.kriging import Prior, Scale
from meshimplant.head.mean_vault import FittedVault, Model
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere
from meshimplant.skull.defect import Defect, Openings
from meshimplant.voxels.volume import Volume

#: Outer surface, mm: a symmetric long scale carries the head's form, a short one its local relief. Chosen on
#: seven SkullFix training skulls (left out of the mean) with virtual defects of five kinds; there, half the
#: variance and more or less symmetry change the overlap by at most 0.007.
OUTER_PRIOR = Prior((Scale(20.0, 0.8, 0.95), Scale(1.0, 0.25, 0.8)), shape_variance=1e3, noise=0.3)
#: Thickness along the ray, mm; same skulls.
THICKNESS_PRIOR = Prior((Scale(1.5, 0.35, 0.9),), shape_variance=1.0, noise=0.6)

#: Margin of the chart around the opening, mm; and the spacing of its nodes, for the regression and for the
#: surfaces.
_MARGIN_MM = 14.0
_COARSE_MM, _FINE_MM = 2.5, 0.75


@dataclass(frozen=True, eq=False)
class Estimate:
    """The vault over one opening, by one or more models.

    Attributes
    ----------
    chart : Chart
        Nodes of the surfaces, 0.75 mm apart.
    names : tuple of str
        Names of the models.
    fitted : tuple of FittedVault
        Each model on this head, before it is bent to the surrounding bone.
    outer_mm, thickness_mm : (models, size, size) arrays
        Outer radius and thickness at the nodes.
    deviation_mm : float
        Median posterior standard deviation of the outer surface in the opening; 0 for models that were not
        bent.
    left_out : LeftOut or None
        Errors of the models on intact bone; None where they were not compared.
    weights : dict of float, or None
        Weight of each model in the mixture, which is then the last of the models.
    """

    chart: Chart
    names: tuple[str, ...]
    fitted: tuple[FittedVault, ...]
    outer_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]
    deviation_mm: float
    left_out: LeftOut | None = None
    weights: Mapping[str, float] | None = None


def estimate_vault(
    openings: Openings,
    defect: Defect,
    models: Mapping[str, Model],
    *,
    blend: bool = True,
    compare: bool = False,
) -> Estimate:
    """Estimate the missing vault over one defect, with each model bent to the surrounding bone.

    Outer radii and thicknesses are read along rays over the whole vault. Each model is fitted to the intact
    ones. Gaussian-process regression with a symmetry prior (`kriging`) then carries their departures from the
    model into the opening, so that outer surface and thickness continue from the rim without a step. Columns
    at the rim, which may pass through the slanted wall, are used only if they agree with a first fit without
    them.

    Parameters
    ----------
    openings : Openings
        From `find_defects`.
    defect : Defect
        The opening to close.
    models : dict of Model
        By name; the first decides which columns are plausible.
    blend : bool
        False: keep the models as fitted, with a step at the rim where they miss it.
    compare : bool
        Compare the models on intact bone that is left out (`leave_out`), and on a head that the shape model
        does not hold, or whose forehead is open, add a mixture; only with `blend`.

    Returns
    -------
    Estimate
    """
    outer_mm = openings.columns.outer_mm.astype(float)
    inner_mm = openings.columns.inner_mm.astype(float)
    first = next(iter(models.values())).mean
    sure, doubtful = select_columns(openings, defect, first.outer_fraction)
    if blend and compare:
        models = with_turned(models, openings)
    fitted = tuple(model.fit(sure, outer_mm, inner_mm) for model in models.values())
    coarse = _chart_around(defect)
    fine = coarse.with_spacing(_FINE_MM)
    nodes = coarse.directions.reshape(-1, 3)
    surfaces = np.array([vault.at(nodes) for vault in fitted])  # (models, outer and thickness, nodes)
    deviation_mm = 0.0
    if blend:
        measured = (outer_mm, outer_mm - inner_mm)
        baseline = np.array([(vault.outer_mm, vault.thickness_mm) for vault in fitted])
        for surface, prior in enumerate((OUTER_PRIOR, THICKNESS_PRIOR)):
            fit = fit_twice(prior, (measured[surface] - baseline[:, surface]).T, sure, doubtful)
            surfaces[:, surface] += fit.predict(nodes).T
            if surface == 0:
                inside = direction_sphere()[0][defect.members]
                sparse = inside[:: max(1, len(defect.members) // 200)]
                deviation_mm = float(np.median(fit.deviation(sparse)))
        if TURNED in models:
            turned = list(models).index(TURNED)
            fit = fit_twice(TURNED_PRIOR, outer_mm - fitted[turned].outer_mm, sure, doubtful)
            surfaces[turned, 0] = fitted[turned].at(nodes)[0] + fit.predict(nodes)
    names, weights, left_out = tuple(models), None, None
    if blend and compare:
        left_out = leave_out(defect, sure, outer_mm, inner_mm, models, OUTER_PRIOR)
        by_name = dict(zip(names, fitted, strict=True))
        weights = mixture_weights(by_name, left_out, crosses_midline=defect.crosses_midline)
        if weights is not None:
            surfaces = np.concatenate([surfaces, mix(weights, names, surfaces)[None]])
            fitted, names = (*fitted, mix_fitted(weights, by_name)), (*names, MIXTURE)
    square = surfaces.reshape(len(fitted), 2, *coarse.shape)
    outer, thickness = (np.array([coarse.refine(one, fine) for one in square[:, n]]) for n in (0, 1))
    return Estimate(fine, names, fitted, outer, thickness, deviation_mm, left_out, weights)


def close_opening(
    skull: Volume,
    pose: HeadPose,
    openings: Openings,
    defect: Defect,
    estimate: Estimate,
    name: str,
    population: LowerMean | None,
) -> tuple[Shell, LowerHead | None]:
    """Return the missing piece of vault according to one of the estimate's models, and what lies below it.

    Brow, orbit, temple and base are no shell. They follow the other side of the head, or the population
    (`complete_below_vault`), unless the model predicts these regions itself: then its own field is used.

    Parameters
    ----------
    skull : Volume
        Mask of the defective skull.
    pose : HeadPose
        Its frame.
    openings : Openings
        From `find_defects`.
    defect : Defect
        The opening to close.
    estimate : Estimate
        The vault over it.
    name : str
        The model of the estimate to use.
    population : LowerMean or None
        Used below the vault where the other side is open, too; None: the vault is carried on there.

    Returns
    -------
    shell : Shell
    lower : LowerHead or None
        None if the opening does not reach below the vault, or the model predicts what lies there.
    """
    fitted = estimate.fitted[estimate.names.index(name)]
    inner_mm, outer_mm = _surfaces(estimate, name)
    extent = find_extent(skull, pose, defect, estimate.chart, inner_mm, outer_mm)
    shell = Shell(estimate.chart, inner_mm, outer_mm, extent)
    if fitted.head is not None:
        return replace(shell, head=fitted.head, share=shell_share(shell.chart, AROUND_COLUMNS_MM)), None
    radius_mm = median_radius_mm(fitted.outer_mm)
    lower = complete_below_vault(skull, pose, openings, shell, population, radius_mm)
    if lower is None:
        return shell, None
    return replace(shell, head=lower.field, share=lower.share), lower


def close_by_columns(
    skull: Volume, pose: HeadPose, openings: Openings, defect: Defect, estimate: Estimate, name: str
) -> Shell:
    """Return the missing piece of vault with columns below it, as networks know it; see `close_opening`."""
    chart = estimate.chart
    surfaces = mirror_below_vault(skull, pose, openings, chart, *_surfaces(estimate, name))
    return Shell(chart, *surfaces[:2], find_extent(skull, pose, defect, chart, *surfaces))


def _surfaces(estimate: Estimate, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return inner and outer radii of one of an estimate's models at the nodes of its chart."""
    chosen = estimate.names.index(name)
    outer_mm = estimate.outer_mm[chosen]
    return outer_mm - np.maximum(estimate.thickness_mm[chosen], THICKNESS_RANGE_MM[0]), outer_mm


def _chart_around(defect: Defect) -> Chart:
    """Return the coarse chart that holds an opening with its margin."""
    reach = CHART_RADIUS_MM * float(np.arccos((direction_sphere()[0][defect.members] @ defect.axis).min()))
    return Chart.around(defect.axis, half_width_mm=reach + _MARGIN_MM, spacing_mm=_COARSE_MM)
