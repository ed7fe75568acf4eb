"""The challenge's metrics against a slow and literal reference."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from meshimplant.errors import EmptyMaskError, GeometryError
from meshimplant.evaluation import metrics
from meshimplant.voxels.volume import Volume

SPACING = np.array([0.45, 0.5, 0.7])


def grid(array, spacing=SPACING, origin=(0, 0, 0)):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = origin
    return Volume(np.asarray(array, np.uint8), affine)


def blobs(seed, *, touching=False):
    """Make two overlapping irregular implants and a skull with a hole, optionally cut by the array's edge."""
    rng = np.random.default_rng(seed)
    shape = (34, 30, 26)
    noise = [ndimage.gaussian_filter(rng.normal(size=shape), 2) for _ in range(2)]
    i, j, k = np.meshgrid(*[np.arange(n) for n in shape], indexing="ij")
    slab = np.abs(k - (1 if touching else 13)) <= 3
    disc = (i - 16) ** 2 + (j - 14) ** 2
    truth = slab & (disc < 81 + 400 * noise[0])
    prediction = slab & ((i - 17) ** 2 + (j - 14) ** 2 < 90 + 400 * noise[1])
    return prediction, truth, slab & ~truth & ~prediction


def reference_surface(mask):
    return mask ^ ndimage.binary_erosion(mask, ndimage.generate_binary_structure(3, 1))


def reference_distances(first, second, spacing):
    points = [np.argwhere(reference_surface(m)) * spacing for m in (first, second)]
    between = cdist(*points)
    return np.concatenate([between.min(axis=1), between.min(axis=0)])


def reference_reach(first, second, spacing):
    beyond = np.argwhere(first & ~second) * spacing
    return cdist(beyond, np.argwhere(second) * spacing).min(axis=1).max() if len(beyond) else 0.0


def reference_border_dice(first, second, skull, limit, spacing):
    distance = ndimage.distance_transform_edt(~skull, sampling=spacing)  # noqa: TID251 (small and literal)
    first, second = first & (distance <= limit), second & (distance <= limit)
    return 2 * (first & second).sum() / (first.sum() + second.sum())


@pytest.mark.parametrize("touching", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_the_literal_definitions(seed, touching):
    prediction, truth, skull = blobs(seed, touching=touching)
    distances = reference_distances(prediction, truth, SPACING)
    result = metrics.evaluate(grid(prediction), grid(truth), grid(skull))
    assert result.dice == pytest.approx(
        2 * (prediction & truth).sum() / (prediction.sum() + truth.sum()), abs=1e-12
    )
    assert result.hausdorff_mm == pytest.approx(distances.max(), abs=1e-9)
    assert result.hausdorff95_mm == pytest.approx(np.percentile(distances, 95), abs=1e-9)
    assert result.protrusion_mm == pytest.approx(reference_reach(prediction, truth, SPACING), abs=1e-9)
    assert result.omission_mm == pytest.approx(reference_reach(truth, prediction, SPACING), abs=1e-9)
    assert result.coverage_fraction == pytest.approx((prediction & truth).sum() / truth.sum(), abs=1e-12)
    assert result.excess_fraction == pytest.approx((prediction & ~truth).sum() / truth.sum(), abs=1e-12)
    assert result.true_volume_mm3 == pytest.approx(truth.sum() * SPACING.prod())


# 1.5 mm is three voxels of the second axis: distances of exactly the limit must stay inside.
@pytest.mark.parametrize("limit", [0.7, 1.5, 2.1])
@pytest.mark.parametrize("touching", [False, True])
def test_border_dice_equals_the_literal_definition(limit, touching):
    prediction, truth, skull = blobs(3, touching=touching)
    volumes = grid(prediction), grid(truth), grid(skull)
    expected = reference_border_dice(prediction, truth, skull, limit, SPACING)
    assert 0 < expected < 1
    assert metrics.border_dice(*volumes, border_mm=limit) == pytest.approx(expected, abs=1e-12)
    expected = reference_border_dice(prediction, truth, skull, 3, np.ones(3))
    assert metrics.border_dice_voxels(*volumes, border_voxels=3) == pytest.approx(expected, abs=1e-12)


def brute_force(prediction, truth, skull, spacing):
    """Repeat the definitions voxel by voxel and pair by pair: no erosion, transform, tree or crop."""
    steps = [np.array(step) for step in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1))]

    def surface(mask):
        sets = {tuple(voxel) for voxel in np.argwhere(mask)}
        bare = [v for v in sorted(sets) if any(tuple(np.add(v, step)) not in sets for step in steps)]
        return np.array(bare)

    def apart(first, second, edges):
        offsets = (first[:, None, :] - second[None, :, :]) * edges
        return np.sqrt((offsets**2).sum(axis=2)).min(axis=1)

    def overlap(first, second):
        one, two = ({tuple(voxel) for voxel in voxels} for voxels in (first, second))
        return 2 * len(one & two) / (len(one) + len(two))

    found, wanted, bone = (np.argwhere(mask) for mask in (prediction, truth, skull))
    borders = [
        overlap(*(voxels[apart(voxels, bone, edges) <= 10] for voxels in (found, wanted)))
        for edges in (spacing, np.ones(3))
    ]
    shells = surface(prediction), surface(truth)
    both = np.concatenate([apart(*shells, spacing), apart(*shells[::-1], spacing)])
    rank = 0.95 * (len(both) - 1)
    low, high = np.sort(both)[[int(np.floor(rank)), int(np.ceil(rank))]]
    return {
        "dice": overlap(found, wanted),
        "border_dice": borders[0],
        "border_dice_voxels": borders[1],
        "hausdorff_mm": both.max(),
        "hausdorff95_mm": low + (rank - np.floor(rank)) * (high - low),
    }


