"""reconstruct: the missing bone alone, as the line uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.design.reconstruct import Reconstruction, StepOpener, prepare_skull, reconstruct
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.evaluation.metrics import dice
from meshimplant.voxels.volume import Volume


@pytest.fixture(scope="module")
def cut() -> Craniectomy:
    return craniectomy(skull_phantom(spacing_mm=2.0, seed=4), kind="random", seed=1)


Opened = list[tuple[str, dict[str, Any]]]


def recorder(opened: Opened) -> StepOpener:
    """Return an opener of steps that keeps their names and records."""

    @contextmanager
    def step(name: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        record: dict[str, Any] = dict(parameters)
        opened.append((name, record))
        yield record

    return step


@pytest.fixture(scope="module")
def made_with_steps(cut: Craniectomy) -> tuple[Reconstruction, Opened]:
    opened: Opened = []
    return reconstruct(cut.defective, step=recorder(opened)), opened


@pytest.fixture(scope="module")
def made(made_with_steps: tuple[Reconstruction, Opened]) -> Reconstruction:
    return made_with_steps[0]


def test_it_is_the_missing_bone_on_the_grid_of_the_input(made, cut) -> None:
    made.mask.require_same_grid(cut.defective, names=("reconstruction", "defective skull"))
    assert not (made.mask.array & (cut.defective.array != 0)).any()
    assert dice(made.mask, cut.truth) > 0.8


def test_the_order_of_axes_changes_nothing(made, cut) -> None:
    turned = reconstruct(cut.defective.reorient("ARS")).mask
    assert turned.orientation == "ARS"
    assert np.array_equal(turned.reorient(cut.defective.orientation).array, made.mask.array)


def test_the_line_works_on_the_same_bits_whatever_the_order_of_axes(cut) -> None:
    """Turning axes moves the origin, and leaves its last bits to chance."""
    affine = np.diag([1.864844, 1.864844, 2.031, 1.0])
    affine[:3, 3] = (0.1, 0.2, 0.3)
    skull, truth = (Volume(volume.array, affine) for volume in (cut.defective, cut.truth))
    expected = reconstruct(skull, implant=truth).skull
    for order in ("PIR", "SAL"):
        turned = reconstruct(skull.reorient(order), implant=truth).skull
        assert np.array_equal(turned.affine, expected.affine)
        assert np.array_equal(turned.array, expected.array)


def test_distances_are_those_of_the_chosen_body_and_debris_is_kept_as_voxels(cut) -> None:
    """A prediction is off all over the skull; only the implant's box needs distances."""
    whole = (cut.defective.array != 0) | (cut.truth.array != 0)
    bone = np.argwhere(cut.defective.array)
    i, j, k = bone[np.linalg.norm(bone - np.argwhere(cut.truth.array).mean(axis=0), axis=1).argmax()]
    whole[max(i - 3, 0) : i + 4, max(j - 3, 0) : j + 4, max(k - 3, 0) : k + 4] = True
    made = reconstruct(cut.defective, complete=cut.defective.with_array(whole.astype(np.uint8)))
    (body,) = made.separation.bodies
    assert made.missing.array.dtype == bool
    assert np.prod(body.shape) < 0.5 * np.prod(made.missing.shape)
    assert made.missing.array.sum() > (body.array > 0).sum() + 100
    assert np.array_equal(made.mask.array, cut.truth.reorient(made.mask.orientation).array != 0)


def test_every_step_is_opened_by_name(cut, made_with_steps) -> None:
    given: Opened = []
    reconstruct(cut.defective, implant=cut.truth, step=recorder(given))
    own = made_with_steps[1]
    assert [name for name, _ in given] == ["subtract", "separate"]
    assert [name for name, _ in own] == ["complete", "subtract", "separate"]
    assert given[1][1]["opening_mm"] > own[2][1]["opening_mm"]
    assert given[1][1]["removed_pieces"] == 0


def test_a_truth_given_from_elsewhere_comes_back(cut) -> None:
    back = reconstruct(cut.defective, implant=cut.truth)
    assert back.completion is None
    assert dice(back.mask, cut.truth) > 0.97
    whole = cut.truth.with_array(cut.truth.array | (cut.defective.array != 0))
    assert dice(reconstruct(cut.defective, complete=whole).mask, cut.truth) > 0.97


def test_contradictions_and_nothing_are_refused(cut) -> None:
    with pytest.raises(InputError, match="got both"):
        reconstruct(cut.defective, complete=cut.truth, implant=cut.truth)
    with pytest.raises(EmptyMaskError, match="got an empty one"):
        reconstruct(cut.defective.with_array(np.zeros_like(cut.defective.array)))


# -- thick slices -------------------------------------------------------------------------------------------


