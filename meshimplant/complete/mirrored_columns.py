"""Columns mirrored from the other side below the vault, as the networks' input has them.

Networks were trained with these. `complete_below_vault` is better, since columns hold no sinus and no roof of
an orbit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.below_vault import AROUND_COLUMNS_MM, shell_share
from meshimplant.head.chart import Chart
from meshimplant.head.fill import average_known
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, grow, is_vault, read_along
from meshimplant.skull.defect import Openings
from meshimplant.voxels.volume import Volume

#: Within that ramp, a column of the other side is vault if it ends within the first distance of the estimate,
#: and brow, orbit or base beyond the second; in between, the two are blended.
_ALIKE_MM, _OTHER_MM = 2.0, 6.0
#: Widths over which the offset between the two sides is extrapolated from the vault into the face, mm; the
#: narrowest that reaches a node is used.
_CARRY_MM = (6.0, 20.0)


def mirror_below_vault(
    skull: Volume,
    pose: HeadPose,
    openings: Openings,
    chart: Chart,
    inner_mm: NDArray[np.float64],
    outer_mm: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Replace columns below the vault by those mirrored from the other side of the head.

    The mirrored columns are first moved in or out by their offset from the estimate on the nearby vault.

    Parameters
    ----------
    skull : Volume
        Mask of the defective skull.
    pose : HeadPose
        Its frame.
    openings : Openings
        From `find_defects`.
    chart : Chart
        Nodes of the estimate.
    inner_mm, outer_mm : (size, size) arrays
        Radii of the estimated shell at these nodes.

    Returns
    -------
    inner_mm, outer_mm : (size, size) arrays
        Radii with mirrored columns where the shell does not hold.
    unknown : (size, size) array of bool
        Nodes far below the vault where the other side is missing too.
    """
    directions = chart.directions
    vault = is_vault(directions)
    rings = round(AROUND_COLUMNS_MM / chart.spacing_mm)
    zone = ndimage.binary_dilation(~vault, iterations=rings)
    if not zone.any():
        return inner_mm, outer_mm, zone
    inner, outer = _mirrored_columns(skull, pose, openings, directions)
    with np.errstate(invalid="ignore"):
        alike = vault & (np.abs(outer - outer_mm) < 2 * _ALIKE_MM)
    offset = _extrapolate(np.where(alike, outer_mm - outer, 0.0), alike, chart.spacing_mm)
    inner, outer = inner + offset, outer + offset
    missing = np.isnan(outer)
    far = ~ndimage.binary_dilation(vault, iterations=rings)
    inner, outer = (np.where(missing, own, other) for own, other in ((inner_mm, inner), (outer_mm, outer)))
    unlike = np.clip((np.abs(outer - outer_mm) - _ALIKE_MM) / (_OTHER_MM - _ALIKE_MM), 0, 1) * zone
    share = np.maximum(unlike, 1 - shell_share(chart, AROUND_COLUMNS_MM))
    return inner_mm + share * (inner - inner_mm), outer_mm + share * (outer - outer_mm), missing & far


def _mirrored_columns(
    skull: Volume, pose: HeadPose, openings: Openings, directions: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return inner and outer radii along the mirrored directions (..., 3); nan where that side is open."""
    from scipy.spatial import cKDTree

    mirrored = directions * (-1.0, 1.0, 1.0)
    columns = read_along(skull, pose, mirrored)
    sphere, _ = direction_sphere()
    holes = np.zeros(len(sphere), bool)
    for hole in (*openings.defects, *openings.small):
        holes[hole.members] = True
    open_ = grow(holes, 2)[cKDTree(sphere).query(mirrored)[1]]
    inner, outer = (np.where(open_, np.nan, radius) for radius in (columns.inner_mm, columns.outer_mm))
    return inner, outer


def _extrapolate(
    values: NDArray[np.float64], known: NDArray[np.bool_], spacing_mm: float
) -> NDArray[np.float64]:
    """Return the mean of the known values near each node, over the narrowest width that reaches; else 0."""
    result = np.zeros(values.shape)
    filled = np.zeros(values.shape, bool)
    for width_mm in _CARRY_MM:
        mean, weight = average_known(values, known, width_mm / spacing_mm)
        reached = (weight > 1e-3) & ~filled
        result[reached] = mean[reached]
        filled |= reached
    return result
