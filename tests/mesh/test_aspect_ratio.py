"""improve_aspect_ratios removes slivers and keeps the surface, its edges and its topology."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shapes import box, cap, joined, plain_mesh, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.edit.cut import trim_plane
from meshimplant.line.extract import extract
from meshimplant.mesh.aspect_ratio import improve_aspect_ratios
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.deviation import deviation_mm

FAR_MM = np.array((150.0, -260.0, 330.0))


@pytest.mark.parametrize("seed", [None, 2, 5])
def test_slivers_of_extraction_and_cut_are_removed_and_the_surface_stays(seed: int | None) -> None:
    turn = np.eye(3) if seed is None else random_rotation(seed)
    point, normal = FAR_MM + turn @ (5, 0, 0), turn @ (1.0, 0.3, 0.2)
    cut = trim_plane(extract(cap(80, 5, 20).moved(turn, FAR_MM).field(0.8)), point, normal).mesh
    shaped = improve_aspect_ratios(cut)
    assert check_solid(cut).measures["aspect_p99"] > 12
    check = check_solid(shaped)
    assert check.findings == ()
    assert check.measures["aspect_p99"] <= 10
    assert deviation_mm(shaped, cut).max() <= 0.04
    assert shaped.volume == pytest.approx(cut.volume, rel=2e-4)
    height = (shaped.vertices - point) @ (normal / np.linalg.norm(normal))
    assert height.max() < 1e-6  # the cut face stays flat, and its edge sharp
    given = {vertex.tobytes() for vertex in cut.vertices}
    assert all(vertex.tobytes() in given for vertex in shaped.vertices)


def test_the_result_is_reproducible_and_the_input_not_modified() -> None:
    mesh = extract(sphere(15).field((0.7, 0.8, 1.1)))
    before = mesh.vertices.copy(), mesh.faces.copy()
    first, second = improve_aspect_ratios(mesh), improve_aspect_ratios(mesh)
    assert np.array_equal(first.vertices, second.vertices)
    assert np.array_equal(first.faces, second.faces)
    assert np.array_equal(mesh.vertices, before[0])
    assert np.array_equal(mesh.faces, before[1])
    assert len(first.faces) < len(mesh.faces)


def test_a_mesh_without_slivers_is_returned_unchanged() -> None:
    mesh = sphere(20).mesh
    shaped = improve_aspect_ratios(mesh)
    assert shaped is not mesh
    assert np.array_equal(shaped.vertices, mesh.vertices)
    assert np.array_equal(shaped.faces, mesh.faces)


def test_a_body_of_slivers_only_keeps_its_corners() -> None:
    rod = box((40, 1, 1)).mesh
    shaped = improve_aspect_ratios(rod)
    assert shaped.bounds == pytest.approx(rod.bounds)
    assert shaped.volume == pytest.approx(40)
    assert check_solid(shaped).findings == ()


def test_sheets_that_nearly_touch_do_not_cross() -> None:
    """The slit of 0.005 mm between two rough sheets is narrower than one change may move the surface."""
    lower = extract(sphere(12).field(0.8))
    rough = lower.vertices + np.random.default_rng(1).normal(0, 0.004, lower.vertices.shape)
    lower = plain_mesh(rough, lower.faces)
    size = np.linalg.norm(rough, axis=1, keepdims=True)
    upper = plain_mesh(rough * (1 + 0.005 / size), lower.faces)
    shell = plain_mesh(
        joined(upper, lower).vertices, np.concatenate([upper.faces, lower.faces[:, ::-1] + len(rough)])
    )
    assert len(find_crossings(shell)) == 0
    assert len(find_crossings(improve_aspect_ratios(shell))) == 0


def test_checking_only_new_faces_for_crossings_gives_the_same_mesh_bit_for_bit() -> None:
    """In a thin shell, whose sheets could be moved through each other, the same places stay unchanged."""
    shell = extract(cap(30, 0.35, 40).field(0.5))
    full = improve_aspect_ratios(shell, max_deviation_mm=0.3)
    known = improve_aspect_ratios(shell, max_deviation_mm=0.3, simple=True)
    assert len(full.faces) < len(shell.faces)
    assert np.array_equal(known.faces, full.faces)
    assert np.array_equal(known.vertices, full.vertices)


@pytest.mark.parametrize("flaw", ["open", "crossing"])
def test_a_mesh_that_is_not_a_solid_is_returned_unchanged(flaw: str) -> None:
    ball = extract(sphere(8).field(0.9))
    other = plain_mesh(ball.vertices + (5, 0, 0), ball.faces)
    mesh: trimesh.Trimesh = (
        plain_mesh(ball.vertices, ball.faces[9:]) if flaw == "open" else joined(ball, other)
    )
    shaped = improve_aspect_ratios(mesh)
    assert np.array_equal(shaped.vertices, mesh.vertices)
    assert np.array_equal(shaped.faces, mesh.faces)
