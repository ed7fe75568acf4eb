"""Render one view of lit meshes by ray casting, with ambient light and antialiased edges."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.mesh.rays import Hits, RayCaster
from meshimplant.preview.ambient_light import ambient_light
from meshimplant.preview.colour_scales import ColourScale, decode_srgb, encode_srgb
from meshimplant.preview.view_directions import Vector, View

#: Rays along each edge of a pixel at an outline or crease: 3 x 3. One ray is enough for all other pixels.
SAMPLES = 3
# A pixel is refined if it differs from a neighbour by more than this, in linear light or coverage.
_REFINE_ABOVE = 0.025
# Directions to the lights as (right, up, towards the viewer), and their intensities.
_KEY = (np.array([-0.58, 0.70, 0.42]), 0.80)
_FILL = (np.array([0.55, -0.10, 0.83]), 0.26)
_AMBIENT = 0.24
_GHOST_FRACTION = 0.36


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh and its appearance.

    Attributes
    ----------
    mesh : Trimesh
        LPS mm.
    colour : tuple of float
        sRGB, 0 to 1.
    gloss : float
        Strength of the highlight, 0 (matt, as bone) to 1.
    values : (n,) array or None
        Per-vertex values that colour the surface; NaN is drawn in `NO_VALUE`.
    scale : ColourScale or None
        Maps the values to colours; None draws the whole surface in `colour`.
    """

    mesh: trimesh.Trimesh
    colour: tuple[float, float, float]
    gloss: float = 0.0
    values: NDArray[np.float64] | None = None
    scale: ColourScale | None = None


class Scene:
    """Surfaces prepared for rendering from any side; their ambient light is computed once.

    Parameters
    ----------
    surfaces : sequence of Surface
        One for each mesh.
    """

    def __init__(self, surfaces: Sequence[Surface]) -> None:
        meshes = [surface.mesh for surface in surfaces]
        starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
        self.faces = np.concatenate(
            [np.asarray(m.faces) + s for m, s in zip(meshes, starts[:-1], strict=True)]
        )
        self.normals = np.concatenate([np.asarray(mesh.vertex_normals, np.float32) for mesh in meshes])
        self.owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
        vertices = np.concatenate([np.asarray(mesh.vertices, float) for mesh in meshes])
        joined = trimesh.Trimesh(
            vertices, self.faces, vertex_normals=self.normals, process=False, validate=False
        )
        self.reach_mm = float(np.linalg.norm(np.ptp(vertices, axis=0))) + 10
        self.rays = RayCaster(joined)
        self.light = ambient_light(joined, scene=self.rays)
        self._set_surfaces(surfaces)

    def with_surfaces(self, surfaces: Sequence[Surface]) -> Scene:
        """Return a scene of the same meshes, in the same order, with different colours or values."""
        other = copy(self)
        other._set_surfaces(surfaces)
        return other

    def _set_surfaces(self, surfaces: Sequence[Surface]) -> None:
        self.surfaces = tuple(surfaces)
        self.values = np.concatenate([_values_of(surface) for surface in surfaces])


def render_view(
    scene: Scene,
    view: View,
    *,
    centre_mm: Vector,
    mm_per_px: float,
    size_px: tuple[int, int],
    ghost: Scene | None = None,
) -> NDArray[np.float32]:
    """Return a picture (height, width, 4): linear RGB premultiplied by coverage, and coverage, all 0 to 1.

    One ray is cast per pixel, then 3 x 3 where neighbours differ.

    Parameters
    ----------
    scene : Scene
    view : View
    centre_mm : (3,) array
        Point at the centre of the picture, LPS mm.
    mm_per_px : float
    size_px : (int, int)
        Width and height.
    ghost : Scene, optional
        Drawn faintly where the scene hides it.
    """
    width, height = size_px
    start = centre_mm - 2 * scene.reach_mm * view.forward
    right, down = view.right * mm_per_px, -view.up * mm_per_px
    row, column = (axis.ravel() for axis in np.mgrid[0:height, 0:width])
    pixel = np.stack([column + 0.5 - width / 2, row + 0.5 - height / 2], 1)
    axes = np.stack([right, down])
    picture = _trace(scene, view, start + pixel @ axes, ghost)
    refined = np.flatnonzero(_needs_refinement(picture.reshape(height, width, 4)))
    inner = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    offsets = np.stack(np.meshgrid(inner, inner), -1).reshape(1, -1, 2)
    samples = (pixel[refined, None] + offsets).reshape(-1, 2)
    traced = _trace(scene, view, start + samples @ axes, ghost)
    picture[refined] = traced.reshape(len(refined), SAMPLES**2, 4).mean(axis=1)
    return picture.reshape(height, width, 4)


