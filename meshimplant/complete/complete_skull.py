"""The ways to complete a skull, and the one door to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from meshimplant.complete.choose_model import (
    Disagreement,
    choose,
    compare,
    disagreement_findings,
    require_a_head,
    residual_findings,
)
from meshimplant.complete.estimate_vault import Estimate, close_opening, estimate_vault
from meshimplant.complete.models import models_of
from meshimplant.complete.network_model import NetworkAndModes, Seeing, Seen, Uncertainty, worst
from meshimplant.complete.shell import Shell
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.head.align import pose_on_mean
from meshimplant.head.mean_vault import Model, VaultMean
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.report import Finding
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.skull.defect import Defect, Opening, find_defects
from meshimplant.voxels.volume import Volume

Method = Literal["auto", "mirror", "template", "ssm", "ssm-image", "network"]
#: What each method does, in the words of the report and of the command line's help.
METHODS: dict[str, str] = {
    "auto": "ssm where its modes hold the head, else template; says which and why, and warns where they differ",
    "mirror": "the head's other side, and the bone around where that is missing too",
    "template": "as mirror, as departures from the mean vault of a population scaled to this head",
    "ssm": "as mirror, as departures from a shape model on points that is fitted to the intact bone",
    "ssm-image": "the same with a shape model on images of signed distances",
    "network": "template, corrected by a trained network, and ssm, half each; needs torch (pip install 'meshimplant[network]')",
}

#: Methods that ask whether the head is one of the population.
_REFUSING = ("auto", "ssm", "ssm-image")
_MARGIN_MM = 12.0
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
    disagreement : Disagreement or None
        How far the methods that were tried differ in the largest opening; None where only one was.
    uncertainty : Uncertainty or None
        How far a network's answers for the head and for its mirror image differ there; None without a network.
    """

    field: Volume
    defects: tuple[Defect, ...]
    pose: HeadPose
    method: dict[str, Any]
    findings: list[Finding]
    disagreement: Disagreement | None = None
    uncertainty: Uncertainty | None = None


@one_blas_thread()
def complete_skull(
    defective: Volume,
    *,
    method: str = "auto",
    template: Model | None = None,
    network: Seeing | None = None,
    bodies: int = 1,
    blend: bool = True,
) -> Completion:
    """Restore the vault over the openings of a defective skull.

    Parameters
    ----------
    defective : Volume
        Mask; non-zero is bone.
    method : str
        A key of `METHODS`. ``mirror`` uses nothing but this head.
    template : VaultMean, ShapeModel or ImageModel
        A model of your own; None: those in the package. See `build_vault_mean`, `build_shape_model`, `read_model`.
    network : Network
        For method ``network``, and required by it: `open_network` gives the packaged one, or one of your own.
    bodies : int
        How many openings to close, largest first.
    blend : bool
        False: the model as it was fitted, not bent to the bone around; to see what the blend does.

    Raises
    ------
    NoDefectError
        The vault has no opening.
    InputError
        Unknown method; a model that it cannot use; a head unlike any of the population.
    MissingDependencyError
        Method ``network`` without torch.
    """
    _require_usable(defective, method, blend, network)
    models = models_of(method, template)
    first = next(iter(models.values()))
    pose, turned_deg, opening = lay_head(defective, None if method == "mirror" else first.mean)
    defects = opening.defects[:bodies]
    seen = tuple(network.see(defective, pose, defect, first) for defect in defects) if network else ()
    tried = [_with_modes(one, models) for one in seen] or [models] * len(defects)
    estimates = [estimate_vault(opening, d, m, blend=blend) for d, m in zip(defects, tried, strict=True)]
    if method in _REFUSING:
        require_a_head(estimates[0])
    names, reasons = zip(*(choose(e, d) for e, d in zip(estimates, defects, strict=True)), strict=True)
    closed = zip(defects, estimates, names, strict=True)
    shells = tuple(close_opening(defective, pose, opening, *one) for one in closed)
    apart = compare(estimates[0], names[0], defects[0], pose)
    about = {
        "name": names[0],
        "asked": method,
        "reason": reasons[0],
        "symmetry_residual_mm": pose.residual_mm,
    }
    about |= _told(estimates[0], names[0], tried[0][names[0]], apart, seen)
    findings = _findings(pose, opening, bodies, max(estimate.deviation_mm for estimate in estimates))
    findings += _turned(turned_deg) + residual_findings(estimates[0]) + disagreement_findings(apart)
    findings += worst(seen)
    field = _merge(defective, pose, shells)
    return Completion(field, defects, pose, about, findings, apart, seen[0].uncertainty if seen else None)


