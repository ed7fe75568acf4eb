"""Prediction: an untrained network returns its base, both views agree, a full GPU falls back to the CPU."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch

from meshimplant.errors import InputError
from meshimplant.head.sphere import direction_sphere
from meshimplant.networks import inference
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.channels import focus_box, mirror_field, opening_field
from meshimplant.networks.config import Fine, config_from
from meshimplant.networks.head_grid import CLIP_MM, FINE, take_coarse
from meshimplant.networks.inference import HeadPrediction, predict, resolve_device
from meshimplant.networks.weights import Weights


@lru_cache(maxsize=1)
def fields() -> dict[str, np.ndarray]:
    """Return a hollow ball with a hole to the left of the vertex, as a network is shown it."""
    points = FINE.points_mm()
    radius = np.linalg.norm(points, axis=-1)
    whole = np.minimum(75 - radius, radius - 69)
    axis = np.array([0.5, 0.1, 0.86])
    members = np.flatnonzero(direction_sphere()[0] @ axis > 0.95)
    opening = opening_field(members, FINE)
    defective = np.minimum(whole, -opening)
    clipped = {"defective": defective, "opening": opening, "prior": whole - 0.3}
    return {name: np.clip(field, -CLIP_MM, CLIP_MM).astype(np.float32) for name, field in clipped.items()}


def weights(*, fine: bool = True, channels: tuple[str, ...] = ("opening", "prior"), seed: int = 0) -> Weights:
    """Return an untrained network."""
    tables: dict[str, Any] = {"coarse": {"widths": [4, 4]}, "data": {"channels": list(channels)}}
    config = config_from(tables | ({"fine": {"widths": [4, 4]}} if fine else {}))
    torch.manual_seed(seed)
    modules: dict[Any, torch.nn.Module] = {"coarse": build_coarse(config)}
    if fine:
        modules["fine"] = build_fine(config)
    return Weights(
        config, {stage: module.eval() for stage, module in modules.items()}, {}, "own.npz", "0" * 64
    )


def with_last(network: Weights, stage: str, bias: float) -> Weights:
    """Let one stage answer one number everywhere."""
    torch.nn.init.constant_(network.modules[stage].last.bias, bias)  # type: ignore[index]
    return network


def counted() -> np.ndarray:
    """Return where corrections count: in the box that is shown, in the opening and the margin around it."""
    start, stop = focus_box(take_coarse(fields()["opening"]), take_coarse(fields()["prior"]))
    inside = np.zeros(FINE.shape, bool)
    inside[tuple(slice(3 * int(a), 3 * int(b)) for a, b in zip(start, stop, strict=True))] = True
    return inside & (fields()["opening"] > -Fine().margin_mm)


@pytest.mark.parametrize("fine", [True, False])
def test_an_untrained_network_answers_its_base_from_both_sides(fine: bool) -> None:
    answer = predict(fields(), weights(fine=fine), device="cpu")
    for view in (*answer.views_mm, answer.field_mm):
        assert view.dtype == np.float32
        assert np.array_equal(view, fields()["prior"])
    assert (answer.device, answer.fell_back) == ("cpu", False)
    assert answer.seconds > 0


def test_the_coarse_correction_counts_in_and_around_the_opening_only() -> None:
    answer = predict(fields(), with_last(weights(fine=False), "coarse", 0.1), device="cpu")
    added = answer.field_mm - fields()["prior"]
    share = np.clip(1 + fields()["opening"] / Fine().margin_mm, 0, 1)  # fading out around the opening
    expected = np.minimum(0.1 * CLIP_MM * share, CLIP_MM - fields()["prior"])
    assert np.allclose(added[counted()], expected[counted()], atol=1e-5)
    assert not added[~counted()].any()


def test_the_fine_correction_is_added_near_the_surface() -> None:
    answer = predict(fields(), with_last(weights(), "fine", -0.05), device="cpu")
    added = answer.field_mm - fields()["prior"]
    near = counted() & (np.abs(fields()["prior"]) < 3)
    assert np.allclose(added[near], -0.05 * CLIP_MM, atol=1e-5)
    assert not added[~near].any()


def test_a_network_that_knows_left_from_right_gives_two_views() -> None:
    network = weights(fine=False)
    first = network.modules["coarse"].down[0].first  # type: ignore[index, union-attr]
    assert isinstance(first, torch.nn.Conv3d)
    torch.nn.init.ones_(network.modules["coarse"].last.weight)  # type: ignore[union-attr, arg-type]
    answer = predict(fields(), network, device="cpu")
    assert np.abs(answer.views_mm[0] - answer.views_mm[1]).max() > 0.01
    turned = predict({name: mirror_field(field) for name, field in fields().items()}, network, device="cpu")
    assert np.allclose(mirror_field(turned.views_mm[1]), answer.views_mm[0], atol=1e-5)
    assert np.allclose(mirror_field(turned.field_mm), answer.field_mm, atol=1e-5)


def test_nothing_that_came_in_is_changed() -> None:
    before = {name: field.copy() for name, field in fields().items()}
    predict(fields(), with_last(weights(), "coarse", 0.1), device="cpu")
    assert all(np.array_equal(fields()[name], field) for name, field in before.items())


def test_a_gpu_without_memory_hands_over_to_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def views(shown: Any, network: Weights, device: str) -> Any:
        asked.append(device)
        if device == "cuda":
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return real(shown, network, device)

    real = inference._views
    monkeypatch.setattr(inference, "_views", views)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    answer = predict(fields(), weights(), device="auto")
    assert asked == ["cuda", "cpu"]
    assert (answer.device, answer.fell_back) == ("cpu", True)
    assert np.array_equal(answer.field_mm, fields()["prior"])


@pytest.mark.parametrize(
    ("asked", "there", "found"), [("auto", False, "cpu"), ("auto", True, "cuda"), ("cpu", True, "cpu")]
)
def test_auto_takes_a_gpu_where_there_is_one(
    asked: str, there: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert resolve_device(asked) == found


@pytest.mark.parametrize(
    ("asked", "said"),
    [("cuda", "a GPU that torch can use, got none: choose device cpu"), ("tpu", "got 'tpu'")],
)
def test_a_device_that_is_not_there_is_refused(
    asked: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=said):
        resolve_device(asked)


def test_the_mean_of_both_views_is_the_answer() -> None:
    views = (np.zeros((2, 2, 2), np.float32), np.ones((2, 2, 2), np.float32))
    assert np.array_equal(HeadPrediction(views, "cpu", False, 0.0).field_mm, np.full((2, 2, 2), 0.5))
