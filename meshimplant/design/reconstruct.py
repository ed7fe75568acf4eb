"""`reconstruct`: the missing bone of a defective skull, as voxels: what metrics are for, and what the part is made from."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.complete_skull import Completion, complete_skull
from meshimplant.complete.network_model import HeadNetwork
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.head.mean_vault import Model
from meshimplant.head.pose import fit_pose
from meshimplant.line.extract import body_of, is_mask
from meshimplant.line.separate import Separation, separate
from meshimplant.line.separate_voxels import restricted
from meshimplant.line.subtract import Difference
from meshimplant.report import Finding
from meshimplant.skull.thick_slices import interpolate_slices, slice_parts, thick_axis, thick_slices_finding
from meshimplant.voxels.volume import Volume

#: Opens a step of the line: name and parameters in; what is put into the dictionary is kept with them.
StepOpener = Callable[..., AbstractContextManager[dict[str, Any]]]

#: Necks that `separate` cuts. Our own completion covers the opening alone, and thin temples must not be taken for film there; a
#: prediction from elsewhere brings misfit and facial debris along.
_OWN_OPENING_MM, _FOREIGN_OPENING_MM = 0.5, 1.5


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The missing bone.

    Attributes
    ----------
    mask : Volume
        uint8 on the input's grid: 1 where bone is missing; disjoint from the defective skull.
    skull : Volume
        The defective skull as the line works on it: uint8, axes to L, P and S, thick slices interpolated.
    completion : Completion or None
        How the vault was restored; None when the missing bone came from elsewhere.
    missing : Volume
        Complete minus defective: a mask (bool) with all its debris, on the box that `subtract` describes.
    separation : Separation
        The chosen bodies (fields, positive inside, each on a box of its own) and every piece that was removed.
    inside_mm : (3,) array
        A point inside the head, LPS.
    findings : tuple of Finding
        What is to be said of the input: that its slices were thick.
    """

    mask: Volume
    skull: Volume
    completion: Completion | None
    missing: Volume
    separation: Separation[Volume]
    inside_mm: NDArray[np.float64]
    findings: tuple[Finding, ...] = field(default=())


def reconstruct(
    defective: Volume,
    *,
    method: str = "auto",
    template: Model | None = None,
    network: HeadNetwork | None = None,
    complete: Volume | None = None,
    implant: Volume | None = None,
    level: float | None = None,
    bodies: int = 1,
    blend: bool = True,
    step: StepOpener | None = None,
) -> Reconstruction:
    """Reconstruct the missing bone: complete -> subtract -> separate, between the slices too where these are thick.

    Parameters
    ----------
    defective : Volume
        Mask of the skull with the hole; non-zero is bone.
    method, template, network, blend
        How to complete the skull, see `complete_skull`. Unused when `complete` or `implant` is given.
    complete, implant : Volume
        A completed skull, or the missing bone alone, from elsewhere: mask, probability or signed distance on any grid.
    level : float
        Value at the surface of `complete` or `implant`; None: 0.5 for masks and probabilities, 0 for distances.
    bodies : int
        How many separate bodies are wanted.
    step
        Opens each step, to time it and to keep what it did; None: nothing is kept.

    Raises
    ------
    InputError
        The input cannot be used; `NoDefectError` when there is nothing to fill.
    """
    if complete is not None and implant is not None:
        raise InputError("expected a complete skull or an implant from elsewhere, got both: give one of them")
    if not defective.array.any():
        raise EmptyMaskError(
            "expected a skull mask with bone in it, got an empty one: check the segmentation and its label"
        )
    step = step or (lambda _name, **_parameters: nullcontext({}))
    given = _canonical(defective)
    skull, found = _finer(given, step)
    completion, source = None, complete if complete is not None else implant
    near_mm = None
    if source is None:
        if method == "network" and network is None:
            from meshimplant.networks.open_network import open_network

            network = open_network()
        with step("complete", method=method):
            completion = complete_skull(
                skull,
                method=method,
                template=template,
                network=network,
                bodies=bodies,
                blend=blend,
            )
        source, near_mm = completion.field, completion.defects[0].centre_mm
    else:
        source, level = _finer_source(source, level)
    with step("subtract", level=level):
        difference = Difference.of(source, skull, level=level)
    opening_mm = _OWN_OPENING_MM if completion else _FOREIGN_OPENING_MM
    with step("separate", bodies=bodies, opening_mm=opening_mm) as record:
        thin = None if completion else difference.bone
        chosen = separate(
            difference.voxels, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm, skull=thin
        )
        separation = replace(chosen, bodies=tuple(_field_of(body, difference) for body in chosen.bodies))
        record["removed_pieces"] = len(separation.removed)
        record["removed_mm3"] = sum(piece.volume_mm3 for piece in separation.removed)
    mask = _given_slices(_bone_mask(separation.bodies, skull), given).reorient(defective.orientation)
    inside = (completion.pose if completion else fit_pose(skull)).centre_mm
    return Reconstruction(mask, skull, completion, difference.voxels, separation, inside, found)


def _canonical(skull: Volume) -> Volume:
    """Return the mask as uint8, its axes running to L, P and S, so that no step can depend on how the file was written.

    The affine is rounded to 1e-8 mm: turning the axes leaves the origin's last bits to chance, and they decide ties.
    """
    upright = skull.reorient("LPS")
    return Volume(np.asfortranarray(upright.array != 0).view(np.uint8), np.round(upright.affine, 8))


def _finer(skull: Volume, step: StepOpener) -> tuple[Volume, tuple[Finding, ...]]:
    """Return the skull with its thick slices interpolated, and what to say of it; itself where none is thick."""
    finding = thick_slices_finding(skull)
    if finding is None:
        return skull, ()
    with step("interpolate", step_mm=finding.value) as record:
        finer = interpolate_slices(skull)
        record["interpolated_mm"] = float(finer.spacing_mm[thick_axis(skull)])
    return Volume(finer.array, np.round(finer.affine, 8)), (finding,)


def _finer_source(source: Volume, level: float | None) -> tuple[Volume, float | None]:
    """Return a shape from elsewhere as fine as the skull, and its level; fields tell by themselves what lies between slices."""
    if thick_axis(source) is None or not is_mask(source, level=level):
        return source, level
    inside, _ = body_of(source, level=level)
    return interpolate_slices(source.with_array(inside)), None


def _given_slices(mask: Volume, given: Volume) -> Volume:
    """Return of a mask on the finer grid the slices that were given."""
    i, j, k = slice_parts(given)
    return given.with_array(mask.array[::i, ::j, ::k])


def _field_of(body: Volume, difference: Difference) -> Volume:
    """Return the field of one chosen body, on its box with 5 mm around, with nothing else inside."""
    field = difference.field_of(body)
    start = field.start_in(body)
    return restricted(field, body.crop(start, start + field.shape).array)


def _bone_mask(bodies: tuple[Volume, ...], defective: Volume) -> Volume:
    """Return the voxels that lie inside a body and hold no bone, uint8 on the whole grid."""
    missing = np.zeros_like(defective.array)
    for body in bodies:
        start = body.start_in(defective)
        box = tuple(slice(a, b) for a, b in zip(start, start + body.shape, strict=True))
        missing[box] |= (body.array > 0) & (defective.array[box] == 0)
    return defective.with_array(missing)