def _needs_refinement(picture: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which pixels (h, w) of a picture (h, w, 4) differ from any of their eight neighbours."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = (3, 3, 1)
    spread = maximum_filter(picture, size) - minimum_filter(picture, size)
    return (spread > _REFINE_ABOVE * (1 + picture.max(axis=2, keepdims=True))).any(axis=2)


def _trace(
    scene: Scene, view: View, origins_mm: NDArray[np.float64], ghost: Scene | None
) -> NDArray[np.float32]:
    """Return linear RGB and coverage (n, 4) along rays from points (n, 3) in the direction of the view."""
    hits = scene.rays.cast(origins_mm, view.forward)
    pixels = np.zeros((len(origins_mm), 4), np.float32)
    pixels[hits.ray, :3] = _shade(scene, hits, view)
    pixels[hits.ray, 3] = 1
    if ghost is not None:
        _add_ghost(pixels, hits, ghost, origins_mm, view)
    return pixels


def composite_over(picture: NDArray[np.float32], background: ArrayLike) -> NDArray[np.uint8]:
    """Return a picture (h, w, 4) over an sRGB background, (3,) or (h, w, 3), 0 to 1, as (h, w, 3) bytes."""
    light = picture[..., :3] + (1 - picture[..., 3:]) * decode_srgb(background)
    return np.rint(encode_srgb(light) * 255).astype(np.uint8)


def _shade(scene: Scene, hits: Hits, view: View) -> NDArray[np.float32]:
    """Return the linear RGB (m, 3) that each hit reflects to the viewer."""
    corners = scene.faces[hits.face]
    normals = np.einsum("mc,mcx->mx", hits.weights, scene.normals[corners])
    local = normals @ np.stack([view.right, view.up, -view.forward], 1).astype(np.float32)
    local *= np.where(local[:, 2:] < 0, -1, 1) / np.maximum(
        np.linalg.norm(local, axis=1, keepdims=True), 1e-6
    )
    openness = np.einsum("mc,mc->m", hits.weights, scene.light[corners])
    colour, gloss, has_scale = _albedo(scene, hits, corners)
    strength, highlight = _lighting(local, openness)
    strength = np.where(has_scale, 0.42 + 0.58 * strength, strength)  # keeps a colour map readable
    return colour * strength[:, None] + (gloss * highlight)[:, None]


def _lighting(local: NDArray[np.float32], openness: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Return diffuse intensity (m,) and highlight (m,) for normals (m, 3) in the viewer's frame."""
    ambient = _AMBIENT * openness * (0.8 + 0.2 * local[:, 1])
    strength = ambient.copy()
    for direction, power in (_KEY, _FILL):
        facing = np.clip(local @ (direction / np.linalg.norm(direction)).astype(np.float32), 0, None)
        strength += power * facing * (0.2 + 0.8 * openness)
    strength *= (
        0.72 + 0.28 * local[:, 2]
    )  # darkens outlines slightly so that they stand out from the background
    half = _KEY[0] / np.linalg.norm(_KEY[0]) + (0, 0, 1)
    highlight = np.clip(local @ (half / np.linalg.norm(half)).astype(np.float32), 0, None) ** 40
    return strength, highlight * openness


def _albedo(scene: Scene, hits: Hits, corners: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return linear colour (m, 3), gloss (m,), and whether the colour comes from a scale (m,)."""
    owner = scene.owner[hits.face]
    colour = np.array([decode_srgb(s.colour) for s in scene.surfaces], np.float32)[owner]
    gloss = np.array([s.gloss for s in scene.surfaces], np.float32)[owner]
    has_scale = np.zeros(len(owner), bool)
    for index, surface in enumerate(scene.surfaces):
        if surface.scale is not None:
            on_surface = owner == index
            values = np.einsum("mc,mc->m", hits.weights[on_surface], scene.values[corners[on_surface]])
            colour[on_surface] = decode_srgb(surface.scale.colours(values))
            has_scale[on_surface] = True
    return colour, gloss, has_scale


def _add_ghost(picture: NDArray[np.float32], hits: Hits, ghost: Scene, origins: NDArray, view: View) -> None:
    """Blend in the tint of the ghost where it lies behind the surfaces already drawn."""
    nearest = np.full(len(origins), np.inf, np.float32)
    nearest[hits.ray] = hits.distance_mm
    ghost_hits = ghost.rays.cast(origins, view.forward)
    hidden = ghost_hits.distance_mm > nearest[ghost_hits.ray] + 0.05
    rays = ghost_hits.ray[hidden]
    tint = decode_srgb(ghost.surfaces[0].colour).astype(np.float32)
    picture[rays, :3] += _GHOST_FRACTION * (tint - picture[rays, :3])


def _values_of(surface: Surface) -> NDArray[np.float64]:
    """Return the values (n,) of a surface, NaN where it has none."""
    count = len(surface.mesh.vertices)
    return np.full(count, np.nan) if surface.values is None else np.asarray(surface.values, float)
