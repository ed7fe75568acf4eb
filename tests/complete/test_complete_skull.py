"""complete_skull: every method restores the missing bone, or the error gives the reason."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from meshimplant.complete.complete_skull import Completion, complete_skull
from meshimplant.complete.completion_findings import second_opening_findings
from meshimplant.complete.methods import METHODS
from meshimplant.complete.mixture import MIXTURE
from meshimplant.complete.models import read_model
from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import EmptyMaskError, InputError, NoDefectError
from meshimplant.evaluation.metrics import dice
from meshimplant.voxels.volume import Volume

#: Method network needs weights; see test_network_model.
ALONE = [name for name in METHODS if name != "network"]


@lru_cache(maxsize=1)
def whole() -> Volume:
    return skull_phantom(spacing_mm=2.0, seed=4)


#: Models whose distance from the intact bone is reported, where they are not just the method itself.
FITTED: dict[str, set[str]] = {"auto": {"ssm", "ssm-loose", "template"}, "mirror": set()}


@lru_cache(maxsize=4)
def case(kind: str) -> Craniectomy:
    return craniectomy(whole(), kind=kind, seed=1)


@lru_cache(maxsize=16)
def completed(kind: str, method: str) -> Completion:
    return complete_skull(case(kind).defective, method=method)


def implant_of(field: Volume, defective: Volume) -> Volume:
    mask = field.paste_into(defective, fill=-10).array > 0
    return defective.with_array((mask & (defective.array == 0)).astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "method"), [*(("random", name) for name in ALONE), ("parietotemporal", "template")]
)
def test_the_missing_bone_is_restored(kind, method) -> None:
    cut = case(kind)
    done = completed(kind, method)
    assert dice(implant_of(done.field, cut.defective), cut.truth) >= 0.75
    assert np.linalg.norm(done.defects[0].centre_mm - cut.centre_mm) < 12
    assert done.field.array.dtype == np.float32
    assert done.field.array.size < 0.5 * cut.defective.array.size
    assert np.array_equal(cut.defective.array + cut.truth.array, whole().array)


@pytest.mark.parametrize("method", ALONE)
def test_the_method_is_reported(method) -> None:
    report = completed("random", method).method
    assert report["asked"] == method
    assert report["name"] in (*METHODS, MIXTURE)
    assert report["name"] == method or method == "auto"
    assert report["reason"]
    assert 0 < report["symmetry_residual_mm"] < 2
    assert 0 < report["posterior_deviation_mm"] < 3
    assert (report["template"] is None) is (method == "mirror")
    assert set(report["residual_mm"]) == FITTED.get(method, {method})
    assert (report["disagreement_p95_mm"] is not None) is (method == "auto")
    assert (report["largest_coefficient"] is not None) is report["name"].startswith(("ssm", MIXTURE))


@pytest.mark.parametrize("method", ["auto", "template", "mirror"])
def test_a_model_for_non_commercial_use_is_named_with_the_option_that_avoids_it(method) -> None:
    done = completed("random", method)
    named = [finding for finding in done.findings if finding.code == "complete.non_commercial"]
    if method == "mirror":
        assert named == []
        assert done.method["model_licences"] == {}
        return
    (finding,) = named
    assert finding.severity == "info"
    assert "CC BY-NC-SA 4.0" in finding.message
    assert "SkullFix" in finding.message
    assert "--template open" in finding.message
    assert list(done.method["model_licences"].values()) == ["CC BY-NC-SA 4.0: non-commercial"]


def test_the_open_model_needs_no_such_remark() -> None:
    done = complete_skull(case("random").defective, template=read_model("open"))
    assert not any(finding.code == "complete.non_commercial" for finding in done.findings)
    assert all("non-commercial" not in licence for licence in done.method["model_licences"].values())
    assert len(done.method["model_licences"]) == 1


def test_only_auto_expects_an_error_from_what_it_left_out() -> None:
    report = completed("random", "auto").method
    assert 0.1 < report["expected_error_mm"] < 3
    assert set(report["left_out_mm"]) == {"ssm", "ssm-loose", "template", "mirror"}
    assert all(0 < error_mm < 10 for error_mm in report["left_out_mm"].values())
    assert (report["mixture"] is not None) is (report["name"] == MIXTURE)
    alone = completed("random", "template").method
    assert alone["expected_error_mm"] is alone["left_out_mm"] is alone["mixture"] is None


def test_the_report_says_what_filled_the_region_below_the_vault() -> None:
    assert completed("random", "ssm").method["below_vault"] is None
    one_sided, across = completed("orbital", "template"), completed("bifrontal", "template")
    assert one_sided.method["below_vault"]["source"] == "other side"
    assert across.method["below_vault"]["source"] == "population"
    coded = [[f.code for f in done.findings].count("complete.no_other_side") for done in (one_sided, across)]
    assert coded == [0, 1]
    alone = complete_skull(case("bifrontal").defective, method="mirror")
    assert alone.method["below_vault"]["source"] == "other side and vault"


@pytest.mark.parametrize("method", ["template", "ssm"])
def test_without_the_blend_the_model_is_kept_as_fitted(method) -> None:
    cut = case("random")
    bare = complete_skull(cut.defective, method=method, blend=False)
    bent = completed("random", method)
    assert bare.method["posterior_deviation_mm"] == 0 < bent.method["posterior_deviation_mm"]
    overlaps = [dice(implant_of(done.field, cut.defective), cut.truth) for done in (bare, bent)]
    assert 0.2 < overlaps[0] < overlaps[1]
    with pytest.raises(InputError, match="expected blend with method mirror"):
        complete_skull(cut.defective, method="mirror", blend=False)


def test_a_head_in_a_different_orientation_than_its_file_states_is_completed_with_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("meshimplant.head.align._GOOD_MM", 3.0)  # no phantom is as near the mean as a skull
    cut = case("parietotemporal")
    turn = np.diag([1.0, -1.0, -1.0, 1.0])  # upside down and back to front: half a turn about the ears
    turned = Volume(cut.defective.array, turn @ cut.defective.affine)
    done = complete_skull(turned, method="template")
    (warning,) = [finding for finding in done.findings if finding.code == "input.turned"]
    assert (warning.severity, warning.value) == ("warning", pytest.approx(180, abs=30))
    upright = completed("parietotemporal", "template")
    assert not any(finding.code == "input.turned" for finding in upright.findings)
    overlap = dice(implant_of(done.field, turned), turned.with_array(cut.truth.array))
    assert overlap == pytest.approx(dice(implant_of(upright.field, cut.defective), cut.truth), abs=0.01)


def test_a_second_opening_is_left_open_with_a_finding_or_closed_on_request() -> None:
    first, second = case("parietotemporal"), _opposite()
    both = first.defective.with_array(first.defective.array & (second == 0))
    one = complete_skull(both, method="template")
    named = [finding for finding in one.findings if finding.code == "input.second_opening"]
    assert len(one.defects) == 1
    assert len(named) == 1
    assert named[0].severity == "error"
    assert "--bodies 2 closes it" in named[0].message
    assert named[0].location_mm is not None
    (on_purpose,) = second_opening_findings(one.defects, 1)
    assert on_purpose.severity == "warning"
    two = complete_skull(both, method="template", bodies=2)
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
    with pytest.raises(InputError, match="auto, mirror, template, ssm"):
        complete_skull(case("random").defective, method="magic")


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(EmptyMaskError, match="check the segmentation"):
        complete_skull(Volume(np.zeros((30, 30, 30), np.uint8), np.eye(4)))


@pytest.mark.parametrize("method", ["mirror", "template"])
def test_a_complete_skull_is_refused(method) -> None:
    with pytest.raises(NoDefectError, match="no defect found"):
        complete_skull(whole(), method=method)
