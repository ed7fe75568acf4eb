"""Fields of the bone around an opening below the vault, and other fields bent to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.complete.bend import Bending, fit_bending
from meshimplant.complete.shell import DEEPEST, Shell
from meshimplant.head.fill import average_known
from meshimplant.head.pose import HeadPose, identity_pose
from meshimplant.head.sphere import is_vault
from meshimplant.voxels.distance import distance_outside, signed_distance
from meshimplant.voxels.grid import Grid
from meshimplant.voxels.volume import Volume

#: Voxels of the fields, mm, and the distance at which they are clipped.
_VOXEL_MM, CLIP_MM = 1.0, 8.0
#: Margin of the box around the missing bone, mm.
_MARGIN_MM = 24.0
#: Bone within the first distance of the opening is cut bone and not used; its weight is full beyond the
#: second. The first fit knows the opening by its directions, the second by the bone that is missing there.
_WALL_MM, _FADE_MM = 2.5, 1.5
#: Bone farther from the opening than this has no influence, mm.
_NEAR_MM = 30.0
#: The estimated vault counts only where its share is larger than this.
_SURE_SHARE = 0.7
#: Number of surface points used, and how near the surface they lie, voxels.
_POINTS, _BAND = 1200, 0.8
#: What misfit is left at the rim fades out in the opening over this distance, mm; larger misfit than the
#: second number, mm, is no misfit of one surface.
_BLEND_MM, _MISFIT_MM = 3.0, 3.0
_SEED = 0


@dataclass(frozen=True, eq=False)
class Surroundings:
    """Fields around the missing bone, on one grid in the head's own frame.

    Attributes
    ----------
    bone : Volume
        Signed distance of the skull's bone, mm, positive inside.
    vault_mm : array
        Signed distance of the estimated vault.
    vault_share : array
        Weight of the estimated vault, 0 below its end.
    gap_mm : array
        Distance to the opening's directions; 0 in them.
    near_mm : array
        Distance to the missing bone, roughly.
    nodes : (3d + 1) array
        Place of each voxel on the chart, in nodes.
    """

    bone: Volume
    vault_mm: NDArray[np.float32]
    vault_share: NDArray[np.float32]
    gap_mm: NDArray[np.float32]
    near_mm: NDArray[np.float32]
    nodes: NDArray[np.floating]

    @classmethod
    def of(cls, skull: Volume, pose: HeadPose, shell: Shell, share: NDArray[np.float64]) -> Surroundings:
        """Read the fields around the part of the shell's extent that lies below the vault."""
        grid = _box(shell, share)
        read = (share, shell.extent_mm, shell.inner_mm, shell.outer_mm)
        points = grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1))
        radius = np.linalg.norm(points, axis=-1)
        nodes = shell.chart.to_nodes(points / np.maximum(radius, 1e-3)[..., None])
        vault_share, extent, inner, outer = (_read_nodes(layer, nodes) for layer in read)
        deepest = np.where(vault_share > 0, inner - _WALL_MM, DEEPEST * inner)
        missing = (extent > -1) & (radius > deepest) & (radius < outer + _WALL_MM)
        everywhere = replace(shell, head=None, share=None, extent_mm=np.full_like(shell.extent_mm, 1e3))
        vault = np.clip(everywhere.field(grid, identity_pose()).array, -CLIP_MM, CLIP_MM)
        return cls(
            read_field(skull, pose, grid),
            vault,
            vault_share,
            np.maximum(-extent, 0),
            distance_outside(missing, grid.spacing_mm),
            nodes,
        )

    def read_nodes(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return values at the chart's nodes at the voxels."""
        return _read_nodes(values, self.nodes)

    @property
    def grid(self) -> Grid:
        """Grid of all fields."""
        return Grid(self.bone.shape, self.bone.affine)


def _read_nodes(values: NDArray[np.floating], nodes: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(ndimage.map_coordinates(values, nodes, output=np.float32, order=1, mode="nearest"))


def _box(shell: Shell, share: NDArray[np.float64]) -> Grid:
    """Return the grid around the part of a shell's extent where it has not the whole weight."""
    lower = (shell.extent_mm > -_WALL_MM) & (share < 1)
    below = lower & ~is_vault(shell.chart.directions)
    directions = shell.chart.directions
    points = [directions[lower] * radius[lower][:, None] for radius in (shell.inner_mm, shell.outer_mm)]
    points.append(DEEPEST * directions[below] * shell.inner_mm[below][:, None])
    corners = np.concatenate(points)
    low, high = corners.min(axis=0) - _MARGIN_MM, corners.max(axis=0) + _MARGIN_MM
    return Grid.around(low, high, spacing_mm=_VOXEL_MM)


def read_field(skull: Volume, pose: HeadPose, grid: Grid, *, mirrored: bool = False) -> Volume:
    """Return the clipped signed distance of a skull at a grid of the head's frame, or of its mirror image."""
    flip = np.diag([-1.0, 1.0, 1.0, 1.0]) if mirrored else np.eye(4)
    placed = Grid(grid.shape, pose.frame @ flip @ grid.affine)
    start, stop = skull.box_around(placed.to_mm(placed.corners()), CLIP_MM / skull.spacing_mm)
    part = skull.crop(start, stop)
    field = signed_distance(part.with_array(part.array != 0)).resample_to(placed, fill=-CLIP_MM)
    return Volume(np.clip(field.array, -CLIP_MM, CLIP_MM), grid.affine)


def bend_to(
    around: Surroundings,
    moving: Volume,
    *,
    trust: NDArray[np.float32] | None = None,
    vault_weight: float = 0.0,
) -> Volume:
    """Return a field bent to the bone around the opening, and flush with it at the rim.

    The displacement is fitted twice: first to the bone outside the opening's directions, then to all bone
    away from what the first fit shows to be missing, such as the cheek bone behind the opening.

    Parameters
    ----------
    around : Surroundings
    moving : Volume
        Signed distance of bone on any grid of the head's frame.
    trust : array, optional
        Weight of the moving field at the voxels, 0 where it shows nothing; default: 1.
    vault_weight : float
        Largest weight of the estimated vault in the opening, as opposed to bone.
    """
    known = np.clip((around.gap_mm - _WALL_MM) / _FADE_MM, 0, 1)
    vault = vault_weight * np.clip((around.vault_share - _SURE_SHARE) / (1 - _SURE_SHARE), 0, 1)
    trusted = np.float32(1) if trust is None else trust
    for _ in range(2):
        bent = _fit(around, moving, known * trusted, vault * trusted).apply(
            moving, around.grid, fill=-CLIP_MM
        )
        absent = _absent(around, bent)
        if not absent.any():
            break
        known = np.clip((distance_outside(absent, around.grid.spacing_mm) - _WALL_MM) / _FADE_MM, 0, 1)
    return _flush(around, bent, known)


def _fit(
    around: Surroundings, moving: Volume, known: NDArray[np.floating], vault: NDArray[np.floating]
) -> Bending:
    """Fit the displacement to surface points of bone and vault, of these weights; more near the opening."""
    weights = np.maximum(known, vault)
    target = np.where(known >= vault, around.bone.array, around.vault_mm)
    chance = weights * np.clip(1 - around.near_mm / _NEAR_MM, 0, 1) * (np.abs(target) < _BAND * _VOXEL_MM)
    places = np.flatnonzero(chance)
    if not len(places):
        return Bending(np.zeros((0, 3)), np.zeros((0, 3)), 0.0)
    chances = chance.ravel()[places].astype(float)
    rng = np.random.default_rng(_SEED)
    drawn = rng.choice(places, min(_POINTS, len(places)), replace=False, p=chances / chances.sum())
    points_mm = around.grid.to_mm(np.stack(np.unravel_index(drawn, around.grid.shape), axis=1))
    values_mm, at_points = target.ravel()[drawn].astype(float), weights.ravel()[drawn].astype(float)
    return fit_bending(moving, points_mm, values_mm, at_points)


def _absent(around: Surroundings, bent: Volume) -> NDArray[np.bool_]:
    """Return the voxels that lack bone near the opening, according to a bent field or the estimated vault."""
    own = around.bone.array < 0
    lower = (bent.array > 0) & (around.near_mm < _WALL_MM)
    vault = (around.vault_mm > 0) & (around.vault_share > 0.5) & (around.gap_mm < _WALL_MM)
    return np.asarray(ndimage.binary_opening((lower | vault) & own))


def _flush(around: Surroundings, bent: Volume, known: NDArray[np.floating]) -> Volume:
    """Return a bent field without the misfit that is left at the known bone, which fades into the opening."""
    bone = around.bone.array
    shown = (np.maximum(np.abs(bone), np.abs(bent.array)) < _MISFIT_MM) & (known > 0.5)
    misfit = np.where(shown, bone - bent.array, 0.0)
    mean, weight = average_known(misfit, shown, _BLEND_MM / _VOXEL_MM)
    return bent.with_array((bent.array + mean * np.clip(5 * weight, 0, 1)).astype(np.float32))
