"""`Reference`: the skull as it should be over its openings, according to something else than the part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.head.chart import Chart
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import is_vault
from meshimplant.voxels.volume import Volume

#: The shape is compared this far above the lower edge of the vault, sine of the elevation. Brow and base are
#: not the smooth shell that the reference is: measured on a frontoorbital opening of a training skull, the
#: true bone lies up to 5.8 mm outside it at the brow, and nowhere above the limit from 0.3 on.
_ABOVE_SIN = 0.35


@dataclass(frozen=True, eq=False)
class ReferencePatch:
    """The expected outer and inner surface over one opening, on a chart of directions in the head's frame.

    Attributes
    ----------
    chart : Chart
        The directions of the nodes.
    outer_mm, inner_mm : (rows, columns) arrays
        Radii from the head's centre.
    deviation_mm : float
        How far the surface may lie off the true one: posterior standard deviation of the outer surface in the
        opening, median.
    """

    chart: Chart
    outer_mm: NDArray[np.float64]
    inner_mm: NDArray[np.float64]
    deviation_mm: float

    def holds(self, nodes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which fractional nodes (2, n) lie on the chart."""
        last = np.array(self.chart.shape)[:, None] - 1
        return np.asarray(((nodes >= 0) & (nodes <= last)).all(axis=0))


@dataclass(frozen=True, eq=False)
class Reference:
    """The skull as it should be over its openings: the other side of this head, bent to the bone around.

    Attributes
    ----------
    pose : HeadPose or None
        The head's frame; None where there is no reference.
    patches : tuple of ReferencePatch
        One for each opening.
    field : Volume or None
        Signed distance of the whole skull's bone in voxels of about 2 mm, mm, positive inside.
    openings : tuple of (n, 3) arrays
        Unit directions, in the head's frame, of the rays that escape through each opening of the vault.
    reason : str
        Why there is none; empty where there is.
    """

    pose: HeadPose | None
    patches: tuple[ReferencePatch, ...]
    field: Volume | None = None
    openings: tuple[NDArray[np.float64], ...] = ()
    reason: str = ""

    def heights(self, points_mm: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far LPS points (n, 3) lie outside the outer and inside the inner surface, mm.

        Along the direction from the head's centre; nan where the reference says nothing: beside its patches,
        and at brow and base.
        """
        points = np.asarray(points_mm, float)
        proud, inward = np.full(len(points), np.nan), np.full(len(points), np.nan)
        if self.pose is None:
            return proud, inward
        arms = (points - self.pose.centre_mm) @ self.pose.axes.T
        radius = np.linalg.norm(arms, axis=1)
        unit = arms / np.maximum(radius, 1e-9)[:, None]
        vault = is_vault(unit - (0.0, 0.0, _ABOVE_SIN))
        for patch in self.patches:
            nodes = np.asarray(patch.chart.to_nodes(arms), float)
            here = patch.holds(nodes) & vault & np.isnan(proud)
            proud[here] = (radius - patch.chart.read(patch.outer_mm, nodes))[here]
            inward[here] = (patch.chart.read(patch.inner_mm, nodes) - radius)[here]
        return proud, inward

    @property
    def deviation_mm(self) -> float:
        """The largest deviation of the patches; 0 without any."""
        return max((patch.deviation_mm for patch in self.patches), default=0.0)