@pytest.mark.parametrize("spacing", [(1.25, 1.25, 2.5), (0.9, 1.1, 1.7)])
def test_equals_the_challenge_definitions_by_brute_force(spacing):
    # 10 mm are whole numbers of voxels of the first grid, so many voxels lie on the limit itself.
    spacing = np.array(spacing)
    i, j, k = np.meshgrid(np.arange(34), np.arange(32), np.arange(9), indexing="ij")
    rng = np.random.default_rng(7)
    slab = (k >= 3) & (k <= 5)
    truth = slab & ((i - 16) ** 2 + (j - 15) ** 2 <= 144)
    prediction = slab & ((i - 17) ** 2 + (j - 15) ** 2 <= 130 + 30 * rng.normal(size=truth.shape)) & (k > 2)
    prediction |= (np.abs(i - 16) < 2) & (np.abs(j - 15) < 2) & (k > 5)
    skull = slab & ~truth & ~prediction & (np.hypot(i - 16, j - 15) < 16)
    expected = brute_force(prediction, truth, skull, spacing)
    assert len(set(expected.values()) | {1.0, 0.0}) == 7
    result = metrics.evaluate(*(grid(mask, spacing) for mask in (prediction, truth, skull)))
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value, abs=1e-9), name


def test_border_dice_counts_millimetres_and_drops_the_middle():
    # A 60 mm wide hole: predictions wrong only in the middle are right at the border, and the reverse.
    truth = np.zeros((80, 80, 6), bool)
    truth[10:70, 10:70] = True
    skull = np.zeros_like(truth)
    skull[5:75, 5:75] = True
    skull &= ~truth
    middle, rim = truth.copy(), np.zeros_like(truth)
    middle[20:60, 20:60] = False
    rim[21:59, 21:59] = True
    unit = np.ones(3)
    assert metrics.border_dice(grid(middle, unit), grid(truth, unit), grid(skull, unit)) == 1.0
    assert metrics.border_dice(grid(rim, unit), grid(truth, unit), grid(skull, unit)) == 0.0
    half = unit / 2  # the same arrays at 0.5 mm: 10 mm now reach 20 voxels, 10 voxels only 5 mm
    halved = [grid(a, half) for a in (middle, truth, skull)]
    assert metrics.border_dice(*halved) < 1.0
    assert metrics.border_dice_voxels(*halved) == 1.0


