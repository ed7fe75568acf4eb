"""blunt_border: the lip of a border that leans far outward is cut upright, and any other border stays."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import trimesh
from defects import conical_defect
from numpy.typing import NDArray
from shapes import Body, random_rotation

from meshimplant.check.thin_border import measure_thin_border
from meshimplant.edit.blunt_border import LEAST_MM, blunt_border
from meshimplant.implant.wall_thickness import measure_thickness
from meshimplant.line.extract import extract
from meshimplant.spec.implant_spec import ImplantSpec

POSES = [(np.eye(3), np.zeros(3)), (random_rotation(11), np.array([260.0, -310.0, 150.0]))]
RADIUS_MM, THICK_MM, LEAN_DEG = 80.0, 3.5, -55.0


@cache
def _part(pose: int, lean_deg: float) -> tuple[trimesh.Trimesh, NDArray[np.float64]]:
    """Return a part that fills a hole in bone of 3.5 mm, and the centre of its head."""
    turn, shift = POSES[pose]
    defect = conical_defect(lean_deg=lean_deg, half_angle_deg=12, thickness_mm=THICK_MM)

    def distance(points: NDArray[np.float64]) -> NDArray[np.float64]:
        radius = np.linalg.norm(points, axis=-1)
        wall = np.minimum(RADIUS_MM - radius, radius - RADIUS_MM + THICK_MM)
        return np.minimum(wall, defect.wall_distance(points) - 0.8)

    body = Body(distance, np.array([-28.0, -28.0, 66.0]), np.array([28.0, 28.0, 80.5])).moved(turn, shift)
    return extract(body.field((0.5, 0.5, 0.5)), level=0), shift


def _border(mesh: trimesh.Trimesh, centre_mm: NDArray[np.float64]) -> dict[str, float | None]:
    wall = measure_thickness(mesh, inside_mm=centre_mm)
    return measure_thin_border(mesh, wall, centre_mm, ImplantSpec(thickness_mm=THICK_MM))[0]


@pytest.mark.parametrize("pose", [0, 1])
def test_the_lip_of_a_border_that_leans_outward_is_cut_upright(pose):
    part, centre_mm = _part(pose, LEAN_DEG)
    assert _border(part, centre_mm)["border_height_p5_mm"] < 0.3
    cut = blunt_border(part, inside_mm=centre_mm)
    assert cut.mesh.is_watertight
    assert _border(cut.mesh, centre_mm)["border_height_p5_mm"] > 1.0
    arms = (np.asarray(part.vertices) - centre_mm) @ POSES[pose][0]
    outer = np.linalg.norm(arms, axis=1) > RADIUS_MM - 0.01
    kept = {tuple(place) for place in np.asarray(cut.mesh.vertices).round(5)}
    assert {tuple(place) for place in np.asarray(part.vertices)[outer].round(5)} <= kept
    edge_mm = LEAST_MM / np.tan(np.radians(90 + LEAN_DEG))
    around_mm = 2 * np.pi * RADIUS_MM * np.sin(np.radians(12))
    assert cut.removed_mm3 == pytest.approx(around_mm * edge_mm * LEAST_MM / 2, rel=0.5)


@pytest.mark.parametrize("lean_deg", [50.0, 0.0, -30.0])
def test_a_border_without_a_lip_stays_as_it_is(lean_deg):
    part, centre_mm = _part(0, lean_deg)
    assert blunt_border(part, inside_mm=centre_mm).mesh is part
