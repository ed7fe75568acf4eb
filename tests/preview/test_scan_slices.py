"""Slices: bone and outline lie where they belong, in the patient's planes, whatever the grid."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from shapes import oblique, shell, sphere

from meshimplant.errors import InputError
from meshimplant.preview.scan_slices import SlicePlace, draw_slices, write_slices

AT = np.array([30.0, -40.0, 400.0])
BALL = sphere(20.0, AT, subdivisions=4).mesh


def pixels(**arguments) -> np.ndarray:
    data = draw_slices(width_px=1600, **arguments)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def blue(image) -> np.ndarray:
    """Pixels of the outline."""
    return (image[..., 2] - image[..., 0] > 120) & (image[..., 1] > 100)


def head(direction=None):
    """A hollow ball of bone around the place, with a small ball at its left, front and top."""
    left_front_top = sphere(6.0, AT + (25, -25, 25), subdivisions=1)
    around = shell(38.0, 5.0).moved(np.eye(3), AT)
    grid = around.grid(1.5, direction=direction)
    bone = (around.mask(1.5, grid=grid).array != 0) | (left_front_top.mask(1.5, grid=grid).array != 0)
    return grid.with_array(bone.astype(np.uint8))


@pytest.mark.parametrize("direction", [np.eye(3), oblique(), np.diag([-1.0, 1.0, -1.0])])
def test_the_outline_is_a_circle_of_the_right_size_in_each_plane(direction):
    image = pixels(implant=BALL, scan=head(direction))
    for column in range(3):
        card = image[110:600, 23 + column * 522 : 23 + column * 522 + 510]
        rows, columns = np.nonzero(blue(card))
        mm_per_px = 2 * (20 + 25) / 486
        width, height = (np.ptp(each) * mm_per_px for each in (columns, rows))
        # The planes run through a vertex on the ball, so that two of the circles are smaller.
        assert max(width, height) <= 40.8
        assert width == pytest.approx(height, abs=0.8)


@pytest.mark.parametrize("direction", [np.eye(3), oblique(), np.diag([-1.0, 1.0, -1.0])])
@pytest.mark.parametrize(
    ("axis", "right", "below"), [((1, 1, 0), -25, 25), ((1, 0, 1), -25, 25), ((0, 1, 1), 25, 25)]
)
def test_right_back_and_below_are_where_the_letters_say(direction, axis, right, below):
    # Seen from the small ball, the head's middle is 25 mm to the patient's right, back and below.
    spot = SlicePlace("S1", (*(AT + (25, -25, 25)),), axis)
    image = pixels(implant=BALL, scan=head(direction), places=[spot])[672:1158, 35:521]
    rows, columns = np.nonzero(image.min(axis=2) > 150)
    assert image[238:248, 238:248].min() > 150
    assert np.sign(columns.mean() - 243) == np.sign(right)
    assert np.sign(rows.mean() - 243) == np.sign(below)
    assert min(abs(columns.mean() - 243), abs(rows.mean() - 243)) > 20


def test_a_place_is_shown_in_a_plane_that_holds_its_axis():
    scan = head()
    two = [SlicePlace("S1", (*AT,), (0, 0, 1)), SlicePlace("S2", (*AT,), (1, 0, 0))]
    image = pixels(implant=BALL, scan=scan, places=two)
    assert image.shape[0] > pixels(implant=BALL, scan=scan).shape[0]


def test_a_ct_is_shown_in_grey_and_a_mask_in_black_and_white():
    mask = head()
    ct = mask.with_array(np.where(mask.array != 0, 900, 40).astype(np.int16))
    grey = pixels(implant=BALL, scan=ct)[300:320, 200:330]
    black = pixels(implant=BALL, scan=mask)[300:320, 200:330]
    assert 20 < np.median(grey) < 60
    assert np.median(black) == 0


def test_equal_input_gives_equal_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        write_slices(tmp_path / name, implant=BALL, scan=head())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_a_part_outside_the_scan_is_refused(tmp_path):
    with pytest.raises(InputError, match="within the scan"):
        write_slices(tmp_path / "a.png", implant=sphere(20, (0, 0, 0)).mesh, scan=head())
    assert not (tmp_path / "a.png").exists()
