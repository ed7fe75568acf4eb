"""The preview sheet: right letters, true scale, same bytes, and errors that can be caught."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from shapes import sphere

from meshimplant.errors import InputError, MeshError, MeshImplantError, MissingDependencyError, OutputError
from meshimplant.mesh import rays
from meshimplant.preview import render_preview as render_preview_module
from meshimplant.preview.preview_scene import PreviewScene
from meshimplant.preview.render_preview import draw_preview, render_preview
from meshimplant.preview.scan_plane import OUTLINE, draw_plane
from meshimplant.preview.sheet_canvas import CARD, INK, Card, SheetCanvas, to_font_letters
from meshimplant.preview.sheet_panels import close_up_panels, head_panels, spread_values
from meshimplant.preview.view_directions import outward_direction

AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)


@pytest.mark.parametrize(("letter", "axis"), AXES.items())
def test_a_ball_is_seen_beside_its_letter(
    letter: str, axis: tuple[int, ...], head: trimesh.Trimesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a ball outside the head on one side, and look for its colour near that letter in every view."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=12.0)
    ball.apply_translation(head.bounds.mean(axis=0) + 100 * np.asarray(axis, float))
    written: list[tuple[Card, tuple[str, ...]]] = []
    plain = SheetCanvas.letters

    def record(sheet: SheetCanvas, card: Card, letters: tuple[str, str, str, str], **more: tuple) -> None:
        written.append((card, letters))
        plain(sheet, card, letters, **more)

    monkeypatch.setattr(SheetCanvas, "letters", record)
    image = _pixels(draw_preview(implant=ball, skull=head, width_px=800))
    beside = 0
    for card, letters in written[:4]:
        left, top, right, bottom = card.picture
        view = image[top:bottom, left:right]
        rows, columns = np.nonzero(view[..., 2] - view[..., 0] > 60)
        if len(rows) < 30:  # hidden by the head
            continue
        offset = np.array([columns.mean(), rows.mean()]) - np.array(card.size_px) / 2
        if np.abs(offset).max() < 25:  # in front of the head
            continue
        edge = (0 if offset[0] < 0 else 1) if abs(offset[0]) > abs(offset[1]) else (2 if offset[1] < 0 else 3)
        assert letters[edge] == letter or (card == written[3][0] and letter in letters[edge])
        beside += 1
    assert beside >= 2


def test_same_input_same_bytes_and_input_untouched(case: dict, tmp_path: Path) -> None:
    before = case["implant"].vertices.copy(), case["gap_mm"].copy()
    for name in ("one.png", "two.png"):
        render_preview(tmp_path / name, **case, title="Case", width_px=800)
    first = (tmp_path / "one.png").read_bytes()
    assert first == (tmp_path / "two.png").read_bytes()
    assert np.array_equal(case["implant"].vertices, before[0])
    assert np.array_equal(case["gap_mm"], before[1], equal_nan=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_wider_is_the_same_sheet_larger(case: dict) -> None:
    small, large = (_pixels(draw_preview(**case, width_px=width)) for width in (800, 1600))
    assert small.shape[1] == 800
    assert large.shape[1] == 1600
    assert abs(large.shape[0] - 2 * small.shape[0]) <= 2
    halved = np.asarray(
        Image.fromarray(large.astype(np.uint8)).resize(small.shape[1::-1], Image.Resampling.BOX), int
    )
    assert np.abs(halved - small).mean() < 3


def test_maps_change_the_close_ups_only(case: dict) -> None:
    plain = _pixels(draw_preview(implant=case["implant"], skull=case["skull"], width_px=800))
    mapped = _pixels(draw_preview(**case, width_px=800))
    row = 250
    assert np.array_equal(plain[45:row], mapped[45:row])
    assert np.abs(plain[280:400] - mapped[280:400]).max() > 60


@pytest.mark.parametrize("keys", [(), ("thickness_mm",), ("gap_mm",), ("skull",), ("skull", "gap_mm")])
def test_any_part_may_be_missing(case: dict, keys: tuple[str, ...]) -> None:
    chosen = {key: case[key] for key in ("implant", *keys)}
    assert _pixels(draw_preview(**chosen, width_px=800)).std() > 10


@pytest.fixture(scope="module")
def scene(case: dict) -> PreviewScene:
    return PreviewScene(case["implant"], case["skull"])


def test_a_scan_takes_the_place_of_the_view_that_repeats_another(scene: PreviewScene, case: dict) -> None:
    """The cap faces mostly upwards: the superior view repeats the one facing it."""
    scan = sphere(80, centre_mm=tuple(case["skull"].bounds.mean(axis=0))).mask((4.0, 4.0, 4.0)).pad(3)
    plain, shown = head_panels(scene), head_panels(scene, scan)
    captions = [panel.caption for panel in shown]
    assert [panel.caption for panel in plain if panel.caption not in captions] == ["Superior"]
    assert captions[-1] in ("Coronal scan", "Sagittal scan")
    section = shown[-1].section
    assert section is not None
    outward = outward_direction(case["implant"], case["skull"])
    assert abs(outward[section.plane.axis]) < 0.6
    pixels = draw_plane(
        case["implant"], scan, section.plane, section.point_mm, mm_per_px=1.0, size_px=(120, 80)
    )
    assert pixels.shape == (80, 120, 3)
    outline = (pixels == OUTLINE).all(axis=2)
    assert outline.sum() > 100
    assert outline[34:46, 54:66].any(), "the section goes through a point of the part"


def test_every_panel_has_a_legend(scene: PreviewScene, case: dict) -> None:
    gap, thickness = case["gap_mm"], case["thickness_mm"]
    measured = close_up_panels(scene, thickness, gap, {}, asked_thickness_mm=4.0)
    plain = close_up_panels(scene, None, None, {})
    for panel in (*head_panels(scene), *measured, *plain):
        assert panel.legend or panel.scale is not None, panel.caption
    assert [(panel.scale.low, panel.scale.high) for panel in measured if panel.scale] == [
        (3.0, 5.0),
        (0.0, 3.0),
        (0.0, 3.0),
    ]


def test_values_that_are_all_missing_count_as_not_measured(case: dict) -> None:
    nothing = np.full(len(case["implant"].vertices), np.nan)
    with_nan = draw_preview(implant=case["implant"], thickness_mm=nothing, width_px=800)
    assert with_nan == draw_preview(implant=case["implant"], width_px=800)


@pytest.mark.parametrize("mm_per_px", [0.11, 0.37, 1.0])
def test_scale_bar_is_true(mm_per_px: float, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = SheetCanvas(400, 300, unit=1.0)
    card = Card((0, 0, 400, 300), (20, 20, 380, 280))
    words: list[str] = []
    monkeypatch.setattr(sheet, "text", lambda *args, **_: words.append(args[1]))
    sheet.scale_bar(card, mm_per_px=mm_per_px)
    dark = (np.asarray(sheet.image, int) == INK).all(axis=2)
    columns = np.flatnonzero(dark.any(axis=0))
    length_mm = float(words[0].removesuffix(" mm"))
    assert (columns[-1] - columns[0]) * mm_per_px == pytest.approx(length_mm, abs=1.5 * mm_per_px)


def test_long_and_foreign_titles_fit(case: dict) -> None:
    draw_preview(implant=case["implant"], title="Schädel " * 60 + "脳", width_px=800)
    sheet = SheetCanvas(400, 300, unit=1.0)
    assert sheet.shorten("x" * 500, size=20, width_px=200).endswith("...")
    assert sheet.shorten("short", size=20, width_px=200) == "short"
    assert to_font_letters("Schädel 3 \u00d7 4 ß 脳") == "Schadel 3 x 4 ss ?"


def test_card_has_round_corners_over_paper() -> None:
    sheet = SheetCanvas(100, 100, unit=1.0)
    sheet.card(Card((10, 10, 90, 90), (20, 20, 80, 80)))
    assert sheet.image.getpixel((10, 10)) != CARD
    assert sheet.image.getpixel((50, 50)) == CARD


def test_gap_is_spread_no_farther_than_its_reach() -> None:
    points = np.stack([np.arange(10.0), np.zeros(10), np.zeros(10)], 1)
    values = np.full(10, np.nan)
    values[0] = 0.8
    assert np.isfinite(spread_values(values, points, reach_mm=3.5)).tolist() == [True] * 4 + [False] * 6
    assert np.isnan(values[1:]).all()


def test_wrong_number_of_values_is_refused(case: dict) -> None:
    with pytest.raises(InputError, match=r"thickness_mm with one value per vertex"):
        draw_preview(implant=case["implant"], thickness_mm=[1.0, 2.0])


def test_bad_width_is_refused(case: dict) -> None:
    with pytest.raises(InputError, match="width_px between 800 and 6400, got 10"):
        draw_preview(implant=case["implant"], width_px=10)


def test_empty_and_broken_meshes_are_refused(case: dict) -> None:
    with pytest.raises(MeshError, match="the implant to have faces"):
        draw_preview(implant=trimesh.Trimesh())
    broken = case["implant"].copy()
    broken.vertices[3] = np.nan
    with pytest.raises(MeshError, match="the skull to have finite vertices"):
        draw_preview(implant=case["implant"], skull=broken)


def test_missing_folder_is_an_output_error(case: dict, tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        render_preview(tmp_path / "missing" / "preview.png", implant=case["implant"], width_px=800)


def test_missing_embree_leaves_the_old_picture(
    case: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise MissingDependencyError("expected the package embreex")

    monkeypatch.setattr(rays, "_embree", absent)
    path = tmp_path / "preview.png"
    path.write_bytes(b"old")
    with pytest.raises(MissingDependencyError):
        render_preview(path, implant=case["implant"], width_px=800)
    assert path.read_bytes() == b"old"


def test_accidents_become_deliberate_errors(
    case: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accident(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by chance")

    monkeypatch.setattr(render_preview_module, "render_view", accident)
    with pytest.raises(MeshImplantError, match="ZeroDivisionError: by chance"):
        render_preview(tmp_path / "preview.png", implant=case["implant"], width_px=800)


@pytest.mark.slow
def test_meshes_of_real_sizes_are_drawn(make_cap) -> None:
    skull = trimesh.creation.icosphere(subdivisions=7, radius=80.0)
    cap = make_cap((0.5, -0.3, 0.7), radius_mm=82.0, edge_mm=0.68)
    assert len(skull.faces) > 300_000
    assert 80_000 < len(cap.faces) < 130_000
    values = np.linspace(0.5, 5, len(cap.vertices))
    sheet = _pixels(draw_preview(implant=cap, skull=skull, thickness_mm=values, gap_mm=values))
    teal = sheet[..., 2] - sheet[..., 0] > 60
    assert sheet.shape[1] == 1600
    assert teal.sum() > 20_000
