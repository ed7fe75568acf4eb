"""Estimate the vault over a hole from the head itself: its other side, the bone around, and, if given, a mean vault."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.face import mirror_face
from meshimplant.complete.kriging import Prior, Scale
from meshimplant.complete.patch import CHART_RADIUS_MM, Chart, Shell, refine
from meshimplant.complete.readings import THICKNESS_RANGE_MM, choose_readings, fit_twice
from meshimplant.complete.template import VaultMean, flat_vault
from meshimplant.skull.defect import Defect, Opening
from meshimplant.skull.pose import HeadPose
from meshimplant.skull.sphere import direction_sphere, is_vault, read_along
from meshimplant.volume import Volume

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
#: Below the vault the two sides differ: bone this near to where it is expected is the bone expected.
_ASTRAY_MM = 4.0
#: Bone that begins this far outside the estimated vault is not vault.
_BEYOND_MM = 2.0


def estimate_vault(
    skull: Volume, pose: HeadPose, opening: Opening, defect: Defect, *, mean: VaultMean | None = None
) -> tuple[Shell, float]:
    """Return the missing piece of vault over one defect, and the median posterior deviation (mm) inside it.

    Radii of the outer surface and thicknesses are read along rays over the whole vault; Gaussian-process regression with a
    symmetry prior (`kriging`) estimates them in the hole, as departures from the mean vault scaled to this head, or from a
    sphere. Columns at the rim, which may cut through the slanted wall, are taken in only after a first fit without them shows
    that they agree. Below the vault, at brow, orbit and base, the columns of the head's other side are taken (`mirror_face`).

    Parameters
    ----------
    skull, pose, opening
        The defective skull, its frame, and what `find_defects` saw.
    defect
        Which opening to close.
    mean
        Baseline; None: a sphere of constant thickness.
    """
    directions, _ = direction_sphere()
    outer_mm = opening.columns.outer_mm.astype(float)
    thickness_mm = outer_mm - opening.columns.inner_mm.astype(float)
    smooth = mean.beyond_vault if mean else flat_vault()
    sure, doubtful = choose_readings(opening, defect, smooth.outer_fraction)
    reach = CHART_RADIUS_MM * float(np.arccos((directions[defect.members] @ defect.axis).min()))
    coarse = Chart.around(defect.axis, half_width_mm=reach + _MARGIN_MM, spacing_mm=2.5)
    fine = coarse.with_spacing(0.75)
    nodes = coarse.directions().reshape(-1, 3)
    scales, fits, maps = [], [], []
    for prior, values, there, here in zip(
        (OUTER_PRIOR, THICKNESS_PRIOR),
        (outer_mm, thickness_mm),
        (smooth.outer_fraction, smooth.thickness_fraction),
        smooth.at(nodes),
        strict=True,
    ):
        scales.append(float(np.median(values[sure] / there[sure])))
        fits.append(fit_twice(prior, values - scales[-1] * there, sure, doubtful))
        maps.append(_on(fine, coarse, scales[-1] * here + fits[-1].predict(nodes)))
    outer = maps[0]
    inner = outer - np.maximum(maps[1], THICKNESS_RANGE_MM[0])
    inner, outer, unknown = mirror_face(skull, pose, opening, fine, inner, outer)
    sparse = directions[defect.members][:: max(1, len(defect.members) // 200)]
    shell = Shell(fine, inner, outer, _extent(skull, pose, defect, fine, inner, outer, unknown))
    return shell, float(np.median(fits[0].deviation(sparse)))


def _on(fine: Chart, coarse: Chart, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values at the nodes (n,) of a coarse chart on the fine one, (size, size)."""
    return refine(values.reshape(coarse.size, coarse.size), coarse, fine)


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
    import edt

    columns = read_along(skull, pose, chart.directions())
    top = np.minimum(columns.outer_mm, outer_mm)
    bottom = np.maximum(columns.inner_mm, inner_mm)
    present = np.nan_to_num(np.maximum(top - bottom, 0))
    thickness = outer_mm - inner_mm
    with np.errstate(invalid="ignore"):
        beside = ~is_vault(chart.directions()) & (bottom - top < _ASTRAY_MM)
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
    near = edt.edt(np.ascontiguousarray(~hole), anisotropy=(chart.spacing_mm,) * 2) < _MARGIN_MM - 2
    solid = ndimage.binary_opening(lacking & near & ~unknown, iterations=round(_SPUR_MM / chart.spacing_mm))
    labels = cc3d.connected_components((solid | hole).astype(np.uint8), connectivity=4)
    wanted = np.isin(labels, np.unique(labels[hole]))
    spacing = (chart.spacing_mm, chart.spacing_mm)
    inside = edt.edt(np.ascontiguousarray(wanted), anisotropy=spacing)
    outside = edt.edt(np.ascontiguousarray(~wanted), anisotropy=spacing)
    return np.asarray(inside, float) - outside + 1.0
