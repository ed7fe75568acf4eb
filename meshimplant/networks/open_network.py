"""A trained network, ready to complete skulls: what `complete_skull` asks by method ``network``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.network_model import NetworkAnswer, NetworkVault, Uncertainty
from meshimplant.errors import MissingDependencyError
from meshimplant.head.chart import CHART_RADIUS_MM
from meshimplant.head.mean_vault import Model
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, is_vault
from meshimplant.report import Finding
from meshimplant.skull.defect import Defect
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    from meshimplant.networks.inference import HeadPrediction
    from meshimplant.networks.weights import Weights

#: 95th percentile of the distance between the surfaces that the network gives for the head and for its mirror image above which
#: to warn.
UNCERTAIN_MM = 2.0
#: The distance where only one of the two has bone.
_ABSENT_MM = 8.0


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network and the device that it runs on; `open_network` makes it."""

    weights: Weights
    device: str

    def predict(self, defective: Volume, pose: HeadPose, defect: Defect, template: Model) -> NetworkAnswer:
        """Say what the vault over one opening is, as `HeadNetwork.predict` has it."""
        from meshimplant.networks.head_fields import head_fields
        from meshimplant.networks.head_grid import FINE
        from meshimplant.networks.inference import predict
        from meshimplant.networks.surface_columns import columns_of

        fields = head_fields(defective, pose, defect.members, self.weights.config.data.channels)
        answer = predict(fields, self.weights, device=self.device)
        columns = columns_of(answer.field_mm)
        outer, inner = columns.outer_mm.astype(float), columns.inner_mm.astype(float)
        head = FINE.volume(answer.field_mm)
        vault = NetworkVault(outer, inner, head, defect.members, template, self.weights.about)
        unsure = _uncertainty(answer, outer, pose, defect)
        told = self._told(answer, unsure)
        return NetworkAnswer(
            {"network": vault, "template": template}, unsure, told, _findings(answer, unsure)
        )

    def _told(self, answer: HeadPrediction, unsure: Uncertainty) -> dict[str, Any]:
        from importlib.metadata import version

        from meshimplant.networks.packaged import packaged_weights

        packaged = {about["sha256"]: name for name, about in packaged_weights().items()}
        return {
            "weights": packaged.get(self.weights.sha256, "given"),
            "sha256": self.weights.sha256,
            "torch": version("torch"),
            "device": answer.device,
            "seconds": answer.seconds,
            "mirror_p95_mm": unsure.p95_mm,
        }


def open_network(weights: str | Path | None = None, *, device: str = "auto") -> Network:
    """Return a network ready for use, before any other work is done.

    Parameters
    ----------
    weights
        A file of `meshimplant train`; None: the one in the package.
    device
        ``cpu``, ``cuda``, or ``auto``: a GPU where there is one.

    Raises
    ------
    MissingDependencyError
        Torch is not installed.
    FileReadError
        The weights are not what they must be.
    InputError
        There are none, or there is no such device.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "expected torch for method network, got none: pip install 'meshimplant[network]', or choose method auto, which does "
            "without"
        ) from error
    from meshimplant.networks.inference import device_of
    from meshimplant.networks.weights import open_weights

    device_of(device)
    return Network(open_weights(weights), device)


def _uncertainty(
    answer: HeadPrediction, outer_mm: NDArray[np.float64], pose: HeadPose, defect: Defect
) -> Uncertainty:
    """Compare both views along the rays through the opening, those that meet the vault where there are any."""
    from meshimplant.networks.surface_columns import columns_of

    directions = direction_sphere()[0][defect.members]
    counted = is_vault(directions)
    which = defect.members[counted] if counted.any() else defect.members
    one, other = (columns_of(view, which=which) for view in answer.views_mm)
    apart = np.maximum(np.abs(one.outer_mm - other.outer_mm), np.abs(one.inner_mm - other.inner_mm))
    apart = np.where(one.missing & other.missing, 0.0, np.where(np.isnan(apart), _ABSENT_MM, apart))
    seen = outer_mm[~np.isnan(outer_mm)]
    usual = float(np.median(seen)) if len(seen) else CHART_RADIUS_MM
    radius = np.where(np.isnan(outer_mm[which]), usual, outer_mm[which])
    points = pose.centre_mm + radius[:, None] * direction_sphere()[0][which] @ pose.axes
    return Uncertainty(points, apart)


def _findings(answer: HeadPrediction, unsure: Uncertainty) -> list[Finding]:
    found = []
    if answer.fell_back:
        message = "the GPU had too little memory for the network: the processor did its work, with the same result but slower"
        found.append(Finding("network.cpu_fallback", "info", message))
    if unsure.p95_mm > UNCERTAIN_MM:
        x, y, z = (float(c) for c in unsure.points_mm[int(np.argmax(unsure.distance_mm))])
        message = (
            "the network answers otherwise for this head's mirror image (95th percentile; farthest here): look at the shape "
            "before you use it"
        )
        found.append(
            Finding("network.uncertain", "warning", message, unsure.p95_mm, UNCERTAIN_MM, "mm", (x, y, z))
        )
    return found
