"""Regions on a head: named ones by its directions, points by their radius, maps by their voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapes import random_rotation

from meshimplant.errors import FileReadError, InputError
from meshimplant.head.pose import HeadPose, identity_pose
from meshimplant.implant.place_regions import maps_in_use, named_maps, place_regions
from meshimplant.implant.regional_value import RegionalValue, plus, values_at
from meshimplant.io.volumes import write_volume
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.region_spec import RegionSpec
from meshimplant.voxels.volume import Volume

TURN, CENTRE = random_rotation(3), np.array([120.0, -250.0, 400.0])
POSE = HeadPose(CENTRE, TURN.T, 0.0)


def towards(left: float, back: float, up: float, *, radius_mm: float = 80.0) -> np.ndarray:
    """Return the point in a direction of the turned head's own frame."""
    arm = np.array([left, back, up], float)
    return CENTRE + radius_mm * TURN @ (arm / np.linalg.norm(arm))


def degrees_off(axis: str, angle_deg: float) -> np.ndarray:
    """Return the point so many degrees from the head's left or front, towards its top."""
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return {"left": towards(cosine, 0, sine), "front": towards(0, -cosine, sine)}[axis]


def thickness(*regions: RegionSpec, pose: HeadPose = POSE, **maps: Volume) -> RegionalValue:
    found = place_regions(ImplantSpec(thickness_mm=4.0, regions=regions), pose, maps=maps).thickness_mm
    assert isinstance(found, RegionalValue)
    return found


def at(value: RegionalValue, *points: np.ndarray) -> list[float]:
    return value.at(np.array(points)).tolist()


def test_named_regions_are_where_the_head_has_them():
    blend_deg = np.degrees(8 / 80)
    temporal = thickness(RegionSpec(name="temporal", thickness_mm=3.0))
    inside, half, outside = (degrees_off("left", 40 + off) for off in (0, blend_deg / 2, blend_deg))
    assert at(temporal, inside, half, outside) == pytest.approx([3, 3.5, 4], abs=1e-6)
    assert at(temporal, towards(-1, 0, 0), towards(0, 1, 0)) == pytest.approx([3, 4], abs=1e-6)
    frontal = thickness(RegionSpec(name="frontal", thickness_mm=3.0))
    inside, half, outside = (degrees_off("front", 55 + off) for off in (0, blend_deg / 2, blend_deg))
    assert at(frontal, inside, half, outside) == pytest.approx([3, 3.5, 4], abs=1e-6)
    assert at(frontal, towards(0, 1, 0), towards(0, 0, 1)) == pytest.approx([4, 4], abs=1e-6)
    midline = thickness(RegionSpec(name="midline", thickness_mm=3.0))
    for side, top in ((1, 1), (-1, 1), (1, -1)):
        arcs = [side * (15 + off) / 80 for off in (0, 4, 8)]
        points = [towards(np.sin(arc), 0, top * np.cos(arc)) for arc in arcs]
        assert at(midline, *points) == pytest.approx([3, 3.5, 4], abs=2e-3)


def test_a_point_reaches_its_radius_through_the_whole_wall_and_blends_without_a_step():
    value = thickness(RegionSpec(points=(tuple(towards(0.3, 0.2, 1)),), radius_mm=6, thickness_mm=5.0))
    arcs = np.linspace(0, 30, 301)
    middle = towards(0.3, 0.2, 1) - CENTRE
    across = np.cross(middle, [1.0, 0, 0])
    turn = arcs / 80
    points = (
        CENTRE + np.outer(np.cos(turn), middle) + np.outer(np.sin(turn), 80 * across / np.linalg.norm(across))
    )
    found = value.at(points)
    assert found[arcs <= 6] == pytest.approx(5, abs=1e-9)
    assert found[arcs >= 14] == pytest.approx(4, abs=1e-9)
    assert (np.diff(found) <= 1e-12).all()
    assert np.abs(np.diff(found)).max() < 1.5 * 1 / 8 * 0.1 * 1.01
    # A place 6 mm deeper in the same direction is as deep in the region.
    deeper = CENTRE + (points - CENTRE) * 74 / 80
    assert value.at(deeper[arcs <= 6]) == pytest.approx(5, abs=1e-9)


def test_later_regions_hold_where_two_overlap():
    first = RegionSpec(name="frontal", thickness_mm=5.0)
    second = RegionSpec(points=(tuple(towards(0, -1, 0.2)),), radius_mm=8, thickness_mm=3.0)
    assert at(thickness(first, second), towards(0, -1, 0.2), towards(0.5, -1, 0)) == pytest.approx([3, 5])
    assert at(thickness(second, first), towards(0, -1, 0.2)) == pytest.approx([5])


