"""simplify: within the face budget, on the surface, well shaped, a solid."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.simplify import coarsened, simplify
from meshimplant.edit.smooth import smooth
from meshimplant.errors import MeshError
from meshimplant.line.extract import extract
from meshimplant.mesh.convert import new_mesh
from meshimplant.mesh.deviation import deviation_mm


@pytest.fixture(scope="module")
def implant():
    body = cap(80, 5, 25).moved(random_rotation(2), (150, -260, 330))
    return smooth(extract(body.mask(0.6)))


@pytest.mark.parametrize("budget", [40_000, 12_000])
def test_budget_deviation_shape_and_solidity_hold_together(implant, budget) -> None:
    reduced = simplify(implant, max_faces=budget)
    assert len(reduced.faces) <= budget
    assert np.percentile(deviation_mm(reduced, implant), 99) <= 0.05
    result = check_solid(reduced)
    assert result.findings == ()
    assert result.measures["aspect_p99"] <= 10
    assert reduced.volume == pytest.approx(implant.volume, rel=1e-3)


def test_the_deviation_goes_before_the_budget(implant) -> None:
    reduced = simplify(implant, max_faces=300, max_deviation_mm=0.01)
    assert 300 < len(reduced.faces) < len(implant.faces) / 2
    assert np.percentile(deviation_mm(reduced, implant), 99) <= 0.01
    assert check_solid(reduced).findings == ()


def test_a_small_mesh_without_slivers_comes_back_as_it_is() -> None:
    mesh = sphere(20).mesh
    reduced = simplify(mesh)
    assert reduced is not mesh
    assert np.array_equal(reduced.vertices, mesh.vertices)
    assert np.array_equal(reduced.faces, mesh.faces)


def test_a_small_mesh_loses_its_slivers() -> None:
    mesh = extract(cap(80, 5, 12).field(0.6))
    assert check_solid(mesh).measures["aspect_p99"] > 10
    mended = simplify(mesh)
    check = check_solid(mended)
    assert check.findings == ()
    assert check.measures["aspect_p99"] <= 7.5
    assert np.percentile(deviation_mm(mended, mesh), 99) <= 0.005


def test_no_body_is_lost() -> None:
    two = joined(sphere(20).mesh, sphere(4, (40, 0, 0), subdivisions=3).mesh)
    reduced = simplify(two, max_faces=8_000)
    assert check_solid(reduced, bodies=2).findings == ()


def test_it_commutes_with_translation(implant) -> None:
    shift = np.array((-300.0, 200.0, 100.0))
    here, there = (
        simplify(implant, max_faces=10_000),
        simplify(plain_mesh(implant.vertices + shift, implant.faces), max_faces=10_000),
    )
    assert len(here.faces) == len(there.faces)
    assert np.percentile(deviation_mm(plain_mesh(there.vertices - shift, there.faces), here), 99) < 0.02


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(MeshError, match="max_faces >= 4"):
        simplify(sphere(10).mesh, max_faces=3)
    with pytest.raises(MeshError, match="max_deviation_mm > 0"):
        simplify(sphere(10).mesh, max_deviation_mm=0)


def test_a_smooth_mesh_is_coarsened_to_the_edges_that_were_asked_for_and_stays_on_its_surface(
    implant,
) -> None:
    fewer = coarsened(implant, 1.2)
    assert len(fewer.faces) < 0.5 * len(implant.faces)
    assert fewer.area / len(fewer.faces) == pytest.approx(np.sqrt(3) / 4 * 1.2**2, rel=0.02)
    assert np.percentile(deviation_mm(fewer, implant), 99) <= 0.02
    assert deviation_mm(fewer, implant).max() <= 0.05
    assert fewer.volume == pytest.approx(implant.volume, rel=1e-4)
    assert check_solid(fewer).findings == ()


def test_a_mesh_with_longer_edges_is_not_coarsened(implant) -> None:
    assert coarsened(implant, 0.3) is implant


def test_a_mesh_that_would_cease_to_be_closed_is_not_coarsened(implant, monkeypatch) -> None:
    torn = new_mesh(implant.vertices, implant.faces[: len(implant.faces) // 3])
    monkeypatch.setattr("meshimplant.edit.simplify._collapsed", lambda _mesh, _faces: torn)
    assert coarsened(implant, 1.2) is implant
