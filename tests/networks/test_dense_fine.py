"""Windows cover a box and leave no seam; slices know nothing of each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from meshimplant.networks.apply_stages import apply_stages
from meshimplant.networks.band import coarse_result, dense_features, feature_count, select_band
from meshimplant.networks.config import config_from
from meshimplant.networks.dense_fine import Patches, Slices, windows
from meshimplant.networks.head_grid import FINE
from meshimplant.networks.layers import Unchanged

CONFIG = config_from(
    {
        "data": {"channels": ["opening", "prior"]},
        "coarse": {"architecture": "none"},
        "fine": {"architecture": "patch-unet", "widths": [4, 4], "margin_mm": 4.0},
    }
)


@pytest.mark.parametrize(("shape", "edge"), [((48, 24, 72), 24), ((24, 24, 24), 48), ((50, 31, 17), 16)])
def test_windows_cover_the_box_and_overlap_by_a_quarter(shape: tuple[int, int, int], edge: int) -> None:
    found = windows(shape, edge)
    seen = torch.zeros(shape)
    for window in found:
        seen[window] += 1
        assert all(0 <= part.start < part.stop <= size for part, size in zip(window, shape, strict=True))
        assert all(
            part.stop - part.start == min(edge, size) for part, size in zip(window, shape, strict=True)
        )
    assert seen.min() >= 1
    for axis, size in enumerate(shape):
        lows = sorted({window[axis].start for window in found})
        assert all(b - a <= 0.75 * edge + 1 for a, b in pairwise(lows))
        assert lows[-1] == max(0, size - edge)


def test_what_depends_on_the_voxel_alone_has_no_seam() -> None:
    patches = Patches(3, (4, 4), edge=16)
    patches.network = nn.Conv3d(3, 1, 1)  # type: ignore[assignment]
    features = torch.randn(1, 3, 40, 24, 32)
    with torch.no_grad():
        torch.testing.assert_close(patches.whole(features), patches(features), rtol=1e-5, atol=1e-5)


def test_a_window_holds_its_voxel_and_fits_the_box() -> None:
    patches, slices = Patches(1, (2, 2, 2), edge=17), Slices(1, (2, 2), slab=6)
    assert patches.edge == 16
    for middle in ((0, 0, 0), (47, 23, 31), (20, 11, 16)):
        for network in (patches, slices):
            window = network.window(middle, (48, 24, 32))
            assert all(part.start <= m < part.stop for part, m in zip(window, middle, strict=True))
    assert [part.stop - part.start for part in slices.window((20, 11, 16), (48, 24, 32))] == [48, 24, 6]


def test_a_slice_is_corrected_for_itself() -> None:
    torch.manual_seed(0)
    slices = Slices(2, (4, 4), slab=4)
    nn.init.normal_(slices.network.last.weight)
    features = torch.randn(1, 2, 8, 8, 20)
    other = features.clone()
    other[..., 7] += 1
    with torch.no_grad():
        one, two = slices.whole(features), slices.whole(other)
        torch.testing.assert_close(slices(features), one, rtol=1e-5, atol=1e-6)
    changed = (one != two).any(dim=1).any(dim=1).any(dim=1)[0].nonzero()[:, 0].tolist()
    assert changed == [7]


def test_every_voxel_is_told_what_the_voxels_of_a_band_are_told() -> None:
    grid = FINE.crop((60, 60, 60), (84, 84, 84))
    torch.manual_seed(0)
    fields = torch.randn(2, 2, 24, 24, 24) * 0.3
    nothing = torch.zeros(2, 1, 8, 8, 8)
    band = select_band(fields, nothing, CONFIG, grid=grid)
    assert len(band.coords) > 100
    dense = dense_features(fields, coarse_result(fields, nothing, CONFIG), grid)
    assert dense.shape == (2, feature_count(CONFIG), 24, 24, 24)
    b, i, j, k = band.coords.unbind(dim=1)
    torch.testing.assert_close(dense[b, :, i, j, k], band.features)


def test_corrections_fade_out_beyond_the_opening() -> None:
    grid = FINE.crop((60, 60, 60), (84, 84, 84))
    fields = torch.zeros(1, 2, 24, 24, 24)
    fields[:, 0] = (torch.arange(24.0) - 12)[:, None, None] / 8  # the opening's distance, mm / 8
    patches = Patches(feature_count(CONFIG), (4, 4), edge=16)
    nn.init.constant_(patches.network.last.bias, 0.5)  # type: ignore[arg-type]
    with torch.no_grad():
        found = apply_stages(CONFIG, Unchanged(1), patches, fields, grid)[0, 0, :, 5, 5]
    wanted = 0.5 * ((torch.arange(24.0) - 12) / 4 + 1).clamp(0, 1)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)
