"""What a page shows: values, colours, cuts and views, each against what is known of a ball."""

from __future__ import annotations

import io

import numpy as np
import pytest
import trimesh
from ball_head import MIDDLE_MM, RADIUS_MM

from meshimplant.edit_page.coloured_glb import coloured_glb
from meshimplant.edit_page.legend import legend_html
from meshimplant.edit_page.mirrored_side import deviation_from_mirrored
from meshimplant.edit_page.page_views import FIELD_OF_VIEW_DEG, camera_of
from meshimplant.edit_page.scene_view import Cut, cut_open, plane_named
from meshimplant.edit_page.shown_scene import ShownHead, ShownPart, ShownScene
from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose
from meshimplant.preview.view_directions import page_views
from meshimplant.voxels.volume import Volume


@pytest.fixture(scope="module")
def ball() -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=RADIUS_MM)
    ball.apply_translation(MIDDLE_MM)
    return ball


def test_a_part_stands_out_of_the_other_side_by_what_it_was_given(
    proud_part: trimesh.Trimesh, ball: trimesh.Trimesh, pose: HeadPose
) -> None:
    deviation_mm = deviation_from_mirrored(proud_part, ball, pose)
    radius_mm = np.linalg.norm(proud_part.vertices - MIDDLE_MM, axis=1)
    outer = radius_mm > RADIUS_MM + 1.9
    inside = outer & np.isfinite(deviation_mm)
    assert inside.sum() > 0.9 * outer.sum()
    assert np.abs(deviation_mm[inside] - 2.0).max() < 0.15
    assert np.isnan(deviation_mm[radius_mm < RADIUS_MM - 3]).all()
    sunken = proud_part.copy()
    sunken.apply_translation((-3.0, 0.0, 0.0))
    middle = np.argmax(proud_part.vertices[:, 0])
    assert deviation_from_mirrored(sunken, ball, pose)[middle] == pytest.approx(-1.0, abs=0.1)


def test_nothing_is_known_where_the_other_side_has_no_bone(
    proud_part: trimesh.Trimesh, ball: trimesh.Trimesh, pose: HeadPose
) -> None:
    half = cut_open(ball, Cut(plane_named("Sagittal"), float(MIDDLE_MM[0]), keep_positive=True))
    assert np.isnan(deviation_from_mirrored(proud_part, half, pose)).all()


@pytest.mark.parametrize(("name", "axis"), [("Axial", 2), ("Coronal", 1), ("Sagittal", 0)])
@pytest.mark.parametrize("keep_positive", [False, True])
def test_a_cut_leaves_one_side(ball: trimesh.Trimesh, name: str, axis: int, keep_positive: bool) -> None:
    level_mm = float(MIDDLE_MM[axis]) + 20.0
    kept = cut_open(ball, Cut(plane_named(name), level_mm, keep_positive))
    sides = kept.vertices[:, axis] - level_mm
    assert (sides.min() if keep_positive else -sides.max()) == pytest.approx(0.0, abs=1e-9)
    zone_mm = RADIUS_MM - 20 if keep_positive else RADIUS_MM + 20  # area of a zone: Archimedes
    assert kept.area == pytest.approx(2 * np.pi * RADIUS_MM * zone_mm, rel=0.002)


def test_colours_come_back_from_the_file_in_linear_light(ball: trimesh.Trimesh) -> None:
    colours = np.tile((0.5, 0.0, 1.0), (len(ball.vertices), 1))
    colours[0] = (0.04, 1.0, 0.2)
    data = coloured_glb(ball, colours)
    (again,) = trimesh.load_scene(io.BytesIO(data), file_type="glb").geometry.values()
    assert np.allclose(again.vertices, ball.vertices, atol=1e-4)
    assert np.array_equal(again.faces, ball.faces)
    stored = np.frombuffer(data, np.uint16, count=8, offset=len(data) - 8 * len(ball.vertices))
    assert stored[4:8] / 65535 == pytest.approx([0.2140, 0.0, 1.0, 1.0], abs=1e-4)  # sRGB 0.5 in linear light
    assert stored[:3] / 65535 == pytest.approx([0.0031, 1.0, 0.0331], abs=1e-4)


def test_scales_do_not_follow_the_values(proud_part: trimesh.Trimesh, ball_head: Volume) -> None:
    count = len(proud_part.vertices)
    values = {"thickness": np.full(count, 9.0), "gap": np.full(count, np.nan)}
    scene = ShownScene([ShownPart("a", proud_part, lambda: values)], ShownHead(ball_head), 4.0)
    thickness, deviation = scene.scale("thickness"), scene.scale("deviation")
    assert thickness is not None
    assert deviation is not None
    assert (thickness.low, thickness.high) == (3.0, 5.0)
    assert (deviation.low, deviation.high) == (-4.0, 4.0)
    assert deviation.labels == ("≤-4", "-2", "0", "2", "≥4")
    assert scene.scale("gap") is None
    found = scene.values_mm(scene.parts[0], "deviation")
    assert found is not None
    assert np.nanmedian(found) == pytest.approx(2.0, abs=0.6)  # voxels of 3 mm
    assert "≥5" in legend_html(thickness, "thickness")
    assert "Nothing is known" in legend_html(None, "gap")
    assert legend_html(None, "plain") == ""


def test_a_part_without_a_skull_has_no_other_side(proud_part: trimesh.Trimesh) -> None:
    scene = ShownScene([ShownPart("a", proud_part)])
    assert scene.scale("deviation") is None
    assert scene.bounds_mm.tolist() == proud_part.bounds.tolist()
    with pytest.raises(InputError, match="expected a part or a skull to show"):
        ShownScene([])


def test_a_part_is_measured_once_and_only_when_asked(proud_part: trimesh.Trimesh) -> None:
    calls = []

    def measure() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"thickness": np.full(len(proud_part.vertices), 6.0)}

    scene = ShownScene([ShownPart("a", proud_part, measure)])
    assert calls == []
    assert scene.scale("thickness") is not None
    assert scene.scale("gap") is None
    assert calls == [1]


def test_a_camera_holds_what_it_shows(ball: trimesh.Trimesh) -> None:
    for view in page_views(ball).values():
        position, target = camera_of(view, ball.vertices)
        assert target == pytest.approx(MIDDLE_MM, abs=0.5)
        ahead = target - position
        assert ahead / np.linalg.norm(ahead) == pytest.approx(view.forward, abs=1e-9)
        half_mm = np.linalg.norm(ahead) * np.tan(np.radians(FIELD_OF_VIEW_DEG / 2))
        assert 1.1 * RADIUS_MM < half_mm < 1.4 * RADIUS_MM
