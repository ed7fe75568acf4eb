"""The region that a craniectomy of clinics removes: its outline on the head, its margin, its depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from meshimplant.datasets.craniectomy_flaps import Flap, choose_flap
from meshimplant.datasets.craniectomy_landmarks import read_landmarks
from meshimplant.datasets.craniectomy_margin import Margin, draw_margin
from meshimplant.datasets.craniectomy_outline import plane
from meshimplant.datasets.craniectomy_region import NO_VAULT, box_around, roughness
from meshimplant.datasets.craniectomy_vault import FlatVault, read_flat_vault
from meshimplant.errors import InputError
from meshimplant.head.braincase import Braincase
from meshimplant.voxels.volume import Volume

#: Tolerance outside the smoothed outer surface, mm; the arch of the cheek bone lies farther out.
_PLAY_MM = {"orbitofrontal": 14.0, "bifrontal": 6.0}
_USUAL_PLAY_MM = 5.0
#: An outline is stretched front to back about this place until its length is right to this share.
_STRETCHED_ABOUT_MM = -45.0
_LENGTH_TOLERANCE = 0.01


def clinical_region(
    complete: Volume, frame: Braincase, rng: np.random.Generator, kind: str
) -> tuple[Volume, NDArray[np.bool_]]:
    """Return the box of the skull around the defect, and the mask of the bone to remove in it.

    Raises
    ------
    InputError
        The scan ends above the place, or there is no bone.
    """
    side = 1.0 if rng.random() < 0.5 else -1.0
    flap = choose_flap(rng, kind, read_landmarks(complete, frame, side))
    vault = read_flat_vault(complete, frame, flap.direction, columns=True)
    margin = _draw(rng, flap, vault)
    drawn = margin.outline.distance_mm > -10
    if not (margin.outline.distance_mm > 0).any():
        raise InputError(NO_VAULT)
    play = _PLAY_MM.get(kind, _USUAL_PLAY_MM)
    box = box_around(complete, vault.shell_points_mm(drawn, play_mm=play))
    index = np.argwhere(box.array)
    local = frame.to_local(box.to_mm(index))
    across, along, depth, near = vault.project(local, play_mm=play)
    near &= depth < flap.deepest_mm
    thickness = vault.thickness_mm(across, along)
    inside = near & margin.removes(across, along, depth, thickness, roughness(rng, local))
    region = np.zeros(box.shape, bool)
    region[tuple(index[inside].T)] = True
    return box, region


def _draw(rng: np.random.Generator, flap: Flap, vault: FlatVault) -> Margin:
    """Draw the margin on the chart; stretch the outline front to back until it has the asked length."""
    across, along = plane()
    directions = vault.chart.directions_at(across, along)
    outer = vault.chart.read(vault.outer_mm, vault.chart.nodes_at(across, along))
    within = flap.spared_mm(directions, outer)
    state = rng.bit_generator.state
    for _ in range(8):
        rng.bit_generator.state = state
        corners = vault.chart.to_mm(flap.points_mm).T.astype(np.float64)
        margin = draw_margin(rng, corners, burrs=flap.burrs, bitten=flap.bitten, within_mm=within)
        points = (directions * outer[..., None])[margin.outline.distance_mm > 0]
        if np.isnan(flap.length_mm) or len(points) < 100:
            break
        ratio = flap.length_mm / _longest(points)
        if abs(ratio - 1) < _LENGTH_TOLERANCE:
            break
        flap = replace(flap, points_mm=_stretched(flap.points_mm, ratio))
    return margin


def _stretched(points_mm: NDArray[np.float64], ratio: float) -> NDArray[np.float64]:
    stretched = points_mm.copy()
    stretched[:, 1] = _STRETCHED_ABOUT_MM + ratio * (points_mm[:, 1] - _STRETCHED_ABOUT_MM)
    return stretched


def _longest(points: NDArray[np.float64]) -> float:
    """Return the largest distance between any two points (n, 3)."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    return float(pdist(points[ConvexHull(points[::5]).vertices * 5]).max())
