"""`remove_metal`: metal in a CT, where it is, and the values that would be there without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.report import Finding, Place, place_of
from meshimplant.voxels.distance import distance_outside
from meshimplant.voxels.grid import bounding_box, box_slices
from meshimplant.voxels.volume import Volume

#: Threshold of metal, HU, also the top of a 12-bit scale; enamel and petrous bone are below.
METAL_HU = 3000.0
#: A scanner's highest value is taken for metal from here, HU, where at least so much is clipped at it, mm3.
CLIPPED_HU, CLIPPED_MM3 = 2500.0, 10.0
#: Metal brightens what is this close to it, mm.
HALO_MM = 1.6
#: Less metal than this is a speck of noise or enamel, and is not removed, mm3.
LEAST_METAL_MM3 = 2.0
#: Metal parts closer than this are one, mm: the screws of a plate.
ONE_BODY_MM = 4.0
#: So many bodies are told with their places, the largest first.
MOST_PLACES = 3
#: Accuracy of the values that replace metal, relative to all of them.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class MetalBody:
    """One piece of metal: its volume without the halo, and its middle, LPS mm."""

    volume_mm3: float
    place_mm: Place


def remove_metal(ct: Volume) -> tuple[Volume, tuple[MetalBody, ...]]:
    """Return a CT with metal and its halo replaced by what surrounds them, and the pieces of metal.

    The new values are the smoothest that agree with the voxels around (Laplace's equation): between bone and
    bone there is bone, so that a screw leaves no hole and a plate no groove; between scalp and brain there is
    none, so that a plate or wire over an opening does not close it. The halo is `HALO_MM` wide, and at least
    one voxel along each axis. Metal so thin that no voxel reaches `METAL_HU` is not recognised.

    Parameters
    ----------
    ct : Volume
        Hounsfield units; one without negative values is of another unit, and returned as it is.

    Returns
    -------
    ct : Volume
        The same volume where there is no metal.
    bodies : tuple of MetalBody
        The largest first.
    """
    metal = _metal_voxels(ct)
    if metal is None:
        return ct, ()
    reach_mm = max(HALO_MM, float(ct.spacing_mm.max()), ONE_BODY_MM)
    margin = np.ceil(reach_mm / ct.spacing_mm).astype(int) + 2
    start, stop = bounding_box(metal)
    start, stop = np.maximum(start - margin, 0), np.minimum(stop + margin, ct.shape)
    part = box_slices(start, stop)
    values = ct.array.copy()
    values[part] = _filled(values[part], metal[part], ct.spacing_mm)
    return ct.with_array(values), _bodies_of(Volume(metal[part], ct.crop(start, stop).affine))


def metal_findings(bodies: tuple[MetalBody, ...]) -> list[Finding]:
    """Return a finding for each of the largest pieces of metal, and one for all others together.

    Parameters
    ----------
    bodies : tuple of MetalBody
        The pieces, the largest first.
    """
    findings = [_finding(f"Metal of {_size(body.volume_mm3)}", body) for body in bodies[:MOST_PLACES]]
    if others := bodies[MOST_PLACES:]:
        total = MetalBody(sum(body.volume_mm3 for body in others), others[0].place_mm)
        what = f"{len(others)} smaller pieces of metal of {_size(total.volume_mm3)} together"
        findings.append(_finding(what, total))
    return findings


def _finding(what: str, body: MetalBody) -> Finding:
    message = (
        f"{what} (plate, clip, wire, screw or filling) does not count as bone, and what is around it was "
        "interpolated; its streaks can appear as false bone or false holes: compare the border with the scan."
    )
    return Finding("input.metal", "warning", message, body.volume_mm3, LEAST_METAL_MM3, "mm3", body.place_mm)


def _size(volume_mm3: float) -> str:
    return f"{volume_mm3 / 1000:.1f} cm3" if volume_mm3 >= 1000 else f"{volume_mm3:.0f} mm3"


def _metal_voxels(ct: Volume) -> NDArray[np.bool_] | None:
    """Return where metal is; None where there is none worth removing."""
    array = ct.array
    if array.min() >= 0:
        return None
    highest = array.max()
    level = METAL_HU
    if CLIPPED_HU <= highest < METAL_HU:
        clipped = np.count_nonzero(array == highest) * ct.voxel_volume_mm3
        level = float(highest) if clipped >= CLIPPED_MM3 else METAL_HU
    metal = array >= level
    volume_mm3 = np.count_nonzero(metal) * ct.voxel_volume_mm3
    return metal if volume_mm3 >= LEAST_METAL_MM3 else None


def _bodies_of(metal: Volume) -> tuple[MetalBody, ...]:
    """Return the pieces of metal, those within `ONE_BODY_MM` as one, the largest first."""
    import cc3d

    near = distance_outside(metal.array, metal.spacing_mm) <= ONE_BODY_MM / 2
    labels = cc3d.connected_components(near, connectivity=26)
    index = np.argwhere(metal.array)
    of = labels[tuple(index.T)]
    order = np.argsort(-np.bincount(of), kind="stable")
    bodies = []
    for label in order[: np.count_nonzero(np.bincount(of))]:
        own = index[of == label]
        volume_mm3 = len(own) * metal.voxel_volume_mm3
        bodies.append(MetalBody(volume_mm3, place_of(metal.to_mm(np.median(own, axis=0)))))
    return tuple(bodies)


def _filled(
    values: NDArray[np.number], metal: NDArray[np.bool_], spacing_mm: NDArray[np.float64]
) -> NDArray[np.number]:
    """Return values with metal and halo replaced by the solution of Laplace's equation between the others."""
    halo_mm = np.maximum(HALO_MM, 1.01 * spacing_mm)
    unknown = distance_outside(metal, spacing_mm / halo_mm) <= 1
    known = ~unknown
    if not known.any():
        return values
    solved = _laplace(values.astype(np.float64), unknown, spacing_mm)
    filled = values.copy()
    filled[unknown] = np.rint(solved) if values.dtype.kind in "iu" else solved
    return filled


def _laplace(
    values: NDArray[np.float64], unknown: NDArray[np.bool_], spacing_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the values (n,) of unknown voxels that solve Laplace's equation with the others given."""
    from scipy import sparse
    from scipy.sparse.linalg import cg

    number = np.full(unknown.shape, -1, np.int64)
    index = np.argwhere(unknown)
    count = len(index)
    number[unknown] = np.arange(count)
    diagonal, right = np.zeros(count), np.zeros(count)
    rows, columns, weights = [], [], []
    for axis, edge_mm in enumerate(spacing_mm):
        for side in (-1, 1):
            beside = index.copy()
            beside[:, axis] += side
            own = np.flatnonzero((beside[:, axis] >= 0) & (beside[:, axis] < unknown.shape[axis]))
            at = tuple(beside[own].T)
            weight = edge_mm**-2.0
            diagonal[own] += weight
            other = number[at]
            free = other >= 0
            right[own[~free]] += weight * values[at][~free]
            rows.append(own[free])
            columns.append(other[free])
            weights.append(np.full(np.count_nonzero(free), -weight))
    entries = np.concatenate([diagonal, *weights])
    places = np.concatenate([np.arange(count), *rows]), np.concatenate([np.arange(count), *columns])
    matrix = sparse.csr_matrix((entries, places), shape=(count, count))
    solved, _ = cg(matrix, right, rtol=_TOLERANCE, maxiter=1000, M=sparse.diags(1 / diagonal))
    return np.asarray(solved)