def _every_other_slice(volume: Volume, axis: int = 2) -> Volume:
    keep = [slice(None)] * 3
    keep[axis] = slice(None, None, 2)
    affine = volume.affine.copy()
    affine[:3, axis] *= 2
    return Volume(volume.array[tuple(keep)], affine)


@pytest.fixture(scope="module")
def fine() -> Craniectomy:
    return craniectomy(skull_phantom(spacing_mm=1.5, seed=4), kind="random", seed=1)


@pytest.fixture(scope="module")
def thick(fine: Craniectomy) -> Reconstruction:
    return reconstruct(_every_other_slice(fine.defective), method="mirror")


def test_thick_slices_are_interpolated_and_the_mask_comes_back_on_the_grid_of_the_input(thick, fine) -> None:
    defective, truth = _every_other_slice(fine.defective), _every_other_slice(fine.truth)
    np.testing.assert_allclose(thick.skull.spacing_mm, 1.5)
    assert np.array_equal(thick.skull.array[:, :, ::2], defective.reorient("LPS").array != 0)
    assert thick.missing.spacing_mm[2] == pytest.approx(1.5)
    thick.mask.require_same_grid(defective, names=("reconstruction", "defective skull"))
    assert not (thick.mask.array & (defective.array != 0)).any()
    whole = reconstruct(fine.defective, method="mirror").mask
    assert dice(thick.mask, truth) > dice(whole, fine.truth) - 0.03


def test_thick_slices_are_reported(thick) -> None:
    (found,) = thick.findings
    assert (found.code, found.severity) == ("input.interpolated_slices", "info")
    assert found.value == pytest.approx(3.0)


def test_the_interpolation_is_recorded_as_a_step(fine) -> None:
    opened: Opened = []
    defective, truth = _every_other_slice(fine.defective), _every_other_slice(fine.truth)
    reconstruct(defective, implant=truth, step=recorder(opened))
    kept = dict(opened)
    assert list(kept) == ["interpolate", "subtract", "separate"]
    assert kept["interpolate"]["step_mm"] == pytest.approx(3.0)
    assert kept["interpolate"]["interpolated_mm"] == pytest.approx(1.5)


@pytest.mark.parametrize("axis", [0, 1])
def test_thick_slices_along_another_axis(fine, axis: int) -> None:
    order = "SPL" if axis == 0 else "LSP"
    defective, truth = (_every_other_slice(v.reorient(order), axis) for v in (fine.defective, fine.truth))
    made = reconstruct(defective, implant=truth)
    assert made.mask.orientation == order
    made.mask.require_same_grid(defective)
    assert dice(made.mask, truth) > 0.97


def test_a_shape_from_elsewhere_is_interpolated_as_the_skull_is(fine) -> None:
    defective, truth = _every_other_slice(fine.defective), _every_other_slice(fine.truth)
    whole = defective.with_array((defective.array != 0) | (truth.array != 0))
    for source, level in ((whole, None), (whole.with_array(whole.array.astype(np.float32)), 0.5)):
        made = reconstruct(defective, complete=source, level=level)
        assert dice(made.mask, truth) > 0.97
    body = made.separation.bodies[0]
    inside = Volume((body.array > 0).astype(np.uint8), body.affine).paste_into(made.skull)
    ideal = fine.truth.reorient("LPS").crop((0, 0, 0), inside.shape)
    assert dice(inside, ideal) > 0.93


def test_fine_slices_are_not_touched(cut, made, monkeypatch) -> None:
    def refuse(_mask: Volume) -> Volume:
        raise AssertionError("nothing is to be interpolated here")

    monkeypatch.setattr("meshimplant.design.reconstruct.interpolate_slices", refuse)
    skull, findings = prepare_skull(cut.defective)
    assert made.findings == findings == ()
    assert skull.array.tobytes() == (cut.defective.reorient("LPS").array != 0).tobytes()
    assert made.skull.array.tobytes() == skull.array.tobytes()


def test_a_second_hole_that_a_prediction_leaves_open_is_an_error_unless_one_body_was_asked_for(cut) -> None:
    bone = cut.defective.to_mm(np.argwhere(cut.defective.array))
    side = -np.sign(cut.centre_mm[0] - bone[:, 0].mean())
    high = bone[(bone[:, 0] - bone[:, 0].mean()) * side > 30]
    tip = high[np.argmax(high @ np.array([side * 0.7, 0.0, 0.7]))]
    points = cut.defective.to_mm(np.moveaxis(np.indices(cut.defective.shape), 0, -1))
    second = np.linalg.norm(points - tip, axis=-1) < 22
    both = cut.defective.with_array(np.where(second, 0, cut.defective.array))
    for bodies, severity in ((None, "error"), (1, "warning")):
        found = reconstruct(both, implant=cut.truth, bodies=bodies).findings
        assert [(one.code, one.severity) for one in found] == [("input.second_opening", severity)]
    assert reconstruct(cut.defective, implant=cut.truth).findings == ()
