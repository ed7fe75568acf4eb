"""Below the vault, where there is no shell: the surfaces of the head's other side, or of a population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.lower_head import CLIP_MM, Surroundings, bend_to, read_field
from meshimplant.complete.lower_mean import LowerMean
from meshimplant.complete.shell import Shell
from meshimplant.head.chart import Chart
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, grow, is_vault
from meshimplant.skull.defect import Openings
from meshimplant.voxels.distance import distance_inside
from meshimplant.voxels.volume import Volume

#: Around directions that are not vault, the other side is blended in over this distance, mm: weight 0 at this
#: distance, 1 where the vault ends.
AROUND_MM = 16.0
#: The same for the answer of a network, and for columns.
AROUND_COLUMNS_MM = 8.0
#: Where the other side is open, too, the population takes over: the other side's weight is 0 within this many
#: rings of 2 mm along its opening, and rises to 1 over this distance, mm.
_CUT_RINGS, _TAKE_OVER_MM = 2, 8.0
#: A source that fills less than this share is not named.
_NEGLIGIBLE = 0.05
#: Weight of the estimated vault, as opposed to bone, when the population is bent. (The other side is bent to
#: bone alone: with the vault at half the weight of bone its Dice falls by 0.014, six training openings.)
_VAULT_WEIGHT = 1.0


@dataclass(frozen=True, eq=False)
class LowerHead:
    """Bone below the vault around one opening.

    Attributes
    ----------
    field : Volume
        Its signed distance, mm, positive inside, in the head's own frame.
    share : (size, size) array
        Weight of the vault's shell against `field` at the nodes of the chart.
    other_side_fraction : float
        Share of the opening below the vault that follows the other side; the rest is open there, too.
    rest : str
        What the rest follows: ``population``, or ``vault``: the estimated vault, carried on.
    """

    field: Volume
    share: NDArray[np.float64]
    other_side_fraction: float
    rest: str

    def report(self) -> dict[str, Any]:
        """Return which source filled the region, as in the report."""
        source = f"other side and {self.rest}"
        if abs(self.other_side_fraction - 0.5) > 0.5 - _NEGLIGIBLE:
            source = "other side" if self.other_side_fraction > 0.5 else self.rest
        return {
            "source": source,
            "other_side_fraction": self.other_side_fraction,
        }


def complete_below_vault(
    skull: Volume,
    pose: HeadPose,
    openings: Openings,
    shell: Shell,
    population: LowerMean | None,
    radius_mm: float,
) -> LowerHead | None:
    """Complete brow, orbit, temple and base within a shell's extent, by surfaces instead of columns.

    The mirrored other side, as a signed distance, is bent to the intact bone around the opening (`bend_to`).
    So both sides of thin bone, overhangs and sinuses are kept. Where the other side is open, too, the mean of
    a population takes its place, bent in the same way.

    Parameters
    ----------
    skull : Volume
        Mask of the defective skull.
    pose : HeadPose
        Its frame.
    openings : Openings
        From `find_defects`.
    shell : Shell
        The estimated vault, carried on below its end.
    population : LowerMean or None
        None: the estimated vault is carried on where the other side is open, too.
    radius_mm : float
        Median outer radius of the vault.

    Returns
    -------
    LowerHead or None
        None if the extent does not reach below the vault.
    """
    chart = shell.chart
    share = shell_share(chart, AROUND_MM)
    inside = shell.extent_mm > 0
    if not (inside & (share < 1)).any():
        return None
    around = Surroundings.of(skull, pose, shell, share)
    closed = _closed_opposite(openings, chart)
    known = around.read_nodes(closed)
    field = np.zeros(around.grid.shape, np.float32)
    if (closed[inside] > 0).any():
        other = read_field(skull, pose, around.grid, mirrored=True)
        field += known * bend_to(around, other, trust=known).array
    if (closed[inside] < 1).any():
        field += (1 - known) * _without_other_side(around, population, radius_mm)
    below = inside & ~is_vault(chart.directions)
    fraction = float(closed[below if below.any() else inside].mean())
    rest = "population" if population else "vault"
    return LowerHead(around.bone.with_array(field), share, fraction, rest)


def _without_other_side(
    around: Surroundings, population: LowerMean | None, radius_mm: float
) -> NDArray[np.float32]:
    """Return the population's mean bent to the bone around the opening, and elsewhere the estimated vault.

    The mean ends behind the temple: at the nape, and without a population, the vault is carried on.
    """
    if population is None:
        return around.vault_mm
    covers = population.covers(around.grid, radius_mm)
    if not covers.any():
        return around.vault_mm
    mean = population.place(around.grid, radius_mm, fill=-CLIP_MM)
    bent = bend_to(around, mean, trust=covers, vault_weight=_VAULT_WEIGHT).array
    return np.asarray(covers * bent + (1 - covers) * around.vault_mm)


def shell_share(chart: Chart, around_mm: float) -> NDArray[np.float64]:
    """Return the weight of a shell at a chart's nodes: 0 below the vault, rising to 1 within `around_mm`."""
    above = distance_inside(is_vault(chart.directions), chart.spacing_mm)
    return np.clip(above / around_mm, 0, 1).astype(float)


def _closed_opposite(openings: Openings, chart: Chart) -> NDArray[np.float64]:
    """Return the weight of the other side at a chart's nodes: 0 where its bone is missing or cut."""
    from scipy.spatial import cKDTree

    sphere, _ = direction_sphere()
    holes = np.zeros(len(sphere), bool)
    for hole in (*openings.defects, *openings.small):
        holes[hole.members] = True
    opposite = cKDTree(sphere).query(chart.directions * (-1.0, 1.0, 1.0))[1]
    away = distance_inside(~grow(holes, _CUT_RINGS)[opposite], chart.spacing_mm)
    return np.clip(away / _TAKE_OVER_MM, 0, 1).astype(float)
