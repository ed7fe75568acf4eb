"""A text on a cap: legible as the height of its surface, upright, and clear of border and holes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree
from shapes import cap
from theatre_parts import CENTRE, RADIUS, REGIONS, WALL, on_cap, part, polar_mm, turned_to

from meshimplant.check.check_solid import check_solid
from meshimplant.errors import MeshError, SpecError
from meshimplant.mesh.rays import RayCaster
from meshimplant.mesh.topology import handles
from meshimplant.spec.mark_spec import CHARACTERS, MarkSpec
from meshimplant.theatre.hole_places import FRONT, TOP, directions_on, upward_on
from meshimplant.theatre.mark import Marked, directions_row, mark
from meshimplant.theatre.perforate import perforate
from meshimplant.theatre.stroke_font import stroke_mm, strokes

#: The row of directions below a text, as it must read in each place.
ROWS = {
    ("parietal", "outer"): "←A  ↑  L",
    ("temporal", "outer"): "R  ↑  A→",
    ("frontal", "outer"): "R  ↑  L",
    ("vertex", "outer"): "L  A↑  R",
    ("parietal", "inner"): "L  ↑  A→",
    ("temporal", "inner"): "←A  ↑  R",
    ("frontal", "inner"): "L  ↑  R",
    ("vertex", "inner"): "R  A↑  L",
}


def mask_of(lines: list[str], size_mm: float, flat: np.ndarray) -> np.ndarray:
    """Return which points (n, 2) lie on the strokes of a text."""
    nearest = np.full(len(flat), np.inf)
    for points in strokes(lines, size_mm)[0]:
        for start, stop in pairwise(points):
            arm, along = flat - start, stop - start
            share = np.clip(arm @ along / max(along @ along, 1e-9), 0, 1)
            nearest = np.minimum(nearest, np.linalg.norm(arm - share[:, None] * along, axis=1))
    return nearest <= stroke_mm(size_mm) / 2


def relief_of(result: Marked, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return places (n, 2) right and up of the mark's middle, and the height of the surface there."""
    (feature,) = result.features
    out, right = -np.array(feature.axis), np.array(feature.span_mm)
    right /= np.linalg.norm(right)
    grid = np.meshgrid(np.arange(-25, 25.1, 0.25), np.arange(-8, 8.1, 0.25))
    flat = np.stack(grid, axis=-1).reshape(-1, 2)
    sign = 1 if radius == RADIUS else -1
    reach = np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9)
    along = flat / reach @ np.stack([right, np.cross(out, right)])
    normals = np.cos(reach / radius) * sign * out + np.sin(reach / radius) * along
    points = CENTRE + radius * normals + sign * normals
    distance, _ = RayCaster(result.mesh).first(points, -sign * normals)
    return flat, 1 - distance


@pytest.mark.parametrize(
    ("region", "surface", "relief"),
    [
        ("parietal", "outer", "engraved"),
        ("vertex", "inner", "raised"),
    ],
)
def test_the_surface_reads_as_the_text_that_was_asked_for(region, surface, relief):
    spec = MarkSpec(text="ab 12/7-K", surface=surface, relief=relief, depth_mm=0.4)
    before = part(region, edge_mm=1.5).mesh
    result = mark(before, spec)
    assert check_solid(result.mesh).passed
    assert handles(result.mesh) == 0
    flat, height = relief_of(result, RADIUS if surface == "outer" else RADIUS - WALL)
    asked = mask_of(["AB 12/7-K", ROWS[region, surface]], 5.0, flat)
    sign = -1 if relief == "engraved" else 1
    assert np.corrcoef(asked, sign * height)[0, 1] > 0.9
    another = mask_of(["AB 72/1-K", ROWS[region, surface]], 5.0, flat)
    assert np.corrcoef(another, sign * height)[0, 1] < 0.88
    upside_down = mask_of(["AB 12/7-K", ROWS[region, surface]], 5.0, -flat)
    assert np.corrcoef(upside_down, sign * height)[0, 1] < 0.5
    assert np.median(height[asked]) == pytest.approx(sign * 0.4, abs=0.03)
    assert abs(np.median(height[~asked])) < 0.02
    exact = asked.sum() * 0.25**2 * 0.4
    assert sign * (result.mesh.volume - before.volume) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(("region", "surface"), list(ROWS)[1::2])
def test_arrow_and_letters_state_the_directions(region, surface):
    result = mark(part(region, edge_mm=5.0).mesh, MarkSpec(text="1", surface=surface))
    (feature,) = result.features
    right = np.array(feature.span_mm) / np.linalg.norm(feature.span_mm)
    up = np.cross(-np.array(feature.axis), right)
    row = ROWS[region, surface]
    assert up @ ([0, -1, 0] if "A↑" in row else [0, 0, 1]) > 0.5
    ends = {"L": [1, 0, 0], "R": [-1, 0, 0], "A→": [0, -1, 0], "←A": [0, 1, 0]}
    if "A→" in row or "←A" in row:
        assert right @ ends["A→" if "A→" in row else "←A"] > 0.5
        assert ("L" in row) == (REGIONS[region][0] > 0)
    else:
        assert right @ ends[row[-1]] > 0.5
        assert row[0] != row[-1]


