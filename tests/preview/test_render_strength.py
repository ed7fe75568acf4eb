"""render_strength: the picture shows the weak place, the marks and nothing counted beside the fixation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapes import box, cap

from meshimplant.errors import InputError
from meshimplant.preview.render_strength import render_strength
from meshimplant.strength.materials import MATERIALS
from meshimplant.strength.screening import LoadCase, StrengthScreening
from meshimplant.strength.surface_samples import sample_surface

TOP = (0.0, 0.0, 40.0)


def _screening(part: object, place: tuple[float, float, float] = TOP) -> StrengthScreening:
    """A made-up result: deflection and stress fall off from a place."""
    points = sample_surface(part).points_mm  # type: ignore[arg-type]
    apart = np.linalg.norm(points - place, axis=1)
    case = LoadCase("weakest place", 100.0, "N", place, 1.5, place, 40.0, place, 2.25)
    return StrengthScreening(
        material=MATERIALS["PEEK"],
        fixation="points",
        fixation_mm=np.array([(0.0, 18.0, 35.0)]),
        excluded_mm=5.0,
        cases=(case,),
        failure_load_n=225.0,
        tried_mm=np.array([place]),
        points_mm=points,
        deflection_mm=1.5 * np.exp(-apart / 8),
        stress_mpa=40 * np.exp(-apart / 8),
        counted=points[:, 1] < 14,
        voxel_mm=1.0,
        cubes=1000,
        mass_g=12.0,
        findings=(),
    )


def _pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), int)


def test_the_sheet_has_four_pictures_and_the_balls(tmp_path: Path) -> None:
    part = cap(40, 3, 30, edge_mm=1.5).mesh
    render_strength(tmp_path / "a.png", part=part, screening=_screening(part), title="a part", width_px=800)
    pixels = _pixels(tmp_path / "a.png")
    assert pixels.shape[1] == 800
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 90) & (pixels[..., 2] < 90)
    assert red[:, :400].any()
    other = replace(_screening(part), counted=np.ones(len(_screening(part).points_mm), bool))
    render_strength(tmp_path / "b.png", part=part, screening=other, title="a part", width_px=800)
    assert (_pixels(tmp_path / "b.png") != pixels)[:, 210:].any()
    assert not (_pixels(tmp_path / "b.png") != pixels)[:, :190].any()


def test_a_part_of_long_faces_is_coloured_between_its_corners(tmp_path: Path) -> None:
    """A plate of twelve triangles: its weak place lies far from every corner."""
    plate = box((40, 40, 3), (0, 0, 38.5)).mesh
    render_strength(tmp_path / "a.png", part=plate, screening=_screening(plate), width_px=800)
    outer = _pixels(tmp_path / "a.png")[60:220, 200:400]
    bright = (outer[..., 0] > 200) & (outer[..., 1] > 150) & (outer[..., 2] < 120)
    assert bright.any()


def test_a_width_out_of_range_is_refused(tmp_path: Path) -> None:
    part = cap(40, 3, 20, edge_mm=2.0).mesh
    with pytest.raises(InputError, match="width_px"):
        render_strength(tmp_path / "a.png", part=part, screening=_screening(part), width_px=100)
