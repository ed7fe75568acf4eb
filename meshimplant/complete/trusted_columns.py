"""`select_columns`: the intact columns that a model is fitted to, without cut walls, face and base."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.head import kriging
from meshimplant.head.chart import CHART_RADIUS_MM
from meshimplant.head.kriging import Prior, Scale
from meshimplant.head.sphere import direction_sphere, grow, is_vault
from meshimplant.skull.defect import Defect, Openings

#: Columns within the first distance of the opening pass through the cut wall and are not used; those within
#: the second are used only if they agree with the rest. Chosen on eight SkullFix training defects: without
#: excluding the wall their mean Dice falls from 0.951 to 0.927; that of four of them falls to 0.885 when
#: columns may also disagree by twice as much.
_WALL_MM, RIM_MM = 4.5, 8.0
_AGREE_MM = 0.6
#: Plausible thickness of the vault, mm.
THICKNESS_RANGE_MM = (1.0, 20.0)
#: Columns are read more densely within this distance of the defect and of its mirror image, mm.
_NEAR_MM = 30.0
#: Columns that end farther than this from a coarse fit are not vault: a brow seen edge-on, an ear, a cheek
#: bone.
_IMPLAUSIBLE_MM = 4.0
#: The coarse fit: its prior, the number of columns it uses, and how often it is repeated.
_COARSE = Prior((Scale(4.0, 0.8, 0.9),), shape_variance=1e3, noise=1.5)
_COARSE_COLUMNS, _COARSE_ROUNDS = 1200, 3


def select_columns(
    openings: Openings, defect: Defect, outer_fraction: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns to trust at once, and those at the rim to trust only if they agree with the first.

    Parameters
    ----------
    openings : Openings
        From `find_defects`.
    defect : Defect
        The opening that is to be closed.
    outer_fraction : (n,) array
        The baseline's outer radius along `direction_sphere`, up to a factor.

    Returns
    -------
    sure, doubtful : (m,) arrays
        Indices into `direction_sphere`.
    """
    directions, _ = direction_sphere()
    columns = openings.columns
    outer_mm = columns.outer_mm.astype(float)
    holes = np.zeros(len(directions), bool)
    for other in (*openings.defects, *openings.small):
        holes[other.members] = True
    low, high = THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        thickness = outer_mm - columns.inner_mm
        usable = is_vault(directions) & (thickness > low) & (thickness < high) & ~holes
    spacing_mm = CHART_RADIUS_MM * np.sqrt(4 * np.pi / len(directions))
    chosen = usable & _graded(defect, spacing_mm)
    rim, wall = (grow(holes, round(reach / spacing_mm)) for reach in (RIM_MM, _WALL_MM))
    sure, doubtful = np.flatnonzero(chosen & ~rim), np.flatnonzero(chosen & rim & ~wall)
    return _drop_implausible(sure, doubtful, outer_mm, outer_fraction)


def fit_twice(
    prior: Prior, values: NDArray[np.float64], sure: NDArray[np.int64], doubtful: NDArray[np.int64]
) -> kriging.Fit:
    """Fit a prior to the sure columns, then to these and the doubtful ones that agree with that first fit.

    Parameters
    ----------
    prior : Prior
        Covariance of the field.
    values : (n,) or (n, models) array
        Values along `direction_sphere`, as departures from one or several baselines; the first of these
        decides what agrees.
    sure, doubtful : (m,) arrays
        From `select_columns`.
    """
    directions, _ = direction_sphere()
    departures = values.reshape(len(values), -1)[:, 0]
    first = kriging.fit(prior, directions[sure], departures[sure])
    error = np.abs(first.predict(directions[doubtful]) - departures[doubtful])
    agreeing = doubtful[error < _AGREE_MM]
    return first.extended(directions[agreeing], values[np.concatenate([sure, agreeing])])


def _drop_implausible(
    sure: NDArray[np.int64],
    doubtful: NDArray[np.int64],
    outer_mm: NDArray[np.float64],
    outer_fraction: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the columns that lie near a coarse fit, which is itself repeated without those that do not."""
    directions, _ = direction_sphere()
    values = outer_mm - float(np.median(outer_mm[sure] / outer_fraction[sure])) * outer_fraction
    sparse = sure[:: max(1, len(sure) // _COARSE_COLUMNS)]

    def near(fit: kriging.Fit, columns: NDArray[np.int64]) -> NDArray[np.int64]:
        return columns[np.abs(fit.predict(directions[columns]) - values[columns]) < _IMPLAUSIBLE_MM]

    used = sparse
    for _ in range(_COARSE_ROUNDS):
        coarse = kriging.fit(_COARSE, directions[used], values[used])
        used = near(coarse, sparse)
    return near(coarse, sure), near(coarse, doubtful)


def _graded(defect: Defect, spacing_mm: float) -> NDArray[np.bool_]:
    """Return the directions to use: 9 mm apart, 4.5 mm near the defect and its image, 2.2 mm at the rim."""
    from scipy.spatial import cKDTree

    directions, _ = direction_sphere()
    hole = np.zeros(len(directions), bool)
    hole[defect.members] = True
    near = grow(hole, round(_NEAR_MM / spacing_mm))
    mirror = cKDTree(directions).query(directions * (-1.0, 1.0, 1.0))[1]
    rim = grow(hole, round(RIM_MM / spacing_mm))
    index = np.arange(len(directions))  # a subdivided sphere keeps its coarser vertices first
    return (index < 2562) | ((near | near[mirror]) & (index < 10242)) | (rim & ~hole)
