"""The drawing: labels that cover nothing, numbers that are those of the features, lengths as they are."""

from __future__ import annotations

import io
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapes import cap

from meshimplant.errors import InputError
from meshimplant.implant.features import Feature, Hold
from meshimplant.implant.features_file import read_features, write_features
from meshimplant.preview.drawing_layout import ring_labels, spread_apart
from meshimplant.preview.drawing_sheet import BOX, DrawingSheet, overlap, placed_labels
from meshimplant.preview.drawing_text import other_lines, screw_rows
from meshimplant.preview.part_drawing import draw_part, write_drawing
from meshimplant.preview.sheet_canvas import INK, Card, SheetCanvas
from meshimplant.preview.view_directions import View
from meshimplant.report import place_of

RADIUS_MM, ANGLE = 80.0, 30.0
FROM_ABOVE = View.along("Outer side", (0, 0, -1), (0, -1, 0))
TURN = np.linspace(0, 2 * np.pi, 200, endpoint=False)
OUTLINE = 40.0 * np.stack([np.cos(TURN), np.sin(TURN)], axis=1)


def on_dome(along_mm: float, turn_deg: float) -> np.ndarray:
    """Return a place on the dome of which the part is a cap."""
    polar, turn = along_mm / RADIUS_MM, np.radians(turn_deg)
    return RADIUS_MM * np.array([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)])


def plated(places: int) -> list[Feature]:
    """Return plates around a cap with two screws each, and holes over it."""
    features = []
    for number in range(places):
        turn = 360.0 * number / places
        point, axis = on_dome(40.0, turn), place_of(-on_dome(40.0, turn) / RADIUS_MM)
        features.append(Feature("plate", f"P{number + 1}", place_of(point), axis, 4.0, 1.0))
        following, further = f"P{(number + 1) % places + 1}", 251.3 / places
        for rank, (along, material) in enumerate(((45.0, "bone"), (36.0, "part"))):
            hold = Hold(f"P{number + 1}", material, 3.2 + rank, 0.8 + number / 10, following, further)
            point = on_dome(along, turn)
            label = f"S{2 * number + rank + 1}"
            features.append(Feature("screw", label, place_of(point), axis, 1.5, 4.0 + rank, hold=hold))
    for number, (along, turn) in enumerate(((0.0, 0), (12.0, 0), (12.0, 120), (12.0, 240)), 1):
        point = on_dome(along, turn)
        axis = place_of(-point / RADIUS_MM)
        features.append(Feature("drainage", f"D{number}", place_of(point), axis, 2.0, 4.0))
    return features


def sheet() -> DrawingSheet:
    canvas = SheetCanvas(1600, 1200, unit=1.0)
    return DrawingSheet(canvas, Card((0, 0, 1600, 1200), (0, 0, 1600, 1200)), np.zeros(2), 9.0)


@pytest.mark.parametrize("places", [1, 4, 9, 14])
def test_no_label_covers_another(places):
    features = plated(places)
    labels = ring_labels(OUTLINE, features, FROM_ABOVE, float(np.hypot(*BOX)) / 9.0)
    boxes = placed_labels(sheet(), labels, features, FROM_ABOVE)
    screws = {each.label for each in features if each.kind == "screw"}
    assert screws | {"D1", "D2", "D3", "D4"} <= {words for _, words in boxes}
    assert not any(overlap(one, two) for (one, _), (two, _) in combinations(boxes, 2))
    for label in labels:
        assert np.linalg.norm(label.at) > 40.0
        if label.target is not None:
            (own,) = (each for each in features if each.label == label.words)
            np.testing.assert_allclose(label.target, FROM_ABOVE.project([own.point_mm])[0])


def test_holes_without_room_for_their_numbers_are_only_counted():
    crowd = [
        Feature("drainage", f"D{n}", place_of(on_dome(2.4 * n, 0)), (0.0, 0.0, -1.0), 2.0, 4.0)
        for n in range(1, 9)
    ]
    assert placed_labels(sheet(), [], crowd, FROM_ABOVE) == []
    assert other_lines(crowd) == ["D1 to D8: 8 drainage holes, 2.0 mm wide"]


def test_labels_on_a_ring_move_apart_and_keep_their_order():
    wanted = np.sort(np.random.default_rng(0).uniform(0, 100, 18))
    places = spread_apart(wanted, 5.0, 100.0)
    assert (np.diff(np.append(places, places[0] + 100.0)) >= 5.0 - 1e-6).all()
    np.testing.assert_array_equal(spread_apart(np.array([1.0, 50.0]), 5.0, 100.0), [1.0, 50.0])


def test_the_table_holds_the_numbers_of_the_file(tmp_path: Path):
    write_features(tmp_path / "features.json", plated(5))
    rows = screw_rows(read_features(tmp_path / "features.json"))
    listed = json.loads((tmp_path / "features.json").read_text())["features"]
    screws = [each for each in listed if each["kind"] == "screw"]
    assert len(rows) == len(screws) == 10
    for row, screw in zip(rows, screws, strict=True):
        hold = screw["hold"]
        numbers = screw["diameter_mm"], screw["length_mm"], hold["held_mm"], hold["tip_to_inner_mm"]
        assert row[:3] == (screw["label"], hold["fixation"], hold["material"])
        assert row[3:7] == tuple(f"{number:.1f}" for number in numbers)
        assert row[7] == f"{hold['next_mm']:.1f} to {hold['next_fixation']}"
    bare = Feature("screw", "S1", (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 1.5, 4.0)
    assert screw_rows([bare]) == [("S1", "", "", "1.5", "4.0", "", "", "")]


def longest_run(row: np.ndarray) -> int:
    """Return the length of the longest run of true values."""
    ends = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return int((ends[1::2] - ends[::2]).max(initial=0))


def test_the_drawn_part_has_its_size_at_the_scale_of_the_bar(tmp_path: Path):
    part = cap(RADIUS_MM, 4.0, ANGLE, edge_mm=3.0).mesh
    width_mm = float(np.ptp(part.vertices[:, 0]))
    data = draw_part(part, plated(4), None)
    image = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert image.shape[1] == 1600
    dark = np.abs(image - np.array(INK)).max(axis=2) < 60
    runs = np.array([longest_run(row) for row in dark[:, 20:420]])
    bar = int(np.flatnonzero(runs > 60)[-1])
    below = dark[700 : bar - 20]
    dimension = below[below.sum(axis=1).argmax()]
    assert np.ptp(np.nonzero(dimension)[0]) / runs[bar] == pytest.approx(width_mm / 50.0, rel=0.02)
    write_drawing(tmp_path / "drawing.png", implant=part, features=plated(4))
    assert (tmp_path / "drawing.png").read_bytes() == data


def test_a_width_out_of_range_is_refused():
    with pytest.raises(InputError, match="800 to 6400"):
        draw_part(cap(RADIUS_MM, 4.0, ANGLE, edge_mm=6.0).mesh, [], None, width_px=100)
