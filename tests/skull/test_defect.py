"""find_defects: place and area of openings, and what is not an opening."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from shapes import Body, cap, difference, shell, union

from meshimplant.complete.completion_findings import opening_findings
from meshimplant.errors import NoDefectError
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere
from meshimplant.skull.defect import Openings, find_defects
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

INNER_MM, THICK_MM = 74.0, 6.0
TURN = Rotation.from_euler("xyz", (9, -7, 12), degrees=True).as_matrix()
SHIFT_MM = np.array([55.0, -190.0, 260.0])
POSE = HeadPose(SHIFT_MM, TURN.T, 0.2)
TOP, LEFT, BACK = (0.0, 0.0, 1.0), (0.85, 0.2, 0.49), (-0.5, 0.7, 0.5)


def towards(axis: tuple[float, float, float], body: Body) -> Body:
    """Turn a body around +z so that it lies around `axis` of the head."""
    return body.moved(Rotation.align_vectors([np.array(axis)], [(0, 0, 1)])[0].as_matrix())


def head(*holes: tuple[tuple[float, float, float], float]) -> Body:
    """A spherical head with round holes, each (axis, half angle in degrees)."""
    body = shell(INNER_MM + THICK_MM, THICK_MM)
    for axis, half_deg in holes:
        body = difference(body, towards(axis, cap(INNER_MM + THICK_MM + 1, THICK_MM + 2, half_deg)))
    return body


def mask(body: Body) -> Volume:
    return body.moved(TURN, SHIFT_MM).mask((1.4, 1.4, 1.6), margin_mm=4)


def area_mm2(half_deg: float) -> float:
    return float(2 * np.pi * INNER_MM**2 * (1 - np.cos(np.radians(half_deg))))


def place_mm(axis: tuple[float, float, float]) -> np.ndarray:
    unit = np.array(axis) / np.linalg.norm(axis)
    return SHIFT_MM + TURN @ (INNER_MM * unit)


@pytest.mark.parametrize(
    ("axis", "half_deg", "crosses"),
    [(TOP, 28, True), (LEFT, 30, False), (BACK, 18, False), ((0.3, -0.8, 0.5), 25, True)],
)
def test_area_centre_and_side_of_a_round_hole(axis, half_deg, crosses) -> None:
    opening = find_defects(mask(head((axis, half_deg))), POSE)
    assert len(opening.defects) == 1
    assert opening.small == ()
    defect = opening.defects[0]
    assert defect.area_mm2 == pytest.approx(area_mm2(half_deg), rel=0.1)
    assert np.linalg.norm(defect.centre_mm - place_mm(axis)) < 3
    assert defect.crosses_midline is crosses
    unit = np.array(axis) / np.linalg.norm(axis)
    assert np.degrees(np.arccos(defect.axis @ unit)) < 2
    reach = np.degrees(np.arccos((direction_sphere()[0][defect.members] @ unit).min()))
    assert reach == pytest.approx(half_deg, abs=1.5)


def test_two_holes_come_largest_first() -> None:
    opening = find_defects(mask(head((BACK, 16), (LEFT, 27))), POSE)
    assert [d.area_mm2 for d in opening.defects] == pytest.approx([area_mm2(27), area_mm2(16)], rel=0.1)
    assert np.linalg.norm(opening.defects[1].centre_mm - place_mm(BACK)) < 3
    assert not set(opening.defects[0].members) & set(opening.defects[1].members)


def test_a_burr_hole_is_listed_as_small() -> None:
    skull = mask(head((LEFT, 27), (BACK, 6)))
    opening = find_defects(skull, POSE)
    assert len(opening.defects) == 1
    assert [d.area_mm2 for d in opening.small] == pytest.approx([area_mm2(6)], rel=0.25)
    assert np.linalg.norm(opening.small[0].centre_mm - place_mm(BACK)) < 3
    assert len(find_defects(skull, POSE, smallest_area_mm2=50).defects) == 2


def test_bone_far_behind_an_opening_does_not_close_it() -> None:
    """The rays through the hole meet a cheek bone, which is not vault."""
    cheek = towards(LEFT, cap(INNER_MM + 24, 4, 40))
    opening = find_defects(mask(union(head((LEFT, 25)), cheek)), POSE)
    assert [d.area_mm2 for d in opening.defects] == pytest.approx([area_mm2(25)], rel=0.1)


def test_a_complete_head_has_no_defect() -> None:
    with pytest.raises(NoDefectError, match="no defect found"):
        find_defects(mask(head()), POSE)


def test_a_burr_hole_alone_is_no_defect_and_the_message_gives_its_area() -> None:
    with pytest.raises(NoDefectError, match=r"no defect found.*got 1\d\d mm2 at most"):
        find_defects(mask(head((BACK, 5.5))), POSE)


def test_the_foramen_magnum_is_no_defect() -> None:
    with pytest.raises(NoDefectError):
        find_defects(mask(head(((0.0, 0.1, -1.0), 25))), POSE)


def test_the_end_of_the_scan_is_no_defect() -> None:
    """Cut 30 mm below the centre, as many head scans are."""
    skull = mask(head((LEFT, 25)))
    lowest = int(skull.to_index(SHIFT_MM - (0, 0, 30))[2])
    opening = find_defects(skull.crop((0, 0, lowest), skull.shape), POSE)
    assert [d.area_mm2 for d in opening.defects] == pytest.approx([area_mm2(25)], rel=0.1)


def test_an_opening_is_found_in_a_tight_box() -> None:
    """A long head in a box that ends 3 mm beside its bone: rays to the side leave the scan early."""
    long = np.array([1.0, 1.35, 1.0])
    round_head = head((LEFT, 30))
    body = Body(
        lambda p: round_head.distance(p / long), round_head.lower_mm * long, round_head.upper_mm * long
    )
    pose = HeadPose(np.zeros(3), np.eye(3), 0.2)
    tight, wide = (find_defects(body.mask(1.5, margin_mm=margin), pose) for margin in (3.0, 40.0))
    assert tight.defects[0].area_mm2 == pytest.approx(wide.defects[0].area_mm2, rel=0.02)


def test_a_mask_cropped_to_its_bone_has_the_same_opening() -> None:
    """The hole lies where the head is widest: the bone that is left does not reach as far."""
    body = head(((1.0, 0.0, 0.2), 30))
    pose = HeadPose(np.zeros(3), np.eye(3), 0.2)
    wide = body.mask(1.5, margin_mm=12)
    tight = wide.crop(*bounding_box(wide.array))
    expected, found = find_defects(wide, pose), find_defects(tight, pose)
    assert np.array_equal(found.defects[0].members, expected.defects[0].members)


def test_the_directions_are_even_and_mirror_symmetric() -> None:
    directions, edges = direction_sphere()
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1)
    spread = np.linalg.norm(directions[edges[:, 0]] - directions[edges[:, 1]], axis=1) * 75
    assert 1.25 < spread.min() < spread.max() < 2.2
    mirrored = np.round(directions * (-1, 1, 1), 9) + 0.0
    assert set(map(tuple, mirrored)) == set(map(tuple, np.round(directions, 9) + 0.0))


def ended_above(body: Body, height_mm: float) -> Volume:
    """The scan of a head that ends at a height above the head's centre."""
    scanned = mask(body)
    stop = int(scanned.to_index(SHIFT_MM + (0, 0, height_mm))[2])
    return scanned.crop((0, 0, 0), (*scanned.shape[:2], stop))


