"""Packed arrays: the same numbers, order and bytes come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from meshimplant.errors import FileReadError
from meshimplant.io.packed_arrays import pack, read_packed, unpack, write_packed

RNG = np.random.default_rng(3)
ARRAYS = {
    "mask": np.asfortranarray(RNG.random((7, 5, 9)) > 0.5),
    "bytes of a mask": (RNG.random((4, 3, 5)) > 0.5).astype(np.uint8),
    "field": RNG.normal(0, 30, (6, 5, 4)).astype(np.float32),
    "upside down": np.asfortranarray(RNG.normal(0, 30, (6, 5, 4))),
    "corners": RNG.normal(0, 100, (11, 3)),
    "faces": RNG.integers(0, 2**40, (8, 3)),
    "extremes": np.array([np.nan, -np.inf, np.inf, -0.0, 0.0, 5e-324, -1.8e308]),
    "nothing": np.zeros((0, 3)),
    "a number": np.array(2.5),
    "levels": RNG.integers(-300, 300, (3, 4, 5)).astype(np.int16),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_the_same_array_comes_back(name):
    array = ARRAYS[name]
    back = unpack(pack(array))
    assert back.dtype == array.dtype
    assert back.tobytes("A") == array.tobytes("A")
    assert back.strides == array.strides
    assert pack(back) == pack(array)


def test_a_smooth_field_becomes_small():
    x, y, z = np.meshgrid(*[np.linspace(-1, 1, 40)] * 3, indexing="ij")
    field = (x + 2 * y - z).astype(np.float32)
    assert len(pack(field).data) < 0.6 * field.nbytes


def test_a_file_gives_the_arrays_back_and_depends_on_them_alone(tmp_path):
    packed = {name.replace(" ", "-"): pack(array) for name, array in ARRAYS.items()}
    write_packed(tmp_path / "one", packed)
    write_packed(tmp_path / "two", dict(reversed(packed.items())))
    data = (tmp_path / "one").read_bytes()
    assert data == (tmp_path / "two").read_bytes()
    facts = {name: each.to_dict() for name, each in packed.items()}
    assert read_packed(data, facts, name="one") == packed
    with pytest.raises(FileReadError, match="expected a complete archive of arrays in one"):
        read_packed(data[:-30], facts, name="one")
    with pytest.raises(FileReadError, match="expected a complete archive of arrays in one"):
        read_packed(data, {**facts, "more": facts["mask"]}, name="one")


def test_an_array_of_another_size_is_refused():
    with pytest.raises(ValueError, match="another size"):
        unpack(replace(pack(ARRAYS["corners"]), shape=(10, 3)))
