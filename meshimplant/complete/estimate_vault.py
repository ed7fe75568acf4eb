"""Estimate the vault over a hole: a population's shape, bent to the bone around and to the head's other side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.below_vault import mirror_face, shell_share
from meshimplant.complete.shell import Shell
from meshimplant.complete.trusted_columns import THICKNESS_RANGE_MM, choose_readings, fit_twice
from meshimplant.head.chart import CHART_RADIUS_MM, Chart
from meshimplant.head.kriging import Prior, Scale
from meshimplant.head.mean_vault import FittedVault, Model
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, is_vault, read_along
from meshimplant.skull.defect import Defect, Opening
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.volume import Volume

#: Outer surface, mm: a symmetric long scale carries the head's form, a short one its local relief. Chosen on seven SkullFix
#: training skulls (left out of the mean) with virtual defects of five kinds, where half the variance and more or less
#: symmetry change the overlap by at most 0.007.
OUTER_PRIOR = Prior((Scale(20.0, 0.8, 0.95), Scale(1.0, 0.25, 0.8)), shape_variance=1e3, noise=0.3)
#: Thickness along the ray, mm; same skulls.
THICKNESS_PRIOR = Prior((Scale(1.5, 0.35, 0.9),), shape_variance=1.0, noise=0.6)

_MARGIN_MM = 14.0
#: A column that lacks this much bone belongs to the defect, even if some bone is left in it.
_LACKING_MM = 1.0
#: Half the width of a strip along the bone below which it is misfit, not defect.
_SPUR_MM = 2.0
#: Under an intact outer table, bone that lacks less than this share from within is a groove (a sinus, a vessel), not a sawn wall.
_GROOVE_FRACTION = 0.3
#: How far from the opening a sawn wall can reach: where the outer table is gone; under an intact one, for what lacks farther off
#: is a sinus, and a part that filled it could not be put in; and beside face and base (so near to them), where no shell is known
#: well enough to tell what lacks.
_WALL_MM, _UNDERCUT_MM, _WALL_NEAR_FACE_MM, _FICKLE_MM = 12.0, 5.0, 3.0, 8.0
#: Below the vault the two sides differ: bone this near to where it is expected is the bone expected.
_ASTRAY_MM = 4.0
#: Bone that begins this far outside the estimated vault is not vault.
_BEYOND_MM = 2.0


@dataclass(frozen=True, eq=False)
class Estimate:
    """The vault over one opening, by one or more models.

    Attributes
    ----------
    chart : Chart
        Where; 0.75 mm between nodes.
    names : tuple of str
        The models, as they were given.
    fitted : tuple of FittedVault
        Each model on this head, before it is bent to the bone around.
    outer_mm, thickness_mm : (models, size, size) arrays
        The estimates.
    deviation_mm : float
        Median posterior deviation of the outer surface in the opening; 0 for models that were not bent.
    """

    chart: Chart
    names: tuple[str, ...]
    fitted: tuple[FittedVault, ...]
    outer_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]
    deviation_mm: float


def estimate_vault(
    opening: Opening, defect: Defect, models: Mapping[str, Model], *, blend: bool = True
) -> Estimate:
    """Estimate the missing vault over one defect: each model's shape, bent to the bone around and to the head's other side.

    Radii of the outer surface and thicknesses are read along rays over the whole vault; Gaussian-process regression with a
    symmetry prior (`kriging`) carries what they depart from the model into the hole. So outer surface and thickness go on from
    the rim without a step. Columns at the rim, which may cut through the slanted wall, are taken in only after a first fit
    without them shows that they agree.

    Parameters
    ----------
    opening
        What `find_defects` saw.
    defect
        Which opening to close.
    models
        By name; the first decides which readings are plausible.
    blend
        False: the models as they were fitted, with a step at the rim where they miss it.
    """
    outer_mm = opening.columns.outer_mm.astype(float)
    inner_mm = opening.columns.inner_mm.astype(float)
    first = next(iter(models.values())).mean
    sure, doubtful = choose_readings(opening, defect, first.outer_fraction)
    fitted = tuple(model.fit(sure, outer_mm, inner_mm) for model in models.values())
    directions, _ = direction_sphere()
    reach = CHART_RADIUS_MM * float(np.arccos((directions[defect.members] @ defect.axis).min()))
    coarse = Chart.around(defect.axis, half_width_mm=reach + _MARGIN_MM, spacing_mm=2.5)
    fine = coarse.with_spacing(0.75)
    nodes = coarse.directions.reshape(-1, 3)
    here = np.array([vault.at(nodes) for vault in fitted])  # (models, 2, nodes)
    deviation_mm = 0.0
    if blend:
        values = (outer_mm, outer_mm - inner_mm)
        there = np.array([(vault.outer_mm, vault.thickness_mm) for vault in fitted])
        for surface, prior in enumerate((OUTER_PRIOR, THICKNESS_PRIOR)):
            fit = fit_twice(prior, (values[surface] - there[:, surface]).T, sure, doubtful)
            here[:, surface] += fit.predict(nodes).T
            if surface == 0:
                sparse = directions[defect.members][:: max(1, len(defect.members) // 200)]
                deviation_mm = float(np.median(fit.deviation(sparse)))
    square = here.reshape(len(fitted), 2, *coarse.shape)
    outer, thickness = (np.array([coarse.refine(one, fine) for one in square[:, n]]) for n in (0, 1))
    return Estimate(fine, tuple(models), fitted, outer, thickness, deviation_mm)


def close_opening(
    skull: Volume, pose: HeadPose, opening: Opening, defect: Defect, estimate: Estimate, name: str
) -> Shell:
    """Return the missing piece of vault by one of the estimate's models.

    Below the vault, at brow, orbit and base, the columns of the head's other side are taken (`mirror_face`), unless the model
    tells them itself: then its own field is, for columns cannot hold a sinus or the roof of an orbit (ten SkullFix skulls not
    learnt from, frontoorbital defects: Dice 0.887 of a network's columns, 0.895 of its field, at 1 mm).
    """
    chosen = estimate.names.index(name)
    outer = estimate.outer_mm[chosen]
    inner = outer - np.maximum(estimate.thickness_mm[chosen], THICKNESS_RANGE_MM[0])
    unknown, share = np.zeros(outer.shape, bool), None
    head = estimate.fitted[chosen].head
    if head is None:
        inner, outer, unknown = mirror_face(skull, pose, opening, estimate.chart, inner, outer)
    else:
        share = shell_share(estimate.chart)
    extent = _extent(skull, pose, defect, estimate.chart, inner, outer, unknown)
    return Shell(estimate.chart, inner, outer, extent, head, share)


def _extent(
    skull: Volume,
    pose: HeadPose,
    defect: Defect,
    chart: Chart,
    inner_mm: NDArray[np.float64],
    outer_mm: NDArray[np.float64],
    unknown: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the signed distance (mm along the bone) to the edge of the region whose columns lack bone.

    Nothing is lacking where the surfaces are `unknown`.
    """
    import cc3d

    columns = read_along(skull, pose, chart.directions)
    top = np.minimum(columns.outer_mm, outer_mm)
    bottom = np.maximum(columns.inner_mm, inner_mm)
    present = np.nan_to_num(np.maximum(top - bottom, 0))
    thickness = outer_mm - inner_mm
    with np.errstate(invalid="ignore"):
        beside = ~is_vault(chart.directions) & (bottom - top < _ASTRAY_MM)
        own = np.minimum(columns.outer_mm - columns.inner_mm, thickness)
    present = np.where(beside, np.nan_to_num(own), present)
    with np.errstate(invalid="ignore"):
        roofed = columns.outer_mm > outer_mm - _LACKING_MM
        lacking = thickness - present > np.where(
            roofed, np.maximum(_LACKING_MM, _GROOVE_FRACTION * thickness), _LACKING_MM
        )
        beyond = columns.inner_mm > outer_mm + _BEYOND_MM  # bone seen through the hole: cheek bone, orbit
    hole = ndimage.binary_opening((columns.missing | beyond) & ~unknown, iterations=2)
    middle = np.zeros(hole.shape, bool)
    nodes = np.rint(chart.to_nodes(direction_sphere()[0][defect.members])).astype(int)
    middle[tuple(nodes)] = True
    labels = cc3d.connected_components(hole.astype(np.uint8), connectivity=4)
    hole = np.isin(labels, np.unique(labels[middle & hole]))
    away = distance_outside(hole, chart.spacing_mm)
    fickle = ndimage.binary_dilation(
        ~is_vault(chart.directions), iterations=round(_FICKLE_MM / chart.spacing_mm)
    )
    reach = np.where(fickle, _WALL_NEAR_FACE_MM, np.where(roofed, _UNDERCUT_MM, _WALL_MM))
    near = away < reach
    solid = ndimage.binary_opening(lacking & near & ~unknown, iterations=round(_SPUR_MM / chart.spacing_mm))
    labels = cc3d.connected_components((solid | hole).astype(np.uint8), connectivity=4)
    wanted = np.isin(labels, np.unique(labels[hole]))
    inside = distance_inside(wanted, chart.spacing_mm)
    outside = distance_outside(wanted, chart.spacing_mm)
    return np.asarray(inside, float) - outside + 1.0
