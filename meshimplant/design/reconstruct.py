"""`reconstruct`: the missing bone of a defective skull, as voxels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.complete.complete_skull import Completion, complete_skull
from meshimplant.complete.network_model import HeadNetwork
from meshimplant.design.reconstruction_findings import beyond_grid_findings, left_open_findings
from meshimplant.errors import EmptyMaskError, InputError, require_type
from meshimplant.head.mean_vault import Model
from meshimplant.head.pose import fit_pose
from meshimplant.line.extract import body_of, is_mask
from meshimplant.line.separate import Separation, separate
from meshimplant.line.separate_voxels import restricted
from meshimplant.line.subtract import Difference
from meshimplant.predictions.require_no_window import require_no_window
from meshimplant.report import Finding
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.skull.thick_slices import interpolate_slices, slice_parts, thick_slices_finding
from meshimplant.values.read_values import read_body
from meshimplant.values.value_words import PREDICTION_ASKING
from meshimplant.voxels.plane_motion import thick_axis
from meshimplant.voxels.volume import Volume

#: Opens a step of the line: takes its name and parameters; what the block puts into the dictionary is
#: recorded with them.
StepOpener = Callable[..., AbstractContextManager[dict[str, Any]]]

#: Half the thickness of the necks that `separate` cuts. Our own completion covers the opening alone, and thin
#: temples must not be mistaken for film there. A prediction from elsewhere comes with misfit and facial
#: debris.
_OWN_OPENING_MM, _FOREIGN_OPENING_MM = 0.5, 1.5


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The missing bone, and the intermediates that led to it.

    Attributes
    ----------
    mask : Volume
        Missing bone, uint8 on the input's grid: 1 where bone is missing; disjoint from the defective skull. A
        finding states how much of it lies beyond that grid.
    skull : Volume
        The defective skull as the line works on it: uint8, axes to L, P and S, thick slices interpolated, on
        a grid with room for all of the missing bone.
    completion : Completion or None
        How the skull was completed; None when the missing bone came from elsewhere.
    missing : Volume
        Complete minus defective: a mask (bool) with all its debris, on the box that `subtract` describes.
    separation : Separation
        The chosen bodies (fields, positive inside, each on a box of its own) and every piece that was
        removed.
    inside_mm : (3,) array
        A point inside the head, LPS mm.
    findings : tuple of Finding
        Findings about the input: thick slices, missing bone beyond the grid.
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
    bodies: int | None = None,
    blend: bool = True,
    step: StepOpener | None = None,
) -> Reconstruction:
    """Reconstruct the missing bone: complete -> subtract -> separate; thick slices are interpolated first.

    Parameters
    ----------
    defective : Volume
        Mask of the skull with the hole; non-zero is bone.
    method : str
        How to complete the skull, one of `METHODS`. Unused, like the next three, when `complete` or `implant`
        is given.
    template : Model, optional
        Population model to use, see `complete_skull`.
    network : HeadNetwork, optional
        Network to use, see `complete_skull`.
    blend : bool
        Bend the model to the bone around the opening.
    complete, implant : Volume, optional
        A completed skull, or the missing bone alone, from elsewhere: mask, probability or signed distance on
        any grid.
    level : float, optional
        Value at the surface of `complete` or `implant`; by default it follows from the values, see
        `read_values` and `require_no_window`.
    bodies : int, optional
        Number of separate bodies. None: one, and a further opening that is left open is an error.
    step : callable, optional
        Opens each step, to time and record it; None: nothing is recorded.

    Returns
    -------
    Reconstruction

    Raises
    ------
    InputError
        The input cannot be used; `NoDefectError` when there is nothing to fill.
    """
    require_type(defective, Volume, "the defective skull")
    if complete is not None and implant is not None:
        raise InputError("expected a complete skull or an implant from elsewhere, got both: give one of them")
    if not defective.array.any():
        raise EmptyMaskError(
            "expected a skull mask with bone in it, got an empty one: check the segmentation and its label"
        )
    step = step or _no_step
    skull, findings = prepare_skull(defective, step=step)
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
        source, level = prepare_prediction(source, skull, level)
    with step("subtract", level=level):
        difference = Difference.of(source, skull, level=level)
        start = difference.bone.start_in(skull)
        roomy = skull.grown_to(start, start + difference.bone.shape)
    count = bodies or 1
    with step("separate", bodies=count, opening_mm=opening_of(completion is not None)) as record:
        bone = None if completion else difference.bone
        chosen = separate_missing(difference.voxels, bodies=count, near_mm=near_mm, skull=bone)
        separation = replace(chosen, bodies=tuple(_field_of(body, difference) for body in chosen.bodies))
        record["removed_pieces"] = len(separation.removed)
        record["removed_mm3"] = sum(piece.volume_mm3 for piece in separation.removed)
    whole = _bone_mask(separation.bodies, roomy)
    within = whole.crop(skull.start_in(roomy), skull.start_in(roomy) + skull.shape)
    findings = (*findings, *beyond_grid_findings(whole, within))
    mask = _on_grid_of(defective, within)
    pose = completion.pose if completion else fit_pose(skull)
    if completion is None:
        findings = (*findings, *left_open_findings(skull, pose, whole, bodies))
    return Reconstruction(mask, roomy, completion, difference.voxels, separation, pose.centre_mm, findings)


def prepare_skull(defective: Volume, *, step: StepOpener | None = None) -> tuple[Volume, tuple[Finding, ...]]:
    """Return the skull as the line works on it, and findings about it.

    The mask becomes uint8 with axes to L, P and S, so that no step depends on the orientation of the file.
    Thick slices are interpolated.
    """
    mask = bone_mask(defective, "the defective skull")
    return _with_fine_slices(_canonical(mask), step or _no_step)


def prepare_prediction(
    source: Volume, skull: Volume, level: float | None = None
) -> tuple[Volume, float | None]:
    """Decide what the values are; return a mask with thick slices interpolated, or a field, and its level.

    Without a level, a probability must agree with the bone of the skull, see `require_no_window`.
    """
    if level is None:
        body = read_body(source, asking=PREDICTION_ASKING)
        require_no_window(body, skull)
        source, level = body.volume, body.level
    if thick_axis(source) is None or not is_mask(source, level=level):
        return source, level
    inside, _ = body_of(source, level=level)
    return interpolate_slices(source.with_array(inside)), None


def separate_missing(
    missing: Volume,
    *,
    bodies: int = 1,
    opening_mm: float | None = None,
    near_mm: ArrayLike | None = None,
    skull: Volume | None = None,
) -> Separation[Volume]:
    """Separate the missing bone from debris with the line's settings.

    Parameters
    ----------
    missing : Volume
        Result of a subtraction: a mask or a field, positive inside.
    bodies, opening_mm, near_mm
        See `separate`. `opening_mm` None: 0.5 mm, and 1.5 mm with a skull.
    skull : Volume, optional
        The prepared skull, for a prediction from elsewhere, which comes with misfit and facial debris. Thin
        bone that stands free of the skull is kept. None for a completion of our own.

    Returns
    -------
    Separation
    """
    if opening_mm is None:
        opening_mm = opening_of(skull is None)
    return separate(missing, bodies=bodies, opening_mm=opening_mm, near_mm=near_mm, skull=skull)


def opening_of(own: bool) -> float:
    """Return the `opening_mm` of `separate`, for a completion of our own or for one from elsewhere."""
    return _OWN_OPENING_MM if own else _FOREIGN_OPENING_MM


def _no_step(_name: str, **_parameters: Any) -> AbstractContextManager[dict[str, Any]]:
    return nullcontext({})


def _canonical(skull: Volume) -> Volume:
    """Return the mask as uint8 with axes to L, P and S."""
    upright = _upright(skull)
    return upright.with_array(np.asfortranarray(upright.array != 0).view(np.uint8))


def _upright(volume: Volume) -> Volume:
    """Reorient a volume to L, P and S, and round its affine to 1e-8 mm.

    Reorienting leaves rounding errors in the last bits of the origin, and those would decide ties.
    """
    turned = volume.reorient("LPS")
    return Volume(turned.array, np.round(turned.affine, 8))


def _with_fine_slices(skull: Volume, step: StepOpener) -> tuple[Volume, tuple[Finding, ...]]:
    """Interpolate thick slices; return the skull and a finding, or the same skull where none is thick."""
    finding = thick_slices_finding(skull)
    if finding is None:
        return skull, ()
    with step("interpolate", step_mm=finding.value) as record:
        finer = interpolate_slices(skull)
        record["interpolated_mm"] = float(finer.spacing_mm[thick_axis(skull)])
    return Volume(finer.array, np.round(finer.affine, 8)), (finding,)


def _on_grid_of(defective: Volume, mask: Volume) -> Volume:
    """Return a mask on the prepared skull's grid at the slices of the input, in the input's orientation."""
    upright = _upright(defective)
    i, j, k = slice_parts(upright)
    return upright.with_array(mask.array[::i, ::j, ::k]).reorient(defective.orientation)


def _field_of(body: Volume, difference: Difference) -> Volume:
    """Return the field of one chosen body on its box with a margin of 5 mm, negative in all other bodies."""
    field = difference.field_of(body)
    start = field.start_in(body)
    return restricted(field, body.crop(start, start + field.shape).array)


def _bone_mask(bodies: Sequence[Volume], defective: Volume) -> Volume:
    """Return the voxels inside a body that hold no bone, uint8 on the whole grid."""
    missing = np.zeros_like(defective.array)
    for body in bodies:
        start = body.start_in(defective)
        box = tuple(slice(a, b) for a, b in zip(start, start + body.shape, strict=True))
        missing[box] |= (body.array > 0) & (defective.array[box] == 0)
    return defective.with_array(missing)
