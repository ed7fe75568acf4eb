"""The training set: what may be learnt from, what is kept of it, and how it goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshimplant import craniectomy, skull_phantom, write_volume
from meshimplant.datasets.case import COMPLETE, IMPLANT, Case
from meshimplant.datasets.list_cases import list_cases
from meshimplant.datasets.skullfix import TRAINING, VALIDATION
from meshimplant.errors import FileReadError, InputError
from meshimplant.networks.build_training_store import build_store, training_cases
from meshimplant.networks.head_grid import unpack_field
from meshimplant.networks.training_samples import crop_head
from meshimplant.networks.training_store import CaseName, Store, open_store, start_store

SKULLS = {"000": "training", "001": "tuning"}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, ...]:
    """One phantom with its implant and one without, as a data set."""
    folder = tmp_path_factory.mktemp("data") / "set"
    for name in (COMPLETE, IMPLANT):
        (folder / name).mkdir(parents=True)
    skull = skull_phantom(spacing_mm=2.0, seed=4, tilt_deg=8)
    write_volume(skull, folder / COMPLETE / "000.nrrd")
    write_volume(craniectomy(skull, kind="challenge", seed=2).truth, folder / IMPLANT / "000.nrrd")
    return training_cases(list_cases(folder))


@pytest.fixture(scope="module")
def store(cases: tuple[Case, ...], tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store") / "phantoms"
    return build_store(cases, folder, data="phantoms", tuning=0, defects=2)


def _skullfix(name: str) -> Case:
    return Case(name, Path(f"{name}.nrrd"), Path(f"i{name}.nrrd"), kind="challenge", dataset="skullfix")


def test_skulls_kept_aside_are_never_learnt_from() -> None:
    every = [_skullfix(f"{number:03d}") for number in range(100)]
    assert tuple(case.name for case in training_cases(every)) == TRAINING
    names = {case.name for case in training_cases(every, which="all")}
    assert names == {f"{number:03d}" for number in range(100)} - set(VALIDATION)
    with pytest.raises(InputError, match="got none among 15 cases"):
        training_cases([_skullfix(name) for name in VALIDATION])


def test_a_skull_with_several_defects_is_taken_once() -> None:
    same = [Case(f"007-{kind}", Path("007.nrrd"), Path(kind)) for kind in ("bilateral", "random")]
    assert [case.name for case in training_cases(same)] == ["007-bilateral"]


def test_every_defect_is_cut_from_the_skull_and_completed_without_a_network(store: Store) -> None:
    assert [str(case) for case in store.cases("training")] == ["000-0-given", "000-1-bilateral"]
    for case in store.cases("training"):
        stored = store.read(case)
        complete, defective = stored.complete > 0, stored.defective > 0
        gone = complete & ~defective
        assert not (defective & ~complete).any()
        assert 18_000 < np.count_nonzero(gone) < 115_000
        assert np.count_nonzero(gone & (unpack_field(stored.opening) > -6)) > 0.99 * np.count_nonzero(gone)
        filled = (stored.prior > 0) & ~defective
        assert 2 * np.count_nonzero(filled & gone) / (filled.sum() + gone.sum()) > 0.7  # a phantom is lumpier
        far = unpack_field(stored.opening) < -7.9
        np.testing.assert_array_equal(stored.prior[far] > 0, defective[far])


def test_the_head_lies_upright_and_even_in_the_store(store: Store) -> None:
    """The phantom is tilted by 8 degrees; in the store its vault is alike on both sides and its top is up."""
    complete = store.read_skull("000")[:, :, 90:] > 0
    both = np.count_nonzero(complete & complete[::-1])
    assert both / np.count_nonzero(complete) > 0.8
    points = np.argwhere(store.read_skull("000") > 0)
    assert abs(points[points[:, 2] > 120][:, 0].mean() - 95.5) < 2


def test_a_store_goes_on_where_it_was_stopped_and_gives_the_same_again(
    store: Store, cases: tuple[Case, ...]
) -> None:
    first, second = (store.path_of(case) for case in store.cases("training"))
    before, when = second.read_bytes(), first.stat().st_mtime_ns
    second.unlink()
    messages: list[str] = []
    build_store(cases, store.folder, data="phantoms", tuning=0, defects=2, progress=messages.append)
    assert messages == ["000-1-bilateral"]
    assert second.read_bytes() == before
    assert first.stat().st_mtime_ns == when


def test_the_piece_of_a_stored_case_holds_its_hole(store: Store) -> None:
    case = store.cases("training")[1]
    stored, piece = store.read(case), crop_head(store, case, ("defective", "opening", "prior"))
    gone = np.count_nonzero((stored.complete > 0) & (stored.defective <= 0))
    there = np.count_nonzero((piece.fields["complete"] > 0) & (piece.fields["defective"] <= 0))
    assert there > 0.999 * gone
    assert np.prod(piece.grid.shape) < 0.5 * stored.complete.size


def test_a_store_of_other_skulls_or_another_seed_is_not_gone_on_with(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    start_store(folder, data="d", skulls=SKULLS, seed=0, defects=1)
    assert start_store(folder, data="d", skulls=SKULLS, seed=0, defects=3).about["defects"] == 3
    for changed in ({"seed": 1}, {"skulls": {"000": "training"}}, {"data": "e"}):
        given = {"data": "d", "skulls": SKULLS, "seed": 0} | changed
        with pytest.raises(InputError, match=f"of the same {next(iter(changed))}"):
            start_store(folder, defects=1, **given)


def test_what_is_not_there_yet_is_not_listed(tmp_path: Path) -> None:
    store = start_store(tmp_path / "store", data="d", skulls=SKULLS, seed=0, defects=1)
    (store.folder / "defects" / ".1234-000-0-random.npz").write_bytes(b"half")
    assert store.skulls("training") == ()
    assert store.cases("training") == ()


def test_kinds_can_be_left_out(spheres: Store) -> None:
    assert len(spheres.cases("training")) == 4
    assert len(spheres.cases("tuning")) == 2
    assert spheres.cases("training", without=("random",)) == ()


def test_more_skulls_for_tuning_than_there_are_is_refused(cases: tuple[Case, ...], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected fewer skulls for tuning than the 1 in all"):
        build_store(cases, tmp_path / "store", data="d", tuning=1)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("text", [None, "{", '{"version": 0}'])
def test_a_folder_that_is_no_store_is_refused(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "store.json").write_text(text)
    with pytest.raises(FileReadError, match="expected a training set"):
        open_store(tmp_path)


def test_a_damaged_case_is_named(tmp_path: Path) -> None:
    store = start_store(tmp_path / "store", data="d", skulls=SKULLS, seed=0, defects=1)
    case = CaseName("000", 0, "random")
    for content in (b"", b"PK\x03\x04 not an archive"):
        store.path_of(case).write_bytes(content)
        with pytest.raises(FileReadError, match=r"000-0-random\.npz"):
            store.read(case)
    np.savez(store.skull_path("000"), complete=np.zeros((3, 3, 3), np.int8))
    with pytest.raises(FileReadError, match="expected complete of shape"):
        store.read_skull("000")


def test_a_cases_name_comes_back_from_its_file() -> None:
    for case in (CaseName("007", 3, "random_1"), CaseName("007-bilateral", 12, "given")):
        assert CaseName.of(str(case)) == case
