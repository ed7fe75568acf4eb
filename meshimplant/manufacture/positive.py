"""The part on a sprue with a foot, around which a mould of silicone is poured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from meshimplant.manufacture.casting import Bores, Casting, Piece, low_around
from meshimplant.manufacture.mould_block import CHAMFER_MM, turned
from meshimplant.manufacture.parting import columns
from meshimplant.spec.mould_spec import MouldSpec

if TYPE_CHECKING:
    pass

#: Free height of the sprue over the highest point of the part, radius and thickness of its foot, and how deep
#: the sprue reaches into the part, mm. No source: our choice.
_FREE_MM, _FOOT_MM, _FOOT_THICK_MM, _INTO_MM = 10.0, 25.0, 5.0, 0.5
#: Grid on which the middle of the inner surface is searched, mm.
_TRIAL_MM = 2.0


def positive(casting: Casting, spec: MouldSpec) -> tuple[list[Piece], Bores]:
    """Return the part with a sprue at the middle of its inner surface, which stands on a foot."""
    import manifold3d

    border = casting.inner.border
    low, high = border.min(axis=0), border.max(axis=0)
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b, _TRIAL_MM) for a, b in zip(low, high, strict=True)), indexing="ij"),
        axis=-1,
    ).reshape(-1, 2)
    top = columns(casting.mesh, grid)[1]
    away = np.linalg.norm(grid[:, None] - border[None, ::2], axis=2).min(axis=1)
    place = grid[int(np.argmax(np.where(np.isnan(top), -1.0, away)))]
    start = low_around(casting.mesh, place, spec.channel_mm / 2) - _INTO_MM
    foot = casting.high_mm + _FREE_MM
    end = foot + _FOOT_THICK_MM
    radius = spec.channel_mm / 2
    profile = [
        (start, radius),
        (foot, radius),
        (foot, _FOOT_MM - CHAMFER_MM),
        (foot + CHAMFER_MM, _FOOT_MM),
        (end - CHAMFER_MM, _FOOT_MM),
        (end, _FOOT_MM - CHAMFER_MM),
    ]
    below = casting.parting.below(casting.low_mm - 20.0)
    sprue = turned(profile).translate((float(place[0]), float(place[1]), 0.0)) - below
    body = manifold3d.Manifold.batch_boolean([casting.solid, sprue], manifold3d.OpType.Add)
    bores = Bores(place[None], np.array([radius]))
    return [Piece("POSITIVE", body, sprue.slice(end - 0.01), end, upside_down=True)], bores
