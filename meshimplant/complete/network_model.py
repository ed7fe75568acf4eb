"""A trained network's answer for one head, as a `Model`; the networks are in `meshimplant.networks`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.shape_model import HELD_MM
from meshimplant.head.mean_vault import FittedVault, Model, VaultMean, trimmed_rms
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, grow, is_vault
from meshimplant.report import Finding
from meshimplant.skull.defect import Defect
from meshimplant.voxels.volume import Volume

#: Below the vault the network is used up to this far beyond the opening, in rings of 2 mm.
_RIM_RINGS = 3


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Distance between a network's answers for a head and for its mirror image in one opening.

    Attributes
    ----------
    points_mm : (n, 3) array
        LPS points on the outer surface.
    distance_mm : (n,) array
        The larger of the distances between the outer and between the inner surfaces there.
    """

    points_mm: NDArray[np.float64]
    distance_mm: NDArray[np.float64]

    @property
    def p95_mm(self) -> float:
        """95th percentile of the distances."""
        return float(np.percentile(self.distance_mm, 95))


@dataclass(frozen=True, eq=False)
class NetworkVault:
    """A network's surfaces on the vault and in the opening, and another model's elsewhere, as one `Model`.

    In the opening the network also predicts brow, orbit and base. There its own field is used, not columns
    read from it (`close_opening`).

    Attributes
    ----------
    outer_mm, inner_mm : (n,) arrays
        Radii along `direction_sphere`; nan where the network has no bone.
    head : Volume
        The answer itself: signed distance of the completed head, mm, in the head's own frame.
    members : (m,) array
        Indices of the directions of `direction_sphere` that lead through the opening.
    beyond : Model
        The model used where the network has no surface, and below the vault.
    about : dict
        Training data and licence of the network.
    """

    outer_mm: NDArray[np.float64]
    inner_mm: NDArray[np.float64]
    head: Volume
    members: NDArray[np.int64]
    beyond: Model
    about: dict[str, Any]

    @property
    def mean(self) -> VaultMean:
        """The mean vault that the head was aligned to."""
        return self.beyond.mean

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Return the answer, which needs no fit, with its residual from the intact bone."""
        fallback = self.beyond.fit(intact, outer_mm, inner_mm)
        through_opening = np.zeros(len(self.outer_mm), bool)
        through_opening[self.members] = True
        trusted = is_vault(direction_sphere()[0]) | grow(through_opening, _RIM_RINGS)
        known = ~np.isnan(self.outer_mm) & trusted
        outer = np.where(known, self.outer_mm, fallback.outer_mm)
        thickness = np.where(known, self.outer_mm - self.inner_mm, fallback.thickness_mm)
        residual_mm = trimmed_rms(outer_mm[intact] - outer[intact])
        return FittedVault(outer, thickness, residual_mm, head=self.head)


@dataclass(frozen=True, eq=False)
class NetworkAndModes:
    """The mean of a network's answer and a shape model on the vault, as one `Model`.

    The two fail in different ways. Below the vault, and on a head that the shape model does not fit, the
    network is used alone.
    """

    network: Model
    modes: Model

    @property
    def about(self) -> dict[str, Any]:
        """Training data and licence of the network."""
        return self.network.about

    @property
    def mean(self) -> VaultMean:
        """The mean vault that the head was aligned to."""
        return self.network.mean

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Return the mean of both with the modes' coefficients; the network alone if the modes do not fit."""
        own, other = (model.fit(intact, outer_mm, inner_mm) for model in (self.network, self.modes))
        if other.residual_mm > HELD_MM:
            return own
        share = np.where(is_vault(direction_sphere()[0]), 0.5, 0.0)
        outer = own.outer_mm + share * (other.outer_mm - own.outer_mm)
        thickness = own.thickness_mm + share * (other.thickness_mm - own.thickness_mm)
        residual_mm = trimmed_rms(outer_mm[intact] - outer[intact])
        return replace(
            own,
            outer_mm=outer,
            thickness_mm=thickness,
            residual_mm=residual_mm,
            coefficients=other.coefficients,
        )


@dataclass(frozen=True, eq=False)
class NetworkAnswer:
    """What a network predicts for one opening.

    Attributes
    ----------
    models : dict of Model
        The prediction first, then the model that it corrects, for comparison.
    uncertainty : Uncertainty
    report : dict
        Weights, device and seconds, as in the report.
    findings : list of Finding
        Warnings: an uncertain answer, a GPU that was too small.
    """

    models: dict[str, Model]
    uncertainty: Uncertainty
    report: dict[str, Any]
    findings: list[Finding]


class HeadNetwork(Protocol):
    """A network that is ready for use: `meshimplant.open_network` opens one."""

    def predict(self, defective: Volume, pose: HeadPose, defect: Defect, template: Model) -> NetworkAnswer:
        """Predict the vault over one opening.

        Parameters
        ----------
        defective : Volume
            Mask of the skull; non-zero is bone.
        pose : HeadPose
            The head's frame.
        defect : Defect
            The opening.
        template : Model
            The model that the network was trained to correct.
        """


def worst_findings(answers: Sequence[NetworkAnswer]) -> list[Finding]:
    """Return the findings of all openings, of each code the one with the largest value."""
    worst: dict[str, Finding] = {}
    for finding in (finding for answer in answers for finding in answer.findings):
        largest = worst.get(finding.code)
        if largest is None or (finding.value or 0) > (largest.value or 0):
            worst[finding.code] = finding
    return list(worst.values())
