"""`ImageModel`: a shape model on images of the signed distances to the vault's outer and inner surface."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.modes import fit_modes, principal_modes
from meshimplant.complete.shape_model import (
    LIMIT,
    NOISE,
    POINTS,
    ROBUST,
    SIZE_DEVIATION,
    THICKNESS_DEVIATION,
    at_directions,
    on_sphere,
)
from meshimplant.head.mean_vault import FittedVault, VaultMean, trimmed_rms
from meshimplant.head.model_files import load_model, save_model
from meshimplant.head.sphere import direction_sphere
from meshimplant.runtime.threads import one_blas_thread

#: The grid, in radii of the head: first and last node along left, back and up; spacing 4 mm for a head of 75
#: mm.
_LOW, _HIGH, _STEP = np.array([-1.3, -1.6, -0.8]), np.array([1.3, 1.6, 1.5]), 4 / 75
#: Distances are clipped at this many radii; beyond, a node only holds the side on which it lies.
_BAND = 0.25
#: Radii at which rays are sampled for a surface.
_RADII = np.arange(0.5, 1.6, 0.02)
#: Rounds of fitting, each with the size found in the one before.
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class ImageModel:
    """Vaults of a population as images on a grid, in units of the head's median outer radius.

    Attributes
    ----------
    images : (2, n) array
        Mean signed distance, positive inside, to the outer and to the inner surface, at `grid_nodes`.
    modes : (k, 2, n) array
        Modes of variation, one standard deviation each, strongest first.
    about : dict
        Training data, licence, number of skulls.
    """

    images: NDArray[np.float64]
    modes: NDArray[np.float64]
    about: dict[str, Any]

    @classmethod
    @one_blas_thread()
    def of(cls, vaults: NDArray[np.float64], count: int, about: dict[str, Any]) -> ImageModel:
        """Return the model of vaults (s, 2, n), given as for `ShapeModel.of`, with `count` modes."""
        surfaces = vaults.reshape(-1, vaults.shape[-1])
        nodes = grid_nodes()
        inside = np.linalg.norm(nodes, axis=1) < at_directions(surfaces, _unit(nodes))
        distances = [_distances(*surface) for surface in zip(surfaces, inside, strict=True)]
        images = np.array(distances, np.float32).reshape(*vaults.shape[:2], -1)
        mean, modes = principal_modes(images, count)
        return cls(np.asarray(mean, float), np.asarray(modes, float), about)

    @cached_property
    def mean(self) -> VaultMean:
        """The mean vault, where both mean images are 0; heads are aligned to it."""
        outer, inner = on_sphere(_surfaces(self.images))
        return VaultMean(outer, (outer - inner) / np.median(outer - inner), self.about)

    def fit(
        self, intact: NDArray[np.int64], outer_mm: NDArray[np.float64], inner_mm: NDArray[np.float64]
    ) -> FittedVault:
        """Fit the model robustly to the intact bone, with coefficients within `LIMIT`. See `Model.fit`.

        The images should be 0 at the bone's surface points. Size and thickness of the head are two more
        coefficients; the points are rescaled by the size in each of three rounds.
        """
        directions = direction_sphere()[0][intact]
        size_mm = float(np.median(outer_mm[intact] / self.mean.outer_fraction[intact]))
        thick = np.stack([np.zeros(len(intact)), np.ones(len(intact))])
        thick[1] *= -THICKNESS_DEVIATION * float(np.median((outer_mm - inner_mm)[intact])) / size_mm
        for _ in range(_ROUNDS):
            points = [radius[intact][:, None] * directions / size_mm for radius in (outer_mm, inner_mm)]
            mean = np.stack([_read(image, at) for image, at in zip(self.images, points, strict=True)])
            modes = np.array(
                [[_read(i, at) for i, at in zip(mode, points, strict=True)] for mode in self.modes]
            )
            larger = SIZE_DEVIATION * np.stack([np.linalg.norm(at, axis=1) for at in points])
            terms = np.concatenate([[larger, thick], modes]).reshape(len(modes) + 2, -1).T
            values = -mean.reshape(-1)
            coefficients = fit_modes(terms, values, noise=NOISE, limit=LIMIT, robust=ROBUST)
            size_mm *= 1 + SIZE_DEVIATION * coefficients[0]
        residual_mm = (values - terms @ coefficients)[: len(intact)] * size_mm
        images = self.images + np.tensordot(coefficients[2:], self.modes, axes=1)
        images[1] += coefficients[1] * thick[1, 0]
        outer, inner = on_sphere(size_mm * _surfaces(images))
        return FittedVault(outer, outer - inner, trimmed_rms(residual_mm), coefficients[2:])

    def save(self, path: str | Path) -> None:
        """Write the model as a compressed ``.npz``; equal models give equal bytes."""
        save_model(path, self.about, images=self.images, image_modes=self.modes)


def read_image_model(path: str | Path) -> ImageModel:
    """Read a model written by `ImageModel.save`."""
    nodes = int(_in_shell().sum())
    arrays, about = load_model(path, {"images": (2, nodes), "image_modes": (None, 2, nodes)})
    return ImageModel(arrays["images"], arrays["image_modes"], about)


def grid_nodes() -> NDArray[np.float64]:
    """Return the positions (n, 3) of the images' nodes: the grid's nodes in the shell where vaults lie."""
    return _grid()[_in_shell()]


@lru_cache(maxsize=1)
def _grid() -> NDArray[np.float64]:
    """Return the positions (i, j, k, 3) of all nodes of the grid."""
    lines = [np.arange(low, high + _STEP / 2, _STEP) for low, high in zip(_LOW, _HIGH, strict=True)]
    return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)


@lru_cache(maxsize=1)
def _in_shell() -> NDArray[np.bool_]:
    """Return which nodes of the grid lie between half and one and a half radii."""
    radius = np.linalg.norm(_grid(), axis=-1)
    return np.asarray((radius > _RADII[0] - _STEP) & (radius < _RADII[-1] + _STEP))


def _unit(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions of points (n, 3) from the centre."""
    return np.asarray(points / np.linalg.norm(points, axis=1)[:, None])


