"""Which columns of the vault to believe: not the sawn wall, not face and base, nothing that no vault could be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.head import kriging
from meshimplant.head.chart import CHART_RADIUS_MM
from meshimplant.head.kriging import Prior, Scale
from meshimplant.head.sphere import direction_sphere, grow, is_vault
from meshimplant.skull.defect import Defect, Opening

#: Columns nearest to the opening pass through the cut wall and are not read; those a little farther are believed only if they
#: agree with the rest. Chosen on eight SkullFix training defects: without the wall's band their mean Dice falls from 0.951 to
#: 0.927; that of four of them to 0.885 when readings may also disagree by twice as much.
_WALL_MM, RIM_MM = 4.5, 8.0
_AGREE_MM = 0.6
THICKNESS_RANGE_MM = (1.0, 20.0)
_NEAR_MM = 30.0
#: Columns that end farther than this from a vault drawn with a broad brush are no vault: brow seen edge-on, ear, cheek bone.
_ODD_MM = 4.0
_BRUSH = Prior((Scale(4.0, 0.8, 0.9),), shape_variance=1e3, noise=1.5)
_BRUSH_READINGS, _BRUSH_ROUNDS = 1200, 3


def choose_readings(
    opening: Opening, defect: Defect, outer_fraction: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which of `direction_sphere` to trust at once, and which, at the rim, only if they agree with those.

    Parameters
    ----------
    opening, defect
        What `find_defects` saw, and which opening is to be closed.
    outer_fraction : (n,) array
        The baseline's outer radius along `direction_sphere`, up to a factor.
    """
    directions, _ = direction_sphere()
    columns = opening.columns
    outer_mm = columns.outer_mm.astype(float)
    holes = np.zeros(len(directions), bool)
    for other in (*opening.defects, *opening.small):
        holes[other.members] = True
    low, high = THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        thickness = outer_mm - columns.inner_mm
        usable = is_vault(directions) & (thickness > low) & (thickness < high) & ~holes
    spread = CHART_RADIUS_MM * np.sqrt(4 * np.pi / len(directions))
    chosen = usable & _thinned(defect, spread)
    rim, wall = (grow(holes, round(reach / spread)) for reach in (RIM_MM, _WALL_MM))
    sure, doubtful = np.flatnonzero(chosen & ~rim), np.flatnonzero(chosen & rim & ~wall)
    return _plausible(sure, doubtful, outer_mm, outer_fraction)


def fit_twice(
    prior: Prior, values: NDArray[np.float64], sure: NDArray[np.int64], doubtful: NDArray[np.int64]
) -> kriging.Fit:
    """Fit to the sure readings, then to those and the doubtful ones that agree.

    Values are (n,), or (n, models) departures from several baselines, of which the first decides what agrees.
    """
    directions, _ = direction_sphere()
    given = values.reshape(len(values), -1)[:, 0]
    first = kriging.fit(prior, directions[sure], given[sure])
    agree = doubtful[np.abs(first.predict(directions[doubtful]) - given[doubtful]) < _AGREE_MM]
    return first.extended(directions[agree], values[np.concatenate([sure, agree])])


def _plausible(
    sure: NDArray[np.int64],
    doubtful: NDArray[np.int64],
    outer_mm: NDArray[np.float64],
    outer_fraction: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the readings that lie near a broad fit, which is itself repeated without those that do not."""
    directions, _ = direction_sphere()
    values = outer_mm - float(np.median(outer_mm[sure] / outer_fraction[sure])) * outer_fraction
    few = sure[:: max(1, len(sure) // _BRUSH_READINGS)]

    def near(fit: kriging.Fit, readings: NDArray[np.int64]) -> NDArray[np.int64]:
        return readings[np.abs(fit.predict(directions[readings]) - values[readings]) < _ODD_MM]

    used = few
    for _ in range(_BRUSH_ROUNDS):
        broad = kriging.fit(_BRUSH, directions[used], values[used])
        used = near(broad, few)
    return near(broad, sure), near(broad, doubtful)


def _thinned(defect: Defect, spread_mm: float) -> NDArray[np.bool_]:
    """Return which directions to read: every 9 mm, 4.5 mm near the defect and its mirror image, 2.2 mm at the rim."""
    from scipy.spatial import cKDTree

    directions, _ = direction_sphere()
    hole = np.zeros(len(directions), bool)
    hole[defect.members] = True
    near = grow(hole, round(_NEAR_MM / spread_mm))
    mirror = cKDTree(directions).query(directions * (-1.0, 1.0, 1.0))[1]
    rim = grow(hole, round(RIM_MM / spread_mm))
    index = np.arange(len(directions))  # a subdivided sphere keeps its coarser vertices first
    return (index < 2562) | ((near | near[mirror]) & (index < 10242)) | (rim & ~hole)
