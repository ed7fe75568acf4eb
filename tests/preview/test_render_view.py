"""Light on surfaces: outlines of the right size, colours that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from meshimplant.preview.colour_scales import BONE, IMPLANT, NO_VALUE, ColourScale, decode_srgb
from meshimplant.preview.render_view import Scene, Surface, composite_over, render_view
from meshimplant.preview.view_directions import View

FRONT = View.along("front", (0, 1, 0), (0, 0, 1))


def _ball(radius: float, centre: tuple[float, float, float]) -> trimesh.Trimesh:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=radius)
    ball.apply_translation(centre)
    return ball


@pytest.mark.parametrize("forward", [(0, 1, 0), (0.3, -0.8, 0.5)])
def test_a_ball_covers_its_disc_with_smooth_edges(forward: tuple[float, ...]) -> None:
    middle = np.array([50.0, -700.0, 300.0])
    view = View.along("any", forward, (0, 0, 1))
    picture = render_view(
        Scene([Surface(_ball(20, tuple(middle)), BONE)]),
        view,
        centre_mm=middle,
        mm_per_px=0.5,
        size_px=(101, 91),
    )
    cover = picture[..., 3]
    assert cover.sum() * 0.25 == pytest.approx(np.pi * 400, rel=5e-3)
    assert ((cover > 0) & (cover < 1)).sum() > 100
    rows, columns = np.mgrid[0:91, 0:101]
    assert (cover * columns).sum() / cover.sum() == pytest.approx(50, abs=0.05)
    assert (cover * rows).sum() / cover.sum() == pytest.approx(45, abs=0.05)


def test_up_and_left_in_the_picture() -> None:
    scene = Scene([Surface(_ball(4, (30, 0, 20)), BONE), Surface(_ball(4, (-30, 0, -20)), IMPLANT)])
    picture = render_view(scene, FRONT, centre_mm=np.zeros(3), mm_per_px=1.0, size_px=(80, 60))
    rows, columns = np.nonzero(picture[..., 0] > 1.5 * picture[..., 2])
    assert len(rows) == 0  # bone is no strong red
    bone = picture[..., 0] > picture[..., 2]
    rows, columns = np.nonzero(bone)
    assert rows.mean() < 15
    assert columns.mean() > 65
    rows, columns = np.nonzero((picture[..., 3] > 0.9) & ~bone)
    assert rows.mean() > 45
    assert columns.mean() < 15


def test_colours_follow_the_values_and_nan_is_neutral() -> None:
    ball = _ball(10, (0, 0, 0))
    values = np.where(ball.vertices[:, 0] > 0, 6.0, np.nan)
    scale = ColourScale("thickness", 2.0, 6.0, (2.0, 6.0))
    scene = Scene([Surface(ball, IMPLANT, values=values, scale=scale)])
    picture = render_view(scene, FRONT, centre_mm=np.zeros(3), mm_per_px=0.25, size_px=(81, 81))

    def hue(light: np.ndarray) -> np.ndarray:
        return light / light.sum()

    assert hue(picture[40, 70, :3]) == pytest.approx(hue(decode_srgb(scale.table[255])), abs=0.01)
    assert hue(picture[40, 10, :3]) == pytest.approx(hue(decode_srgb(NO_VALUE)), abs=0.01)


def test_repainting_leaves_the_first_scene_alone() -> None:
    ball = _ball(10, (0, 0, 0))
    plain = Scene([Surface(ball, BONE)])
    before = render_view(plain, FRONT, centre_mm=np.zeros(3), mm_per_px=1.0, size_px=(30, 30))
    painted = plain.with_surfaces([Surface(ball, IMPLANT)])
    after = render_view(plain, FRONT, centre_mm=np.zeros(3), mm_per_px=1.0, size_px=(30, 30))
    other = render_view(painted, FRONT, centre_mm=np.zeros(3), mm_per_px=1.0, size_px=(30, 30))
    assert np.array_equal(before, after)
    assert np.array_equal(before[..., 3], other[..., 3])
    assert np.abs(before - other).max() > 0.1


def test_the_ghost_shines_through_only_what_hides_it() -> None:
    wall = trimesh.creation.box((40, 2, 40))
    behind, before = _ball(5, (10, 20, 0)), _ball(5, (-10, -20, 0))
    both = trimesh.util.concatenate([behind, before])
    scene, ghost = Scene([Surface(wall, BONE), Surface(both, IMPLANT)]), Scene([Surface(both, IMPLANT)])
    look = {"centre_mm": np.zeros(3), "mm_per_px": 1.0, "size_px": (50, 50)}
    with_ghost, without = render_view(scene, FRONT, ghost=ghost, **look), render_view(scene, FRONT, **look)
    change = np.abs(with_ghost - without).max(axis=2)
    columns = np.nonzero(change > 1e-6)[1]
    assert columns.min() >= 29
    assert columns.max() <= 40
    assert (change > 0.4 * change.max()).sum() == pytest.approx(np.pi * 25, rel=0.12)


def test_nothing_drawn_leaves_the_background() -> None:
    background = np.array([0.9, 0.5, 0.1])
    pixels = composite_over(np.zeros((4, 5, 4), np.float32), background)
    assert (pixels == np.rint(background * 255)).all()
