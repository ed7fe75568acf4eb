"""`Fixture`: what is added to a part and removed from it at one place of fixation; bosses under it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.implant.features import Feature, FeatureKind
from meshimplant.report import place_of
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.theatre.border_frame import BorderFrame
from meshimplant.theatre.flat_bodies import bar, common, disc, joined, rounded
from meshimplant.theatre.screws import Screw
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    import manifold3d

#: A boss: its radius, the radii of its edge and of its foot, mm, how deep it is rooted in the wall, and how
#: far it stays behind the border wall. No source: our choice.
_BOSS_MM, _EDGE_MM, _FOOT_MM, _ROOT_MM, _BEHIND_MM = 3.5, 0.8, 1.5, 0.3, 0.4
#: A wall that lacks less than this needs no boss, mm: the scatter of its measurement.
_LACK_MM = 0.1
#: Bone higher than this over its smooth surface is no part of it, mm.
_HIGHEST_MM = 2.0
#: What the ends of a long feature fall below its middle on a head, mm.
_SAG_MM = 0.5


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the fixtures of a part have in common.

    Attributes
    ----------
    bone : Volume
        Signed distance to the bone, mm, positive inside.
    mask : Volume
        The bone itself on the same grid; non-zero is bone.
    spec : FixationSpec
        How to fix.
    least_wall_mm : float
        Thinnest wall that may be left.
    """

    bone: Volume
    mask: Volume
    spec: FixationSpec
    least_wall_mm: float


@dataclass(frozen=True, eq=False)
class Fixture:
    """What is made at one place.

    Attributes
    ----------
    add, remove : tuple of Manifold
        Bodies that are added to the part, and then removed from it.
    features : tuple of Feature
        What `check` knows of them.
    screws : tuple of Screw
        The screws.
    plate : Trimesh or None
        Model of the plate, LPS mm.
    proud_mm : float
        How far it stands proud of the skull's outer surface, as drawn.
    boss_mm : float
        By how much the wall is thickened; 0: no boss.
    """

    add: tuple[manifold3d.Manifold, ...]
    remove: tuple[manifold3d.Manifold, ...]
    features: tuple[Feature, ...]
    screws: tuple[Screw, ...]
    proud_mm: float
    plate: trimesh.Trimesh | None = None
    boss_mm: float = field(default=0.0)


def long_feature(
    kind: FeatureKind,
    label: str,
    frame: BorderFrame,
    ends_mm: tuple[float, float],
    *,
    width_mm: float,
    heights_mm: tuple[float, float],
) -> Feature:
    """Return a feature along u between the middles of two round ends, over the outer surface.

    `heights_mm` are those of its upper and its lower side over the surface.
    """
    top, low = heights_mm
    start, stop, middle = frame.bend(np.array([[u, 0.0, top] for u in (*ends_mm, sum(ends_mm) / 2)]))
    axis = -frame.outward_at(sum(ends_mm) / 2)
    span = (stop - start) - ((stop - start) @ axis) * axis
    point = middle - max(0.0, float(np.max((middle - np.stack([start, stop])) @ axis))) * axis
    return Feature(
        kind, label, place_of(point), place_of(axis), width_mm, top - low + _SAG_MM, place_of(span)
    )


def clear_of_bone_mm(
    frame: BorderFrame, bone: Volume, at_mm: float, radius_mm: float, height_mm: float
) -> float:
    """Return how far a bar over the bone stays clear of it, mm; negative where bone stands out.

    The bar reaches from the border to a round end about `at_mm`, at a height over the smooth surface.
    """
    u, v = np.meshgrid(
        np.arange(0.3, at_mm + radius_mm, 0.4), np.arange(-radius_mm, radius_mm + 0.1, 0.4), indexing="ij"
    )
    within = bar(u, v, 0.0, at_mm, radius_mm) <= 0
    flat = np.stack([u[within], v[within], np.full(int(within.sum()), height_mm)], axis=1)
    return float(-sample(bone, frame.bend(flat), fill=-1e3).max())


def highest_bone_mm(frame: BorderFrame, mask: Volume, at_mm: float, radius_mm: float) -> float:
    """Return how high the highest voxel's centre of the bone lies over its smooth surface, mm.

    Only what lies below the bar of `clear_of_bone_mm` counts; -inf without any.
    """
    reach = at_mm + radius_mm
    corners = [[u, v, w] for u in (0.0, reach) for v in (-radius_mm, radius_mm) for w in (-1.0, 2.0)]
    low, high = mask.box_around(frame.bend(np.array(corners)), np.full(3, 2))
    box = mask.crop(np.maximum(low, 0), np.minimum(high, mask.shape))
    u, v, w = frame.flatten(box.to_mm(np.argwhere(box.array != 0))).T
    below = (bar(u, v, 0.0, at_mm, radius_mm) <= 0) & (u > 0) & (w < _HIGHEST_MM)
    return float(w[below].max(initial=-np.inf))


def boss_height(frame: BorderFrame, needed_mm: float) -> float:
    """Return by how much the wall must be thickened, mm."""
    lack = needed_mm - frame.wall_mm
    return lack if lack > _LACK_MM else 0.0


def boss(frame: BorderFrame, at: tuple[float, float], needed_mm: float) -> manifold3d.Manifold:
    """Return a rounded boss under a flat place (u, v), which makes the wall as thick as needed.

    It stays behind the border wall, as that leans.
    """
    wall = frame.wall_mm

    def field(u: NDArray[np.float64], v: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
        post = common(disc(u, v, at, _BOSS_MM), -w - needed_mm, _EDGE_MM)
        post = np.maximum(post, w + wall / 2)
        sheet = np.maximum(-(w + wall - _ROOT_MM), w + wall / 2)
        around = disc(u, v, at, _BOSS_MM + _FOOT_MM)
        body = np.maximum(joined(post, sheet, _FOOT_MM), around)
        return np.asarray(np.maximum(body, u + _BEHIND_MM + np.maximum(-w, 0) * max(frame.lean, 0.0)))

    reach = _BOSS_MM + _FOOT_MM + 0.5
    low = (at[0] - reach, at[1] - reach, -needed_mm - 0.5)
    return rounded(field, low, (min(at[0] + reach, 0.5), at[1] + reach, -wall / 2 + 0.3), frame)
