"""complete_skull: the missing bone comes back, by every method, or the reason why not is said."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from meshimplant.complete import METHODS, Completion, complete_skull
from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import EmptyMaskError, InputError, NoDefectError
from meshimplant.metrics import dice
from meshimplant.volume import Volume


@lru_cache(maxsize=1)
def whole() -> Volume:
    return skull_phantom(spacing_mm=2.0, seed=4)


@lru_cache(maxsize=4)
def case(kind: str) -> Craniectomy:
    return craniectomy(whole(), kind=kind, seed=1)


@lru_cache(maxsize=8)
def completed(kind: str, method: str) -> Completion:
    return complete_skull(case(kind).defective, method=method)


def implant_of(field: Volume, defective: Volume) -> Volume:
    mask = field.paste_into(defective, fill=-10).array > 0
    return defective.with_array((mask & (defective.array == 0)).astype(np.uint8))


@pytest.mark.parametrize("method", ["mirror", "template"])
@pytest.mark.parametrize("kind", ["random", "parietotemporal"])
def test_the_missing_bone_comes_back(kind, method) -> None:
    cut = case(kind)
    done = completed(kind, method)
    assert dice(implant_of(done.field, cut.defective), cut.truth) >= 0.75
    assert np.linalg.norm(done.defects[0].centre_mm - cut.centre_mm) < 12
    assert done.field.array.dtype == np.float32
    assert done.field.array.size < 0.5 * cut.defective.array.size
    assert np.array_equal(cut.defective.array + cut.truth.array, whole().array)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_done_is_told(method) -> None:
    told = completed("random", method).method
    assert told["asked"] == method
    assert told["name"] in ("mirror", "template")
    assert told["reason"]
    assert 0 < told["symmetry_residual_mm"] < 2
    assert 0 < told["posterior_deviation_mm"] < 3
    assert (told["template"] is None) is (method == "mirror")


def test_a_second_opening_is_left_and_named_or_closed_when_asked_for() -> None:
    first, second = case("parietotemporal"), _opposite()
    both = first.defective.with_array(first.defective.array & (second == 0))
    one = complete_skull(both)
    named = [finding for finding in one.findings if finding.code == "input.second_opening"]
    assert len(one.defects) == 1
    assert len(named) == 1
    assert named[0].location_mm is not None
    two = complete_skull(both, bodies=2)
    assert len(two.defects) == 2
    assert not any(finding.code == "input.second_opening" for finding in two.findings)
    closed = implant_of(two.field, both).array[(second > 0) & (both.array == 0) & (whole().array > 0)]
    assert closed.mean() > 0.7


def _opposite() -> np.ndarray:
    """Return a ball on the vault across from the parietotemporal hole."""
    middle = case("parietotemporal").centre_mm
    bone = whole().to_mm(np.argwhere(whole().array))
    side = -np.sign(middle[0])
    high = bone[(bone[:, 0] * side > 30) & (bone[:, 2] > 20)]
    tip = high[np.argmax(high @ np.array([side * 0.7, 0.0, 0.7]))]
    index = np.argwhere(np.ones(whole().shape, bool))
    near = np.linalg.norm(whole().to_mm(index) - tip, axis=1) < 22
    return near.reshape(whole().shape).astype(np.uint8)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="auto, mirror, template"):
        complete_skull(case("random").defective, method="magic")


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(EmptyMaskError, match="check the segmentation"):
        complete_skull(Volume(np.zeros((30, 30, 30), np.uint8), np.eye(4)))


@pytest.mark.parametrize("method", ["mirror", "template"])
def test_a_complete_skull_is_refused(method) -> None:
    with pytest.raises(NoDefectError, match="no defect found"):
        complete_skull(whole(), method=method)
