"""`complete_skull`: restore the vault over the openings of a skull, by any of the methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from meshimplant.complete.choose_model import (
    NOT_FITTED,
    Disagreement,
    choose_model,
    disagreement_findings,
    measure_disagreement,
    require_head_of_population,
    residual_findings,
)
from meshimplant.complete.completion_findings import (
    below_vault_findings,
    deviation_findings,
    licence_findings,
    model_licences,
    opening_findings,
    orientation_findings,
    symmetry_findings,
)
from meshimplant.complete.estimate_vault import Estimate, close_opening, estimate_vault
from meshimplant.complete.expected_error import (
    expected_error,
    expected_error_findings,
    left_out_report,
)
from meshimplant.complete.lower_mean import packaged_lower_mean
from meshimplant.complete.methods import METHODS
from meshimplant.complete.models import models_of, packaged_mean
from meshimplant.complete.network_model import (
    HeadNetwork,
    NetworkAndModes,
    NetworkAnswer,
    Uncertainty,
    worst_findings,
)
from meshimplant.complete.shell import Shell
from meshimplant.errors import EmptyMaskError, InputError, require_type
from meshimplant.head.align import align_head
from meshimplant.head.mean_vault import Model, VaultMean
from meshimplant.head.pose import HeadPose, fit_pose
from meshimplant.report import Finding
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.skull.defect import Defect, Openings, find_defects
from meshimplant.skull.head_room import grid_with_room
from meshimplant.skull.require_skull import require_skull
from meshimplant.voxels.grid import Grid, IndexBox
from meshimplant.voxels.volume import Volume

#: Methods that refuse a head unlike any of the population.
_REFUSING = ("auto", "ssm", "ssm-image")
#: Margin around the restored vault on which its field is evaluated, mm.
_MARGIN_MM = 12.0


@dataclass(frozen=True, eq=False)
class Completion:
    """The completed skull near its defects.

    Attributes
    ----------
    field : Volume
        Signed distance of the restored vault, float32 mm, positive inside, on a crop of the defective
        skull's grid.
    defects : tuple of Defect
        The openings that were closed, largest first.
    pose : HeadPose
        The head's frame and symmetry plane.
    method : dict
        Name, reason and measured quality, as in the report.
    findings : list of Finding
        Remarks on the input and on how far the result can be trusted.
    disagreement : Disagreement or None
        How far the methods that were tried differ in the largest opening; None where only one was tried.
    uncertainty : Uncertainty or None
        How far a network's answers for the head and for its mirror image differ there; None without a
        network.
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
    network: HeadNetwork | None = None,
    bodies: int | None = None,
    blend: bool = True,
) -> Completion:
    """Restore the vault over the openings of a defective skull.

    Parameters
    ----------
    defective : Volume
        Mask; non-zero is bone.
    method : str
        A key of `METHODS`. ``mirror`` uses nothing but this head.
    template : VaultMean, ShapeModel or ImageModel, optional
        Your own model of a population; default: those in the package. See `build_vault_mean`,
        `build_shape_model`, `read_model`.
    network : Network, optional
        Required by method ``network``, and used by no other: `open_network` opens the packaged one or your
        own.
    bodies : int, optional
        Number of openings to close, largest first. None: one, and each further opening is an error among the
        findings; with a number it is a warning.
    blend : bool
        False: keep the model as fitted, without bending it to the surrounding bone; shows what blending does.

    Returns
    -------
    Completion

    Raises
    ------
    NoDefectError
        The vault has no opening.
    InputError
        The method is unknown or cannot use the model, or the head is unlike any of the population.
    EmptyMaskError
        The mask is empty.
    MissingDependencyError
        Method ``network`` without torch.
    """
    require_type(defective, Volume, "the defective skull")
    _require_usable(defective, method, blend, network)
    defective = bone_mask(defective, "the defective skull")
    require_skull(defective)
    models = models_of(method, template)
    first = next(iter(models.values()))
    mean = packaged_mean() if template is None else first.mean
    pose, turned_deg, openings = locate_openings(defective, None if method == "mirror" else mean)
    defects = openings.defects[: bodies or 1]
    answers = tuple(network.predict(defective, pose, defect, first) for defect in defects) if network else ()
    tried = [_network_models(answer, models) for answer in answers] or [models] * len(defects)
    compare = method == "auto"
    estimates = [
        estimate_vault(openings, d, m, blend=blend, compare=compare)
        for d, m in zip(defects, tried, strict=True)
    ]
    if method in _REFUSING:
        require_head_of_population(estimates[0])
    names, reasons = zip(*(choose_model(e, d) for e, d in zip(estimates, defects, strict=True)), strict=True)
    population = packaged_lower_mean() if template is None and method != "mirror" else None
    closed = [
        close_opening(defective, pose, openings, defect, estimate, name, population)
        for defect, estimate, name in zip(defects, estimates, names, strict=True)
    ]
    shells, lower = tuple(shell for shell, _ in closed), [head for _, head in closed if head]
    disagreement = measure_disagreement(estimates[0], names[0], defects[0], pose)
    expected_mm = [
        expected_error(estimate, name, defect)
        for estimate, name, defect in zip(estimates, names, defects, strict=True)
    ]
    licences = model_licences(
        [
            *([] if method == "mirror" else [mean]),
            *models.values(),
            *([population] if population and lower else []),
            *(model for answer in answers for model in answer.models.values()),
        ]
    )
    report = {
        "name": names[0],
        "asked": method,
        "reason": reasons[0],
        "symmetry_residual_mm": pose.residual_mm,
        **_measured_quality(estimates[0], names[0], tried[0].get(names[0], first), disagreement, answers),
        "expected_error_mm": expected_mm[0],
        "left_out_mm": left_out_report(estimates[0]),
        "mixture": estimates[0].weights,
        "below_vault": lower[0].report() if lower else None,
        "model_licences": licences,
    }
    deviation_mm = max(estimate.deviation_mm for estimate in estimates)
    findings = [
        *opening_findings(openings, bodies),
        *symmetry_findings(pose),
        *deviation_findings(deviation_mm),
        *orientation_findings(turned_deg),
        *residual_findings(estimates[0], names[0]),
        *disagreement_findings(disagreement),
        *expected_error_findings(max((mm for mm in expected_mm if mm is not None), default=None)),
        *below_vault_findings(lower),
        *worst_findings(answers),
        *licence_findings(licences),
    ]
    field = _merge(defective, pose, shells)
    uncertainty = answers[0].uncertainty if answers else None
    return Completion(field, defects, pose, report, findings, disagreement, uncertainty)


