"""A volume keeps its place in the patient and refuses impossible geometry."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshimplant.errors import GeometryError, InputError
from meshimplant.voxels.volume import Volume

FAR = np.array([-213.5, 402.25, 1371.75])
ORIENTATIONS = [
    "".join(letters)
    for names in itertools.permutations(("LR", "PA", "SI"))
    for letters in itertools.product(*names)
]


def _turn(seed: int) -> np.ndarray:
    """Return a rotation matrix, the same for the same seed."""
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix * np.linalg.det(matrix)


def _volume(direction=None, *, spacing=(0.5, 0.75, 1.25), shape=(7, 5, 6), dtype=np.int16) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if direction is None else direction) * np.asarray(spacing)
    affine[:3, 3] = FAR
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    return Volume(array, affine)


def _by_place(volume: Volume) -> dict[tuple[float, ...], float]:
    """Return the value of each voxel by its place in the patient."""
    index = np.moveaxis(np.indices(volume.shape), 0, -1).reshape(-1, 3)
    places = np.round(volume.to_mm(index), 6) + 0.0
    return dict(zip(map(tuple, places.tolist()), volume.array.ravel().tolist(), strict=True))


# -- geometry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_indices_and_millimetres_are_inverse(seed):
    volume = _volume(_turn(seed))
    index = np.random.default_rng(seed).uniform(-5, 12, (4, 9, 3))
    np.testing.assert_allclose(volume.to_index(volume.to_mm(index)), index, atol=1e-9)
    np.testing.assert_allclose(volume.to_mm((0, 0, 0)), FAR)
    np.testing.assert_allclose(volume.spacing_mm, (0.5, 0.75, 1.25))
    assert volume.voxel_volume_mm3 == pytest.approx(0.5 * 0.75 * 1.25)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_reorient_moves_no_voxel_and_is_its_own_inverse(orientation):
    volume = _volume()
    turned = volume.reorient(orientation)
    assert turned.orientation == orientation
    assert _by_place(turned) == _by_place(volume)
    back = turned.reorient("LPS")
    np.testing.assert_array_equal(back.array, volume.array)
    assert back.same_grid(volume, tolerance_mm=1e-9)


def test_an_oblique_grid_has_the_nearest_orientation_and_stays_oblique():
    tilt = _turn(5)
    volume = _volume(tilt)
    for orientation in ("LPS", "RAS", "SAL"):
        turned = volume.reorient(orientation)
        assert _by_place(turned) == _by_place(volume)
        assert turned.orientation == orientation


@pytest.mark.parametrize(
    ("wanted", "words"), [("LPX", "such as"), ("LP", "such as"), ("LRS", "different"), ("lps", "such")]
)
def test_impossible_orientations_are_refused(wanted, words):
    with pytest.raises(GeometryError, match=words):
        _volume().reorient(wanted)


def test_same_grid_compares_every_corner():
    volume = _volume(shape=(200, 5, 6))
    affine = volume.affine.copy()
    affine[:3, 0] *= 1 + 2e-5  # 2 micrometres at the far end
    assert volume.same_grid(Volume(volume.array, affine), tolerance_mm=3e-3)
    assert not volume.same_grid(Volume(volume.array, affine), tolerance_mm=1e-3)
    with pytest.raises(GeometryError, match="expected the skull and the implant volume on one grid"):
        volume.require_same_grid(_volume(), names=("skull", "implant"))
    volume.require_same_grid(volume)


def test_shear_is_measured_in_degrees():
    for shear_deg, allowed in ((0.05, True), (0.2, False), (-18.5, False)):
        affine = np.eye(4)
        affine[1, 2] = np.tan(np.radians(shear_deg))
        if allowed:
            Volume(np.zeros((2, 2, 2)), affine)
        else:
            with pytest.raises(GeometryError, match="shear"):
                Volume(np.zeros((2, 2, 2)), affine)


# -- cutting and pasting ------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    start=st.tuples(*[st.integers(-3, 6)] * 3),
    size=st.tuples(*[st.integers(1, 9)] * 3),
    seed=st.integers(0, 5),
)
def test_a_crop_has_the_same_voxels_at_the_same_places(start, size, seed):
    volume = _volume(_turn(seed))
    stop = np.add(start, size)
    inside = np.minimum(stop, volume.shape) > np.maximum(start, 0)
    if not inside.all():
        with pytest.raises(GeometryError, match="no voxel"):
            volume.crop(start, stop)
        return
    crop = volume.crop(start, stop)
    assert _by_place(crop).items() <= _by_place(volume).items()
    pasted = crop.paste_into(volume, fill=-1)
    kept = pasted.array >= 0
    assert np.count_nonzero(kept) == crop.array.size
    np.testing.assert_array_equal(pasted.array[kept], volume.array[kept])


def test_padding_keeps_voxels_in_place_and_pasting_reverses_it():
    volume = _volume(_turn(2))
    padded = volume.pad(2, value=-7)
    assert padded.shape == (11, 9, 10)
    assert _by_place(volume).items() <= _by_place(padded).items()
    assert np.count_nonzero(padded.array == -7) == padded.array.size - volume.array.size
    np.testing.assert_array_equal(padded.paste_into(volume).array, volume.array)


def test_pasting_elsewhere_gives_only_fill_and_other_grids_are_refused():
    volume = _volume()
    moved = Volume(volume.array, volume.affine + np.array([[0, 0, 0, 75]] * 3 + [[0] * 4]))
    assert (moved.paste_into(volume, fill=3).array == 3).all()
    half = volume.affine.copy()
    half[0, 3] += 0.25
    with pytest.raises(GeometryError, match="resample_to"):
        Volume(volume.array, half).paste_into(volume)
    with pytest.raises(GeometryError, match="resample_to"):
        _volume(spacing=(0.5, 0.75, 1.0)).paste_into(volume)


def test_with_array_keeps_the_grid_and_refuses_another_shape():
    volume = _volume()
    assert volume.with_array(np.zeros(volume.shape)).same_grid(volume)
    with pytest.raises(GeometryError, match="must match this grid"):
        volume.with_array(np.zeros((5, 7, 6)))


# -- resampling ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_a_linear_field_is_resampled_exactly_onto_any_grid(seed):
    """Trilinear interpolation reproduces ax + by + cz wherever the source reaches, on any pair of grids."""
    source = _volume(_turn(seed), spacing=(1.0, 1.5, 2.0), shape=(40, 30, 24), dtype=np.float64)
    grid = _volume(_turn(seed + 10), shape=(9, 11, 8))
    middle = source.to_mm((19.5, 14.5, 11.5)) - grid.to_mm((4, 5, 3.5))
    affine = grid.affine.copy()
    affine[:3, 3] += middle
    grid = Volume(grid.array, affine)
    slope = np.array([0.3, -0.7, 0.2])

    def field(volume: Volume) -> np.ndarray:
        return (volume.to_mm(np.moveaxis(np.indices(volume.shape), 0, -1)) - FAR) @ slope

    seen = source.with_array(field(source)).resample_to(grid)
    assert seen.same_grid(grid)
    np.testing.assert_allclose(seen.array, field(grid), atol=1e-4)


def test_nearest_keeps_labels_and_bool_stays_bool():
    volume = _volume()
    finer = Volume(np.zeros((14, 10, 12)), volume.affine @ np.diag([0.5, 0.5, 0.5, 1]))
    nearest = volume.resample_to(finer, order=0, fill=-1)
    assert nearest.array.dtype == np.int16
    np.testing.assert_array_equal(nearest.array[::2, ::2, ::2], volume.array)
    mask = volume.with_array(volume.array > 50).resample_to(volume)
    assert mask.array.dtype == bool
    np.testing.assert_array_equal(mask.array, volume.array > 50)


def test_outside_the_source_is_fill():
    volume = _volume()
    affine = volume.affine.copy()
    affine[:3, 3] += 1000
    assert (volume.resample_to(Volume(volume.array, affine), fill=-1000).array == -1000).all()


# -- invalid input, and properties --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 3)), "3-D"),
        (np.zeros((2, 3, 3, 3)), "3-D"),
        (np.zeros((0, 3, 3)), "3-D"),
        (np.zeros((2, 2, 2), complex), "numbers"),
        (np.zeros((2, 2, 2), object), "numbers"),
        (np.full((2, 2, 2), np.nan), "8 NaN"),
        (np.array([[[1, np.inf]]]), "1 NaN or infinite"),
    ],
)
def test_impossible_arrays_are_refused(array, words):
    with pytest.raises(InputError, match=words):
        Volume(array, np.eye(4))


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.eye(3), "shape"),
        (np.diag([1, 1, np.nan, 1]), "finite"),
        (np.ones((4, 4)), "last row"),
        (np.diag([1.0, 0, 1, 1]), "voxel edges"),
        (np.diag([5e-4, 5e-4, 1e-3, 1]), "unit"),
        (np.diag([25.0, 1, 1, 1]), "voxel edges"),
        ([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1]], "voxel edges|shear"),
        ([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], "shear"),
    ],
)
def test_impossible_affines_are_refused(affine, words):
    with pytest.raises(GeometryError, match=words):
        Volume(np.zeros((2, 2, 2)), affine)


def test_a_volume_is_a_read_only_view_and_leaves_its_source_writable():
    array, affine = np.zeros((2, 3, 4)), np.eye(4)
    volume = Volume(array, affine)
    assert np.shares_memory(volume.array, array)
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 2
    array[0, 0, 0] = 5
    affine[0, 0] = 3
    assert volume.affine[0, 0] == 1
    with pytest.raises(AttributeError):
        volume.array = array


def test_the_repr_states_size_type_spacing_and_orientation():
    assert repr(_volume().reorient("RAS")) == "Volume(7 x 5 x 6 int16, 0.5 x 0.75 x 1.25 mm, RAS)"


def test_a_volume_grows_by_whole_voxels_to_hold_a_box_and_keeps_its_place() -> None:
    volume = Volume(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.diag([2.0, 2.0, 3.0, 1.0]))
    grown = volume.grown_to((-1, 1, 0), (1, 5, 4), fill=-7)
    assert grown.shape == (3, 5, 4)
    assert grown.start_in(volume).tolist() == [-1, 0, 0]
    assert np.array_equal(grown.array[1:, :3], volume.array)
    assert (grown.array[0] == -7).all()
    assert (grown.array[:, 3:] == -7).all()
    assert volume.grown_to((0, 1, 0), (2, 3, 4)) is volume
