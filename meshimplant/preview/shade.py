"""Light on surfaces: turns a view of meshes into a picture, with soft light and smooth edges."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colours import ColourScale, decode_srgb, encode_srgb
from meshimplant.preview.ray_scene import Hits, RayScene, ambient_light
from meshimplant.preview.views import Vector, View

#: Rays per edge of a pixel on an outline or crease: 3 x 3. Elsewhere one ray per pixel shows the same.
SAMPLES = 3
# A pixel is refined where it differs from a neighbour by more than this: linear light or coverage.
_REFINE_ABOVE = 0.025
# Directions to the lights in (right, up, towards the viewer), and their strengths.
_KEY = (np.array([-0.58, 0.70, 0.42]), 0.80)
_FILL = (np.array([0.55, -0.10, 0.83]), 0.26)
_AMBIENT = 0.24
_GHOST_FRACTION = 0.36


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh with its look.

    Attributes
    ----------
    mesh
        LPS mm.
    colour
        sRGB, 0 to 1.
    values_mm, scale
        Per-vertex values (n,) and the scale that colours them; not-a-number is drawn neutral.
    gloss
        Strength of the highlight, 0 (bone) to 1.
    """

    mesh: trimesh.Trimesh
    colour: tuple[float, float, float]
    gloss: float = 0.0
    values_mm: NDArray[np.float64] | None = None
    scale: ColourScale | None = None


class Scene:
    """Surfaces made ready to be drawn from many sides; the diffuse light is computed once.

    Parameters
    ----------
    surfaces
        What is to be seen, one `Surface` per mesh.
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
        self.rays = RayScene(joined)
        self.light = ambient_light(joined, scene=self.rays)
        self._paint(surfaces)

    def repainted(self, surfaces: Sequence[Surface]) -> Scene:
        """Return the same meshes, in the same order, with other colours or values."""
        other = copy(self)
        other._paint(surfaces)
        return other

    def _paint(self, surfaces: Sequence[Surface]) -> None:
        self.surfaces = tuple(surfaces)
        self.values_mm = np.concatenate([_values_of(surface) for surface in surfaces])


def draw(
    scene: Scene,
    view: View,
    *,
    middle_mm: Vector,
    mm_per_px: float,
    size_px: tuple[int, int],
    ghost: Scene | None = None,
) -> NDArray[np.float32]:
    """Return a picture (height, width, 4): linear light times coverage, and coverage, all 0 to 1.

    One ray per pixel first, then 3 x 3 where neighbours differ. `middle_mm` (3,) lies in the picture's
    middle; `ghost` shines faintly through what hides it.
    """
    width, height = size_px
    start = middle_mm - 2 * scene.reach_mm * view.forward
    right, down = view.right * mm_per_px, -view.up * mm_per_px
    row, column = (axis.ravel() for axis in np.mgrid[0:height, 0:width])
    place = np.stack([column + 0.5 - width / 2, row + 0.5 - height / 2], 1)
    axes = np.stack([right, down])
    picture = _trace(scene, view, start + place @ axes, ghost)
    fine = np.flatnonzero(_needs_refinement(picture.reshape(height, width, 4)))
    inner = (np.arange(SAMPLES) + 0.5) / SAMPLES - 0.5
    offsets = np.stack(np.meshgrid(inner, inner), -1).reshape(1, -1, 2)
    samples = (place[fine, None] + offsets).reshape(-1, 2)
    picture[fine] = (
        _trace(scene, view, start + samples @ axes, ghost).reshape(len(fine), SAMPLES**2, 4).mean(axis=1)
    )
    return picture.reshape(height, width, 4)


def _needs_refinement(picture: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which pixels (h, w) of a picture (h, w, 4) differ from one of their eight neighbours."""
    from scipy.ndimage import maximum_filter, minimum_filter

    size = (3, 3, 1)
    spread = maximum_filter(picture, size) - minimum_filter(picture, size)
    return (spread > _REFINE_ABOVE * (1 + picture.max(axis=2, keepdims=True))).any(axis=2)


