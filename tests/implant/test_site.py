"""Site: the bone around a part, its distance computed once for all steps, and the point inside the head."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from defects import conical_defect

from meshimplant.check.check_fit import check_fit
from meshimplant.edit.insertion import find_insertion
from meshimplant.edit.trim import is_clear, trim
from meshimplant.implant.site import Site
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.volume import Volume

HOLE = conical_defect(lean_deg=10, half_angle_deg=18, around_mm=9)


@pytest.fixture(scope="module")
def skull() -> Volume:
    return HOLE.bone.mask((0.7, 0.7, 0.9))


@pytest.fixture(scope="module")
def plug() -> trimesh.Trimesh:
    return HOLE.plug().mesh


@pytest.fixture(scope="module")
def site(skull: Volume, plug: trimesh.Trimesh) -> Site:
    return Site.around(skull, plug)


def test_it_is_a_box_of_the_skull_and_its_distance(skull, plug, site) -> None:
    start = np.rint(skull.to_index(site.bone.mask.affine[:3, 3])).astype(int)
    assert np.array_equal(site.bone.mask.array, skull.crop(start, start + site.bone.mask.shape).array)
    assert np.array_equal(site.bone.distance.array, signed_distance(site.bone.mask).array)
    nearer = Site.around(site, plug, margin_mm=3.0)
    assert np.prod(nearer.bone.mask.shape) < 0.7 * np.prod(site.bone.mask.shape)
    assert np.shares_memory(nearer.bone.distance.array, site.bone.distance.array)


def test_the_point_inside_is_the_one_given_or_else_the_centre_of_the_curvature(skull, plug, site) -> None:
    assert np.linalg.norm(site.inside_mm) < 5, "the plug's outer surface is a sphere about the origin"
    given = Site.around(skull, plug, inside_mm=(1, 2, 3))
    assert given.inside_mm.tolist() == [1, 2, 3]
    assert Site.around(given, plug).inside_mm.tolist() == [1, 2, 3]
    assert Site.around(given, plug, inside_mm=(4, 5, 6)).inside_mm.tolist() == [4, 5, 6]


def test_the_point_inside_is_the_centroid_of_the_bone_where_the_curvature_points_away_from_it(
    skull, plug
) -> None:
    """A plug mirrored at its own middle is curved the wrong way: its centre lies outside the head."""
    middle = plug.vertices.mean(axis=0)
    mirrored = trimesh.Trimesh(2 * middle - plug.vertices, plug.faces[:, ::-1], process=False)
    index = np.argwhere(skull.array)
    assert Site.around(skull, mirrored).inside_mm == pytest.approx(skull.to_mm(index).mean(axis=0), abs=0.5)


def test_a_part_elsewhere_has_no_bone(skull, site) -> None:
    away = trimesh.creation.box((5, 5, 5), transform=trimesh.transformations.translation_matrix((900, 0, 0)))
    assert Site.around(skull, away, margin_mm=5.0).bone is None
    assert Site.around(site, away, margin_mm=5.0).bone is None


def test_every_step_gives_the_same_with_it_and_computes_no_distance(skull, plug, site, monkeypatch) -> None:
    trimmed = trim(plug, skull, inside_mm=site.inside_mm)
    way = find_insertion(trimmed, skull, inside_mm=site.inside_mm)
    fit = check_fit(trimmed, skull, inside_mm=site.inside_mm)

    def refuse(_mask: Volume) -> Volume:
        raise AssertionError("the distance is known")

    monkeypatch.setattr("meshimplant.implant.site.signed_distance", refuse)
    again = trim(plug, site)
    np.testing.assert_allclose(again.vertices, trimmed.vertices, atol=1e-6)
    assert np.array_equal(again.faces, trimmed.faces)
    assert is_clear(again, site, clearance_mm=0.8)
    assert not is_clear(again, site, clearance_mm=1.5)
    assert find_insertion(again, site).direction == pytest.approx(way.direction, abs=1e-9)
    same = check_fit(again, site).measures
    numbers = {name: value for name, value in fit.measures.items() if isinstance(value, float)}
    assert {name: same[name] for name in numbers} == pytest.approx(numbers, abs=1e-6)
