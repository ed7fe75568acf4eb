"""Between the stages: the voxels near a surface and the opening, and what is told of each."""

from __future__ import annotations

import pytest
import torch

from meshimplant.errors import InputError
from meshimplant.networks.band import coarse_result, feature_count, select_band
from meshimplant.networks.config import Config, config_from
from meshimplant.networks.head_grid import CLIP_MM, HeadGrid

GRID = HeadGrid((-12.0, -9.0, 0.0), (24, 18, 12), 1.0)
CONFIG = config_from({"fine": {"band_mm": 2.0, "margin_mm": 4.0}, "data": {"channels": ["opening", "prior"]}})


def flat_head(height_mm: float = 5.2) -> torch.Tensor:
    """Return opening (x > 0) and prior (bone below a plane) on `GRID`, in units of `CLIP_MM`, twice."""
    x, _, z = torch.from_numpy(GRID.points_mm()).unbind(dim=-1)
    fields = torch.stack([x, height_mm - z]).clamp(-CLIP_MM, CLIP_MM) / CLIP_MM
    return torch.stack([fields, fields])


def nothing() -> torch.Tensor:
    return torch.zeros(2, 1, 8, 6, 4)


def test_voxels_near_the_surface_in_and_around_the_opening_are_refined() -> None:
    fields = flat_head()
    band = select_band(fields, nothing(), CONFIG, grid=GRID)
    near = (fields[:, 1].abs() * CLIP_MM < 2.0) & (fields[:, 0] * CLIP_MM > -4.0)
    assert torch.equal(band.coords, near.nonzero())
    assert set(band.coords[:, 0].tolist()) == {0, 1}
    assert band.features.shape == (len(band.coords), feature_count(CONFIG))


def test_each_voxel_is_told_its_fields_its_start_and_its_place() -> None:
    fields = flat_head()
    band = select_band(fields, nothing() + 0.1, CONFIG, grid=GRID)
    b, i, j, k = band.coords.unbind(dim=1)
    assert torch.equal(band.features[:, :2], fields[b, :, i, j, k])
    share = (1 + fields[b, 0, i, j, k] * CLIP_MM / 4).clamp(0, 1)
    torch.testing.assert_close(band.start[:, 0], fields[b, 1, i, j, k] + 0.1 * share)
    assert torch.equal(band.features[:, 2:3], band.start)
    places = torch.from_numpy(GRID.points_mm())[i, j, k] / 100
    torch.testing.assert_close(band.features[:, 3:], places)


def test_voxels_near_the_corrected_surface_are_refined_too() -> None:
    up_mm = 4.0
    band = select_band(flat_head(), nothing() + up_mm / CLIP_MM, CONFIG, grid=GRID)
    heights = set(band.coords[:, 3].tolist())
    assert heights == {3, 4, 5, 6, 7, 8, 9, 10}  # 5.2 +- 2 and 9.2 +- 2, by the voxels' centres


def test_a_correction_lies_where_it_did_on_the_coarse_grid_and_fades_out_beyond_the_opening() -> None:
    slope = torch.arange(8.0)[None, None, :, None, None].expand(2, 1, 8, 6, 4) / 100
    start = coarse_result(flat_head(), slope, CONFIG)
    added = (start - flat_head()[:, 1])[0, :, 3, 3]
    coarse_centre = 3 * torch.arange(8) + 1
    x = torch.from_numpy(GRID.points_mm())[:, 3, 3, 0]
    share = (1 + x / 4).clamp(0, 1)
    expected = torch.arange(8.0) / 100 * share[coarse_centre]
    torch.testing.assert_close(added[coarse_centre], expected, atol=1e-6, rtol=0)
    assert not added[x < -4].any()


def test_without_an_opening_corrections_count_everywhere() -> None:
    config = config_from({"fine": {}, "data": {"channels": ["prior"]}})
    start = coarse_result(flat_head()[:, 1:], nothing() + 0.1, config)
    torch.testing.assert_close(start, flat_head()[:, 1] + 0.1)


def test_a_network_of_one_stage_refines_nothing() -> None:
    one: Config = config_from({"data": {"channels": ["prior"]}})
    with pytest.raises(InputError, match=r"a table \[fine\]"):
        select_band(flat_head()[:, 1:], nothing(), one, grid=GRID)
