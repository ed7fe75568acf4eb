"""Layouts of the data sets: what is recognised, what belongs together, what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.datasets.case import Case, read_case
from meshimplant.datasets.list_cases import list_cases
from meshimplant.datasets.mug500 import list_mug500
from meshimplant.datasets.skullbreak import SKULLBREAK_KINDS, list_skullbreak
from meshimplant.datasets.skullfix import TRAINING, VALIDATION, list_skullfix, list_skullfix_tests
from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import write_volume
from meshimplant.voxels.volume import Volume


def put(path, array=None):
    """Write a tiny volume (or, without values, an empty file that only its name counts of)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if array is None:
        path.touch()
    else:
        write_volume(Volume(np.asarray(array, np.uint8), np.diag([0.5, 0.5, 0.7, 1.0])), path)
    return path


def bone(cut=0):
    """A block of bone whose first `cut` slices are missing, or with a negative one, nothing but these."""
    array = np.ones((6, 5, 4))
    array[: abs(cut)] = cut < 0
    return array if cut >= 0 else array * (np.arange(6) < -cut)[:, None, None]


@pytest.fixture
def skullfix(tmp_path):
    root = tmp_path / "AutoImplant"
    for name in ("000", "011", "042", "052", "003"):
        put(root / "training_set" / "complete_skull" / f"{name}.nrrd", bone())
        put(root / "training_set" / "defective_skull" / f"{name}.nrrd", bone(2))
        put(root / "training_set" / "implant" / f"{name}.nrrd", bone(-2))
    put(root / "test_set_for_participants" / "000.nrrd")
    put(root / "additional_test_set_for_participants" / "104.nrrd")
    return root


@pytest.fixture
def skullbreak(tmp_path):
    root = tmp_path / "SkullBreak" / "train"
    for name in ("000", "001"):
        put(root / "complete_skull" / f"{name}.nrrd", bone())
        for kind in SKULLBREAK_KINDS:
            put(root / "defective_skull" / kind / f"{name}.nrrd", bone(1))
            put(root / "implant" / kind / f"{name}.nrrd", bone(-1))
    return root


@pytest.fixture
def mug500(tmp_path):
    root = tmp_path / "9616319"
    for name in ("A0491", "A0492"):
        place = root / "A0491-A0495" / "A0491-A0495" / name
        for rest in (".nrrd", ".png", ".stl", "_clear.stl"):
            put(place / f"{name}{rest}")
    for name in ("B0001", "B0029"):
        for rest in (".nrrd", ".stl", "_implant.stl"):
            put(root / "craniotomy_skull" / name / f"{name}{rest}")
    return root


def test_skullfix_as_the_challenge_gives_it(skullfix):
    cases = list_cases(skullfix)
    assert [case.name for case in cases] == ["000", "003", "011", "042", "052", "test-000", "test-104"]
    assert [case.has_truth for case in cases] == [True] * 5 + [False] * 2
    assert cases[:5] == list_skullfix(skullfix) == list_skullfix(skullfix / "training_set")
    assert [case.kind for case in cases] == ["challenge"] * 6 + ["other"]
    assert {case.dataset for case in cases} == {"skullfix"}
    np.testing.assert_array_equal(read_case(cases[0]).defective.array, bone(2))


def test_look_alikes_are_one_group_and_the_number_of_a_test_skull_is_another_patient(skullfix):
    group = {case.name: case.group for case in list_cases(skullfix)}
    assert group["000"] == group["052"] != group["test-000"]
    assert group["011"] == group["042"] == group["test-104"]
    assert len(set(group.values())) == 4


def test_no_group_is_on_both_sides_of_the_split(tmp_path):
    for number in range(100):
        for folder in ("complete_skull", "implant"):
            put(tmp_path / folder / f"{number:03d}.nrrd")
    group = {case.name: case.group for case in list_skullfix(tmp_path)}
    training, validation = {group[n] for n in TRAINING}, {group[n] for n in VALIDATION}
    assert not training & validation
    assert (len(training), len(validation)) == (len(TRAINING), len(VALIDATION)) == (81, 15)


def test_the_local_layout_and_test_skulls_alone(tmp_path):
    put(tmp_path / "complete_skull" / "001.nrrd")
    put(tmp_path / "implant" / "001.nrrd")
    put(tmp_path / "test_defective" / "108.nrrd")
    (training, test) = list_cases(tmp_path)
    assert (training.defective, test.complete, test.implant) == (None, None, None)
    assert test.defective == tmp_path / "test_defective" / "108.nrrd"
    alone = put(tmp_path / "alone" / "test_set_for_participants" / "007.nrrd").parent.parent
    assert [case.name for case in list_cases(alone)] == ["test-007"]
    assert list_skullfix_tests(tmp_path / "nowhere") == ()


def test_skullbreak_has_five_cases_of_one_group_per_skull(skullbreak):
    cases = list_cases(skullbreak)
    assert cases == list_skullbreak(skullbreak) == list_cases(skullbreak.parent)
    assert len(cases) == 10
    assert {case.group for case in cases} == {"skullbreak-000", "skullbreak-001"}
    assert {case.kind for case in cases if case.group == "skullbreak-001"} == set(SKULLBREAK_KINDS)
    case = next(case for case in cases if case.name == "001-random_2")
    assert case.implant == skullbreak / "implant" / "random_2" / "001.nrrd"
    assert read_case(case).implant.array.sum() == 20


