"""The ways to complete a skull, and the one door to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from meshimplant.complete.align import ALIGN_COUNT, align_to_mean
from meshimplant.complete.patch import Shell
from meshimplant.complete.template import VaultMean, packaged_vault_mean
from meshimplant.complete.vault import estimate_vault
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.report import Finding
from meshimplant.skull.defect import Defect, Opening, find_defects
from meshimplant.skull.pose import HeadPose, fit_pose
from meshimplant.skull.sphere import read_vault
from meshimplant.volume import Volume

Method = Literal["auto", "mirror", "template"]
#: What each method does, in the words of the report and of the command line's help.
METHODS: dict[str, str] = {
    "auto": "template",
    "mirror": "the head's other side, and the bone around where that is missing too",
    "template": "as mirror, as departures from the mean vault of a population scaled to this head",
}

_MARGIN_MM = 12.0
#: Rounds of nod and symmetry plane, after which a head turned by 20 degrees has the same frame to 0.01 mm and 0.04 degrees.
_ALIGNMENTS = 4
#: Mirror images that differ by more than this (median over the intact bone) make a poor guide.
_ASYMMETRY_LIMIT_MM = 2.0
#: Posterior deviation above which the shape in the hole is a guess.
_DEVIATION_LIMIT_MM = 2.0


@dataclass(frozen=True, eq=False)
class Completion:
    """The completed skull near its defects.

    Attributes
    ----------
    field : Volume
        Signed distance of the restored vault, float32 mm, positive inside, on a crop of the defective skull's grid.
    defects : tuple of Defect
        The openings that were closed, largest first.
    pose : HeadPose
        The head's frame and symmetry plane.
    method : dict
        Name, reason and measured quality, as the report holds them.
    findings : list of Finding
        What a person should know about the input.
    """

    field: Volume
    defects: tuple[Defect, ...]
    pose: HeadPose
    method: dict[str, Any]
    findings: list[Finding]


def complete_skull(
    defective: Volume, *, method: str = "auto", template: VaultMean | None = None, bodies: int = 1
) -> Completion:
    """Restore the vault over the openings of a defective skull.

    Parameters
    ----------
    defective : Volume
        Mask; non-zero is bone.
    method : str
        A key of `METHODS`. ``mirror`` uses nothing but this head. ``auto`` takes ``template``.
    template : VaultMean
        The mean vault of ``template``; None: the one in the package. See `build_vault_mean`, `read_vault_mean`.
    bodies : int
        How many openings to close, largest first.

    Raises
    ------
    NoDefectError
        The vault has no opening.
    InputError
        Unknown method.
    """
    if method not in METHODS:
        raise InputError(f"expected a method among {', '.join(METHODS)}, got {method!r}")
    if not defective.array.any():
        raise EmptyMaskError(
            "expected a skull mask with bone in it, got an empty one: check the segmentation and its label"
        )
    mean = None if method == "mirror" else template or packaged_vault_mean()
    pose = fit_pose(defective) if mean is None else _pose_on_mean(defective, mean)
    opening = find_defects(defective, pose)
    defects = opening.defects[:bodies]
    shells, deviations = zip(
        *(estimate_vault(defective, pose, opening, defect, mean=mean) for defect in defects), strict=True
    )
    field = _merge(defective, pose, shells)
    about = {
        "name": method if method != "auto" else "template",
        "asked": method,
        "reason": _reason(defects[0]),
        "symmetry_residual_mm": pose.residual_mm,
        "posterior_deviation_mm": float(max(deviations)),
        "template": mean.about if mean else None,
    }
    return Completion(field, defects, pose, about, _findings(pose, opening, bodies, float(max(deviations))))


def _pose_on_mean(skull: Volume, mean: VaultMean) -> HeadPose:
    """Return a pose that the bone alone decides: symmetry plane and nod in turn, until a turned head has the same frame."""
    pose = fit_pose(skull)
    for _ in range(_ALIGNMENTS):
        columns = read_vault(skull, pose, count=ALIGN_COUNT)
        pose = align_to_mean(pose, columns, mean)
        pose = fit_pose(skull, near=pose)
    return pose


def _reason(defect: Defect) -> str:
    if defect.crosses_midline:
        return "the defect crosses the midline: shape comes from the bone around it as much as from the other side"
    return "the other side is intact: shape comes from it, blended into the rim"


def _merge(defective: Volume, pose: HeadPose, shells: tuple[Shell, ...]) -> Volume:
    """Evaluate every shell on one crop that holds them all."""
    boxes = [shell.box(defective, pose, margin_mm=_MARGIN_MM) for shell in shells]
    start = np.min([box[0] for box in boxes], axis=0)
    stop = np.max([box[1] for box in boxes], axis=0)
    grid = defective.crop(start, stop)
    fields = [shell.field(grid, pose).array for shell in shells]
    return Volume(np.maximum.reduce(fields), grid.affine)


def _findings(pose: HeadPose, opening: Opening, bodies: int, deviation_mm: float) -> list[Finding]:
    found = []
    for extra in opening.defects[bodies:]:
        found.append(
            _place(
                "input.second_opening",
                "warning",
                "another opening is left as it is: ask for more bodies to close it too",
                extra,
            )
        )
    for hole in opening.small:
        if hole.area_mm2 > 50:
            found.append(
                _place("input.small_hole", "info", "a hole smaller than any implant is left as it is", hole)
            )
    if pose.residual_mm > _ASYMMETRY_LIMIT_MM:
        found.append(
            Finding(
                "input.asymmetric",
                "warning",
                "the two sides of the head differ: look at the shape before you use it",
                pose.residual_mm,
                _ASYMMETRY_LIMIT_MM,
                "mm",
            )
        )
    if deviation_mm > _DEVIATION_LIMIT_MM:
        found.append(
            Finding(
                "complete.uncertain",
                "warning",
                "little intact bone tells the shape in the opening: look at it before you use it",
                deviation_mm,
                _DEVIATION_LIMIT_MM,
                "mm",
            )
        )
    return found


def _place(code: str, severity: Any, message: str, defect: Defect) -> Finding:
    x, y, z = (float(c) for c in defect.centre_mm)
    return Finding(code, severity, message, defect.area_mm2, None, "mm2", (x, y, z))
