"""The available networks, by their names in a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from meshimplant.errors import InputError
from meshimplant.networks.band import feature_count
from meshimplant.networks.dense_fine import Patches, Slices
from meshimplant.networks.head_grid import FINE
from meshimplant.networks.layers import Unchanged, UNet
from meshimplant.networks.point_voxel import PointVoxelNet
from meshimplant.networks.sparse_unet import SparseUNet

if TYPE_CHECKING:
    from torch import nn

    from meshimplant.networks.config import Config, Fine

_Builder = TypeVar("_Builder", bound="Callable[..., nn.Module]")


def build_coarse(config: Config) -> nn.Module:
    """Return a config's coarse network, untrained: (B, C, X, Y, Z) -> (B, 1, X, Y, Z), in units of `CLIP_MM`.

    Its output is the base channel plus a correction, which is 0 at first. Weights are drawn from torch's
    global generator.
    """
    return _chosen(COARSE_NETWORKS, config.coarse.architecture, "coarse")(config)


def build_fine(config: Config) -> nn.Module:
    """Return a config's fine network, untrained; its corrections are in units of `CLIP_MM` and 0 at first.

    A `DenseFine` maps (B, F, x, y, z) to (B, 1, x, y, z), the others (N, 4) int64 and (N, F) to (N, 1).

    Raises `InputError` if the config has no fine stage.
    """
    if config.fine is None:
        raise InputError(
            f"expected a config with a table [fine], got {config.name} without: it has one stage only"
        )
    return _chosen(FINE_NETWORKS, config.fine.architecture, "fine")(feature_count(config), config.fine)


def _unet(config: Config) -> nn.Module:
    channels = config.data.channels
    return UNet(
        len(channels),
        channels.index(config.data.base),
        config.coarse.widths,
        residual=config.coarse.residual,
    )


def _none(config: Config) -> nn.Module:
    return Unchanged(config.data.channels.index(config.data.base))


def _sparse_unet(features: int, fine: Fine) -> nn.Module:
    return SparseUNet(features, fine.widths)


def _point_voxel(features: int, fine: Fine) -> nn.Module:
    return PointVoxelNet(features, fine.widths, cell=fine.cell_mm / FINE.spacing_mm)


def _patch_unet(features: int, fine: Fine) -> nn.Module:
    return Patches(features, fine.widths, edge=fine.window_mm / FINE.spacing_mm)


def _slice_unet(features: int, fine: Fine) -> nn.Module:
    return Slices(features, fine.widths, slab=fine.window_mm / FINE.spacing_mm)


#: Builders by architecture name.
COARSE_NETWORKS: dict[str, Callable[[Config], nn.Module]] = {"unet": _unet, "none": _none}
FINE_NETWORKS: dict[str, Callable[[int, Fine], nn.Module]] = {
    "sparse-unet": _sparse_unet,
    "point-voxel": _point_voxel,
    "patch-unet": _patch_unet,
    "slice-unet": _slice_unet,
}


def _chosen(known: dict[str, _Builder], name: str, table: str) -> _Builder:
    if name not in known:
        raise InputError(
            f"expected {table}.architecture among {', '.join(known)}, got {name!r}: correct the config"
        )
    return known[name]
