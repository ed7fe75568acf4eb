"""Build models from complete skulls: a mean vault, and the modes of variation around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.image_model import ImageModel
from meshimplant.complete.shape_model import POINTS, ShapeModel
from meshimplant.errors import FileReadError, InputError
from meshimplant.head.align import align_points, move_points
from meshimplant.head.mean_vault import VaultMean, extrapolate_vault, read_scattered
from meshimplant.head.pose import fit_pose
from meshimplant.head.sphere import direction_sphere, is_vault, read_vault
from meshimplant.io.arrays import read_arrays
from meshimplant.io.atomic import atomic_path
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.voxels.volume import Volume

#: Number of modes by default. Without the blend, 40 gain 0.004 to 0.013 of Dice on the ten skulls of
#: `shape_model.NOISE`; with it they were not compared.
MODES = 20
#: Plausible thickness of the vault, mm.
_THICKNESS_RANGE_MM = (1.5, 20.0)
#: Rounds of aligning the heads and averaging them.
_ROUNDS = 3
_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class HeadVault:
    """The vault of one complete skull: all that models are built from.

    Attributes
    ----------
    points_mm : (n, 3) array
        Outer points in the head's frame, where the bone is plausible.
    thickness_mm : (n,) array
        Thickness of the bone there, along the ray.
    """

    points_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]

    def save(self, path: str | Path) -> None:
        """Write the vault as ``.npz``, so that the reading of many skulls can be resumed."""
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, points_mm=self.points_mm, thickness_mm=self.thickness_mm)


def read_head_vault(skull: Volume | Path) -> HeadVault:
    """Read the vault of a complete skull from its mask, or from a file written by `HeadVault.save`.

    Parameters
    ----------
    skull : Volume or Path
        Mask of bone, or the file.

    Returns
    -------
    HeadVault
    """
    if isinstance(skull, Path):
        try:
            return HeadVault(**read_arrays(skull, ("points_mm", "thickness_mm")))
        except ValueError as error:
            raise FileReadError(
                f"expected a vault written by HeadVault.save in {skull.name}, got: {error}: remove the file"
            ) from error
    directions, _ = direction_sphere()
    columns = read_vault(skull, fit_pose(skull))
    thickness = columns.outer_mm.astype(float) - columns.inner_mm.astype(float)
    low, high = _THICKNESS_RANGE_MM
    with np.errstate(invalid="ignore"):
        good = (thickness > low) & (thickness < high)
    return HeadVault(directions[good] * columns.outer_mm[good, None], thickness[good])


@one_blas_thread()
def build_vault_mean(heads: Iterable[HeadVault], *, about: dict[str, Any]) -> VaultMean:
    """Return the mean of complete skulls and their mirror images, each relative to its own median.

    The skulls are aligned to their common mean (pitch and centre), and the mean is computed again, in three
    rounds. The mean over skulls is the median, direction by direction, so that a single unusual skull has no
    influence.

    Parameters
    ----------
    heads : iterable of HeadVault
    about : dict
        Training data and licence.

    Returns
    -------
    VaultMean

    Raises
    ------
    InputError
        There are no skulls.
    """
    return align_heads(heads, about=about)[0]


@one_blas_thread()
def build_shape_model(
    heads: Iterable[HeadVault], *, about: dict[str, Any], modes: int = MODES, images: bool = False
) -> ShapeModel | ImageModel:
    """Return mean and modes of complete skulls and their mirror images, aligned as for `build_vault_mean`.

    Where a skull's vault could not be read, and beyond the vault, its shell is extrapolated smoothly.

    Parameters
    ----------
    heads : iterable of HeadVault
    about : dict
        Training data and licence.
    modes : int
        Number of modes; at most one less than twice the number of skulls.
    images : bool
        Model signed distances on a grid instead of points.

    Returns
    -------
    ShapeModel or ImageModel

    Raises
    ------
    InputError
        There are fewer than three skulls, too few for modes.
    """
    heads = list(heads)
    if len(heads) < 3:
        raise InputError(
            f"expected at least three complete skulls for a shape model, got {len(heads)}: add more"
        )
    mean, aligned = align_heads(heads, about=about)
    kind = ImageModel if images else ShapeModel
    return kind.of(surfaces_of(aligned), modes, mean.about)


def align_heads(
    heads: Iterable[HeadVault], *, about: dict[str, Any]
) -> tuple[VaultMean, tuple[HeadVault, ...]]:
    """Return the mean of the heads, and the heads aligned to it by pitch and centre."""
    heads = list(heads)
    if not heads:
        raise InputError("expected at least one complete skull to average, got none: add one")
    moves = [np.zeros(3)] * len(heads)
    aligned = tuple(heads)
    for _ in range(_ROUNDS):
        mean = _median(aligned, about)
        points = (head.points_mm for head in heads)
        moves = [align_points(p[:: max(1, len(p) // 8000)], mean)[:3] for p in points]
        moves = [move - np.mean(moves, axis=0) for move in moves]
        aligned = tuple(
            HeadVault(move_points(head.points_mm, move), head.thickness_mm)
            for head, move in zip(heads, moves, strict=True)
        )
    return _median(aligned, about), aligned


def surfaces_of(aligned: Iterable[HeadVault]) -> NDArray[np.float64]:
    """Return outer and inner radii (2 s, 2, n) of s aligned heads and their mirror images.

    Radii are relative to the head's median outer radius, along the directions of a `ShapeModel`.
    """
    vault = is_vault(direction_sphere()[0])
    surfaces = []
    for head in aligned:
        sides, ratio = _fractions(head)
        for values in sides:
            outer, thickness = extrapolate_vault(values[:, 0], values[:, 1], vault & ~np.isnan(values[:, 0]))
            surfaces.append(np.stack([outer, outer - ratio * thickness])[:, :POINTS])
    return np.array(surfaces)


def _median(aligned: Sequence[HeadVault], about: dict[str, Any]) -> VaultMean:
    """Return the median of aligned heads and their mirror images, direction by direction."""
    stack = np.array([side for head in aligned for side in _fractions(head)[0]])
    stack[:, np.isnan(stack).all(axis=(0, 2))] = 1.0  # no skull has bone there
    outer, thick = np.nanmedian(stack, axis=0).T
    return VaultMean(outer, thick, {**about, "skulls": len(aligned)})


def _fractions(head: HeadVault) -> tuple[list[NDArray[np.float64]], float]:
    """Return the relative outer radius and thickness (n, 2) of a head and of its mirror image, and a ratio.

    Both are relative to their median, along `direction_sphere`, and nan where nothing was read. The ratio is
    that of the median thickness to the median radius.
    """
    radius = np.linalg.norm(head.points_mm, axis=1)
    top = head.points_mm[:, 2] > 0
    medians = float(np.median(radius[top])), float(np.median(head.thickness_mm[top]))
    values = np.stack([radius / medians[0], head.thickness_mm / medians[1]], axis=1)
    directions, _ = direction_sphere()
    own = head.points_mm / radius[:, None]
    sides = [read_scattered(own * side, values, directions) for side in (np.ones(3), _MIRROR)]
    return sides, medians[1] / medians[0]
