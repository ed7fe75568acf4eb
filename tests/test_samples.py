"""The packaged samples are what their checksums, their script and their README say."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from meshimplant.datasets.sample_files import sample_folder, sample_path
from meshimplant.io.meshes import read_mesh
from meshimplant.io.volumes import read_volume
from meshimplant.voxels.distance import signed_distance
from meshimplant.voxels.fields import sample

NAMES = ("complete", "defective", "implant")


def script():
    path = Path(__file__).resolve().parents[1] / "sample_meshes" / "make_samples.py"
    spec = importlib.util.spec_from_file_location("make_samples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_checksums_are_those_of_the_files_and_nothing_is_missing_or_large():
    lines = (sample_folder() / "SHA256SUMS").read_text(encoding="ascii").split("\n")[:-1]
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(sums) == {f"{name}.{ending}" for name in NAMES for ending in ("nrrd", "stl")}
    for name, digest in sums.items():
        assert hashlib.sha256(sample_path(name).read_bytes()).hexdigest() == digest, name
    assert sum(path.stat().st_size for path in sample_folder().iterdir() if path.is_file()) < 4e6
    readme = (sample_folder() / "README.md").read_text(encoding="utf-8")
    assert "CC0 1.0" in readme
    for name in sums:
        assert f"`{name}`" in readme


def test_defective_and_implant_make_up_the_complete_skull():
    complete, defective, implant = (read_volume(sample_path(f"{name}.nrrd")) for name in NAMES)
    complete.require_same_grid(defective)
    complete.require_same_grid(implant)
    np.testing.assert_array_equal(defective.array + implant.array, complete.array)
    cm3 = np.count_nonzero(implant.array) * implant.voxel_volume_mm3 / 1000
    assert cm3 == pytest.approx(28, abs=0.5)  # as the README says


@pytest.mark.parametrize("name", NAMES)
def test_meshes_are_closed_and_lie_on_the_masks(name):
    mask, mesh = read_volume(sample_path(f"{name}.nrrd")), read_mesh(sample_path(f"{name}.stl"))
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.volume == pytest.approx(np.count_nonzero(mask.array) * mask.voxel_volume_mm3, rel=0.006)
    distance = np.abs(sample(signed_distance(mask.pad(4)), mesh.vertices))
    assert np.percentile(distance, 99) < 0.35
    assert distance.max() < 0.7


@pytest.mark.slow
def test_the_script_makes_the_same_voxels_again():
    # Rounding of sine and exponential differs between processors: a voxel whose centre lies on the surface
    # may flip.
    volumes = script().make_volumes()
    assert set(volumes) == {"complete", "defective", "implant"}
    for name, volume in volumes.items():
        packaged = read_volume(sample_path(f"{name}.nrrd"))
        packaged.require_same_grid(volume)
        assert packaged.array.dtype == volume.array.dtype
        assert np.count_nonzero(packaged.array != volume.array) <= 1e-4 * np.count_nonzero(packaged.array), (
            name
        )
