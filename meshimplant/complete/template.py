"""The mean vault: how radius and thickness run over an average head, to guide what neither side of this head can tell."""

from __future__ import annotations

import io
import json
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.kriging import Prior, Scale, fit
from meshimplant.errors import FileReadError
from meshimplant.io.atomic import atomic_path
from meshimplant.skull.sphere import LOWEST_ELEVATION_SIN, direction_sphere, grow, is_vault

_PACKAGED = "vault_mean.npz"
#: Values are read through a Gaussian over the nearest directions, as wide as these are apart (chord), so that no facet shows.
_NEIGHBOURS, _BLUR = 32, 0.03
#: How outer and thickness fractions go on beyond the vault, and the width of its edge that is read closely, rings of 2 mm.
_CARRY_ON = (
    Prior((Scale(0.02, 0.8, 1.0),), shape_variance=10.0, noise=0.002),
    Prior((Scale(0.05, 0.5, 1.0),), shape_variance=1.0, noise=0.02),
)
_EDGE_RINGS = 6


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
        values = np.stack([self.outer_fraction, self.thickness_fraction], axis=1)
        outer, thickness = read_scattered(direction_sphere()[0], values, directions).T
        return outer, thickness

    @cached_property
    def beyond_vault(self) -> VaultMean:
        """The mean with the vault's shell carried on smoothly where orbits and base break it (see `is_vault`)."""
        directions, _ = direction_sphere()
        vault = is_vault(directions)
        index = np.arange(len(directions))  # a subdivided sphere keeps its coarser vertices first
        read = np.flatnonzero(vault & ((index < 2562) | (grow(~vault, _EDGE_RINGS) & (index < 10242))))
        fractions = []
        for values, prior in zip((self.outer_fraction, self.thickness_fraction), _CARRY_ON, strict=True):
            carried = values.copy()
            carried[~vault] = 1 + fit(prior, directions[read], values[read] - 1).predict(directions[~vault])
            fractions.append(carried)
        return VaultMean(fractions[0], fractions[1], self.about)

    def save(self, path: str | Path) -> None:
        """Write the mean as a compressed ``.npz`` with its `about`; the same mean gives the same bytes."""
        vault = direction_sphere()[0][:, 2] > LOWEST_ELEVATION_SIN
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            outer_excess=(self.outer_fraction[vault] - 1).astype(np.float16),
            thickness_excess=(self.thickness_fraction[vault] - 1).astype(np.float16),
            about=np.array(json.dumps(self.about, sort_keys=True)),
        )
        with atomic_path(path) as temporary:
            temporary.write_bytes(buffer.getvalue())


@lru_cache(maxsize=1)
def flat_vault() -> VaultMean:
    """Return the vault of which nothing is known: a sphere of constant thickness."""
    ones = np.ones(len(direction_sphere()[0]))
    return VaultMean(ones, ones, {})


@lru_cache(maxsize=1)
def packaged_vault_mean() -> VaultMean:
    """Return the mean that ships with the package; `about` names its data and licence."""
    return read_vault_mean(Path(str(files("meshimplant.complete") / _PACKAGED)))


def read_vault_mean(path: str | Path) -> VaultMean:
    """Read a mean written by `VaultMean.save`."""
    path = Path(path)
    vault = direction_sphere()[0][:, 2] > LOWEST_ELEVATION_SIN
    try:
        with path.open("rb") as stream, np.load(stream) as data:
            about = json.loads(str(data["about"]))
            fields = []
            for name in ("outer_excess", "thickness_excess"):
                values = np.ones(len(vault))
                values[vault] += data[name]
                fields.append(values)
    except (OSError, EOFError, KeyError, ValueError, BadZipFile, zlib.error) as error:
        raise FileReadError(
            f"expected a mean vault written by VaultMean.save in {path.name}, got: {error}"
        ) from error
    return VaultMean(fields[0], fields[1], about)


def read_scattered(
    at: NDArray[np.float64], values: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return values (m, c) at unit directions (m, 3) from values (n, c) at scattered ones (n, 3); nan where none is near."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(at).query(directions, _NEIGHBOURS)
    weight = np.exp(-0.5 * (distance / _BLUR) ** 2)
    total = weight.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        out = (values[index] * weight[..., None]).sum(axis=1) / total
    out[total[:, 0] < 0.5] = np.nan
    return out
