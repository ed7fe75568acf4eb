"""Learn from complete skulls: a mean vault, and the modes in which heads depart from it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from meshimplant.complete.image_model import ImageModel
from meshimplant.complete.shape_model import POINTS, ShapeModel
from meshimplant.errors import FileReadError, InputError
from meshimplant.head.align import match_nod, move_points
from meshimplant.head.mean_vault import VaultMean, carry_on, read_scattered
from meshimplant.head.pose import fit_pose
from meshimplant.head.sphere import direction_sphere, is_vault, read_vault
from meshimplant.io.atomic import atomic_path
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.voxels.volume import Volume

#: Modes kept by default. Without the blend, 40 gain 0.004 to 0.013 of Dice on the ten skulls of `shape_model.NOISE`; with it they
#: were not compared.
MODES = 20
_THICKNESS_RANGE_MM = (1.5, 20.0)
_ROUNDS = 3
_FACING = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class HeadVault:
    """The vault of one complete skull as it was read; all that is learnt from.

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
        """Write the readings as ``.npz``, so that a long reading can go on where it was stopped."""
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, points_mm=self.points_mm, thickness_mm=self.thickness_mm)


def read_head_vault(skull: Volume | Path) -> HeadVault:
    """Read the vault of a complete skull, or what `HeadVault.save` wrote of one."""
    if isinstance(skull, Path):
        try:
            with skull.open("rb") as stream, np.load(stream) as data:
                return HeadVault(data["points_mm"], data["thickness_mm"])
        except (OSError, EOFError, KeyError, ValueError, BadZipFile, zlib.error) as error:
            raise FileReadError(
                f"expected readings written by HeadVault.save in {skull.name}, got: {error}: remove the file"
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
    """Average complete skulls, each together with its mirror image, after dividing by its own median radius and thickness.

    The skulls are laid on their common mean (nod and centre), the mean is taken again, and so on, three rounds. Over skulls
    the median is taken direction by direction, so that one odd skull does not count.

    Raises `InputError` when no skull is given.
    """
    return lay_together(heads, about=about)[0]


@one_blas_thread()
def build_shape_model(
    heads: Iterable[HeadVault], *, about: dict[str, Any], modes: int = MODES, images: bool = False
) -> ShapeModel | ImageModel:
    """Return mean and modes of complete skulls and their mirror images, laid together as for `build_vault_mean`.

    Where a skull's vault could not be read, and beyond the vault, its shell is carried on smoothly.

    Parameters
    ----------
    modes
        How many modes to keep; never more than the skulls can tell.
    images
        Model signed distances on a grid in place of points.

    Raises
    ------
    InputError
        Fewer than three skulls: they have no modes to speak of.
    """
    heads = list(heads)
    if len(heads) < 3:
        raise InputError(
            f"expected at least three complete skulls for a shape model, got {len(heads)}: name more"
        )
    mean, laid = lay_together(heads, about=about)
    kind = ImageModel if images else ShapeModel
    return kind.of(surfaces_of(laid), modes, mean.about)


def lay_together(
    heads: Iterable[HeadVault], *, about: dict[str, Any]
) -> tuple[VaultMean, tuple[HeadVault, ...]]:
    """Return the mean of the heads, and the heads nodded and moved onto it."""
    heads = list(heads)
    if not heads:
        raise InputError("expected at least one complete skull to average, got none")
    moves = [np.zeros(3)] * len(heads)
    laid = tuple(heads)
    for _ in range(_ROUNDS):
        mean = _median(laid, about)
        points = (head.points_mm for head in heads)
        moves = [match_nod(p[:: max(1, len(p) // 8000)], mean)[:3] for p in points]
        moves = [move - np.mean(moves, axis=0) for move in moves]
        laid = tuple(
            HeadVault(move_points(head.points_mm, move), head.thickness_mm)
            for head, move in zip(heads, moves, strict=True)
        )
    return _median(laid, about), laid


def surfaces_of(laid: Iterable[HeadVault]) -> NDArray[np.float64]:
    """Return outer and inner radii along a model's directions, (2 s, 2, n), of s heads laid together and their mirror images.

    Radii are divided by the head's median outer radius.
    """
    vault = is_vault(direction_sphere()[0])
    surfaces = []
    for head in laid:
        sides, ratio = _fractions(head)
        for values in sides:
            outer, thickness = carry_on(values[:, 0], values[:, 1], vault & ~np.isnan(values[:, 0]))
            surfaces.append(np.stack([outer, outer - ratio * thickness])[:, :POINTS])
    return np.array(surfaces)


def _median(laid: Sequence[HeadVault], about: dict[str, Any]) -> VaultMean:
    stack = np.array([side for head in laid for side in _fractions(head)[0]])
    stack[:, np.isnan(stack).all(axis=(0, 2))] = 1.0  # no skull has bone there
    outer, thick = np.nanmedian(stack, axis=0).T
    return VaultMean(outer, thick, {**about, "skulls": len(laid)})


def _fractions(head: HeadVault) -> tuple[list[NDArray[np.float64]], float]:
    """Return outer radius and thickness over `direction_sphere`, each by its median, (n, 2), of a head and its mirror image.

    nan where nothing was read. The second value is the median thickness by the median radius.
    """
    radius = np.linalg.norm(head.points_mm, axis=1)
    top = head.points_mm[:, 2] > 0
    medians = float(np.median(radius[top])), float(np.median(head.thickness_mm[top]))
    values = np.stack([radius / medians[0], head.thickness_mm / medians[1]], axis=1)
    directions, _ = direction_sphere()
    seen = head.points_mm / radius[:, None]
    sides = [read_scattered(seen * side, values, directions) for side in (np.ones(3), _FACING)]
    return sides, medians[1] / medians[0]
