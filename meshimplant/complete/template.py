"""The mean vault: how radius and thickness run over an average head, to guide what neither side of this head can tell."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.atomic import atomic_path
from meshimplant.skull.columns import read_columns
from meshimplant.skull.defect import LOWEST_ELEVATION_SIN, direction_sphere
from meshimplant.skull.pose import fit_pose
from meshimplant.volume import Volume

_PACKAGED = "vault_mean.npz"
_THICKNESS_RANGE_MM = (1.5, 20.0)
_NEIGHBOURS = 3


@dataclass(frozen=True, eq=False)
class VaultMean:
    """Mean outer radius and thickness of a population, each divided by the skull's own median, in the head's frame.

    Attributes
    ----------
    outer_fraction, thickness_fraction : (n,) arrays
        One value per direction of `direction_sphere`; 1 below the vault.
    about : dict
        Training data, licence, number of skulls.
    """

    outer_fraction: NDArray[np.float64]
    thickness_fraction: NDArray[np.float64]
    about: dict[str, Any]

    def at(self, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return outer and thickness fractions at unit directions (m, 3) of the head's frame."""
        from scipy.spatial import cKDTree

        distance, index = cKDTree(direction_sphere()[0]).query(directions, _NEIGHBOURS)
        weight = 1 / (distance + 1e-6)
        weight /= weight.sum(axis=1, keepdims=True)
        return (self.outer_fraction[index] * weight).sum(axis=1), (self.thickness_fraction[index] * weight).sum(axis=1)

    def save(self, path: str | Path) -> None:
        """Write the mean as a compressed ``.npz`` with its `about`; the same mean gives the same bytes."""
        vault = direction_sphere()[0][:, 2] > LOWEST_ELEVATION_SIN
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            outer_fraction=self.outer_fraction[vault].astype(np.float16),
            thickness_fraction=self.thickness_fraction[vault].astype(np.float16),
            about=np.array(json.dumps(self.about, sort_keys=True)),
        )
        with atomic_path(path) as temporary:
            temporary.write_bytes(buffer.getvalue())


def build_vault_mean(skulls: Iterable[Volume], *, about: dict[str, Any]) -> VaultMean:
    """Average complete skulls, each together with its mirror image, after dividing by its own median radius and thickness.

    The median over skulls is taken direction by direction, so that one odd skull does not count.

    Raises `InputError` when no skull is given.
    """
    directions, _ = direction_sphere()
    mirror = _mirror_index(directions)
    outer, thickness = [], []
    for skull in skulls:
        for values, target in zip(_fractions(skull, directions), (outer, thickness), strict=True):
            target += [values, values[mirror]]
    if not outer:
        raise InputError("expected at least one complete skull to average, got none")
    with np.errstate(all="ignore"):
        means = [np.nan_to_num(np.nanmedian(np.array(v), axis=0), nan=1.0) for v in (outer, thickness)]
    return VaultMean(means[0], means[1], {**about, "skulls": len(outer) // 2})


@lru_cache(maxsize=1)
def packaged_vault_mean() -> VaultMean:
    """Return the mean that ships with the package; `about` names its data and licence."""
    return read_vault_mean(Path(str(files("meshimplant.complete") / _PACKAGED)))


def read_vault_mean(path: str | Path) -> VaultMean:
    """Read a mean written by `VaultMean.save`."""
    path = Path(path)
    vault = direction_sphere()[0][:, 2] > LOWEST_ELEVATION_SIN
    try:
        with np.load(path) as data:
            about = json.loads(str(data["about"]))
            fields = []
            for name in ("outer_fraction", "thickness_fraction"):
                values = np.ones(len(vault))
                values[vault] = data[name]
                fields.append(values)
    except (OSError, KeyError, ValueError) as error:
        raise FileReadError(f"expected a mean vault written by VaultMean.save in {path.name}, got: {error}") from error
    return VaultMean(fields[0], fields[1], about)


def _fractions(skull: Volume, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return outer radius and thickness over their medians in the upper half, nan where there is no plausible bone."""
    pose = fit_pose(skull)
    columns = read_columns(skull, pose.centre_mm, directions @ pose.axes)
    outer = columns.outer_mm.astype(float)
    thickness = outer - columns.inner_mm
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        odd = ~((thickness > low) & (thickness < high))
    outer[odd] = thickness[odd] = np.nan
    top = directions[:, 2] > 0
    return outer / np.nanmedian(outer[top]), thickness / np.nanmedian(thickness[top])


def _mirror_index(directions: NDArray[np.float64]) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    return cKDTree(directions).query(directions * (-1.0, 1.0, 1.0))[1]