def test_dice_of_shifted_boxes_and_of_nothing():
    first, second = np.zeros((2, 10, 10, 10), bool)
    first[2:6, 2:6, 2:6] = True
    second[3:7, 2:6, 2:6] = True
    empty = np.zeros_like(first)
    assert metrics.dice(grid(first), grid(second)) == 0.75
    assert metrics.dice(grid(first), grid(first)) == 1.0
    assert metrics.dice(grid(first), grid(empty)) == 0.0
    assert metrics.dice(grid(empty), grid(empty)) == 0.0
    assert metrics.hausdorff_mm(grid(first), grid(second)) == pytest.approx(0.45, abs=1e-12)
    assert metrics.hausdorff_mm(grid(first), grid(first)) == 0.0


def test_hausdorff95_takes_the_percentile_of_both_directions_together():
    # 100 surface voxels against the same 100 and 8 far ones: under 5 % of both lists together, 7 % of the
    # second.
    first = np.zeros((120, 3, 3), bool)
    first[:100, 1, 1] = True
    second = first.copy()
    second[104:112, 1, 1] = True
    expected = np.percentile(np.concatenate([np.zeros(200), np.arange(5, 13) * 0.45]), 95)
    assert metrics.hausdorff95_mm(grid(first), grid(second)) == pytest.approx(expected, abs=1e-12)
    assert metrics.hausdorff95_mm(grid(second), grid(first)) == pytest.approx(expected, abs=1e-12)


def test_protrusion_is_the_reach_beyond_and_omission_what_is_missing():
    truth, spike, gap = np.zeros((3, 40, 20, 12), bool)
    truth[5:35, 5:15, 4:8] = True
    spike[20, 10, 8:12] = True
    gap[5:8] = True
    empty = np.zeros_like(truth)
    cases = ((empty, empty, 0.0, 0.0), (spike, empty, 4 * 0.7, 0.0), (empty, gap, 0.0, 3 * 0.45))
    for more, less, protrusion, omission in cases:
        result = metrics.evaluate(grid((truth | more) & ~less), grid(truth), grid(~truth))
        assert result.protrusion_mm == pytest.approx(protrusion, abs=1e-12)
        assert result.omission_mm == pytest.approx(omission, abs=1e-12)
    # A prediction that stays inside reaches nowhere beyond, however far its surface is from the true one.
    small = np.zeros_like(truth)
    small[15:25, 8:12, 5:7] = True
    result = metrics.evaluate(grid(small), grid(truth), grid(~truth))
    assert (result.protrusion_mm, result.coverage_fraction) == (0.0, 80 / 1200)
    assert result.omission_mm == result.hausdorff_mm > 4


def test_any_nonzero_value_counts_and_a_moved_rotated_flipped_grid_changes_nothing():
    prediction, truth, skull = blobs(5)
    plain = metrics.evaluate(grid(prediction), grid(truth), grid(skull))
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, -1]])
    affine = np.eye(4)
    affine[:3, :3] = turn * SPACING
    affine[:3, 3] = (812.0, -940.0, 333.0)
    moved = [Volume(a.astype(np.int32) * 7, affine) for a in (prediction, truth, skull)]
    for name, value in metrics.evaluate(*moved).to_dict().items():
        assert value == pytest.approx(plain.to_dict()[name], abs=1e-9), name


def test_an_empty_prediction_is_a_result_but_an_empty_truth_or_skull_is_an_error():
    _, truth, skull = blobs(0)
    empty = grid(np.zeros_like(truth))
    result = metrics.evaluate(empty, grid(truth), grid(skull))
    assert (result.dice, result.border_dice, result.coverage_fraction) == (0.0, 0.0, 0.0)
    assert np.isinf([result.hausdorff_mm, result.hausdorff95_mm, result.protrusion_mm]).all()
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["hausdorff_mm"] is None
    with pytest.raises(EmptyMaskError, match="true implant"):
        metrics.evaluate(grid(truth), empty, grid(skull))
    with pytest.raises(EmptyMaskError, match="true implant"):
        metrics.coverage_fraction(grid(truth), empty)
    with pytest.raises(EmptyMaskError, match="defective skull"):
        metrics.border_dice(grid(truth), grid(truth), empty)
    with pytest.raises(EmptyMaskError, match="predicted implant"):
        metrics.hausdorff_mm(empty, grid(truth))
    with pytest.raises(EmptyMaskError, match="two empty"):
        metrics.hausdorff95_mm(empty, empty)
    assert metrics.border_dice(empty, empty, grid(skull)) == 0.0


