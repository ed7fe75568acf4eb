"""`VaultMean`: radius and thickness of an average vault; `FittedVault`: a `Model` fitted to one head."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.kriging import Prior, Scale, fit
from meshimplant.head.model_files import load_model, save_model
from meshimplant.head.sphere import LOWEST_ELEVATION_SIN, direction_sphere, grow, is_vault
from meshimplant.voxels.volume import Volume

#: Number of nearest directions that values are interpolated from, and the width of their Gaussian weight
#: (chord), about their spacing, so that no facets appear.
_NEIGHBOURS, _BLUR = 32, 0.03
#: Priors by which outer and thickness fractions are extrapolated beyond the vault, and the width of the
#: vault's edge that is sampled densely, in rings of 2 mm.
_EXTRAPOLATION = (
    Prior((Scale(0.02, 0.8, 1.0),), shape_variance=10.0, noise=0.002),
    Prior((Scale(0.05, 0.5, 1.0),), shape_variance=1.0, noise=0.02),
)
_EDGE_RINGS = 6


@dataclass(frozen=True, eq=False)
class FittedVault:
    """A model fitted to one head: the baseline of the estimate.

    Attributes
    ----------
    outer_mm, thickness_mm : (n,) arrays
        Radius of the outer surface and thickness along the rays of `direction_sphere`, extrapolated smoothly
        beyond the vault.
    residual_mm : float
        RMS distance of the intact outer surface from the model, without the farthest 5 %.
    coefficients : (k,) array
        Coefficients of the model's modes, in standard deviations; empty for a mean.
    head : Volume or None
        Signed distance of the whole completed head, mm, in the head's own frame, from a model that also
        predicts brow, orbits and base in the opening; the other side of the head is then not used there.
    """

    outer_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]
    residual_mm: float
    coefficients: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    head: Volume | None = None

    def at(self, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return outer radius and thickness, mm, at unit directions (m, 3) of the head's frame."""
        values = np.stack([self.outer_mm, self.thickness_mm], axis=1)
        outer, thickness = read_scattered(direction_sphere()[0], values, directions).T
        return outer, thickness