def test_where_the_scan_ends_below_the_vertex_is_no_opening_and_a_hole_elsewhere_is_found() -> None:
    low = (0.95, 0.2, 0.15)
    (defect,) = find_defects(ended_above(head((low, 15)), 55), POSE).defects
    assert defect.axis @ (np.array(low) / np.linalg.norm(low)) > 0.999
    assert defect.cut_off_fraction == 0
    with pytest.raises(NoDefectError, match="where the scan ends, an opening is not counted"):
        find_defects(ended_above(head(), 55), POSE)


def test_an_opening_that_reaches_the_end_of_the_scan_says_how_much_of_it_is_there() -> None:
    (defect,) = find_defects(ended_above(head((LEFT, 25)), 45), POSE).defects
    assert 0.1 < defect.cut_off_fraction < 0.6
    (found,) = [
        one for one in opening_findings(Openings((defect,), (), None), None) if one.severity == "error"
    ]
    assert found.code == "input.opening_cut_off"


def test_a_mask_cropped_to_the_rim_of_a_hole_at_the_vertex_counts_with_air_around_it() -> None:
    cropped = ended_above(head((TOP, 25)), 66)
    padded = cropped.grown_to((0, 0, 0), (*cropped.shape[:2], cropped.shape[2] + 4))
    (defect,) = find_defects(padded, POSE).defects
    assert defect.axis[2] > 0.98


def test_an_opening_at_the_nape_reaches_down_to_the_foramen_magnum() -> None:
    nape, foramen = (0.0, 0.8, -0.6), (0.0, 0.0, -1.0)
    opening = find_defects(mask(head((nape, 12), (foramen, 30))), POSE)
    assert len(opening.defects) == 1
    defect = opening.defects[0]
    assert defect.area_mm2 == pytest.approx(area_mm2(12), rel=0.1)
    lowest = direction_sphere()[0][defect.members][:, 2].min()
    assert -0.75 < lowest < -0.74


def test_the_foramen_magnum_is_no_opening() -> None:
    with pytest.raises(NoDefectError):
        find_defects(mask(head(((0.0, 0.0, -1.0), 38))), POSE)
