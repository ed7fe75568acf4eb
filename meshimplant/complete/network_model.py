"""What a trained network said of one head, as a model like the others; the network itself lives in `meshimplant.networks`."""

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

#: Below the vault the network is believed this far beyond the opening, rings of 2 mm.
_RIM_RINGS = 3


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """How far the network's answers for a head and for its mirror image lie apart in one opening.

    Attributes
    ----------
    points_mm : (n, 3) array
        LPS points on the outer surface.
    apart_mm : (n,) array
        The larger of the distances between the outer and the inner surfaces there.
    """

    points_mm: NDArray[np.float64]
    apart_mm: NDArray[np.float64]

    @property
    def p95_mm(self) -> float:
        """95th percentile of the distances."""
        return float(np.percentile(self.apart_mm, 95))


@dataclass(frozen=True, eq=False)
class NetworkVault:
    """A network's answer as a `Model`: its surfaces on the vault and all through the opening, and another model's elsewhere.

    In the opening it tells brow, orbit and base too; there its own field is taken, not columns read from it (`close_opening`).

    Attributes
    ----------
    outer_mm, inner_mm : (n,) arrays
        Radii along `direction_sphere`; nan where the network has no bone.
    head : Volume
        The answer itself: signed distance of the completed head, mm, in the head's own frame.
    members : (m,) array
        Which of `direction_sphere` lead through the opening.
    beyond : Model
        Tells the vault where the network does not, and carries it on below.
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
        """The mean vault that the head was laid on."""
        return self.beyond.mean

    def fit(
        self, readings: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Return the answer, which lies on this head already; its residual tells how well it keeps to the intact bone."""
        there = self.beyond.fit(readings, outer_mm, inner_mm)
        asked = np.zeros(len(self.outer_mm), bool)
        asked[self.members] = True
        known = ~np.isnan(self.outer_mm) & (is_vault(direction_sphere()[0]) | grow(asked, _RIM_RINGS))
        outer = np.where(known, self.outer_mm, there.outer_mm)
        thickness = np.where(known, self.outer_mm - self.inner_mm, there.thickness_mm)
        left_mm = trimmed_rms(outer_mm[readings] - outer[readings])
        return FittedVault(outer, thickness, left_mm, head=self.head)


@dataclass(frozen=True, eq=False)
class NetworkAndModes:
    """A network's answer and a shape model's as one `Model`: their mean on the vault, for they fail in different ways.

    Below the vault, and on a head that the modes do not hold, the network alone tells.
    """

    network: Model
    modes: Model

    @property
    def about(self) -> dict[str, Any]:
        """Training data and licence of the network."""
        return self.network.about

    @property
    def mean(self) -> VaultMean:
        """The mean vault that the head was laid on."""
        return self.network.mean

    def fit(
        self, readings: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Return the mean of both with the modes' coefficients, or the network alone, with none, where they do not hold."""
        own, other = (model.fit(readings, outer_mm, inner_mm) for model in (self.network, self.modes))
        if other.residual_mm > HELD_MM:
            return own
        share = np.where(is_vault(direction_sphere()[0]), 0.5, 0.0)
        outer = own.outer_mm + share * (other.outer_mm - own.outer_mm)
        thickness = own.thickness_mm + share * (other.thickness_mm - own.thickness_mm)
        left_mm = trimmed_rms(outer_mm[readings] - outer[readings])
        return replace(
            own, outer_mm=outer, thickness_mm=thickness, residual_mm=left_mm, coefficients=other.coefficients
        )


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network said of one opening.

    Attributes
    ----------
    models : dict of Model
        The network's answer first, and the model that it corrects, to compare it with.
    uncertainty : Uncertainty
    told : dict
        Weights, device and seconds, as the report holds them.
    findings : list of Finding
        That it is unsure; that a GPU was too small.
    """

    models: dict[str, Model]
    uncertainty: Uncertainty
    told: dict[str, Any]
    findings: list[Finding]


class Seeing(Protocol):
    """A network that is ready for use: `meshimplant.open_network` makes one."""

    def see(self, defective: Volume, pose: HeadPose, defect: Defect, template: Model) -> Seen:
        """Say what the vault over one opening is.

        Parameters
        ----------
        defective
            Mask of the skull; non-zero is bone.
        pose, defect
            Where the head lies, and which opening.
        template
            The model that the network was taught to correct.
        """


def worst(seen: Sequence[Seen]) -> list[Finding]:
    """Return the findings of all openings, one of each kind: the one with the largest value."""
    found: dict[str, Finding] = {}
    for finding in (finding for one in seen for finding in one.findings):
        kept = found.get(finding.code)
        if kept is None or (finding.value or 0) > (kept.value or 0):
            found[finding.code] = finding
    return list(found.values())
