"""`require_skull`: whether a mask shows a skull at all, from the braincase that its bone encloses."""

from __future__ import annotations

from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.skull.enclosure import LEAST_SIDES_FRACTION, LEAST_WIDTH_MM, Enclosure, find_braincase
from meshimplant.skull.keep_skull import depth_mm
from meshimplant.skull.one_head import require_one_head
from meshimplant.values.value_facts import MAX_BONE_DEPTH_MM
from meshimplant.voxels.volume import Volume


def require_skull(mask: Volume) -> Enclosure:
    """Return what the bone of a mask encloses; raise an error if it cannot be a skull.

    Parameters
    ----------
    mask : Volume
        Non-zero is bone.

    Returns
    -------
    Enclosure

    Raises
    ------
    EmptyMaskError
        There is no bone.
    InputError
        There are two heads, the mask is solid (a head, a brain), or its bone encloses no braincase (a part, a
        jaw, another bone).
    """
    if not mask.array.any():
        raise EmptyMaskError(
            "expected a skull mask with bone in it, got an empty one: check the segmentation and its label"
        )
    depth = depth_mm(mask)
    if depth > MAX_BONE_DEPTH_MM:
        raise InputError(
            f"expected a skull, whose bone is never more than {MAX_BONE_DEPTH_MM:g} mm deep, got a body "
            f"{depth:.0f} mm deep (a whole head, a brain or a solid model): "
            "give the mask of the bone, or its label"
        )
    require_one_head(mask)
    enclosure = find_braincase(mask)
    if not enclosure.is_braincase:
        size = " x ".join(f"{extent:.0f}" for extent in enclosure.extents_mm)
        if not enclosure.is_wide:
            raise InputError(
                f"expected a skull, which is {LEAST_WIDTH_MM:g} mm wide or more, got a body of {size} mm "
                "(an implant, a jaw, another bone or a head holder): give the whole skull, in millimetres"
            )
        raise InputError(
            f"expected a skull, whose bone encloses the brain on {LEAST_SIDES_FRACTION:.0%} of its sides or "
            f"more, got a body of {size} mm that encloses no place of that size on more than "
            f"{enclosure.sides_fraction:.0%} (an implant, a jaw, another bone or a head holder): "
            "give the whole skull, in millimetres"
        )
    return enclosure