class Model(Protocol):
    """A model of the vaults of a population."""

    @property
    def about(self) -> dict[str, Any]:
        """Training data, licence, number of skulls."""

    @property
    def mean(self) -> VaultMean:
        """The population's mean vault, to which heads are aligned."""

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Fit the model to the intact bone of one head.

        Parameters
        ----------
        intact : (m,) array
            Indices of the directions of `direction_sphere` along which the bone is intact.
        outer_mm, inner_mm : (n,) arrays
            Radii along all directions; nan where there is no bone.
        """


@dataclass(frozen=True, eq=False)
class VaultMean:
    """Mean outer radius and thickness of a population, each relative to the skull's own median.

    Attributes
    ----------
    outer_fraction, thickness_fraction : (n,) arrays
        One value per direction of `direction_sphere`, in the head's frame; 1 below the vault.
    about : dict
        Training data, licence, number of skulls.
    shell : (2, n) array
        Both fractions, with the shell of the vault extrapolated where orbits and base interrupt it (see
        `is_vault`); None: computed on first use, which takes seconds.
    """

    outer_fraction: NDArray[np.float64]
    thickness_fraction: NDArray[np.float64]
    about: dict[str, Any]
    shell: NDArray[np.float64] | None = None

    def at(self, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return outer and thickness fractions at unit directions (m, 3) of the head's frame."""
        values = np.stack([self.outer_fraction, self.thickness_fraction], axis=1)
        outer, thickness = read_scattered(direction_sphere()[0], values, directions).T
        return outer, thickness

    @cached_property
    def beyond_vault(self) -> VaultMean:
        """The mean with its extrapolated `shell` in place of orbits and base."""
        if np.ptp(self.outer_fraction) == 0 and np.ptp(self.thickness_fraction) == 0:
            return self  # a sphere needs no extrapolation
        if self.shell is not None:
            return VaultMean(self.shell[0], self.shell[1], self.about)
        vault = is_vault(direction_sphere()[0])
        outer, thickness = extrapolate_vault(self.outer_fraction, self.thickness_fraction, vault)
        return VaultMean(outer, thickness, self.about)

    @property
    def mean(self) -> VaultMean:
        """The mean itself."""
        return self

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Scale radius and thickness of the mean to one head, each by the median ratio. See `Model.fit`."""
        smooth = self.beyond_vault
        thickness_mm = outer_mm - inner_mm
        sizes = [
            float(np.median(values[intact] / fraction[intact]))
            for values, fraction in (
                (outer_mm, smooth.outer_fraction),
                (thickness_mm, smooth.thickness_fraction),
            )
        ]
        outer = sizes[0] * smooth.outer_fraction
        residual_mm = trimmed_rms(outer_mm[intact] - outer[intact])
        return FittedVault(outer, sizes[1] * smooth.thickness_fraction, residual_mm)

    def save(self, path: str | Path) -> None:
        """Write the mean as a compressed ``.npz`` with its `about`; equal means give equal bytes."""
        kept, broken = _stored()
        shell = self.beyond_vault
        save_model(
            path,
            self.about,
            outer_excess=self.outer_fraction[kept] - 1,
            thickness_excess=self.thickness_fraction[kept] - 1,
            outer_shell_excess=shell.outer_fraction[broken] - 1,
            thickness_shell_excess=shell.thickness_fraction[broken] - 1,
        )


@lru_cache(maxsize=1)
def flat_vault() -> VaultMean:
    """Return the mean without knowledge of a population: a sphere of constant thickness."""
    ones = np.ones(len(direction_sphere()[0]))
    return VaultMean(ones, ones, {})


def read_vault_mean(path: str | Path) -> VaultMean:
    """Read a mean written by `VaultMean.save`."""
    kept, broken = _stored()
    sizes = {"excess": int(kept.sum()), "shell_excess": int(broken.sum())}
    arrays, about = load_model(
        path, {f"{kind}_{part}": (size,) for kind in ("outer", "thickness") for part, size in sizes.items()}
    )
    fields = np.ones((2, len(kept)))
    fields[:, kept] += (arrays["outer_excess"], arrays["thickness_excess"])
    shell = fields.copy()
    shell[:, broken] = (1 + arrays["outer_shell_excess"], 1 + arrays["thickness_shell_excess"])
    return VaultMean(fields[0], fields[1], about, shell)


def _stored() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for which directions of `direction_sphere` a file holds the mean, and for which its shell."""
    directions, _ = direction_sphere()
    return directions[:, 2] > LOWEST_ELEVATION_SIN, ~is_vault(directions)


def extrapolate_vault(
    outer: NDArray[np.float64], thickness: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two fractions (n,) over `direction_sphere` with the unknown ones extrapolated from the known."""
    directions, _ = direction_sphere()
    index = np.arange(len(directions))  # a subdivided sphere keeps its coarser vertices first
    sampled = np.flatnonzero(known & ((index < 2562) | (grow(~known, _EDGE_RINGS) & (index < 10242))))
    extrapolated = []
    for values, prior in zip((outer, thickness), _EXTRAPOLATION, strict=True):
        whole = values.copy()
        whole[~known] = 1 + fit(prior, directions[sampled], values[sampled] - 1).predict(directions[~known])
        extrapolated.append(whole)
    return extrapolated[0], extrapolated[1]


def trimmed_rms(values: NDArray[np.float64]) -> float:
    """Return the RMS of the values without the largest 5 %."""
    size = np.sort(np.abs(values))[: max(1, int(0.95 * len(values)))]
    return float(np.sqrt((size**2).mean()))


def read_scattered(
    at: NDArray[np.float64], values: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Interpolate values (n, c) at scattered unit directions (n, 3) at others (m, 3); nan far from all."""
    index, weight = scattered_weights(at, directions)
    return np.asarray((values[index] * weight[..., None]).sum(axis=1))


def scattered_weights(
    at: NDArray[np.float64], directions: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the nearest of the scattered unit directions (n, 3) to others (m, 3), and their weights.

    Both are (m, k). The weights of one direction add up to 1; they are nan far from all.
    """
    from scipy.spatial import cKDTree

    distance, index = cKDTree(at).query(directions, _NEIGHBOURS)
    weight = np.exp(-0.5 * (distance / _BLUR) ** 2)
    total = weight.sum(axis=1, keepdims=True)
    return index, weight / np.where(total < 0.5, np.nan, total)
