"""Complete a skull without training: its own other side, and the bone around the hole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete import kriging
from meshimplant.complete.kriging import Prior, Scale
from meshimplant.complete.patch import CHART_RADIUS_MM, Chart, Shell, refine
from meshimplant.skull.columns import read_columns
from meshimplant.skull.defect import LOWEST_ELEVATION_SIN, Defect, Opening, direction_sphere
from meshimplant.skull.pose import HeadPose
from meshimplant.volume import Volume

#: Outer surface: mm. Chosen on 10 skulls with virtual defects of five kinds (SkullFix, none of the validation skulls): the symmetric
#: long scale carries the head's form, the short one its local relief.
OUTER_PRIOR = Prior((Scale(20.0, 0.8, 0.95), Scale(1.0, 0.25, 0.8)), shape_variance=1e3, noise=0.3)
#: Thickness along the ray: mm. Same skulls.
THICKNESS_PRIOR = Prior((Scale(1.5, 0.35, 0.9),), shape_variance=1.0, noise=0.6)

#: Columns this close to the opening may pass through the cut wall; they are believed only if they agree with the rest.
RIM_MM = 8.0
_AGREE_MM = 1.2
_THICKNESS_RANGE_MM = (1.0, 20.0)
_NEAR_MM = 30.0
_MARGIN_MM = 14.0
#: A column that lacks this much bone belongs to the defect, even if some bone is left in it.
_LACKING_MM = 1.0
#: Half the width of a strip along the bone below which it is misfit, not defect.
_SPUR_MM = 2.0


def complete_by_mirror(skull: Volume, pose: HeadPose, opening: Opening, defect: Defect) -> tuple[Shell, float]:
    """Return the missing piece of vault over one defect, and the median posterior deviation (mm) inside it.

    Radii of the outer surface and thicknesses are read along rays over the whole vault; Gaussian-process regression with a
    symmetry prior (`kriging`) estimates them in the hole. Columns at the rim, which may cut through the slanted wall, are taken in
    only after a first fit without them shows that they agree.
    """
    directions, edges = direction_sphere()
    holes = np.zeros(len(directions), bool)
    for other in (*opening.defects, *opening.small):
        holes[other.members] = True
    outer, thickness = _fit_surfaces(opening, directions, edges, holes, defect)
    reach = CHART_RADIUS_MM * float(np.arccos((directions[defect.members] @ defect.axis).min()))
    coarse = Chart.around(defect.axis, half_width_mm=reach + _MARGIN_MM, spacing_mm=2.5)
    fine = coarse.with_spacing(0.75)
    nodes = coarse.directions()
    shape = nodes.shape[:2]
    outer_mm = refine(outer.predict(nodes.reshape(-1, 3)).reshape(shape), coarse, fine)
    thickness_mm = refine(thickness.predict(nodes.reshape(-1, 3)).reshape(shape), coarse, fine)
    inner_mm = outer_mm - np.maximum(thickness_mm, _THICKNESS_RANGE_MM[0])
    extent_mm = _extent(skull, pose, fine, inner_mm, outer_mm)
    sparse = directions[defect.members][:: max(1, len(defect.members) // 200)]
    return Shell(fine, inner_mm, outer_mm, extent_mm), float(np.median(outer.deviation(sparse)))


def _fit_surfaces(
    opening: Opening,
    directions: NDArray[np.float64],
    edges: NDArray[np.int64],
    holes: NDArray[np.bool_],
    defect: Defect,
) -> tuple[kriging.Fit, kriging.Fit]:
    """Fit outer radius and thickness twice: first without the rim, then with those rim columns that agree."""
    outer_mm = opening.columns.outer_mm.astype(float)
    thickness_mm = outer_mm - opening.columns.inner_mm
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        usable = (directions[:, 2] > LOWEST_ELEVATION_SIN) & (thickness_mm > low) & (thickness_mm < high) & ~holes
    spread = CHART_RADIUS_MM * np.sqrt(4 * np.pi / len(directions))
    rim = _grow(holes, edges, round(RIM_MM / spread))
    chosen = usable & _thinned(directions, edges, defect, spread)
    sure = chosen & ~rim
    fits = []
    for prior, values in ((OUTER_PRIOR, outer_mm), (THICKNESS_PRIOR, thickness_mm)):
        first = kriging.fit(prior, directions[sure], values[sure])
        doubtful = np.flatnonzero(chosen & rim & _grow(holes, edges, round(RIM_MM / spread) + 1))
        agree = doubtful[np.abs(first.predict(directions[doubtful]) - values[doubtful]) < _AGREE_MM]
        both = np.concatenate([np.flatnonzero(sure), agree])
        fits.append(kriging.fit(prior, directions[both], values[both]))
    return fits[0], fits[1]


def _thinned(
    directions: NDArray[np.float64], edges: NDArray[np.int64], defect: Defect, spread: float
) -> NDArray[np.bool_]:
    """Return which directions to read: every 9 mm over the head, 4.5 mm near the defect and its mirror image, 2.2 mm at the rim."""
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
    skull: Volume, pose: HeadPose, chart: Chart, inner_mm: NDArray[np.float64], outer_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the signed distance (mm along the bone) to the edge of the region whose columns lack bone."""
    import cc3d
    import edt

    columns = read_columns(skull, pose.centre_mm, chart.directions() @ pose.axes)
    top = np.minimum(columns.outer_mm, outer_mm)
    bottom = np.maximum(columns.inner_mm, inner_mm)
    present = np.nan_to_num(np.maximum(top - bottom, 0))
    lacking = outer_mm - inner_mm - present > _LACKING_MM
    hole = ndimage.binary_opening(columns.missing, iterations=2)
    near = edt.edt(np.ascontiguousarray(~hole), anisotropy=(chart.spacing_mm,) * 2) < _MARGIN_MM - 2
    solid = ndimage.binary_opening(lacking & near, iterations=round(_SPUR_MM / chart.spacing_mm))
    labels = cc3d.connected_components((solid | hole).astype(np.uint8), connectivity=4)
    wanted = np.isin(labels, np.unique(labels[hole]))
    spacing = (chart.spacing_mm, chart.spacing_mm)
    inside = edt.edt(np.ascontiguousarray(wanted), anisotropy=spacing)
    outside = edt.edt(np.ascontiguousarray(~wanted), anisotropy=spacing)
    return np.asarray(inside, float) - outside + 1.0