def test_skullbreaks_test_set_has_defective_skulls_only(tmp_path):
    for kind in SKULLBREAK_KINDS[:2]:
        put(tmp_path / "defective_skull" / kind / "000.nrrd")
    cases = list_cases(tmp_path)
    assert [case.name for case in cases] == ["test-000-bilateral", "test-000-frontoorbital"]
    assert {case.group for case in cases} == {"skullbreak-test-000"}
    with pytest.raises(InputError, match="expected a case with a complete skull and an implant"):
        read_case(cases[0])


def test_mug500_as_unpacked_and_as_the_article_has_it_and_side_by_side(mug500, tmp_path):
    cases = list_cases(mug500)
    assert [case.name for case in cases] == ["A0491", "A0492", "B0001", "B0029"]
    healthy, craniotomy = cases[0], cases[3]
    assert (healthy.defective, healthy.implant, healthy.kind) == (None, None, "")
    assert healthy.complete is not None
    assert healthy.complete.name == "A0491.nrrd"
    assert (craniotomy.complete, craniotomy.kind) == (None, "clinical")
    assert craniotomy.implant == mug500 / "craniotomy_skull" / "B0029" / "B0029_implant.stl"
    flat = tmp_path / "complete_nrrds"
    put(flat / "A0001.nrrd")
    put(tmp_path / "article" / "A0002" / "A0002.nrrd")
    assert [case.name for case in (*list_mug500(flat), *list_mug500(tmp_path / "article"))] == [
        "A0001",
        "A0002",
    ]


@pytest.mark.usefixtures("skullfix", "skullbreak", "mug500")
def test_a_folder_of_several_data_sets(tmp_path):
    cases = list_cases(tmp_path)
    assert [case.dataset for case in cases].count("skullbreak") == 10
    assert {case.dataset for case in cases} == {"skullfix", "skullbreak", "mug500"}
    assert len({case.name for case in cases}) == len(cases) == 7 + 10 + 4


def test_what_is_not_there_is_told_with_what_is(tmp_path):
    put(tmp_path / "pictures" / "a.png")
    with pytest.raises(FileReadError, match=r"SkullFix .* SkullBreak .* MUG500\+ .* got pictures/: pass"):
        list_cases(tmp_path)
    with pytest.raises(FileReadError, match="got no folder"):
        list_cases(tmp_path / "elsewhere")
    with pytest.raises(FileReadError, match=r"expected skulls such as A0001.nrrd"):
        list_mug500(tmp_path)
    with pytest.raises(FileReadError, match=r"expected volumes in defective_skull/bilateral/"):
        list_skullbreak(tmp_path)


def test_incomplete_copies_are_refused(skullbreak, mug500):
    (skullbreak / "implant" / "bilateral" / "001.nrrd").unlink()
    with pytest.raises(
        FileReadError, match=r"in defective_skull/bilateral/ and implant/bilateral/, got 001 in"
    ):
        list_cases(skullbreak)
    (skullbreak / "complete_skull" / "000.nrrd").unlink()
    with pytest.raises(FileReadError, match=r"in complete_skull/ and defective_skull/bilateral/, got 000 in"):
        list_cases(skullbreak)
    (mug500 / "craniotomy_skull" / "B0001" / "B0001.nrrd").unlink()
    with pytest.raises(FileReadError, match=r"expected a .nrrd of each skull .* got B0001 without"):
        list_cases(mug500)


def test_a_case_that_is_there_twice_is_refused(mug500, skullbreak):
    put(mug500 / "copy" / "A0491.nrrd")
    with pytest.raises(FileReadError, match=r"expected A0491.nrrd once .* in A0491/ and copy/"):
        list_cases(mug500)
    copy = skullbreak.parent / "again"
    for path in list(skullbreak.rglob("*.nrrd")):
        put(copy / path.relative_to(skullbreak))
    with pytest.raises(FileReadError, match=r"got 000-bilateral, .* more than once"):
        list_cases(skullbreak.parent)


def test_a_defective_skull_may_differ_a_little_where_it_was_not_cut_by_voxels(tmp_path):
    complete, implant = np.zeros((12, 12, 12)), np.zeros((12, 12, 12))
    complete[:, :, 2:9] = 1
    implant[3:9, 3:9, 2:8] = 1
    defective = complete * (1 - implant)
    defective[0, 0, 8] = 0  # one voxel lost, of 216
    defective[3, 3, 3] = 1  # one twice
    files = [
        put(tmp_path / f"{name}.nrrd", array)
        for name, array in (("c", complete), ("i", implant), ("d", defective))
    ]
    volumes = read_case(Case("x", *files, dataset="skullbreak"))
    defective[3, 3, 3] = 0
    np.testing.assert_array_equal(volumes.defective.array, defective)
    with pytest.raises(InputError, match="got 2 other voxels"):
        read_case(Case("x", *files, dataset="skullfix"))


@pytest.mark.realdata
def test_the_real_folder_and_its_groups(data_folder):
    cases = list_cases(data_folder / "skullfix")
    assert len([case for case in cases if case.has_truth]) == 75
    assert list_cases(data_folder) == cases
    group = {case.name: case.group for case in cases}
    assert group["011"] == group["042"] == group.get("test-104", group["011"])
