"""find_flap, flap_findings and without_flap: a sawn plate of bone is named, and left out when asked."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shapes import Body, box, cap, capsule, difference, shell, sphere, union

from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import InputError
from meshimplant.io.volumes import write_volume
from meshimplant.report import Finding
from meshimplant.skull.foreign_bodies import remove_foreign
from meshimplant.skull.remove_flap import without_flap
from meshimplant.skull.segment import read_skull
from meshimplant.voxels.volume import Volume

SPACING_MM = 1.0
SHIFT_MM = np.array([55.0, -190.0, 260.0])
AXIS = np.array([0.6, 0.2, 0.77]) / np.linalg.norm([0.6, 0.2, 0.77])
TURN = Rotation.align_vectors([AXIS], [(0, 0, 1)])[0].as_matrix()
#: Half the angle of the flap seen from the centre, and of the saw line's width of 2 mm.
FLAP_DEG, KERF_DEG = 26.0, 1.5
OUTER_MM, THICK_MM = 80.0, 6.0


def plate(half_deg: float, *, out_mm: float = 0.0) -> Body:
    """A round piece of the vault around `AXIS`, raised by `out_mm`."""
    return cap(OUTER_MM, THICK_MM, half_deg).moved(TURN, out_mm * AXIS)


def with_hole(half_deg: float) -> Body:
    return difference(shell(OUTER_MM, THICK_MM), cap(OUTER_MM + 1, THICK_MM + 2, half_deg).moved(TURN))


@cache
def open_skull() -> Volume:
    """The skull without its flap, up to the far side of the saw line."""
    grid = shell(90.0, 6.0).moved(translation_mm=SHIFT_MM).grid(SPACING_MM, margin_mm=0)
    return with_hole(FLAP_DEG + KERF_DEG).moved(translation_mm=SHIFT_MM).mask(SPACING_MM, grid=grid)


def joined(*bodies: Body) -> Volume:
    """The open skull with other bodies."""
    skull = open_skull()
    array = skull.array.copy()
    for body in bodies:
        array |= body.moved(translation_mm=SHIFT_MM).mask(SPACING_MM, grid=skull).array
    return skull.with_array(array)


def flap_of(skull: Volume) -> Finding:
    (finding,) = remove_foreign(skull)[1]
    return finding


def at_rim(turn_deg: float, out_mm: float = 0.0) -> np.ndarray:
    """A point at the outline of the flap, this far outside the outer surface."""
    tilt = np.radians(FLAP_DEG + KERF_DEG / 2)
    turn = np.radians(turn_deg)
    unit = [np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)]
    return TURN @ (np.array(unit) * (OUTER_MM + out_mm))


@pytest.mark.parametrize(
    ("half_deg", "out_mm", "words"),
    [(FLAP_DEG, 0.0, "in place"), (FLAP_DEG, 5.0, "raised by 4 mm"), (FLAP_DEG - 4, -5.0, "sunken by 4 mm")],
)
def test_a_flap_is_named_with_its_area_and_position(half_deg: float, out_mm: float, words: str) -> None:
    finding = flap_of(joined(plate(half_deg, out_mm=out_mm)))
    assert finding.code == "input.bone_flap"
    assert words in finding.message
    assert "--remove-flap" in finding.message
    area_mm2 = 2 * np.pi * OUTER_MM**2 * (1 - np.cos(np.radians(half_deg)))
    assert finding.value == pytest.approx(area_mm2, rel=0.2)
    place = (np.array(finding.location_mm) - SHIFT_MM) @ AXIS
    assert abs(place - OUTER_MM - out_mm) < 2


def test_plates_and_wires_across_the_saw_line_hide_no_flap() -> None:
    """Three plates 1.5 mm thick and 5 mm wide, and two points where bone touches bone."""
    plates = [plate_across(turn) for turn in (10, 130, 250)]
    touching = [sphere(1.6, at_rim(turn, -3.0), subdivisions=1) for turn in (70, 200)]
    assert flap_of(joined(plate(FLAP_DEG), *plates, *touching)).code == "input.bone_flap"


def plate_across(turn_deg: float) -> Body:
    middle, beside = at_rim(turn_deg, 0.5), at_rim(turn_deg + 6, 0.5) - at_rim(turn_deg - 6, 0.5)
    outward = middle / np.linalg.norm(middle)
    across = np.cross(outward, beside / np.linalg.norm(beside))
    rods = [middle + side * beside / 3 for side in (-1, 1)]
    return union(*(capsule(rod - 7 * across, rod + 7 * across, 0.8) for rod in rods))


def test_a_flap_in_place_is_left_out_when_asked_and_its_hole_is_open(tmp_path) -> None:
    whole = joined(plate(FLAP_DEG))
    opened, finding = without_flap(whole)
    wrong = np.count_nonzero(opened.array != open_skull().array)
    assert wrong < 0.001 * np.count_nonzero(whole.array != open_skull().array)
    assert finding.code == "input.bone_flap"
    assert "left out" in finding.message
    write_volume(whole, tmp_path / "skull.nrrd")
    kept, removed = (read_skull(tmp_path / "skull.nrrd", remove_flap=flag) for flag in (False, True))
    np.testing.assert_array_equal(kept.mask.array, whole.array)
    np.testing.assert_array_equal(removed.mask.array, opened.array)
    assert [one.message for one in removed.findings] == [finding.message]


def test_a_plate_that_bone_joins_along_half_of_its_outline_is_no_flap() -> None:
    half = difference(with_hole(FLAP_DEG - 1), box((200, 200, 200), 100 * np.cross(AXIS, (0, 0, 1))))
    assert remove_foreign(joined(plate(FLAP_DEG), half))[1] == ()


def test_a_groove_all_round_is_no_saw_line() -> None:
    """2 mm of 6 mm are left: bone is thin there, but whole."""
    assert remove_foreign(joined(plate(FLAP_DEG), shell(OUTER_MM - THICK_MM + 2.5, 2.5)))[1] == ()


@pytest.mark.parametrize("skull", [open_skull, lambda: joined(plate(FLAP_DEG + KERF_DEG + 1))])
def test_a_skull_without_a_flap_has_none_to_leave_out(skull) -> None:
    assert remove_foreign(skull())[1] == ()
    with pytest.raises(InputError, match=r"expected a bone flap.*got none"):
        without_flap(skull())


def test_the_sawn_top_of_a_specimen_is_no_flap() -> None:
    """A saw line 2 mm wide all round, below the highest third."""
    whole = joined(plate(FLAP_DEG + KERF_DEG + 1))
    height = whole.to_mm(np.argwhere(whole.array))[:, 2] - SHIFT_MM[2]
    array = whole.array.copy()
    array[whole.array != 0] &= ~((height > 12) & (height < 14))
    sawn = whole.with_array(array)
    assert flap_of(sawn).code == "input.sawn_vault"
    with pytest.raises(InputError, match="sawn in two"):
        without_flap(sawn)


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_thick_bone_within_thin_bone_on_large_voxels_is_no_flap(seed: int) -> None:
    """Erosion leaves only the thickest bone of voxels of 2 mm; what lies between is bone, no saw line."""
    assert remove_foreign(skull_phantom(spacing_mm=2.0, seed=seed))[1] == ()
