"""rescale_inner: omega(l1 x, l2 y, l3 z) = 0 on the inner surface; its centre decides."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap

from meshimplant.edit.rescale_inner import rescale_inner
from meshimplant.errors import InputError, MeshError
from meshimplant.implant.surfaces import OUTER, split_surfaces
from meshimplant.implant.wall_thickness import measure_thickness


def test_rescaling_depends_on_its_centre_as_measured() -> None:
    body = cap(88.5, 6, 30)
    about_skull = rescale_inner(body.mesh, (1.02, 1.02, 1.02), centre_mm=(0, 0, 0))
    assert measure_thickness(about_skull).median_mm == pytest.approx(4.35, abs=0.02)
    centroid = body.mesh.vertices.mean(axis=0)
    about_centroid = measure_thickness(rescale_inner(body.mesh, (1.02, 1.02, 1.02), centre_mm=centroid))
    assert 5.5 < about_centroid.median_mm < 6.3
    with pytest.raises(MeshError, match=r"at least 0\.3 mm"):
        rescale_inner(body.mesh, (1.02, 1.02, 1.02), centre_mm=(0, 0, -300))


def test_one_factor_acts_on_the_vertex_and_not_on_the_temple() -> None:
    body = cap(87, 7, 80, edge_mm=2.0)
    wall = measure_thickness(rescale_inner(body.mesh, (1, 1, 1.07), centre_mm=(0, 0, 0)))
    vertices = body.mesh.vertices
    outer = wall.surfaces.vertex_labels == OUTER
    top, side = outer & (vertices[:, 2] > 86), outer & (vertices[:, 2] < 25) & wall.counted
    assert np.median(wall.thickness_mm[top]) == pytest.approx(7 - 0.07 * 80, abs=0.1)
    assert np.median(wall.thickness_mm[side]) > 6.3


def test_rescaling_keeps_topology_and_outer_surface() -> None:
    mesh = cap(88.5, 6, 30).mesh
    result = rescale_inner(mesh, (0.98, 1.0, 0.99), centre_mm=(0, 0, 0))
    np.testing.assert_array_equal(result.faces, mesh.faces)
    outer = split_surfaces(mesh).vertex_labels == OUTER
    np.testing.assert_array_equal(result.vertices[outer], mesh.vertices[outer])
    assert result.volume > mesh.volume


def test_rescaling_refuses_nonsense() -> None:
    mesh = cap(90, 6, 15).mesh
    with pytest.raises(InputError, match="three factors"):
        rescale_inner(mesh, (1.0, -1.0, 1.0), centre_mm=(0, 0, 0))
    with pytest.raises(InputError, match="three factors"):
        rescale_inner(mesh, (1.0, 1.0), centre_mm=(0, 0, 0))
