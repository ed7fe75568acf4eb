"""Open a trained network for method ``network`` of `complete_skull`."""

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

#: Warn above this 95th percentile of the distance between the surfaces predicted for the head and for its
#: mirror image.
UNCERTAIN_MM = 2.0
#: Distance assigned where only one of the two has bone.
_ABSENT_MM = 8.0


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network and its device; created by `open_network`."""

    weights: Weights
    device: str

    def predict(self, defective: Volume, pose: HeadPose, defect: Defect, template: Model) -> NetworkAnswer:
        """Predict the vault over one opening; see `HeadNetwork.predict`."""
        from meshimplant.networks.field_columns import columns_from_field
        from meshimplant.networks.head_fields import head_fields
        from meshimplant.networks.head_grid import FINE
        from meshimplant.networks.inference import predict

        fields = head_fields(defective, pose, defect.members, self.weights.config.data.channels)
        answer = predict(fields, self.weights, device=self.device)
        columns = columns_from_field(answer.field_mm)
        outer, inner = columns.outer_mm.astype(float), columns.inner_mm.astype(float)
        head = FINE.volume(answer.field_mm)
        vault = NetworkVault(outer, inner, head, defect.members, template, self.weights.about)
        unsure = _uncertainty(answer, outer, pose, defect)
        description = self._describe(answer, unsure)
        return NetworkAnswer(
            {"network": vault, "template": template}, unsure, description, _findings(answer, unsure)
        )

    def _describe(self, answer: HeadPrediction, unsure: Uncertainty) -> dict[str, Any]:
        """Return weights, device and time, as the report names them."""
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
    """Open a trained network, so that a missing file or device is reported before any other work.

    Parameters
    ----------
    weights : str or Path, optional
        File written by `meshimplant train`; by default the packaged weights.
    device : str
        ``cpu``, ``cuda``, or ``auto``: a GPU if there is one.

    Returns
    -------
    Network

    Raises
    ------
    MissingDependencyError
        Torch is not installed.
    FileReadError
        The weights file is missing, damaged or of another kind.
    InputError
        No weights are packaged, or there is no such device.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "expected torch for method network, got none: "
            "pip install 'meshimplant[network]', or choose method auto, which needs no torch"
        ) from error
    from meshimplant.networks.inference import resolve_device
    from meshimplant.networks.weights import open_weights

    resolve_device(device)
    return Network(open_weights(weights), device)


def _uncertainty(
    answer: HeadPrediction, outer_mm: NDArray[np.float64], pose: HeadPose, defect: Defect
) -> Uncertainty:
    """Compare both views along the rays through the opening; rays to the vault only, if there are any."""
    from meshimplant.networks.field_columns import columns_from_field

    directions = direction_sphere()[0][defect.members]
    on_vault = is_vault(directions)
    which = defect.members[on_vault] if on_vault.any() else defect.members
    one, other = (columns_from_field(view, which=which) for view in answer.views_mm)
    distance_mm = np.maximum(np.abs(one.outer_mm - other.outer_mm), np.abs(one.inner_mm - other.inner_mm))
    distance_mm = np.where(np.isnan(distance_mm), _ABSENT_MM, distance_mm)
    distance_mm = np.where(one.missing & other.missing, 0.0, distance_mm)
    known = outer_mm[~np.isnan(outer_mm)]
    typical_mm = float(np.median(known)) if len(known) else CHART_RADIUS_MM
    radius = np.where(np.isnan(outer_mm[which]), typical_mm, outer_mm[which])
    points = pose.centre_mm + radius[:, None] * direction_sphere()[0][which] @ pose.axes
    return Uncertainty(points, distance_mm)


def _findings(answer: HeadPrediction, unsure: Uncertainty) -> list[Finding]:
    findings = []
    if answer.fell_back:
        message = "the GPU had too little memory for the network: the CPU did its work, more slowly"
        findings.append(Finding("network.cpu_fallback", "info", message))
    if unsure.p95_mm > UNCERTAIN_MM:
        x, y, z = (float(c) for c in unsure.points_mm[int(np.argmax(unsure.distance_mm))])
        message = (
            "the network's predictions for the head and for its mirror image differ "
            "(95th percentile; most at this location): inspect the shape before you use it"
        )
        findings.append(
            Finding("network.uncertain", "warning", message, unsure.p95_mm, UNCERTAIN_MM, "mm", (x, y, z))
        )
    return findings
