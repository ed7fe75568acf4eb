"""Trimming to a skull of thick slices: the border follows the bone, and not the slices."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import trimesh
from defects import Defect, conical_defect
from numpy.typing import NDArray

from meshimplant.check.check_fit import check_fit
from meshimplant.datasets.case import read_case
from meshimplant.datasets.skullfix import list_skullfix
from meshimplant.edit.smooth import smooth
from meshimplant.edit.trim import trim
from meshimplant.implant.site import bone_around
from meshimplant.implant.surfaces import WALL, head_centre, split_surfaces
from meshimplant.line.extract import extract
from meshimplant.mesh.areas import vertex_areas, weighted_percentiles
from meshimplant.skull.thick_slices import interpolate_slices
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.fields import sample
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume

CLEARANCE_MM = 0.8


def _tilt(angle_deg: float) -> NDArray[np.float64]:
    turn = trimesh.transformations.rotation_matrix(np.radians(angle_deg), (0, 1, 0.2))
    return np.asarray(turn[:3, :3])


@cache
def _hole() -> Defect:
    return conical_defect(lean_deg=10, half_angle_deg=18, around_mm=9)


@cache
def _skull(angle_deg: float, slice_mm: float) -> Volume:
    return _hole().bone.mask((0.5, 0.5, slice_mm), direction=_tilt(angle_deg))


@cache
def _part(angle_deg: float, slice_mm: float) -> trimesh.Trimesh:
    return trim(_hole().plug().mesh, _skull(angle_deg, slice_mm), clearance_mm=CLEARANCE_MM)


def _gaps(part: trimesh.Trimesh, *percents: float) -> NDArray[np.float64]:
    """Percentiles by area of the exact distance from the border wall to the bone before slicing."""
    areas = vertex_areas(part, faces=split_surfaces(part).face_labels == WALL)
    gaps = _hole().gap(np.asarray(part.vertices))
    return weighted_percentiles(gaps[areas > 0], areas[areas > 0], percents)


@pytest.mark.parametrize("angle_deg", [30.0, 60.0, 90.0])
def test_the_gap_to_the_true_bone_is_what_was_asked(angle_deg: float) -> None:
    median, p95 = _gaps(_part(angle_deg, 2.5), 50, 95)
    assert median == pytest.approx(CLEARANCE_MM, abs=0.15)
    assert p95 <= CLEARANCE_MM + 0.5


@pytest.mark.parametrize("angle_deg", [30.0, 90.0])
def test_the_border_has_no_scallops(angle_deg: float) -> None:
    part = _part(angle_deg, 2.5)
    low, high = _gaps(part, 25, 75)
    assert high - low < 0.22  # slices that are taken as they are: 0.28 to 0.39
    bone = signed_distance(interpolate_slices(_skull(angle_deg, 2.5)))
    distance = -sample(bone, part.vertices)
    assert np.nanmin(distance) > CLEARANCE_MM - 0.06
    assert part.is_watertight


def test_check_measures_the_gap_that_trim_was_asked_for() -> None:
    fit = check_fit(_part(60.0, 2.5), _skull(60.0, 2.5), spec=ImplantSpec(clearance_mm=CLEARANCE_MM))
    assert fit.measures["gap_median_mm"] == pytest.approx(CLEARANCE_MM, abs=0.15)
    assert fit.measures["gap_p95_mm"] <= CLEARANCE_MM + 0.3
    assert fit.measures["penetration_mm3"] == 0


def test_the_bone_around_a_part_is_a_box_of_the_interpolated_skull() -> None:
    skull, part = _skull(30.0, 2.5), _hole().plug(over_mm=-4).mesh
    part.apply_scale(0.3)
    part.apply_translation(_hole().bone.centre_mm + (8, 0, 4) - part.centroid)
    box, whole = bone_around(skull, part, 3.0), interpolate_slices(skull)
    assert box is not None
    start = np.rint(whole.to_index(box.affine[:3, 3])).astype(int)
    assert (np.array(box.shape) < np.array(whole.shape) - 10).all()
    same = whole.crop(start, start + box.shape).array == box.array
    assert same.mean() > 0.9995
    np.testing.assert_allclose(whole.to_mm(start), box.to_mm((0, 0, 0)), atol=1e-9)


def test_fine_slices_are_cropped_and_nothing_else() -> None:
    skull, part = _skull(0.0, 0.65), _hole().plug().mesh
    box = bone_around(skull, part, 2.0)
    assert box is not None
    start = np.rint(skull.to_index(box.affine[:3, 3])).astype(int)
    assert np.shares_memory(box.array, skull.array)
    assert np.array_equal(skull.crop(start, start + box.shape).array, box.array)


@pytest.mark.parametrize("slice_mm", [0.65, 2.5])
def test_a_part_elsewhere_has_no_bone_around_it(slice_mm: float) -> None:
    part = _hole().plug().mesh
    part.apply_translation((0, 0, 300))
    assert bone_around(_skull(0.0, slice_mm), part, 5.0) is None


@pytest.mark.realdata
def test_the_border_on_a_real_skull_of_thick_slices(data_folder: Path) -> None:
    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "001")
    volumes = read_case(case)
    start, stop = bounding_box(volumes.implant.array)
    around = np.ceil(16 / volumes.implant.spacing_mm).astype(int)
    skull, implant = (v.crop(start - around, stop + around) for v in (volumes.defective, volumes.implant))
    affine = skull.affine.copy()
    affine[:3, 2] *= 4
    coarse = Volume(skull.array[:, :, ::4], affine)
    implant_mesh = smooth(extract(implant))
    part = trim(implant_mesh, coarse, clearance_mm=CLEARANCE_MM, inside_mm=head_centre(implant_mesh))
    areas = vertex_areas(part, faces=split_surfaces(part).face_labels == WALL)
    gaps = -sample(signed_distance(skull), part.vertices, fill=-1e3)
    # The lower wall runs along the slices: it lies anywhere between two.
    floor_mm = float(part.vertices[:, 2].min()) + 5
    used = (areas > 0) & (gaps < 3) & (part.vertices[:, 2] > floor_mm)
    low, median, high, p95 = weighted_percentiles(gaps[used], areas[used], (25, 50, 75, 95))
    assert coarse.spacing_mm[2] > 2.5
    assert median == pytest.approx(CLEARANCE_MM, abs=0.15)
    assert high - low < 0.1
    assert p95 <= CLEARANCE_MM + 0.3
