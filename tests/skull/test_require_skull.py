"""What is a skull, and what is told to be none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meshimplant.datasets.craniectomy import craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.errors import EmptyMaskError, InputError
from meshimplant.io.volumes import read_volume
from meshimplant.skull.enclosure import find_braincase
from meshimplant.skull.require_skull import require_skull
from meshimplant.skull.segment import segment_bone
from meshimplant.voxels.volume import Volume

_MM = 3.0


def _body(shape: str, scale: float = 1.0) -> Volume:
    """Return a body around the origin, in voxels of 3 mm."""
    grid = (np.indices((80, 80, 80)) - 39.5) * _MM
    x, y, z = grid
    radius, across = np.linalg.norm(grid, axis=0), np.hypot(x, y)
    shell = (radius > 70) & (radius < 77)
    inside = {
        "brain": radius < 70,
        "implant": shell & (z > 45),
        "half vault": shell & (z > 0) & (x > 0),
        "head holder": (across > 100) & (across < 106) & (y > 0),
        "collar": (across > 60) & (across < 66) & (np.abs(z) < 40),
        "jaw": (across > 45) & (across < 55) & (y < 10) & (np.abs(z) < 15),
        "long bone": (across > 8) & (across < 15),
        "knee": (np.hypot(x, y) < 14) | ((np.abs(z) < 24) & (np.hypot(x - 20, y) < 16)),
        "hollow knee": (across > 14) & (across < 18)
        | (np.abs(np.linalg.norm(np.stack([np.abs(x) - 20, y, z - 12]), axis=0) - 20) < 3),
        "head": shell,
        "head without base": shell & (z > -25),
        "half of a vault without base": shell & (z > -40) & ~((x > 0) & (z > 10)),
        "head without vertex": shell & (z < 40),
    }
    affine = np.diag([_MM * scale, _MM * scale, _MM * scale, 1.0])
    affine[:3, 3] = -39.5 * _MM * scale
    return Volume(inside[shape], affine)


@pytest.mark.parametrize(
    "shape", ["implant", "half vault", "head holder", "collar", "jaw", "long bone", "knee", "hollow knee"]
)
def test_bone_that_encloses_no_brain_is_told_in_one_sentence(shape: str) -> None:
    with pytest.raises(InputError, match=r"got a body of .*\(an implant, a jaw, another"):
        require_skull(_body(shape))


def test_a_solid_body_is_told_by_its_depth() -> None:
    with pytest.raises(InputError, match=r"got a body \d+ mm deep \(a whole head, a brain"):
        require_skull(_body("brain"))


def test_a_skull_in_centimetres_is_none_and_its_size_is_said() -> None:
    with pytest.raises(InputError, match=r"got a body of 16 x 16 x 16 mm .* in millimetres"):
        require_skull(_body("head", scale=0.1))


def test_an_empty_mask_is_told() -> None:
    with pytest.raises(EmptyMaskError):
        require_skull(Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4)))


@pytest.mark.parametrize(
    ("shape", "scale"),
    [
        *[("head", 1.0), ("head", 0.65), ("head", 1.2), ("head without base", 1.0)],
        *[("half of a vault without base", 1.0), ("head without vertex", 1.0)],
    ],
)
def test_rests_of_a_head_of_any_size_are_skulls(shape: str, scale: float) -> None:
    require_skull(_body(shape, scale))


@pytest.mark.parametrize("orientation", ["LPS", "SRA"])
def test_a_skull_with_a_defect_is_one_and_its_braincase_is_found(phantom, phantom_pose, orientation) -> None:
    skull = craniectomy(phantom, kind="bilateral", seed=2).defective.reorient(orientation)
    found = require_skull(skull)
    assert found.sides_fraction > 0.8
    assert np.linalg.norm(found.centre_mm - phantom_pose.centre_mm) < 45


@pytest.mark.realdata
def test_a_real_skull_is_one_and_its_implant_is_not(data_folder: Path) -> None:
    skull = next(iter(sorted(data_folder.glob("skullfix/test_defective/*.nrrd"))))
    implant = next(iter(sorted(data_folder.glob("skullfix/implant/*.nrrd"))))
    volume = read_volume(skull)
    coarse = Volume(volume.array[::3, ::3, ::3], volume.affine @ np.diag([3.0, 3.0, 3.0, 1.0]))
    assert require_skull(coarse).sides_fraction > 0.85
    assert not find_braincase(read_volume(implant)).is_braincase


def test_two_heads_in_one_file_are_refused_and_a_bar_beside_the_head_is_not() -> None:
    skull = skull_phantom(spacing_mm=3.0, seed=4)

    def beside(other: np.ndarray) -> Volume:
        air = np.zeros((8, *skull.shape[1:]), np.uint8)
        return Volume(np.concatenate([skull.array.astype(np.uint8), air, other]), skull.affine)

    with pytest.raises(InputError, match="got two bodies of the size of a head, around"):
        require_skull(beside(skull.array.astype(np.uint8)))
    bar = np.zeros((4, *skull.shape[1:]), np.uint8)
    bar[:, 2:-2, 2:-2] = 1
    assert require_skull(beside(bar)).is_braincase


def _as_ct(*bodies: np.ndarray) -> Volume:
    """Return bodies of bone side by side in a CT, bone at 900 HU."""
    air = np.zeros((8, *bodies[0].shape[1:]), bool)
    rows = [row for body in bodies for row in (air, body, air)]
    bone = np.pad(np.concatenate(rows), 2)
    return Volume(np.where(bone, 900, -1000).astype(np.int16), np.diag([_MM, _MM, _MM, 1.0]))


def test_two_heads_in_a_ct_are_refused_before_one_of_them_is_left_out() -> None:
    head = _body("head").array
    with pytest.raises(InputError, match="got two bodies of the size of a head, around"):
        segment_bone(_as_ct(head, head))


@pytest.mark.parametrize("other", ["head holder", "collar", "jaw", "half vault"])
def test_what_else_lies_beside_a_head_in_a_ct_is_left_out(other: str) -> None:
    head = _body("head").array
    ct = _as_ct(head, _body(other).array)
    bone = segment_bone(ct).array
    assert np.count_nonzero(bone) == np.count_nonzero(head)
