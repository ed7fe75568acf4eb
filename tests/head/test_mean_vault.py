"""VaultMean: files, interpolation, extrapolation, and the packaged mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from meshimplant.complete.models import packaged_mean
from meshimplant.errors import FileReadError
from meshimplant.head.mean_vault import VaultMean, read_scattered, read_vault_mean
from meshimplant.head.sphere import LOWEST_ELEVATION_SIN, direction_sphere, is_vault

MIRROR = np.array([-1.0, 1.0, 1.0])


def smooth_mean() -> VaultMean:
    directions, _ = direction_sphere()
    vault = directions[:, 2] > LOWEST_ELEVATION_SIN
    outer = np.where(vault, 1 + 0.2 * directions[:, 1] ** 2 - 0.1 * directions[:, 2], 1.0)
    thickness = np.where(vault, 1 + 0.4 * directions[:, 0] ** 2, 1.0)
    return VaultMean(outer, thickness, {"data": "made up", "licence": "CC0", "skulls": 3})


def test_a_mean_is_read_as_it_was_written(tmp_path: Path) -> None:
    mean = smooth_mean()
    mean.save(tmp_path / "mean.npz")
    back = read_vault_mean(tmp_path / "mean.npz")
    assert back.outer_fraction == pytest.approx(mean.outer_fraction, abs=1e-3)
    assert back.thickness_fraction == pytest.approx(mean.thickness_fraction, abs=1e-3)
    assert back.about == mean.about


def test_equal_means_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("first.npz", "second.npz"):
        smooth_mean().save(tmp_path / name)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "second.npz").read_bytes()


def test_it_is_interpolated_smoothly_between_its_directions() -> None:
    some = np.random.default_rng(2).normal(size=(400, 3)) + (0, 0, 2.5)
    some /= np.linalg.norm(some, axis=1, keepdims=True)
    outer, thickness = smooth_mean().at(some)
    assert outer == pytest.approx(1 + 0.2 * some[:, 1] ** 2 - 0.1 * some[:, 2], abs=2e-3)
    assert thickness == pytest.approx(1 + 0.4 * some[:, 0] ** 2, abs=2e-3)


def test_there_is_no_value_far_from_all_directions() -> None:
    directions = direction_sphere()[0]
    top = directions[directions[:, 2] > 0.5]
    got = read_scattered(top, np.ones((len(top), 1)), np.array([[0, 0, 1.0], [0, 0, -1.0]]))
    assert got[0, 0] == pytest.approx(1)
    assert np.isnan(got[1, 0])


def test_the_packaged_mean_names_its_data_and_licence() -> None:
    about = packaged_mean().about
    assert "CC BY-NC-SA" in about["licence"]
    assert "SkullFix" in about["data"]
    assert about["skulls"] >= 1


def test_the_packaged_mean_is_symmetric_and_a_skull() -> None:
    mean = packaged_mean()
    directions = direction_sphere()[0]
    opposite = cKDTree(directions).query(directions * MIRROR)[1]
    for values in (mean.outer_fraction, mean.thickness_fraction):
        assert values == pytest.approx(values[opposite], abs=1e-3)
    vault = directions[directions[:, 2] > -0.2]
    for here, there, most in zip(mean.at(vault), mean.at(vault * MIRROR), (1e-3, 0.02), strict=True):
        assert here == pytest.approx(there, abs=most)
        assert np.percentile(np.abs(here - there), 99) < 1e-3
    (left, front, top), _ = mean.at(np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, 1]]))
    assert front > left  # a head is longer than wide
    assert 0.7 < left < top < 1.3
    upper = directions[:, 2] > -0.2
    assert 0.7 < mean.outer_fraction[upper].min() < mean.outer_fraction[upper].max() < 1.5
    assert 0.3 < mean.thickness_fraction[upper].min() < mean.thickness_fraction[upper].max() < 6


def truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def flipped(whole: bytes) -> bytes:
    middle = len(whole) // 3
    return whole[:middle] + bytes(255 - byte for byte in whole[middle : middle + 64]) + whole[middle + 64 :]


@pytest.mark.parametrize(
    "spoil",
    [lambda _: b"not a mean", lambda _: b"", truncated, flipped],
    ids=["text", "empty", "truncated", "flipped bytes"],
)
def test_a_broken_file_is_refused(tmp_path: Path, spoil) -> None:
    path = tmp_path / "mean.npz"
    smooth_mean().save(path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(FileReadError, match=r"mean\.npz"):
        read_vault_mean(path)


def test_another_npz_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", values=np.zeros(3))
    np.savez(tmp_path / "short.npz", about="{}", outer_excess=np.zeros(3), thickness_excess=np.zeros(3))
    for name in ("other.npz", "short.npz", "missing.npz"):
        with pytest.raises(FileReadError, match=name):
            read_vault_mean(tmp_path / name)


def test_the_shell_is_extrapolated_beyond_the_vault_and_the_vault_is_unchanged() -> None:
    directions, _ = direction_sphere()
    vault = is_vault(directions)
    shell = 1 + 0.1 * directions[:, 1] ** 2
    mean = VaultMean(np.where(vault, shell, 0.7), np.where(vault, 1.0, 2.0), {})
    near = ~vault & (directions[:, 2] > -0.4) & (directions[:, 1] < -0.5)  # the orbits
    assert near.sum() > 1000
    np.testing.assert_array_equal(mean.beyond_vault.outer_fraction[vault], mean.outer_fraction[vault])
    assert mean.beyond_vault.outer_fraction[near] == pytest.approx(shell[near], abs=0.02)
    assert mean.beyond_vault.thickness_fraction[near] == pytest.approx(1, abs=0.05)


def test_a_file_keeps_the_shell_beyond_the_vault(tmp_path: Path) -> None:
    mean = smooth_mean()
    mean.save(tmp_path / "mean.npz")
    kept = read_vault_mean(tmp_path / "mean.npz")
    assert kept.shell is not None
    for name in ("outer_fraction", "thickness_fraction"):
        assert getattr(kept.beyond_vault, name) == pytest.approx(getattr(mean.beyond_vault, name), abs=5e-4)
