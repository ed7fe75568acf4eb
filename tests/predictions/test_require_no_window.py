"""`require_no_window`: a window of a CT is asked for, and no probability is taken for one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_ct import make_head, scan
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from meshimplant import Volume, write_volume
from meshimplant.errors import InputError
from meshimplant.predictions.read_prediction import read_prediction
from meshimplant.predictions.require_no_window import require_no_window
from meshimplant.values.read_values import Reading, read_values
from meshimplant.values.value_words import PREDICTION_ASKING, VALUE_MEANINGS
from meshimplant.voxels.distance import signed_distance

_NOTE = VALUE_MEANINGS["probability"]


@pytest.fixture(scope="module")
def ct() -> Volume:
    return scan(make_head(1, scale=0.75), pixel_mm=1.0, slice_mm=1.5)


@pytest.fixture(scope="module")
def whole(ct: Volume) -> Volume:
    """The bone of the CT, as a mask of soft edges would be cut."""
    return ct.with_array(ndimage.binary_closing(ct.array > 300, iterations=2).astype(np.uint8))


@pytest.fixture(scope="module")
def skull(whole: Volume) -> Volume:
    """The skull with a hole of 40 mm."""
    points = whole.to_mm(np.moveaxis(np.indices(whole.shape), 0, -1))
    return whole.with_array(whole.array * (np.linalg.norm(points - (35, 0, 45), axis=-1) > 20))


def read(values: NDArray[np.floating], skull: Volume) -> None:
    require_no_window(read_values(skull.with_array(values), asking=PREDICTION_ASKING), skull)


def window(ct: Volume, low: float, high: float) -> NDArray[np.float32]:
    return ((ct.array.astype(np.float32) - low) / (high - low)).clip(0, 1)


@pytest.mark.parametrize(("low", "high"), [(80, 700), (0, 1000), (150, 1500), (300, 1300), (600, 800)])
@pytest.mark.parametrize("full", [1, 255])
def test_a_window_of_bone_is_asked_for(ct: Volume, skull: Volume, low: int, high: int, full: int) -> None:
    values = window(ct, low, high)
    stored = values if full == 1 else np.rint(full * values).astype(np.uint8)
    with pytest.raises(InputError, match=rf"give --predicted-values probability{'-255' * (full > 1)} if"):
        read(stored, skull)


def test_a_noisy_window_of_soft_tissue_is_asked_for(ct: Volume, skull: Volume) -> None:
    noisy = ct.array + np.random.default_rng(0).normal(0, 90, ct.shape)
    with pytest.raises(InputError, match="cm3 away from it, as in a CT"):
        read(window(ct.with_array(noisy), -40, 120), skull)


@pytest.mark.parametrize("blur_mm", [0, 0.5, 1, 2, 3])
@pytest.mark.parametrize("noise", [0, 0.1])
def test_a_soft_or_noisy_prediction_is_a_probability(
    whole: Volume, skull: Volume, blur_mm: float, noise: float
) -> None:
    soft = ndimage.gaussian_filter(whole.array.astype(np.float32), blur_mm / whole.spacing_mm)
    rough = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, noise, whole.shape), 1)
    read((soft + rough * (soft > 0.02)).clip(0, 1).astype(np.float32), skull)


def test_an_implant_and_a_shape_that_is_unsure_at_the_hole_are_probabilities(
    whole: Volume, skull: Volume
) -> None:
    missing = signed_distance(whole.with_array(whole.array & ~skull.array)).array
    read(expit(2 * missing), skull)
    distance = signed_distance(whole).array
    read(np.where(skull.array, expit(2 * distance), expit(0.4 * distance)), skull)


def test_a_crop_around_the_hole_is_compared_where_it_is_known(
    ct: Volume, whole: Volume, skull: Volume
) -> None:
    soft = whole.with_array(ndimage.gaussian_filter(whole.array.astype(np.float32), 1))
    windowed = ct.with_array(window(ct, 80, 700))
    box = ((60, 50, 20), (140, 140, 71))
    require_no_window(read_values(soft.crop(*box), asking=PREDICTION_ASKING), skull)
    with pytest.raises(InputError, match="as in a CT"):
        require_no_window(Reading("probability", windowed.crop(*box), 0.5, note=_NOTE), skull)


def test_what_is_stated_is_not_asked_for(ct: Volume, skull: Volume, tmp_path) -> None:
    write_volume(ct.with_array(window(ct, 80, 700)), tmp_path / "p.nrrd")
    with pytest.raises(InputError, match=r"p\.nrrd: .*or --level with the lowest value of bone"):
        read_prediction(tmp_path / "p.nrrd", skull)
    stated = read_prediction(tmp_path / "p.nrrd", skull, values="probability")
    level = read_prediction(tmp_path / "p.nrrd", skull, level=0.5)
    np.testing.assert_array_equal(stated.volume.array, level.volume.array)


def test_only_a_probability_is_looked_at(ct: Volume, skull: Volume) -> None:
    reading = read_values(skull.with_array(window(ct, 80, 700)), asking=PREDICTION_ASKING)
    require_no_window(replace(reading, kind="field"), skull)
