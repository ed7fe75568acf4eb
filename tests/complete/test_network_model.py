"""Method network: what an untrained network returns, what is reported, and every error."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch

from meshimplant.complete.complete_skull import Completion, complete_skull
from meshimplant.complete.models import packaged_mean, packaged_model
from meshimplant.complete.network_model import (
    NetworkAndModes,
    NetworkAnswer,
    NetworkVault,
    Uncertainty,
    worst_findings,
)
from meshimplant.complete.shape_model import HELD_MM
from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.design.reconstruct import reconstruct
from meshimplant.errors import FileReadError, InputError, MissingDependencyError
from meshimplant.evaluation.metrics import dice
from meshimplant.head.sphere import direction_sphere, grow, is_vault
from meshimplant.networks import head_fields as head
from meshimplant.networks import inference, packaged
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.config import config_from
from meshimplant.networks.head_grid import FINE
from meshimplant.networks.inference import HeadPrediction
from meshimplant.networks.open_network import open_network
from meshimplant.networks.weights import write_weights
from meshimplant.report import Finding
from meshimplant.voxels.volume import Volume

SHOWN = head.head_fields
CONFIG = config_from({"coarse": {"widths": [4, 4]}, "fine": {"widths": [4, 4]}})


@lru_cache(maxsize=1)
def cut() -> Craniectomy:
    return craniectomy(skull_phantom(spacing_mm=2.0, seed=4), kind="random", seed=1)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network as a file."""
    path = tmp_path_factory.mktemp("network") / "own.npz"
    torch.manual_seed(0)
    modules = {"coarse": build_coarse(CONFIG), "fine": build_fine(CONFIG)}
    write_weights(path, CONFIG, modules, {"data": "nothing", "licence": "CC0 1.0"})  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def untrained(weights: Path) -> Completion:
    return complete_skull(cut().defective, method="network", network=open_network(weights, device="cpu"))


def implant_of(done: Completion) -> Volume:
    defective = cut().defective
    mask = done.field.paste_into(defective, fill=-10).array > 0
    return defective.with_array((mask & (defective.array == 0)).astype(np.uint8))


def test_an_untrained_network_returns_the_model_that_it_corrects(untrained: Completion) -> None:
    template = complete_skull(cut().defective, method="template")
    assert dice(implant_of(untrained), implant_of(template)) >= 0.98
    assert abs(dice(implant_of(untrained), cut().truth) - dice(implant_of(template), cut().truth)) < 0.01
    assert untrained.disagreement is not None
    assert untrained.disagreement.methods == ("network", "template")
    assert untrained.disagreement.p95_mm < 0.5


def test_the_network_is_reported(untrained: Completion, weights: Path) -> None:
    report = untrained.method
    assert (report["name"], report["asked"]) == ("network", "network")
    assert "the network corrects the mean vault; the shape model" in report["reason"]
    assert report["template"] == {"data": "nothing", "licence": "CC0 1.0"}
    assert set(report["residual_mm"]) == {"network", "template"}
    assert report["residual_mm"]["network"] < 0.4 < report["residual_mm"]["template"]
    network = report["network"]
    assert set(network) == {"weights", "sha256", "torch", "device", "seconds", "mirror_p95_mm"}
    assert (network["weights"], network["device"], network["mirror_p95_mm"]) == ("given", "cpu", 0.0)
    assert network["sha256"] == open_network(weights, device="cpu").weights.sha256
    assert untrained.uncertainty is not None
    assert not untrained.uncertainty.distance_mm.any()
    assert not any(finding.code.startswith("network.") for finding in untrained.findings)


def test_the_uncertainty_lies_on_the_missing_bone(untrained: Completion) -> None:
    assert untrained.uncertainty is not None
    bone = cut().truth.to_mm(np.argwhere(cut().truth.array))
    points = untrained.uncertainty.points_mm
    away = [np.linalg.norm(bone - point, axis=1).min() for point in points[::20]]
    assert np.percentile(away, 90) < 4