@pytest.mark.parametrize(
    "function", [metrics.dice, metrics.hausdorff_mm, metrics.hausdorff95_mm, metrics.coverage_fraction]
)
def test_refuses_two_grids(function):
    _, truth, _ = blobs(0)
    with pytest.raises(GeometryError, match="prediction and the truth"):
        function(grid(truth), grid(truth, origin=(1, 0, 0)))


def test_refuses_a_defective_skull_on_another_grid():
    _, truth, skull = blobs(0)
    with pytest.raises(GeometryError, match="defective skull"):
        metrics.border_dice(grid(truth), grid(truth), grid(skull, origin=(0, 0, 2)))
    with pytest.raises(GeometryError, match="defective skull"):
        metrics.evaluate(grid(truth), grid(truth), grid(skull, origin=(0, 0, 2)))


@pytest.mark.realdata
@pytest.mark.slow
def test_a_real_case_equals_the_literal_definitions(data_folder):
    from meshimplant.datasets.case import read_case
    from meshimplant.datasets.skullfix import list_skullfix

    case = next(case for case in list_skullfix(data_folder / "skullfix") if case.name == "061")
    volumes = read_case(case)
    truth, skull = volumes.implant, volumes.defective
    assert truth.shape == (512, 512, 256)
    moved = (np.roll(truth.array, 2, axis=0) | np.roll(truth.array, -1, axis=2)) & (skull.array == 0)
    prediction = truth.with_array(moved.astype(np.uint8))
    result = metrics.evaluate(prediction, truth, skull)
    box = np.argwhere(truth.array | prediction.array)
    margin = np.ceil(12 / truth.spacing_mm).astype(int)  # nothing farther away can count
    cut = box.min(axis=0) - margin, box.max(axis=0) + 1 + margin
    found, wanted, bone = (v.crop(*cut).array != 0 for v in (prediction, truth, skull))
    spacing = truth.spacing_mm
    shells = reference_surface(found), reference_surface(wanted)
    reach = [ndimage.distance_transform_edt(~shell, sampling=spacing) for shell in shells]  # noqa: TID251
    distances = np.concatenate([reach[1][shells[0]], reach[0][shells[1]]])
    expected = {
        "dice": 2 * (found & wanted).sum() / (found.sum() + wanted.sum()),
        "border_dice": reference_border_dice(found, wanted, bone, 10, spacing),
        "border_dice_voxels": reference_border_dice(found, wanted, bone, 10, np.ones(3)),
        "hausdorff_mm": distances.max(),
        "hausdorff95_mm": np.percentile(distances, 95),
    }
    for name, value in expected.items():
        assert getattr(result, name) == pytest.approx(value, abs=1e-9), name


@pytest.mark.slow
def test_a_full_size_case_takes_little_memory():
    import tracemalloc

    shape, spacing = (512, 512, 256), np.array([0.45, 0.45, 0.7])
    masks = np.zeros((3, *shape), np.uint8)
    i, j, k = np.ogrid[:512, :512, :256]
    radius = np.sqrt(((i - 256) * 0.45) ** 2 + ((j - 256) * 0.45) ** 2 + ((k - 60) * 0.7) ** 2)
    shell = (radius > 78) & (radius < 85)
    masks[0] = shell & (i > 300) & (k > 90)
    masks[1] = shell & (i > 303) & (k > 89)
    masks[2] = shell & (masks[1] == 0)
    del radius, shell
    volumes = [grid(mask, spacing) for mask in masks]
    tracemalloc.start()
    result = metrics.evaluate(*volumes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.9 < result.dice < 1.0
    assert peak < 1.2e9
