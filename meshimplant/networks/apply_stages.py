"""Apply both stages to the fields of one head: the coarse correction, then the fine one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from meshimplant.networks.band import coarse_result, correction_weight, dense_features, select_band
from meshimplant.networks.dense_fine import DenseFine
from meshimplant.networks.head_grid import HeadGrid, take_coarse

if TYPE_CHECKING:
    from torch import nn

    from meshimplant.networks.config import Config


def apply_stages(
    config: Config, coarse: nn.Module, fine: nn.Module | None, fields: Tensor, grid: HeadGrid
) -> Tensor:
    """Return the base as corrected by the networks, (1, 1, *grid.shape), in units of `CLIP_MM`.

    Beyond the opening, corrections fade out over the config's margin; farther away the base is unchanged.

    Parameters
    ----------
    config : Config
    coarse : Module
    fine : Module or None
        None: the result is the base with the coarse correction.
    fields : (1, C, *grid.shape) tensor
        The config's channels in units of `CLIP_MM`.
    grid : HeadGrid
        A box of `FINE` aligned with the voxels of `COARSE`.
    """
    correction = coarse_correction(config, coarse, take_coarse(fields))
    result = coarse_result(fields, correction, config)[:, None]
    if fine is None:
        return result
    if isinstance(fine, DenseFine):
        finer = fine.whole(dense_features(fields, result[:, 0], grid))
        return result + correction_weight(fields, config)[:, None] * finer
    band = select_band(fields, correction, config, grid=grid)
    if len(band.coords) == 0:
        return result
    b, i, j, k = band.coords.unbind(dim=1)
    result[b, 0, i, j, k] = (band.start + fine(band.coords, band.features).float())[:, 0]
    return result


def coarse_correction(config: Config, coarse: nn.Module, fields: Tensor) -> Tensor:
    """Return the coarse network's correction of its base, (B, 1, x, y, z) float32."""
    place = config.data.channels.index(config.data.base)
    fields = fields.contiguous()
    answer: Tensor = coarse(fields)
    return answer.float() - fields[:, place : place + 1].float()
