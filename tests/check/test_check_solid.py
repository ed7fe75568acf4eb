"""check_solid: each flaw by its own name, at its place; none on a sound body."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.line.extract import extract

FAR = np.array((210.0, -330.0, 120.0))
SOUND = sphere(20, subdivisions=3).moved(random_rotation(1), FAR).mesh
VERTICES, FACES = np.asarray(SOUND.vertices), np.asarray(SOUND.faces)


def codes(mesh, **options) -> set[str]:
    return {finding.code for finding in check_solid(mesh, **options).findings}


def distance_of_first(mesh, place, **options) -> float:
    finding = check_solid(mesh, **options).findings[0]
    return float(np.linalg.norm(np.array(finding.location_mm) - place))


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_body_has_no_finding_wherever_it_lies(seed) -> None:
    result = check_solid(cap(80, 4, 20).moved(random_rotation(seed), FAR * (seed - 1)).mesh)
    assert result.findings == ()
    assert result.passed
    assert result.measures["watertight"]
    assert result.measures["euler_number"] == 2
    assert result.measures["bodies"] == 1


def test_measures_are_those_of_the_body() -> None:
    measures = check_solid(box((30, 20, 10)).mesh).measures
    assert measures["volume_mm3"] == pytest.approx(6000)
    assert measures["area_mm2"] == pytest.approx(2200)
    assert measures["extents_mm"] == pytest.approx([30, 20, 10])
    assert (measures["faces"], measures["vertices"]) == (12, 8)
    assert measures["aspect_p99"] == pytest.approx((30**2 + 10**2) / (30 * 10), rel=1e-3)


def test_a_triangle_soup_that_closes_is_a_solid_as_in_an_stl_file() -> None:
    soup = plain_mesh(SOUND.triangles.reshape(-1, 3), np.arange(FACES.size).reshape(-1, 3))
    assert check_solid(soup).findings == ()


def test_missing_face() -> None:
    broken = plain_mesh(VERTICES, np.delete(FACES, 77, axis=0))
    assert codes(broken) == {"solid.boundary_edges"}
    assert check_solid(broken).measures["boundary_edges"] == 3
    assert distance_of_first(broken, SOUND.triangles_center[77]) < 3


def test_duplicate_face() -> None:
    broken = plain_mesh(VERTICES, np.vstack([FACES, FACES[77]]))
    assert codes(broken) == {"solid.nonmanifold_edges"}
    assert distance_of_first(broken, SOUND.triangles_center[77]) < 3


def test_flipped_face() -> None:
    faces = FACES.copy()
    faces[77] = faces[77, ::-1]
    broken = plain_mesh(VERTICES, faces)
    assert codes(broken) == {"solid.winding"}
    assert distance_of_first(broken, SOUND.triangles_center[77]) < 3


def test_inside_out() -> None:
    broken = plain_mesh(VERTICES, FACES[:, ::-1])
    assert codes(broken) == {"solid.negative_volume"}
    assert distance_of_first(broken, FAR) < 0.1


@pytest.mark.parametrize("height_mm", [0.0, 1e-8])
def test_a_flat_body_is_no_solid(height_mm: float) -> None:
    """Two faces back to back are watertight and cross nothing."""
    corners = np.array([(0, 0, 0), (90, 0, 0), (0, 90, height_mm)])
    found = check_solid(plain_mesh(corners, [[0, 1, 2], [2, 1, 0]])).findings
    assert {finding.code for finding in found} == {"solid.flat_body"}
    assert {finding.severity for finding in found} == {"error"}


def test_t_junction() -> None:
    a, b, c = FACES[77]
    middle = VERTICES[[a, b]].mean(axis=0)
    new = len(VERTICES)
    faces = np.vstack([np.delete(FACES, 77, axis=0), [[a, new, c], [new, b, c]]])
    broken = plain_mesh(np.vstack([VERTICES, middle]), faces)
    assert codes(broken) == {"solid.boundary_edges"}
    assert distance_of_first(broken, middle) < 3


def test_bow_tie_vertex() -> None:
    broken = joined(box((10, 10, 10)).mesh, box((10, 10, 10), (10, 10, 10)).mesh)
    assert codes(broken, bodies=2) == {"solid.nonmanifold_vertices"}
    assert distance_of_first(broken, (5, 5, 5), bodies=2) < 1e-6


def test_bodies_that_share_an_edge() -> None:
    broken = joined(box((10, 10, 10)).mesh, box((10, 10, 10), (10, 10, 0)).mesh)
    assert codes(broken) == {"solid.nonmanifold_edges"}
    assert distance_of_first(broken, (5, 5, 0)) < 1e-6


def test_sliver() -> None:
    a, b, c = FACES[77]
    middle = VERTICES[[a, b]].mean(axis=0)
    new = len(VERTICES)
    faces = np.vstack([np.delete(FACES, 77, axis=0), [[a, new, c], [new, b, c], [a, b, new]]])
    centred = plain_mesh(np.vstack([VERTICES, middle]) - FAR, faces)
    assert "solid.degenerate_faces" in codes(centred)
    assert codes(centred) <= {"solid.degenerate_faces", "solid.self_intersections"}
    places = [f.location_mm for f in check_solid(centred).findings if f.code == "solid.degenerate_faces"]
    assert np.linalg.norm(np.array(places[0]) - (middle - FAR)) < 1e-3


def test_overlapping_spheres() -> None:
    broken = joined(SOUND, plain_mesh(VERTICES + (25, 0, 0), FACES))
    assert codes(broken, bodies=2) == {"solid.self_intersections"}
    finding = check_solid(broken, bodies=2).findings[0]
    assert np.linalg.norm(np.array(finding.location_mm) - FAR) == pytest.approx(20, abs=1)


def test_a_spike_through_the_opposite_wall() -> None:
    mesh = cap(60, 3, 20).mesh
    vertices = mesh.vertices.copy()
    vertex = int(np.argmin(np.linalg.norm(vertices - (0, 10, np.sqrt(60**2 - 100)), axis=1)))
    vertices[vertex] *= (60 - 3.4) / 60
    broken = plain_mesh(vertices, mesh.faces)
    assert codes(broken) == {"solid.self_intersections"}
    assert distance_of_first(broken, vertices[vertex]) < 2


@pytest.mark.parametrize("turned", [False, True])
def test_internal_shell(turned) -> None:
    inner = sphere(5, FAR + (3, 0, 0), subdivisions=2).mesh
    faces = inner.faces[:, ::-1] if turned else inner.faces
    broken = joined(SOUND, plain_mesh(inner.vertices, faces))
    assert codes(broken) == {"solid.internal_shell"}
    assert distance_of_first(broken, FAR + (3, 0, 0)) < 5.1


def test_number_of_bodies() -> None:
    two = joined(SOUND, sphere(6, FAR + (50, 0, 0), subdivisions=2).mesh)
    assert codes(two) == {"solid.bodies"}
    assert distance_of_first(two, FAR + (50, 0, 0)) < 0.1
    assert codes(two, bodies=2) == set()
    assert codes(SOUND, bodies=2) == {"solid.bodies"}


def test_metres_and_micrometres() -> None:
    for factor, unit in ((1e-3, "metres"), (1e3, "micrometres")):
        finding = check_solid(plain_mesh(VERTICES * factor, FACES)).findings[0]
        assert finding.code == "solid.units"
        assert unit in finding.message


def test_empty_and_not_finite() -> None:
    assert codes(plain_mesh(np.zeros((0, 3)), np.zeros((0, 3)))) == {"solid.empty"}
    vertices = VERTICES.copy()
    vertices[3, 1] = np.nan
    assert codes(plain_mesh(vertices, FACES)) == {"solid.not_finite"}


def test_places_far_apart_are_named_apart() -> None:
    broken = plain_mesh(
        VERTICES, np.delete(FACES, [int(np.argmin(SOUND.triangles_center[:, axis])) for axis in (0, 1)], 0)
    )
    findings = check_solid(broken).findings
    assert [finding.code for finding in findings] == ["solid.boundary_edges"] * 2
    assert [finding.value for finding in findings] == [3, 3]


@pytest.mark.slow
def test_a_sound_mesh_of_240_000_faces_passes() -> None:
    mesh = extract(cap(90, 6, 38).mask((0.5, 0.5, 0.6)))
    assert len(mesh.faces) > 230_000
    assert check_solid(mesh).passed
