"""The mesh operations on the true implants of real skulls, with the tolerances that hold on analytic bodies.

The synthetic twins are the tests of each operation beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import igl
import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from meshimplant.check.check_fit import FitCheck, check_fit
from meshimplant.check.check_solid import check_solid
from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.edit.insertion import find_insertion, make_insertable
from meshimplant.edit.simplify import simplify
from meshimplant.edit.smooth import smooth
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.thickness_target import feather, thicken_at
from meshimplant.edit.trim import trim
from meshimplant.implant.skull_thickness import skull_thickness
from meshimplant.implant.surfaces import INNER, OUTER, WALL, split_surfaces
from meshimplant.implant.wall_thickness import measure_thickness
from meshimplant.line.extract import extract
from meshimplant.mesh.deviation import deviation_mm
from meshimplant.voxels.volume import Volume

pytestmark = pytest.mark.realdata
THICKNESS_MM, CLEARANCE_MM = 3.5, 0.8


@dataclass(frozen=True, eq=False)
class Chain:
    """A true implant after each operation."""

    skull: Volume
    raw: trimesh.Trimesh
    smoothed: trimesh.Trimesh
    trimmed: trimesh.Trimesh
    thinned: trimesh.Trimesh
    part: trimesh.Trimesh
    fit: FitCheck


@pytest.fixture(scope="module")
def chain(data_folder: Path) -> Chain:
    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "003")
    volumes = read_case(case)
    raw = extract(volumes.implant)
    smoothed = smooth(raw)
    trimmed = trim(smoothed, volumes.defective, clearance_mm=CLEARANCE_MM)
    thinned = set_thickness(trimmed, THICKNESS_MM)
    part = simplify(thinned)
    fit = check_fit(part, volumes.defective, defect_mask=volumes.implant)
    return Chain(volumes.defective, raw, smoothed, trimmed, thinned, part, fit)


def test_smoothing_neither_shrinks_nor_drifts(chain) -> None:
    assert chain.smoothed.volume == pytest.approx(chain.raw.volume, rel=0.003)
    assert np.linalg.norm(chain.smoothed.center_mass - chain.raw.center_mass) < 0.02


def test_the_border_keeps_its_clearance_and_is_flush(chain) -> None:
    measures = chain.fit.measures
    assert measures["gap_median_mm"] == pytest.approx(CLEARANCE_MM, abs=0.15)
    assert measures["gap_p95_mm"] < CLEARANCE_MM + 0.5
    assert measures["penetration_mm3"] == 0
    assert measures["outside_fraction"] <= 0.01
    assert abs(measures["step_median_mm"]) <= 0.3
    assert measures["step_p95_mm"] <= 0.8
    assert measures["coverage_fraction"] >= 0.95


def test_the_thickness_is_what_was_asked(chain) -> None:
    wall = measure_thickness(chain.thinned)
    assert wall.median_mm == pytest.approx(THICKNESS_MM, abs=0.1)
    assert wall.p95_mm - wall.p5_mm <= 0.6


def test_half_of_the_skull_is_half_of_the_bone_around(chain) -> None:
    asked = 0.5 * skull_thickness(chain.trimmed, chain.skull)
    result = set_thickness(chain.trimmed, asked)
    assert check_solid(result).findings == ()
    errors = _errors(result, chain.trimmed, asked)
    assert np.median(np.abs(errors)) <= 0.1
    assert np.percentile(errors, 95) - np.percentile(errors, 5) <= 0.6
    around = chain.fit.measures["bone_thickness_median_mm"]
    assert measure_thickness(result).median_mm == pytest.approx(around / 2, abs=0.5)


def test_bosses_and_a_feathered_rim_leave_the_outer_surface_alone(chain) -> None:
    before = chain.trimmed
    surfaces = split_surfaces(before)
    outer = np.asarray(before.vertices)[surfaces.vertex_labels == OUTER]
    border = cKDTree(np.asarray(before.vertices)[surfaces.vertex_labels == WALL]).query(outer)[0]
    ring = outer[np.abs(border - 10) < 1]
    screws = [ring[np.argmax(ring @ direction)] for direction in ((1, 0, 0), (-1, 0.5, 0), (-1, -0.5, 0))]
    target = thicken_at(before, feather(before, 3.0, width_mm=8, rim_mm=4.0), screws, thickness_mm=5.5)
    result = set_thickness(before, target)
    assert check_solid(result).findings == ()
    errors = _errors(result, before, target)
    assert np.median(np.abs(errors)) <= 0.1
    assert np.percentile(errors, 95) - np.percentile(errors, 5) <= 0.6
    assert cKDTree(result.vertices).query(outer)[0].max() < 1e-9


def _errors(
    result: trimesh.Trimesh, before: trimesh.Trimesh, target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Deviation of the inner vertices' depth below the old outer surface from the target, off the border."""
    surfaces = split_surfaces(before)
    sheet = np.asarray(before.faces)[surfaces.face_labels == OUTER]
    after = split_surfaces(result).vertex_labels
    inner = np.asarray(result.vertices)[after == INNER]
    squared, face, foot = igl.point_mesh_squared_distance(inner, np.asarray(before.vertices), sheet)[:3]
    rim = np.asarray(before.vertices)[surfaces.vertex_labels == WALL]
    away = cKDTree(rim).query(foot)[0] > 5
    assert away.sum() > 1000
    return np.asarray((np.sqrt(squared) - target[sheet[face]].mean(axis=1))[away])


def test_the_part_is_a_solid_of_well_shaped_triangles_on_its_surface(chain) -> None:
    solid = check_solid(chain.part)
    assert solid.findings == ()
    assert solid.measures["faces"] <= 150_000
    assert solid.measures["aspect_p99"] <= 10
    assert np.percentile(deviation_mm(chain.part, chain.thinned), 99) <= 0.05


def test_what_blocks_the_way_can_be_taken_off(chain) -> None:
    free = make_insertable(chain.part, chain.skull).mesh
    assert find_insertion(free, chain.skull).penetration_mm.max() <= 0.05
    assert free.volume > 0.97 * chain.part.volume