def _distances(radii: NDArray[np.float64], inside: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the signed, clipped distance (n,) of the nodes to the surface with these radii, positive inside.

    A node without a vertex within the band and the longest edge has no surface within the band.
    """
    import igl
    import trimesh
    from scipy.spatial import cKDTree

    sphere = trimesh.creation.icosphere(subdivisions=5)
    nodes, vertices = grid_nodes(), sphere.vertices * radii[:, None]
    corners = vertices[sphere.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max()
    near = np.isfinite(cKDTree(vertices).query(nodes, distance_upper_bound=_BAND + longest)[0])
    distances = np.full(len(nodes), _BAND)
    distances[near] = np.sqrt(igl.point_mesh_squared_distance(nodes[near], vertices, sphere.faces)[0])
    return np.clip(np.where(inside, 1, -1) * distances, -_BAND, _BAND)


def _dense(image: NDArray[np.float64], inside: float) -> NDArray[np.float64]:
    """Return an image on the whole grid: `inside` nearer to the centre, its negative farther away."""
    whole = np.where(np.linalg.norm(_grid(), axis=-1) < 1, inside, -inside)
    whole[_in_shell()] = image
    return whole


def _read(image: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an image's values at points (n, 3) of the shell."""
    index = (points - _LOW) / _STEP
    return np.asarray(ndimage.map_coordinates(_dense(image, 0.0), index.T, order=1, mode="nearest"), float)


def _surfaces(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first zero of each image (2, n) along a `ShapeModel`'s directions, (2, directions)."""
    directions = direction_sphere()[0][:POINTS]
    index = (_RADII[:, None, None] * directions - _LOW) / _STEP
    surfaces = []
    for image in images:
        along = ndimage.map_coordinates(
            _dense(image, _BAND), np.moveaxis(index, -1, 0), order=1, mode="nearest"
        )
        after = np.clip((along <= 0).argmax(axis=0), 1, len(_RADII) - 1)
        before, beyond = (np.take_along_axis(along, at[None], axis=0)[0] for at in (after - 1, after))
        share = np.clip(before / np.maximum(before - beyond, 1e-9), 0, 1)
        surfaces.append(_RADII[after - 1] + share * (_RADII[after] - _RADII[after - 1]))
    return np.array(surfaces)
