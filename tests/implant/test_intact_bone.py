"""intact_bone: where bone begins along each direction."""

from __future__ import annotations

import numpy as np
import pytest
from defects import conical_defect

from meshimplant.head.direction_map import DirectionMap
from meshimplant.implant import intact_bone as intact
from meshimplant.implant.surfaces import outward_field
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.fields import sample

CENTRE = np.zeros(3)


@pytest.fixture(scope="module")
def scene():
    hole = conical_defect(lean_deg=10, half_angle_deg=18, around_mm=9)
    mesh = hole.plug().mesh
    view = DirectionMap.around_points(mesh.vertices, CENTRE, margin_mm=8)
    return mesh, signed_distance(hole.bone.mask((0.7, 0.7, 0.9))), view, view.extent(mesh)


@pytest.mark.parametrize("side", [1, -1])
def test_leaving_out_what_the_distance_rules_out_finds_the_same(scene, side, monkeypatch) -> None:
    mesh, bone, view, part = scene
    counts: list[int] = []

    def counted(field, points, *, fill):
        counts.append(len(points))
        return sample(field, points, fill=fill)

    monkeypatch.setattr(intact, "sample", counted)
    outwards = outward_field(mesh, CENTRE)
    surface, found = intact.intact_bone(view, bone, part, outwards, side=side, reach_mm=7.0)
    few = sum(counts)
    counts.clear()
    never = bone.with_array(np.where(bone.array > 0, bone.array, np.maximum(bone.array, -1.5)))
    again, same = intact.intact_bone(view, never, part, outwards, side=side, reach_mm=7.0)
    assert found.mean() > 0.2
    assert np.array_equal(found, same)
    np.testing.assert_allclose(surface[found], again[found], atol=1e-6)
    assert few < 0.6 * sum(counts)