def locate_openings(defective: Volume, mean: VaultMean | None) -> tuple[HeadPose, float, Openings]:
    """Return the head's frame, its deviation from the orientation that the file states, and its openings.

    Parameters
    ----------
    defective : Volume
        Mask of the skull.
    mean : VaultMean or None
        The mean vault that the head is aligned to; None: the head's own symmetry alone decides.

    Returns
    -------
    pose : HeadPose
    turned_deg : float
        Degrees; 0 where the head lies as the file states.
    openings : Openings
    """
    pose, turned_deg = fit_pose(defective), 0.0
    if mean is not None:
        pose, turned_deg = align_head(defective, pose, mean)
    return pose, turned_deg, find_defects(defective, pose)


def _require_usable(defective: Volume, method: str, blend: bool, network: HeadNetwork | None) -> None:
    """Raise an error if method, network and mask cannot be used together."""
    if method not in METHODS:
        raise InputError(f"expected a method among {', '.join(METHODS)}, got {method!r}: choose one of them")
    if network is None and method == "network":
        raise InputError(
            "expected a network with method network, got none: pass network=meshimplant.open_network()"
        )
    if network is not None and method != "network":
        raise InputError(
            f"expected a network with method network only, got one with method {method}: leave one out"
        )
    if method == "mirror" and not blend:
        raise InputError(
            "expected blend with method mirror, got blend=False: without the surrounding bone it has no shape"
        )
    if not defective.array.any():
        raise EmptyMaskError(
            "expected a skull mask with bone in it, got an empty one: check the segmentation and its label"
        )


def _network_models(answer: NetworkAnswer, models: Mapping[str, Model]) -> dict[str, Model]:
    """Return the models of one opening: network and shape model averaged, and the one that is corrected."""
    return {**answer.models, "network": NetworkAndModes(answer.models["network"], models["ssm"])}


def _measured_quality(
    estimate: Estimate,
    name: str,
    model: Model,
    disagreement: Disagreement | None,
    answers: tuple[NetworkAnswer, ...],
) -> dict[str, Any]:
    """Return the measured quality of an estimate, as in the report."""
    pairs = list(zip(estimate.names, estimate.fitted, strict=True))
    coefficients = next(vault.coefficients for tried, vault in pairs if tried == name)
    return {
        "posterior_deviation_mm": estimate.deviation_mm,
        "residual_mm": {tried: vault.residual_mm for tried, vault in pairs if tried not in NOT_FITTED},
        "largest_coefficient": float(np.abs(coefficients).max()) if len(coefficients) else None,
        "disagreement_p95_mm": disagreement.p95_mm if disagreement else None,
        "disagreement_with": disagreement.methods[1] if disagreement else None,
        "template": model.about or None,
        "network": answers[0].report if answers else None,
    }


def _merge(defective: Volume, pose: HeadPose, shells: tuple[Shell, ...]) -> Volume:
    """Return the signed distance of the union of all shells on one crop that holds them."""
    grid = grid_with_room(defective, *_box_of(shells, defective, pose, margin_mm=0.0))
    if grid.shape != defective.shape:
        grid = grid_with_room(defective, *_box_of(shells, defective, pose, margin_mm=_MARGIN_MM))
    grid = grid.crop(*_box_of(shells, grid, pose, margin_mm=_MARGIN_MM))
    fields = [shell.field(grid, pose).array for shell in shells]
    return Volume(np.maximum.reduce(fields), grid.affine)


def _box_of(shells: tuple[Shell, ...], grid: Grid, pose: HeadPose, *, margin_mm: float) -> IndexBox:
    """Return the box of all shells, as indices of a grid that it may reach beyond."""
    boxes = [shell.box(grid, pose, margin_mm=margin_mm) for shell in shells]
    return np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)
