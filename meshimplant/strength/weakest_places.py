"""`weakest_places`: where a part gives way most under a pad, by an approximate solution for many places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meshimplant.strength.cut_cubes import CutCubes
from meshimplant.strength.loads import PAD_MM, pad_forces, pads
from meshimplant.strength.solve import Solver
from meshimplant.strength.surface_samples import SurfaceSamples, thinned

Floats = NDArray[np.float64]

#: Distance between the places that are compared, mm: first over the part, then around the weakest of these.
#: Our choice: half the width of the pad; near a free border displacements differ by a tenth over 2 mm.
_STEP_MM, _FINE_STEP_MM = 5.0, 1.5
#: Places returned, and the least distance between two of them, mm. Our choice.
_PLACES, _APART_MM = 3, 15.0
#: A pad that lies on less than this fraction of its area hangs over the border. Our choice.
_LEAST_COVERED = 0.5
#: Places solved at once; bounds the memory to about 100 MB.
_CHUNK = 50


def weakest_places(body: CutCubes, solver: Solver, outer: SurfaceSamples) -> Floats:
    """Return the outer places (k, 3) that move most under a pad, the weakest first, LPS mm.

    The pad is put on a place every 5 mm, and its displacement computed on the coarse cubes. These are too
    stiff, by a third on a clamped disc, but alike everywhere. Around the weakest three that are at least 15
    mm apart it is put on a place every 1.5 mm, and the weakest of these are returned.

    Parameters
    ----------
    body, solver
        The held part.
    outer : SurfaceSamples
        Its outer surface.
    """
    everywhere = outer.points_mm[thinned(outer.points_mm, apart_mm=_STEP_MM)]
    places, compliance = _compliances(body, solver, outer, everywhere)
    found = _farthest_apart(places, compliance)
    for number, place in enumerate(found):
        near = outer.points_mm[np.linalg.norm(outer.points_mm - place, axis=1) < _STEP_MM]
        around = near[thinned(near, apart_mm=_FINE_STEP_MM)]
        places, compliance = _compliances(body, solver, outer, around)
        found[number] = places[np.argmax(compliance)] if len(places) else place
    return found


def _compliances(
    body: CutCubes, solver: Solver, outer: SurfaceSamples, places: Floats
) -> tuple[Floats, Floats]:
    """Return the places (k, 3) that hold a pad, and its approximate displacement there under 1 N (k,)."""
    full_mm2 = np.pi * (PAD_MM / 2) ** 2
    under = pads(outer, places)
    kept = [row for row, each in enumerate(under) if each.areas_mm2.sum() >= _LEAST_COVERED * full_mm2]
    compliance = np.empty(len(kept))
    for start in range(0, len(kept), _CHUNK):
        rows = kept[start : start + _CHUNK]
        forces = np.stack([pad_forces(body, under[row]) for row in rows], axis=1)
        compliance[start : start + _CHUNK] = solver.compliances(forces)
    return places[kept], compliance


def _farthest_apart(places: Floats, compliance: Floats) -> Floats:
    """Return the places (k, 3) with the largest compliances that are far enough from those before them."""
    found = np.zeros((0, 3))
    for index in np.argsort(-compliance, kind="stable"):
        if (np.linalg.norm(found - places[index], axis=1) >= _APART_MM).all():
            found = np.vstack([found, places[index]])
        if len(found) == _PLACES:
            break
    return found
