"""Both stages one after the other: what the networks make of the fields of one head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from meshimplant.networks.band import band_of, dense_features, share_of, start_of
from meshimplant.networks.dense_fine import DenseFine
from meshimplant.networks.head_grid import HeadGrid, coarse_of

if TYPE_CHECKING:
    from torch import nn

    from meshimplant.networks.config import Config


def corrected(
    config: Config, coarse: nn.Module, fine: nn.Module | None, fields: Tensor, grid: HeadGrid
) -> Tensor:
    """Return the base as the networks correct it, (1, 1, *grid.shape), in units of `CLIP_MM`.

    Beyond the opening corrections fade out over the config's margin; farther off the base stays as it is.

    Parameters
    ----------
    coarse, fine
        The networks; without `fine` the coarse one's correction is the result.
    fields : (1, C, *grid.shape) tensor
        The config's channels in units of `CLIP_MM`.
    grid
        A box of `FINE` whose edges are edges of `COARSE`.
    """
    correction = coarse_correction(config, coarse, coarse_of(fields))
    result = start_of(fields, correction, config)[:, None]
    if fine is None:
        return result
    if isinstance(fine, DenseFine):
        finer = fine.whole(dense_features(fields, result[:, 0], grid))
        return result + share_of(fields, config)[:, None] * finer
    band = band_of(fields, correction, config, grid=grid)
    if len(band.coords) == 0:
        return result
    b, i, j, k = band.coords.unbind(dim=1)
    result[b, 0, i, j, k] = (band.start + fine(band.coords, band.features).float())[:, 0]
    return result


def coarse_correction(config: Config, coarse: nn.Module, fields: Tensor) -> Tensor:
    """Return what the coarse network adds to its base, (B, 1, x, y, z), as float32."""
    place = config.data.channels.index(config.data.base)
    fields = fields.contiguous()
    answer: Tensor = coarse(fields)
    return answer.float() - fields[:, place : place + 1].float()
