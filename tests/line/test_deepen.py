"""deepen adds depth on the inside and moves nothing on the outside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from shapes import cap, oblique, random_rotation

from meshimplant.line.deepen import deepen
from meshimplant.line.extract import extract
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

OUTER_MM, THICK_MM, HALF_DEG = 80.0, 2.0, 25.0
PLACES = {
    "straight": (None, np.zeros(3), None),
    "turned and far": (random_rotation(2), np.array([140.0, -310.0, 520.0]), oblique()),
}


@pytest.fixture(scope="module", params=PLACES)
def place(request):
    """Return the cap's field, its sphere's centre, and the cap's axis."""
    turn, shift, direction = PLACES[request.param]
    body = cap(OUTER_MM, THICK_MM, HALF_DEG).moved(turn, shift)
    field = body.field((0.8, 0.8, 1.0), direction=direction, margin_mm=9)
    return field, shift, (np.eye(3) if turn is None else turn)[:, 2]


def flank(field: Volume, centre: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the radii of the outer and of the inner surface away from the border."""
    away = extract(field).vertices - centre
    radius = np.linalg.norm(away, axis=1)
    middle = away @ axis / radius > np.cos(np.radians(HALF_DEG - 5))
    outside = radius > OUTER_MM - THICK_MM / 2
    return radius[middle & outside], radius[middle & ~outside]


@pytest.mark.parametrize("depth_mm", [3.0, 1.3])
def test_the_outer_surface_stays_and_the_inner_one_moves_by_the_depth(place, depth_mm) -> None:
    field, centre, axis = place
    outer, inner = flank(deepen(field, depth_mm, inside_mm=centre), centre, axis)
    assert outer == pytest.approx(OUTER_MM, abs=0.1)
    assert inner == pytest.approx(OUTER_MM - THICK_MM - depth_mm, abs=0.1)


def test_the_border_stays(place) -> None:
    """The sweep is radial, as the border is: the body grows no wider."""
    field, centre, axis = place
    away = extract(deepen(field, 3.0, inside_mm=centre)).vertices - centre
    polar = np.degrees(np.arccos(away @ axis / np.linalg.norm(away, axis=1)))
    assert np.radians(polar.max() - HALF_DEG) * OUTER_MM < 0.1
    assert np.radians(polar.max() - HALF_DEG) * OUTER_MM > -0.5


def test_values_outside_the_outer_surface_are_those_of_the_body(place) -> None:
    field, centre, axis = place
    points = centre + np.linspace(OUTER_MM - 0.5, OUTER_MM + 3, 20)[:, None] * axis
    swept = deepen(field, 3.0, inside_mm=centre)
    assert sample(swept, points) == pytest.approx(sample(field, points), abs=0.05)


def test_deepening_only_adds_to_the_body(place) -> None:
    field, centre, _ = place
    before = field.array.copy()
    swept = deepen(field, 3.0, inside_mm=centre)
    assert np.all(swept.array >= field.array)
    assert swept.same_grid(field, tolerance_mm=0)
    assert np.array_equal(field.array, before)


def test_a_depth_of_zero_changes_nothing(place) -> None:
    field, centre, _ = place
    assert np.array_equal(deepen(field, 0.0, inside_mm=centre).array, field.array)


def swept_everywhere(body: Volume, depth_mm: float, centre_mm: np.ndarray) -> Volume:
    """Sweep every voxel of the grid in the same steps."""
    index = np.argwhere(np.ones(body.shape, bool))
    outwards = body.to_mm(index) - centre_mm
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    step = outwards @ np.linalg.inv(body.affine)[:3, :3].T
    values = body.array.ravel().copy()
    for distance in np.linspace(0, depth_mm, 1 + int(np.ceil(depth_mm / 0.5)))[1:]:
        moved = (index + distance * step).T
        read = ndimage.map_coordinates(body.array, moved, order=1, mode="nearest", output=np.float32)
        np.maximum(values, read, out=values)
    return body.with_array(values.reshape(body.shape))


def test_the_mesh_is_bit_for_bit_that_of_a_sweep_of_the_whole_grid(place) -> None:
    """Removed debris lies all around the body, as in the subtraction of a whole skull."""
    field, centre, _ = place
    wide = np.full(np.array(field.shape) + 40, -6.0, np.float32)
    wide[20:-20, 20:-20, 20:-20] = field.array
    wide[wide < -5] = -0.2
    affine = field.affine.copy()
    affine[:3, 3] = field.to_mm((-20, -20, -20))
    body = Volume(wide, affine)
    swept, everywhere = deepen(body, 3.0, inside_mm=centre), swept_everywhere(body, 3.0, centre)
    assert not np.array_equal(swept.array, body.array)
    mesh, same = extract(swept, level=0), extract(everywhere, level=0)
    assert np.array_equal(mesh.vertices, same.vertices)
    assert np.array_equal(mesh.faces, same.faces)
