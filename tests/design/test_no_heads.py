"""Blocks of bone and meshes without area end in an error of ours, whatever is asked of them."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant import design_implant, perforate, repair, split
from meshimplant.errors import InputError, MeshError
from meshimplant.mesh.convert import new_mesh
from meshimplant.voxels.volume import Volume


def test_a_block_of_bone_is_no_skull():
    array = np.zeros((60, 60, 60), np.uint8)
    array[10:50, 10:50, 10:50] = 1
    with pytest.raises(InputError, match="never more than"):
        design_implant(Volume(array, np.diag([3.0, 3.0, 3.0, 1.0])))


@pytest.mark.parametrize("step", [repair, split, perforate])
def test_a_mesh_without_area_is_refused(step):
    flat = new_mesh(np.array([[0, 0, 0], [10, 0, 0], [20, 0, 0]]), np.array([[0, 1, 2], [0, 2, 1]]))
    with pytest.raises(MeshError, match=r"area|closed"):
        step(flat)