def test_a_field_that_no_region_changes_is_a_plain_number():
    placed = place_regions(ImplantSpec(regions=(RegionSpec(name="temporal", clearance_mm=2.0),)), POSE)
    assert (placed.thickness_mm, placed.bevel_deg) == (4.0, 0.0)
    assert isinstance(placed.clearance_mm, RegionalValue)
    assert (placed.clearance_mm.least, placed.clearance_mm.most) == (0.8, 2.0)
    assert values_at(4.0, np.zeros((2, 3, 3))).tolist() == [[4.0] * 3] * 2
    raised = plus(placed.clearance_mm, 0.5)
    assert at(raised, towards(1, 0, 0), towards(0, 1, 0)) == pytest.approx([2.5, 1.3])
    assert place_regions(ImplantSpec()).clearance_mm == 0.8


def painted() -> Volume:
    """Labels on an oblique grid: 2 in a ball around a place at the top of the head, 1 around another."""
    affine = np.eye(4)
    affine[:3, :3] = TURN @ np.diag([1.0, 1.0, 1.5])
    affine[:3, 3] = CENTRE + TURN @ np.array([-40.0, -40.0, 50.0])
    volume = Volume(np.zeros((80, 80, 40), np.uint8), affine)
    points = volume.to_mm(np.argwhere(np.ones(volume.shape, bool)))
    labels = np.zeros(len(points), np.uint8)
    for label, place in ((1, towards(0.4, 0, 1)), (2, towards(0, 0, 1))):
        labels[np.linalg.norm(points - place, axis=1) < 8] = label
    return volume.with_array(labels.reshape(volume.shape))


def test_a_painted_map_is_the_directions_to_its_voxels(tmp_path):
    spec = RegionSpec(map="paint.nrrd", label=2, thickness_mm=3.0)
    value = thickness(spec, **{"paint.nrrd": painted()})
    ring = [towards(np.sin(arc / 80), 0, np.cos(arc / 80)) for arc in (0, 3, 7)]
    assert at(value, *ring) == pytest.approx([3, 3, 3])
    beyond = towards(0, np.sin(18 / 80), np.cos(18 / 80))
    assert at(value, beyond, towards(0.4, 0, 1)) == pytest.approx([4, 4])
    both = thickness(replace(spec, label=None), **{"paint.nrrd": painted()})
    assert at(both, towards(0.4, 0, 1)) == pytest.approx([3])
    write_volume(painted(), tmp_path / "paint.nrrd")
    located = ImplantSpec(regions=(replace(spec, map=str(tmp_path / "paint.nrrd")),))
    named, maps = named_maps(located)
    assert [region.map for region in named.regions] == ["region-1.nrrd"]
    assert np.array_equal(maps["region-1.nrrd"].array, painted().array == 2)
    placed = place_regions(named, POSE, maps=maps).thickness_mm
    assert placed.at(np.array(ring)) == pytest.approx(value.at(np.array(ring)))
    assert named_maps(named, maps)[0] == named
    # A map that is known keeps its name where another region comes before it; a new one gets its own.
    moved = replace(named, regions=(located.regions[0], *named.regions))
    again, both_maps = named_maps(moved, maps)
    assert [region.map for region in again.regions] == ["region-2.nrrd", "region-1.nrrd"]
    assert set(both_maps) == {"region-1.nrrd", "region-2.nrrd"}
    assert set(maps_in_use(named, both_maps)) == {"region-1.nrrd"}


@pytest.mark.parametrize(
    ("array", "label", "words"),
    [
        (np.zeros((9, 9, 9), np.uint8), None, "got only 0"),
        (np.eye(9)[None].repeat(9, 0).astype(np.uint8), 7, "got no label 7"),
        (np.linspace(0, 1, 729).reshape(9, 9, 9), None, r"whole numbers of 0 or more.*from 0 to 1"),
        (np.arange(729, dtype=np.int16).reshape(9, 9, 9) - 100, None, "from -100 to 628"),
    ],
)
def test_a_map_that_is_none_is_refused(array, label, words):
    spec = ImplantSpec(regions=(RegionSpec(map="a", label=label, thickness_mm=3.0),))
    with pytest.raises(InputError, match=words):
        place_regions(spec, (0, 0, 0), maps={"a": Volume(array, np.eye(4))})


def test_what_is_missing_is_named(tmp_path):
    named = ImplantSpec(regions=(RegionSpec(name="temporal", thickness_mm=3.0),))
    with pytest.raises(InputError, match=r"region 1 \(temporal\).*add the skull"):
        place_regions(named, (0, 0, 0))
    with pytest.raises(InputError, match=r"point inside the head.*add the skull"):
        place_regions(named)
    assert place_regions(named, identity_pose()).regions[0].label == "region 1 (temporal)"
    missing = ImplantSpec(regions=(RegionSpec(map=str(tmp_path / "no.nrrd"), thickness_mm=3.0),))
    with pytest.raises(FileReadError, match=r"no\.nrrd"):
        named_maps(missing)
