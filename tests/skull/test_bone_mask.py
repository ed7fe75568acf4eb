"""A skull in memory is a mask of bone in every public function, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import trimesh
from scipy import ndimage

import meshimplant
from meshimplant.errors import InputError
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.voxels.volume import Volume

_MM = 3.0
_AFFINE = np.array([[_MM, 0, 0, -90], [0, _MM, 0, -90], [0, 0, _MM, -90], [0, 0, 0, 1]])
_RADIUS = np.linalg.norm((np.indices((61, 61, 61)) - 30) * _MM, axis=0)
_BONE, _BRAIN = (_RADIUS > 70) & (_RADIUS < 77), _RADIUS <= 70

NO_MASKS = {
    "CT": np.where(_BONE, 900, np.where(_BRAIN, 40, -1000)).astype(np.int16),
    "bone window of a CT": np.where(_BONE, 255, np.where(_BRAIN, 20, 0)).astype(np.uint8),
    "probability": ndimage.gaussian_filter(_BONE.astype(np.float32), 1),
    "labels": np.where(_BONE, 1, np.where(_BRAIN, 2, 0)).astype(np.uint8),
    "distances": np.minimum(_RADIUS - 70, 77 - _RADIUS).astype(np.float32),
    "background": (~_BONE).astype(np.uint8),
    "background as bool": ~_BONE,
    "background as 0 and 255": 255 * (~_BONE).astype(np.uint8),
    "filled head": _BONE | _BRAIN,
    "no air": np.ones(_BONE.shape, np.uint8),
}
MASKS = {
    "uint8": _BONE.astype(np.uint8),
    "bool": _BONE,
    "0 and 255": 255 * _BONE.astype(np.uint8),
    "int64": _BONE.astype(np.int64),
    "-1 and 1": np.where(_BONE, 1, -1).astype(np.int8),
    "noise on floats": _BONE + np.random.default_rng(0).normal(0, 1e-5, _BONE.shape),
}
SKULL = Volume(_BONE.astype(np.uint8), _AFFINE)
PART = trimesh.creation.icosphere(subdivisions=2, radius=20).apply_translation((0, 0, 70))
TAKERS: dict[str, Callable[[Volume], object]] = {
    "check_fit": lambda skull: meshimplant.check_fit(PART, skull),
    "check_part": lambda skull: meshimplant.check_part(PART, skull=skull),
    "complete_skull": lambda skull: meshimplant.complete_skull(skull, method="mirror"),
    "clear_way": lambda skull: meshimplant.clear_way(PART, skull),
    "craniectomy": lambda skull: meshimplant.craniectomy(skull, kind="bilateral", seed=0),
    "design_implant": lambda skull: meshimplant.design_implant(skull, implant=SKULL),
    "find_insertion": lambda skull: meshimplant.find_insertion(PART, skull),
    "link": lambda skull: meshimplant.link([skull], spacing_mm=4.0, frame="scanner"),
    "make_insertable": lambda skull: meshimplant.make_insertable(PART, skull),
    "read_head_shape": meshimplant.read_head_shape,
    "reconstruct": lambda skull: meshimplant.reconstruct(skull, implant=SKULL),
    "separate": lambda skull: meshimplant.separate(SKULL, skull=skull),
    "Site.around": lambda skull: meshimplant.Site.around(skull, PART),
    "skull_model": meshimplant.skull_model,
    "skull_thickness": lambda skull: meshimplant.skull_thickness(PART, skull),
    "subtract": lambda skull: meshimplant.subtract(SKULL, skull),
    "trim": lambda skull: meshimplant.trim(PART, skull),
}


@pytest.mark.parametrize("values", NO_MASKS)
@pytest.mark.parametrize("taker", TAKERS)
def test_what_is_no_mask_of_bone_is_refused_by_every_function_that_takes_a_skull(
    taker: str, values: str
) -> None:
    with pytest.raises(InputError, match=r"expected a mask of .* skull, got .*read_skull"):
        TAKERS[taker](Volume(NO_MASKS[values], _AFFINE))


@pytest.mark.parametrize("values", MASKS)
def test_masks_of_any_type_and_values_are_the_same_bone(values: str) -> None:
    mask = bone_mask(Volume(MASKS[values], _AFFINE))
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.array, SKULL.array)


def test_the_bone_of_a_slab_that_fills_its_grid_is_bone() -> None:
    slab = Volume(np.ones((40, 40, 4), np.uint8), np.eye(4))
    np.testing.assert_array_equal(bone_mask(slab).array, slab.array)
