"""`skull_model`: the defective skull as a printable body, on which a printed part is tried."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.design.hollow import hollow
from meshimplant.edit.cut import trim_plane
from meshimplant.edit.repair import repair
from meshimplant.errors import EmptyMaskError, InputError, require_type
from meshimplant.line.extract import extract
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import from_manifold, join_meshes, new_mesh, to_manifold
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.deviation import deviation_mm
from meshimplant.preview.skull_surface import averaged_bone
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.volume import Volume

#: Edge of the voxels that bone is averaged to, mm. Measured on a SkullFix head of 0.46 x 0.46 x 0.63 mm:
#: 352 000 faces, an STL of 18 MB (voxels of 0.9 mm: 1 100 000 faces, most of them in the diploe).
_VOXEL_MM = 1.4
#: Pores and clefts up to twice as wide are closed, mm: no printer shows them, and each is a hole through the
#: surface.
_PORE_RADIUS_MM = 1.5
#: Fraction of bone that a closed pore is given: enough to stay inside after the Gaussian.
_FILLED = np.float32(0.75)
#: Gaussian on the closed bone, voxels.
_SMOOTH_VOXELS = 0.5
#: Smaller pieces that float free are left out, mm3. Source: our choice.
CRUMB_MM3 = 1000.0
#: Largest 99th percentile of the distance by which faces may be saved, mm: the accuracy of common printers.
DEVIATION_MM = 0.1
#: Pieces into which a cut may part a skull before the smallest are dropped.
_MOST_PIECES = 100
#: Highest level of the flat cut above the lowest point, mm.
MOST_CUT_MM = 120.0
#: Tolerances of the edge collapse that are tried, mm.
_TOLERANCES_MM = (0.06, 0.03, 0.02)


@dataclass(frozen=True)
class SkullForm:
    """How the model of a skull is made.

    Attributes
    ----------
    cut_mm : float or None
        Height of the flat cut above the lowest point; None: uncut.
    hollow_mm : float or None
        Wall of a hollow model; None: solid.
    """

    cut_mm: float | None = None
    hollow_mm: float | None = None


def skull_model(
    skull: Volume, *, cut_mm: float | None = None, hollow_mm: float | None = None
) -> trimesh.Trimesh:
    """Return the bone as printable bodies, in the place that it has in the patient.

    Bone is averaged to voxels of about 1.4 mm. Pores up to 3 mm and enclosed air are filled, and pieces that
    float free are dropped if they have less than 1 cm3; a jaw or a flap stays. The defect stays open, within
    the accuracy of those voxels. Faces are saved within 0.1 mm (99th percentile).

    Parameters
    ----------
    skull : Volume
        Mask of the defective skull; non-zero is bone.
    cut_mm : float, optional
        Cut the base flat this far above its lowest point, so that the model stands; None: uncut.
    hollow_mm : float, optional
        Leave a wall of this thickness and hollow thick bone, with drains, see `hollow`; None: solid.

    Returns
    -------
    Trimesh
        Closed, manifold, wound outward, without inner surfaces; LPS mm.

    Raises
    ------
    InputError
        The cut or the wall is out of range.
    EmptyMaskError
        There is no bone thick enough to print.
    MeshError
        The surface cannot be made a solid.

    Notes
    -----
    Measured on a SkullFix head: 287 000 faces before saving any, 258 000 after, in 30 s on a busy core.
    """
    require_type(skull, Volume, "the defective skull")
    if cut_mm is not None and not 0 < cut_mm < MOST_CUT_MM:
        raise InputError(f"expected a cut of 0 to {MOST_CUT_MM:g} mm above the lowest point, got {cut_mm:g}")
    skull = bone_mask(skull)
    if not skull.array.any():
        raise EmptyMaskError("expected a skull with bone in it, got an empty mask: check the segmentation")
    bone = averaged_bone(skull, _VOXEL_MM)
    bone = bone.pad(1 + int(np.ceil(_PORE_RADIUS_MM / bone.spacing_mm.min())), 0)
    solid = _solid_body(bone)
    field = np.where(solid, np.maximum(bone.array, _FILLED), np.where(bone.array > 0.5, 0, bone.array))
    smooth = ndimage.gaussian_filter(field.astype(np.float32), _SMOOTH_VOXELS)
    surfaces = connected_meshes(extract(bone.with_array(smooth), level=0.5))
    largest = max(surfaces, key=enclosed_mm3)
    kept = [each for each in surfaces if each is largest or enclosed_mm3(each) >= CRUMB_MM3]
    model = join_meshes([repair(each).mesh for each in kept])
    model = _fewer_faces(model)
    if cut_mm is not None:
        model = _cut_flat(model, cut_mm)
    return model if hollow_mm is None else hollow(model, wall_mm=hollow_mm)


def _fewer_faces(model: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the model with fewer faces; the model itself where none of the tolerances leaves a solid.

    The quadric collapse of `simplify` opens thin, rough bone in a few places, and repairing that takes
    minutes; that of manifold3d keeps it closed and saves less.
    """
    origin = model.vertices.mean(axis=0)
    solid = to_manifold(new_mesh(model.vertices - origin, model.faces))
    for tolerance_mm in _TOLERANCES_MM:
        fewer = from_manifold(solid.simplify(tolerance_mm))
        fewer = new_mesh(fewer.vertices + origin, fewer.faces)
        if len(find_crossings(fewer)):
            continue
        if float(np.percentile(deviation_mm(fewer, model), 99)) <= DEVIATION_MM:
            return fewer
    return model


def _cut_flat(model: trimesh.Trimesh, cut_mm: float) -> trimesh.Trimesh:
    """Return the model above a level plane over its lowest point, without the crumbs that this leaves."""
    level_mm = float(model.bounds[0, 2]) + cut_mm
    most = len(connected_meshes(model)) + _MOST_PIECES
    above = trim_plane(model, (0.0, 0.0, level_mm), (0.0, 0.0, -1.0), bodies=most).mesh
    pieces = connected_meshes(above)
    largest = max(pieces, key=enclosed_mm3)
    return join_meshes([each for each in pieces if each is largest or enclosed_mm3(each) >= CRUMB_MM3])


def _solid_body(bone: Volume) -> NDArray[np.bool_]:
    """Return the bodies of a fraction of bone, their pores closed and the air that they enclose filled.

    Bodies of less than 1 cm3 beside the largest are left out.
    """
    import cc3d

    near = distance_outside(bone.array > 0.5, bone.spacing_mm) <= _PORE_RADIUS_MM
    closed = (distance_inside(near, bone.spacing_mm) > _PORE_RADIUS_MM) | (bone.array > 0.5)
    labels = cc3d.connected_components(closed, connectivity=6)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    if not sizes.any():
        raise EmptyMaskError(
            f"expected bone thicker than {_VOXEL_MM / 2:g} mm, got none: a model of it cannot be printed"
        )
    kept = sizes * bone.voxel_volume_mm3 >= CRUMB_MM3
    kept[sizes.argmax()] = True
    air = cc3d.connected_components(~kept[labels], connectivity=26)
    return air != air[0, 0, 0]