def _trace(
    scene: Scene, view: View, origins_mm: NDArray[np.float64], ghost: Scene | None
) -> NDArray[np.float32]:
    """Return light and coverage (n, 4) along rays from (n, 3) points into the view."""
    hits = scene.rays.cast(origins_mm, view.forward)
    seen = np.zeros((len(origins_mm), 4), np.float32)
    seen[hits.ray, :3] = _shaded(scene, hits, view)
    seen[hits.ray, 3] = 1
    if ghost is not None:
        _add_ghost(seen, hits, ghost, origins_mm, view)
    return seen


def over(picture: NDArray[np.float32], background: ArrayLike) -> NDArray[np.uint8]:
    """Lay a picture (h, w, 4) over an sRGB background ((3,) or (h, w, 3), 0 to 1): (h, w, 3) bytes."""
    light = picture[..., :3] + (1 - picture[..., 3:]) * decode_srgb(background)
    return np.rint(encode_srgb(light) * 255).astype(np.uint8)


def _shaded(scene: Scene, hits: Hits, view: View) -> NDArray[np.float32]:
    """Return the linear light (m, 3) that each hit sends to the viewer."""
    corners = scene.faces[hits.face]
    normals = np.einsum("mc,mcx->mx", hits.weights, scene.normals[corners])
    local = normals @ np.stack([view.right, view.up, -view.forward], 1).astype(np.float32)
    local *= np.where(local[:, 2:] < 0, -1, 1) / np.maximum(
        np.linalg.norm(local, axis=1, keepdims=True), 1e-6
    )
    open_light = np.einsum("mc,mc->m", hits.weights, scene.light[corners])
    colour, gloss, painted = _albedo(scene, hits, corners)
    strength, highlight = _lights(local, open_light)
    strength = np.where(painted, 0.42 + 0.58 * strength, strength)  # a coloured map must stay readable
    return colour * strength[:, None] + (gloss * highlight)[:, None]


def _lights(local: NDArray[np.float32], open_light: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Return diffuse strength (m,) and highlight (m,) for normals (m, 3) in the viewer's frame."""
    ambient = _AMBIENT * open_light * (0.8 + 0.2 * local[:, 1])
    strength = ambient.copy()
    for direction, power in (_KEY, _FILL):
        facing = np.clip(local @ (direction / np.linalg.norm(direction)).astype(np.float32), 0, None)
        strength += power * facing * (0.2 + 0.8 * open_light)
    strength *= 0.72 + 0.28 * local[:, 2]  # outlines darken a little and stand off the background
    half = _KEY[0] / np.linalg.norm(_KEY[0]) + (0, 0, 1)
    highlight = np.clip(local @ (half / np.linalg.norm(half)).astype(np.float32), 0, None) ** 40
    return strength, highlight * open_light


def _albedo(scene: Scene, hits: Hits, corners: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Return linear colour (m, 3), gloss (m,) and whether a scale coloured it (m,)."""
    owner = scene.owner[hits.face]
    colour = np.array([decode_srgb(s.colour) for s in scene.surfaces], np.float32)[owner]
    gloss = np.array([s.gloss for s in scene.surfaces], np.float32)[owner]
    painted = np.zeros(len(owner), bool)
    for index, surface in enumerate(scene.surfaces):
        if surface.scale is not None:
            mine = owner == index
            values = np.einsum("mc,mc->m", hits.weights[mine], scene.values_mm[corners[mine]])
            colour[mine] = decode_srgb(surface.scale.colours(values))
            painted[mine] = True
    return colour, gloss, painted


def _add_ghost(picture: NDArray[np.float32], hits: Hits, ghost: Scene, origins: NDArray, view: View) -> None:
    """Let the ghost's surfaces shine through where they lie behind what was drawn."""
    nearest = np.full(len(origins), np.inf, np.float32)
    nearest[hits.ray] = hits.distance_mm
    behind = ghost.rays.cast(origins, view.forward)
    hidden = behind.distance_mm > nearest[behind.ray] + 0.05
    rays = behind.ray[hidden]
    tint = decode_srgb(ghost.surfaces[0].colour).astype(np.float32)
    picture[rays, :3] += _GHOST_FRACTION * (tint - picture[rays, :3])


def _values_of(surface: Surface) -> NDArray[np.float64]:
    count = len(surface.mesh.vertices)
    return np.full(count, np.nan) if surface.values_mm is None else np.asarray(surface.values_mm, float)