def lay_head(defective: Volume, mean: VaultMean | None) -> tuple[HeadPose, float, Opening]:
    """Return where the head lies, by how many degrees otherwise than its file says, and its openings.

    `mean` None: by the head's own symmetry alone.
    """
    pose, turned_deg = fit_pose(defective), 0.0
    if mean is not None:
        pose, turned_deg = pose_on_mean(defective, pose, mean)
    return pose, turned_deg, find_defects(defective, pose)


def _require_usable(defective: Volume, method: str, blend: bool, network: Seeing | None) -> None:
    if method not in METHODS:
        raise InputError(f"expected a method among {', '.join(METHODS)}, got {method!r}")
    if network is None and method == "network":
        raise InputError(
            "expected a network with method network, got none: give network=meshimplant.open_network()"
        )
    if network is not None and method != "network":
        raise InputError(f"expected a network with method network, got one with {method}: leave one out")
    if method == "mirror" and not blend:
        raise InputError(
            "expected blend with method mirror, got none: without the bone around it has no shape"
        )
    if not defective.array.any():
        raise EmptyMaskError(
            "expected a skull mask with bone in it, got an empty one: check the segmentation and its label"
        )


def _with_modes(seen: Seen, models: Mapping[str, Model]) -> dict[str, Model]:
    """Return the models of one opening: what the network said beside the shape model, and what it corrects."""
    return {**seen.models, "network": NetworkAndModes(seen.models["network"], models["ssm"])}


def _told(
    estimate: Estimate, name: str, model: Model, apart: Disagreement | None, seen: tuple[Seen, ...]
) -> dict[str, Any]:
    """Return the measured quality of an estimate, as the report holds it."""
    pairs = list(zip(estimate.names, estimate.fitted, strict=True))
    modes = next(vault.coefficients for tried, vault in pairs if tried == name)
    return {
        "posterior_deviation_mm": estimate.deviation_mm,
        "residual_mm": {tried: vault.residual_mm for tried, vault in pairs if tried != "mirror"},
        "largest_coefficient": float(np.abs(modes).max()) if len(modes) else None,
        "disagreement_p95_mm": apart.p95_mm if apart else None,
        "disagreement_with": apart.methods[1] if apart else None,
        "template": model.about or None,
        "network": seen[0].told if seen else None,
    }


def _merge(defective: Volume, pose: HeadPose, shells: tuple[Shell, ...]) -> Volume:
    """Evaluate every shell on one crop that holds them all."""
    boxes = [shell.box(defective, pose, margin_mm=_MARGIN_MM) for shell in shells]
    start = np.min([box[0] for box in boxes], axis=0)
    stop = np.max([box[1] for box in boxes], axis=0)
    grid = defective.grid.crop(start, stop)
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


def _turned(turned_deg: float) -> list[Finding]:
    if turned_deg == 0:
        return []
    message = "the head lies otherwise than its file says: check the file's orientation, and left and right on the pictures"
    return [Finding("input.turned", "warning", message, turned_deg, 0.0, "deg")]


def _place(code: str, severity: Any, message: str, defect: Defect) -> Finding:
    x, y, z = (float(c) for c in defect.centre_mm)
    return Finding(code, severity, message, defect.area_mm2, None, "mm2", (x, y, z))