def test_without_directions_only_the_text_is_drawn():
    result = mark(part(edge_mm=1.5).mesh, MarkSpec(text="7", directions="hidden", surface="outer"))
    flat, height = relief_of_hidden(result)
    assert np.corrcoef(mask_of(["7"], 5.0, flat), -height)[0, 1] > 0.9


def relief_of_hidden(result: Marked) -> tuple[np.ndarray, np.ndarray]:
    """Return the relief of a mark too short to have a span, turned upright by the top of the head."""
    (feature,) = result.features
    out = -np.array(feature.axis)
    right = np.cross([0, 0, 1], out)
    right /= np.linalg.norm(right)
    x, y = np.meshgrid(np.arange(-8, 8.1, 0.25), np.arange(-6, 6.1, 0.25))
    flat = np.stack([x, y], axis=-1).reshape(-1, 2)
    points = np.array(feature.point_mm) + flat @ np.stack([right, np.cross(out, right)]) + 3 * out
    distance, _ = RayCaster(result.mesh).first(points, np.broadcast_to(-out, points.shape))
    hit = points - distance[:, None] * out
    return flat, np.linalg.norm(hit - CENTRE, axis=1) - RADIUS


def test_a_text_keeps_away_from_border_and_holes():
    holes = perforate(part(edge_mm=1.5).mesh, places_mm=[on_cap(0, 0), on_cap(12, 90)])
    before = holes.mesh
    result = mark(before, MarkSpec(text="NO 5", surface="outer"), features=holes.features)
    new = result.mesh.vertices[cKDTree(before.vertices).query(result.mesh.vertices)[0] > 1e-6]
    cut = new[np.linalg.norm(new - CENTRE, axis=1) < RADIUS - 0.3]
    assert len(cut) > 100
    assert np.radians(30) * RADIUS - polar_mm(cut, "parietal").max() > 1.7
    places = [feature.point_mm for feature in holes.features]
    assert cKDTree(places).query(cut)[0].min() > 1 + 1.7
    assert handles(result.mesh) == 2
    assert [feature.label for feature in result.features] == ["M1"]


def test_a_long_text_is_broken_at_its_blanks():
    result = mark(part(edge_mm=3.0, angle=20).mesh, MarkSpec(text="CASE 12 LEFT SIDE"))
    assert result.measures["mark_lines"] == 2


def test_a_text_that_does_not_fit_is_refused():
    with pytest.raises(MeshError, match=r"room for a text of \d+ x \d+ mm on the inner surface"):
        mark(part(edge_mm=3.0, angle=20).mesh, MarkSpec(text="ABCDEFGHIJKLMNOP"))


def test_a_text_that_would_leave_too_thin_a_wall_is_refused():
    thin = cap(RADIUS, 2.2, 25, edge_mm=3.0).moved(turned_to(REGIONS["frontal"]), CENTRE).mesh
    with pytest.raises(MeshError, match=r"wall of at least 2 mm under the text, got 1\.80 mm"):
        mark(thin, MarkSpec(text="A"))
    assert mark(thin, MarkSpec(text="A", relief="raised")).measures["mark_wall_min_mm"] > 2.1


@pytest.mark.parametrize(
    ("text", "words"), [("", "at least one"), ("  ", "at least one"), ("Ä_", "'_', 'Ä'")]
)
def test_what_the_font_does_not_have_is_refused(text, words):
    with pytest.raises(SpecError, match=words):
        MarkSpec(text=text)


def test_no_two_characters_look_alike():
    x, y = np.meshgrid(np.arange(-3, 3.01, 0.1), np.arange(-3.5, 3.51, 0.1))
    flat = np.stack([x, y], axis=-1).reshape(-1, 2)
    masks = {character: mask_of([character], 6.0, flat) for character in CHARACTERS.strip()}
    for first, one in masks.items():
        assert one.any()
        for second, other in masks.items():
            if first != second:
                assert (one & other).sum() / (one | other).sum() < 0.88, (first, second)


#: The normal of a part, and how its text must stand: up, and the row of directions.
LEANING = {
    "vertex that leans to the right": ([-0.45, 0.0, 0.9], FRONT, "L  A↑  R"),
    "vertex that leans to the front": ([0.0, -0.4, 0.9], FRONT, "L  A↑  R"),
    "forehead": ([0.0, -0.7, 0.7], TOP, "R  ↑  L"),
    "back of the head": ([0.0, 0.95, 0.2], TOP, "L  ↑  R"),
    "right temple": ([-0.95, -0.2, 0.1], TOP, "R  ↑  A→"),
    "left side, high": ([0.7, 0.0, 0.7], TOP, "←A  ↑  L"),
}


@pytest.mark.parametrize("name", LEANING)
def test_up_and_letters_are_true_wherever_a_part_lies(name):
    normal, guide, row = LEANING[name]
    outward = np.array(normal) / np.linalg.norm(normal)
    np.testing.assert_array_equal(upward_on(outward), guide)
    right, up = directions_on(outward, guide)
    np.testing.assert_allclose(np.cross(right, up), outward, atol=1e-9)
    frame = np.stack([right, up, outward])
    assert directions_row(frame, outward, MarkSpec(text="1")) == [row]
