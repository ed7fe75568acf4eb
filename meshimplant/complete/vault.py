"""Estimate the vault over a hole from the head itself: its other side, the bone around, and, if given, a mean vault."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete import kriging
from meshimplant.complete.kriging import Prior, Scale
from meshimplant.complete.patch import CHART_RADIUS_MM, Chart, Shell, refine
from meshimplant.complete.template import VaultMean
from meshimplant.skull.columns import read_columns
from meshimplant.skull.defect import LOWEST_ELEVATION_SIN, Defect, Opening, direction_sphere
from meshimplant.skull.pose import HeadPose
from meshimplant.volume import Volume

#: Outer surface, mm: a symmetric long scale carries the head's form, a short one its local relief. Chosen on seven SkullFix
#: training skulls (left out of the mean) with virtual defects of five kinds, where half the variance and more or less
#: symmetry change the overlap by at most 0.007.
OUTER_PRIOR = Prior((Scale(20.0, 0.8, 0.95), Scale(1.0, 0.25, 0.8)), shape_variance=1e3, noise=0.3)
#: Thickness along the ray, mm; same skulls.
THICKNESS_PRIOR = Prior((Scale(1.5, 0.35, 0.9),), shape_variance=1.0, noise=0.6)

#: Columns nearest to the opening pass through the cut wall and are not read; those a little farther are believed only if they
#: agree with the rest. Chosen on eight SkullFix training defects: without the wall's band their mean Dice falls from 0.951 to
#: 0.927; that of four of them to 0.885 when readings may also disagree by twice as much.
_WALL_MM, RIM_MM = 4.5, 8.0
_AGREE_MM = 0.6
_THICKNESS_RANGE_MM = (1.0, 20.0)
_NEAR_MM = 30.0
_MARGIN_MM = 14.0
#: A column that lacks this much bone belongs to the defect, even if some bone is left in it.
_LACKING_MM = 1.0
#: Half the width of a strip along the bone below which it is misfit, not defect.
_SPUR_MM = 2.0
#: Under an intact outer table, bone that lacks less than this share from within is a groove (a sinus, a vessel), not a sawn wall.
_GROOVE_FRACTION = 0.3
#: Bone that begins this far outside the estimated vault is not vault.
_BEYOND_MM = 2.0


def estimate_vault(
    skull: Volume, pose: HeadPose, opening: Opening, defect: Defect, *, mean: VaultMean | None = None
) -> tuple[Shell, float]:
    """Return the missing piece of vault over one defect, and the median posterior deviation (mm) inside it.

    Radii of the outer surface and thicknesses are read along rays over the whole vault; Gaussian-process regression with a
    symmetry prior (`kriging`) estimates them in the hole, as departures from the mean vault scaled to this head, or from a
    sphere. Columns at the rim, which may cut through the slanted wall, are taken in only after a first fit without them shows
    that they agree.

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
    sure, doubtful = _readings(opening, defect, thickness_mm)
    reach = CHART_RADIUS_MM * float(np.arccos((directions[defect.members] @ defect.axis).min()))
    coarse = Chart.around(defect.axis, half_width_mm=reach + _MARGIN_MM, spacing_mm=2.5)
    fine = coarse.with_spacing(0.75)
    nodes = coarse.directions().reshape(-1, 3)
    flat = np.ones(len(directions)), np.ones(len(nodes))
    bases = (
        zip((mean.outer_fraction, mean.thickness_fraction), mean.at(nodes), strict=True)
        if mean
        else (flat, flat)
    )
    maps, fits = [], []
    for prior, values, (there, here) in zip(
        (OUTER_PRIOR, THICKNESS_PRIOR), (outer_mm, thickness_mm), bases, strict=True
    ):
        scale = float(np.median(values[sure] / there[sure]))
        fits.append(_fit_twice(prior, values - scale * there, sure, doubtful))
        estimate = scale * here + fits[-1].predict(nodes)
        maps.append(refine(estimate.reshape(coarse.size, coarse.size), coarse, fine))
    outer, thickness = maps
    inner = outer - np.maximum(thickness, _THICKNESS_RANGE_MM[0])
    sparse = directions[defect.members][:: max(1, len(defect.members) // 200)]
    shell = Shell(fine, inner, outer, _extent(skull, pose, defect, fine, inner, outer))
    return shell, float(np.median(fits[0].deviation(sparse)))


def _readings(
    opening: Opening, defect: Defect, thickness_mm: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which columns to trust at once, and which, at the rim, only if they agree with those."""
    directions, edges = direction_sphere()
    holes = np.zeros(len(directions), bool)
    for other in (*opening.defects, *opening.small):
        holes[other.members] = True
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        usable = (
            (directions[:, 2] > LOWEST_ELEVATION_SIN) & (thickness_mm > low) & (thickness_mm < high) & ~holes
        )
    spread = CHART_RADIUS_MM * np.sqrt(4 * np.pi / len(directions))
    chosen = usable & _thinned(directions, edges, defect, spread)
    rim, wall = (_grow(holes, edges, round(reach / spread)) for reach in (RIM_MM, _WALL_MM))
    return np.flatnonzero(chosen & ~rim), np.flatnonzero(chosen & rim & ~wall)


def _fit_twice(
    prior: Prior, values: NDArray[np.float64], sure: NDArray[np.int64], doubtful: NDArray[np.int64]
) -> kriging.Fit:
    """Fit to the sure readings, then to those and the doubtful ones that agree."""
    directions, _ = direction_sphere()
    first = kriging.fit(prior, directions[sure], values[sure])
    agree = doubtful[np.abs(first.predict(directions[doubtful]) - values[doubtful]) < _AGREE_MM]
    both = np.concatenate([sure, agree])
    return kriging.fit(prior, directions[both], values[both])


def _thinned(
    directions: NDArray[np.float64], edges: NDArray[np.int64], defect: Defect, spread: float
) -> NDArray[np.bool_]:
    """Return which directions to read: every 9 mm, 4.5 mm near the defect and its mirror image, 2.2 mm at the rim."""
    from scipy.spatial import cKDTree

    hole = np.zeros(len(directions), bool)
    hole[defect.members] = True
    near = _grow(hole, edges, round(_NEAR_MM / spread))
    mirror = cKDTree(directions).query(directions * (-1.0, 1.0, 1.0))[1]
    rim = _grow(hole, edges, round(RIM_MM / spread))
    index = np.arange(len(directions))  # a subdivided sphere keeps its coarser vertices first
    return (index < 2562) | ((near | near[mirror]) & (index < 10242)) | (rim & ~hole)


def _grow(mask: NDArray[np.bool_], edges: NDArray[np.int64], rings: int) -> NDArray[np.bool_]:
    grown = mask.copy()
    for _ in range(rings):
        touched = grown[edges]
        grown[edges[touched.any(axis=1)].ravel()] = True
    return grown


def _extent(
    skull: Volume,
    pose: HeadPose,
    defect: Defect,
    chart: Chart,
    inner_mm: NDArray[np.float64],
    outer_mm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the signed distance (mm along the bone) to the edge of the region whose columns lack bone."""
    import cc3d
    import edt

    columns = read_columns(skull, pose.centre_mm, chart.directions() @ pose.axes)
    top = np.minimum(columns.outer_mm, outer_mm)
    bottom = np.maximum(columns.inner_mm, inner_mm)
    present = np.nan_to_num(np.maximum(top - bottom, 0))
    thickness = outer_mm - inner_mm
    with np.errstate(invalid="ignore"):
        roofed = columns.outer_mm > outer_mm - _LACKING_MM
        lacking = thickness - present > np.where(
            roofed, np.maximum(_LACKING_MM, _GROOVE_FRACTION * thickness), _LACKING_MM
        )
        beyond = columns.inner_mm > outer_mm + _BEYOND_MM  # bone seen through the hole: cheek bone, orbit
    hole = ndimage.binary_opening(columns.missing | beyond, iterations=2)
    middle = np.zeros(hole.shape, bool)
    nodes = np.rint(chart.to_nodes(direction_sphere()[0][defect.members])).astype(int)
    middle[tuple(nodes)] = True
    labels = cc3d.connected_components(hole.astype(np.uint8), connectivity=4)
    hole = np.isin(labels, np.unique(labels[middle & hole]))
    near = edt.edt(np.ascontiguousarray(~hole), anisotropy=(chart.spacing_mm,) * 2) < _MARGIN_MM - 2
    solid = ndimage.binary_opening(lacking & near, iterations=round(_SPUR_MM / chart.spacing_mm))
    labels = cc3d.connected_components((solid | hole).astype(np.uint8), connectivity=4)
    wanted = np.isin(labels, np.unique(labels[hole]))
    spacing = (chart.spacing_mm, chart.spacing_mm)
    inside = edt.edt(np.ascontiguousarray(wanted), anisotropy=spacing)
    outside = edt.edt(np.ascontiguousarray(~wanted), anisotropy=spacing)
    return np.asarray(inside, float) - outside + 1.0