def test_the_model_follows_the_answer_of_the_network(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outward_mm = 3.0
    network = open_network(weights, device="cpu")
    kept = _predict_with(monkeypatch, network, lambda prior: (prior, prior))
    moved = _predict_with(monkeypatch, network, lambda prior: (_moved_outwards(prior, outward_mm),) * 2)
    before, after = (one.models["network"] for one in (kept, moved))
    assert isinstance(before, NetworkVault)
    assert isinstance(after, NetworkVault)
    members = np.intersect1d(_members(), np.flatnonzero(is_vault(direction_sphere()[0])))
    grown = after.outer_mm[members] - before.outer_mm[members]
    assert np.nanmedian(grown) == pytest.approx(outward_mm, abs=0.3)


def test_an_uncertain_answer_gives_a_warning_with_its_place(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart_mm = 4.0
    network = open_network(weights, device="cpu")
    answer = _predict_with(monkeypatch, network, lambda prior: (prior, _moved_outwards(prior, apart_mm)))
    (warning,) = answer.findings
    assert (warning.code, warning.severity, warning.unit) == ("network.uncertain", "warning", "mm")
    assert warning.value == pytest.approx(apart_mm, abs=0.5) == answer.report["mirror_p95_mm"]
    assert warning.location_mm is not None
    bone = cut().truth.to_mm(np.argwhere(cut().truth.array))
    assert np.linalg.norm(bone - warning.location_mm, axis=1).min() < 12


def test_a_view_without_bone_has_the_largest_uncertainty(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = _predict_with(
        monkeypatch, open_network(weights, device="cpu"), lambda prior: (prior, np.full_like(prior, -8))
    )
    assert np.median(answer.uncertainty.distance_mm) == 8


def test_a_gpu_that_was_too_small_is_reported(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = open_network(weights, device="cpu")
    answer = _predict_with(monkeypatch, network, lambda prior: (prior, prior), fell_back=True)
    assert [(finding.code, finding.severity) for finding in answer.findings] == [
        ("network.cpu_fallback", "info")
    ]
    assert "the CPU did its work" in answer.findings[0].message


def test_the_template_is_used_where_the_network_has_no_bone() -> None:
    mean = packaged_mean()
    count = len(direction_sphere()[0])
    outer = np.full(count, 80.0)
    intact = np.flatnonzero(is_vault(direction_sphere()[0]))[::50]
    flat = mean.fit(intact, outer, outer - 6)
    holed = np.where(np.arange(count) % 2 == 0, np.nan, 90.0)
    below = np.flatnonzero(direction_sphere()[0] @ (0.0, -0.8, -0.6) > 0.98)  # through an orbit
    answer = FINE.volume(np.zeros(FINE.shape, np.float32))
    vault = NetworkVault(holed, holed - 5, answer, below, mean, {})
    fitted = vault.fit(intact, outer, outer - 6)
    asked = np.zeros(count, bool)
    asked[below] = True
    own = ~np.isnan(holed) & (is_vault(direction_sphere()[0]) | grow(asked, 3))
    assert own[below].any()
    assert fitted.head is answer
    assert (fitted.outer_mm[own] == 90).all()
    assert (fitted.thickness_mm[own] == 5).all()
    assert np.array_equal(fitted.outer_mm[~own], flat.outer_mm[~own])
    assert np.array_equal(fitted.thickness_mm[~own], flat.thickness_mm[~own])
    assert vault.mean is mean


@pytest.mark.parametrize(("lumps_mm", "held"), [(0.0, True), (5.0, False)])
def test_network_and_shape_model_are_averaged_on_the_vault_where_the_modes_fit(
    lumps_mm: float, held: bool
) -> None:
    modes, directions = packaged_model("shape_model.npz"), direction_sphere()[0]
    vault = is_vault(directions)
    head = modes.mean.beyond_vault
    outer = 85 * head.outer_fraction + lumps_mm * np.sin(40 * directions[:, 0])
    inner = outer - 6 * head.thickness_fraction
    intact = np.flatnonzero(vault)[::50]
    answer = FINE.volume(np.zeros(FINE.shape, np.float32))
    network = NetworkVault(
        outer + 2, inner + 1, answer, np.arange(len(outer)), packaged_mean(), {"data": "x"}
    )
    both = NetworkAndModes(network, modes)
    own, other, fitted = (model.fit(intact, outer, inner) for model in (network, modes, both))
    assert (other.residual_mm <= HELD_MM) == held
    assert (len(fitted.coefficients) > 0) == held
    share = np.where(vault & held, 0.5, 0)
    for name in ("outer_mm", "thickness_mm"):
        one, two = (getattr(fit, name) for fit in (own, other))
        assert getattr(fitted, name) == pytest.approx(one + share * (two - one))
    assert fitted.head is answer
    assert fitted.residual_mm == pytest.approx(1.0 if held else 2.0, abs=0.1)
    assert (both.mean, both.about) == (network.mean, {"data": "x"})


def test_the_worst_of_several_openings_is_reported() -> None:
    unsure = Finding("network.uncertain", "warning", "", 3.0, 2.0, "mm", (0, 0, 0))
    more = replace(unsure, value=5.0)
    small = Finding("network.cpu_fallback", "info", "")
    nowhere = Uncertainty(np.zeros((1, 3)), np.zeros(1))
    answers = [NetworkAnswer({}, nowhere, {}, found) for found in ([small, unsure], [small, more], [unsure])]
    assert worst_findings(answers) == [small, more]


# -- errors


def test_without_torch_the_error_names_the_extra_and_an_alternative(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingDependencyError, match=r"pip install 'meshimplant\[network\]', or choose method auto"
    ):
        reconstruct(cut().defective, method="network")


def test_a_package_without_weights_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged, "packaged_folder", lambda: tmp_path)
    with pytest.raises(InputError, match="give a weights file, or choose method auto"):
        reconstruct(cut().defective, method="network")


def test_method_network_requires_a_network() -> None:
    with pytest.raises(InputError, match=r"network=meshimplant.open_network\(\)"):
        complete_skull(cut().defective, method="network")


def test_wrong_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_bytes(b"no weights")
    with pytest.raises(FileReadError, match=r"weights written by meshimplant train in own\.npz"):
        open_network(tmp_path / "own.npz")


def test_a_missing_gpu_is_refused(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="choose device cpu"):
        open_network(weights, device="cuda")


def test_other_methods_refuse_a_network(weights: Path) -> None:
    with pytest.raises(InputError, match="a network with method network only, got one with method auto"):
        complete_skull(cut().defective, network=open_network(weights))


def test_method_network_refuses_your_own_model(weights: Path) -> None:
    with pytest.raises(InputError, match="expected no model with method network, got a mean vault"):
        complete_skull(
            cut().defective, method="network", network=open_network(weights), template=packaged_mean()
        )


# -- one skull with a given answer


@lru_cache(maxsize=1)
def _pose_and_defect():
    """Return pose and largest defect of the cut phantom."""
    from meshimplant.head.align import align_head
    from meshimplant.head.pose import fit_pose
    from meshimplant.skull.defect import find_defects

    pose, _ = align_head(cut().defective, fit_pose(cut().defective), packaged_mean())
    return pose, find_defects(cut().defective, pose).defects[0]


def _members() -> np.ndarray:
    return _pose_and_defect()[1].members


@lru_cache(maxsize=1)
def _fields() -> dict[str, np.ndarray]:
    """Return the input fields of the cut phantom, computed once because that takes seconds."""
    pose, _ = _pose_and_defect()
    return SHOWN(cut().defective, pose, _members(), ("defective", "prior"))


def _predict_with(
    monkeypatch: pytest.MonkeyPatch, network, answer, *, fell_back: bool = False
) -> NetworkAnswer:
    """Return the answer of a network whose two views are computed from its prior."""

    def predict(fields, _weights, *, device: str) -> HeadPrediction:
        return HeadPrediction(answer(fields["prior"]), device, fell_back, 0.1)

    monkeypatch.setattr(head, "head_fields", lambda *_: _fields())
    monkeypatch.setattr(inference, "predict", predict)
    return network.predict(cut().defective, *_pose_and_defect(), packaged_mean())


def _moved_outwards(prior: np.ndarray, outward_mm: float) -> np.ndarray:
    """Return the prior with everything moved away from the head's centre."""
    from scipy import ndimage

    from meshimplant.networks.head_grid import FINE

    points = FINE.points_mm()
    radius = np.linalg.norm(points, axis=-1, keepdims=True)
    from_mm = points * (1 - outward_mm / np.maximum(radius, 1))
    index = np.moveaxis(from_mm - np.array(FINE.low_mm, np.float32) - 0.5, -1, 0)
    return ndimage.map_coordinates(prior, index, order=1, mode="nearest", output=np.float32)
