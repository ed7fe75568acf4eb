"""`separate`: the implant picked out of a raw subtraction, and a list of what was left behind."""

from __future__ import annotations

from typing import overload

import trimesh
from numpy.typing import ArrayLike

from meshimplant.errors import InputError
from meshimplant.line.separate_mesh import separate_mesh
from meshimplant.line.separate_voxels import RemovedPiece, Separation, separate_voxels
from meshimplant.voxels.volume import Volume

__all__ = ["RemovedPiece", "Separation", "separate"]


@overload
def separate(
    body: Volume,
    *,
    bodies: int = 1,
    opening_mm: float = 1.5,
    near_mm: ArrayLike | None = None,
    skull: Volume | None = None,
) -> Separation[Volume]: ...
@overload
def separate(
    body: trimesh.Trimesh, *, bodies: int = 1, opening_mm: float = 1.5, near_mm: ArrayLike | None = None
) -> Separation[trimesh.Trimesh]: ...
def separate(
    body: Volume | trimesh.Trimesh,
    *,
    bodies: int = 1,
    opening_mm: float = 1.5,
    near_mm: ArrayLike | None = None,
    skull: Volume | None = None,
) -> Separation[Volume] | Separation[trimesh.Trimesh]:
    """Pick the implant out of a raw subtraction: no facial debris, no films of misfit, nothing that hangs on
    by a neck.

    The body is split at its necks: what lies deeper than `opening_mm` makes cores, and a watershed of the
    depth gives each the part of the body around it. Two cores joined by a broad section stay one body.
    Candidates are ranked by volume times mean depth (and nearness to `near_mm`), so that a thick implant
    beats a wider film. From the chosen ones, films thinner than `opening_mm` are cut where they leave the
    body; its own edges and corners are restored.

    Parameters
    ----------
    body
        Mask, field (positive inside, or a probability around 0.5), or mesh in LPS millimetres. A mesh is
        split by its connected surfaces; one with bridged pieces goes through a field of 0.5 mm only if a
        piece hangs on it.
    bodies
        Number of implants wanted: one for each defect.
    opening_mm
        Half the thickness below which a connection between two pieces is a neck.
    near_mm
        Point (3,), LPS millimetres, near which the implant lies: the centre of the defect.
    skull
        Mask of the defective skull, non-zero is bone, on a grid of which that of a voxel body is a crop: what hangs on a
        body, thin as a film, and stands more than 3 mm free of bone is then kept as thin bone, for films of misfit cling
        to the skull.

    Returns
    -------
    Separation
        Bodies of the type that came in, on the same grid: a mask gives masks; a field gives float32 fields,
        positive inside with the surface at 0, unchanged at the kept surface and negative elsewhere. Closed
        cavities are filled.

    Raises
    ------
    MeshError
        Fewer bodies are there than asked for.
    EmptyMaskError
        There is no body at all.
    GeometryError
        The skull lies on another grid.
    InputError
        There is a skull, and the body is a mesh.

    Notes
    -----
    Measured: the largest component of a raw subtraction has an HD95 of 58 mm to the implant, because slivers
    of the face stay connected to it. Perfect predictions for the thinnest of six SkullFix training skulls lose 6 %
    (parietotemporal) and 13 % (frontoorbital) of their bone without the skull, and 0.5 % with it.
    """
    if isinstance(body, trimesh.Trimesh):
        if skull is not None:
            raise InputError(
                "expected no skull with a mesh, got one: give the body as voxels on the skull's grid"
            )
        return separate_mesh(body, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm)
    if skull is not None:
        skull = _cut_to(skull, body)
    return separate_voxels(body, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm, skull=skull)


def _cut_to(skull: Volume, body: Volume) -> Volume:
    """Return the part of the skull that lies on the body's grid."""
    turned = skull.reorient(body.orientation)
    start = body.start_in(turned)
    part = turned.crop(start, start + body.shape)
    part.require_same_grid(body, names=("skull", "body"))
    return part
