"""estimate_vault: which bone counts as missing, seen through the whole reconstruction."""

from __future__ import annotations

import edt
import numpy as np
import pytest
from scipy import ndimage

from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.reconstruction import reconstruct
from meshimplant.skull.pose import fit_pose
from meshimplant.volume import Volume

DEPTH_MM = 1.8


@pytest.fixture(scope="module")
def cut() -> Craniectomy:
    return craniectomy(skull_phantom(spacing_mm=1.0, seed=4), kind="random", seed=1)


def far_from_truth(cut: Craniectomy) -> np.ndarray:
    """Distance of every voxel to the true implant, mm."""
    return edt.edt(
        np.ascontiguousarray(cut.truth.array == 0), anisotropy=tuple(map(float, cut.truth.spacing_mm))
    )


def grooved(cut: Craniectomy) -> Volume:
    """Take the innermost bone off around the defect: a groove under an intact outer table."""
    skull = cut.defective
    bone = skull.array != 0
    index = np.argwhere(bone & (far_from_truth(cut) < 16))
    points = skull.to_mm(index)
    outward = points - fit_pose(skull).centre_mm
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    behind = ndimage.map_coordinates(
        bone.astype(np.float32), skull.to_index(points - DEPTH_MM * outward).T, order=1
    )
    array = skull.array.copy()
    array[tuple(index[behind < 0.5].T)] = 0
    return skull.with_array(array)


def test_a_groove_beside_the_defect_is_left_alone(cut) -> None:
    skull = grooved(cut)
    taken = np.count_nonzero(cut.defective.array) - np.count_nonzero(skull.array)
    assert taken > 1000
    found = reconstruct(skull).mask.array != 0
    astray = found & (far_from_truth(cut) > 4)
    assert np.count_nonzero(astray) < 0.02 * taken
