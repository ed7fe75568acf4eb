"""Training samples: the part of a head around an opening, with seeded random changes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.networks.channels import (
    POSITION_CHANNELS,
    focus_box,
    mean_field,
    position_field,
    stack_channels,
)
from meshimplant.networks.config import Data
from meshimplant.networks.head_grid import CLIP_MM, COARSE, FINE, HeadGrid, take_coarse, unpack_field
from meshimplant.networks.training_config import Training
from meshimplant.networks.training_store import CaseName, Store

_THIRD = int(COARSE.spacing_mm / FINE.spacing_mm)
_BEYOND = np.float32(-CLIP_MM)

Fields = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class HeadCrop:
    """The part of one case in the networks' input box.

    Attributes
    ----------
    grid : HeadGrid
        A box of `FINE` aligned with the voxels of `COARSE`.
    fields : dict of (*grid.shape) int8 arrays
        ``complete``, ``defective``, ``opening``, ``prior`` and, if they are channels, ``mirror`` and
        ``mean``, packed by `pack_field`.
    """

    grid: HeadGrid
    fields: dict[str, NDArray[np.int8]]

    @property
    def size(self) -> int:
        """Size of the fields in bytes."""
        return sum(values.nbytes for values in self.fields.values())


@dataclass(frozen=True, eq=False)
class Sample:
    """Input and target of one training step from one case.

    Attributes
    ----------
    grid : HeadGrid
        A box of `FINE` or of `COARSE`.
    channels : (C, *grid.shape) float32 array
        Input of the network, in units of `CLIP_MM`.
    target : (*grid.shape) float32 array
        Signed distance of the complete skull, in units of `CLIP_MM`.
    weight : (*grid.shape) float32 array
        Weight of the error at each voxel.
    """

    grid: HeadGrid
    channels: NDArray[np.float32]
    target: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class Augmentation:
    """Random change of a case.

    Attributes
    ----------
    flip : bool
        Whether left and right are exchanged.
    matrix, shift_mm : (3, 3) and (3,) arrays
        Position ``p`` from the middle of the crop takes the value from ``matrix @ p + shift_mm``.
    dilate_mm : float
        Distance by which every surface of bone moves outwards from the bone.
    astray_mm : (4,) array
        Additional thickness of the prior in the opening: in its middle, and along each axis at the crop's
        edges. It grows from the border inwards, as the errors of completions do.
    """

    flip: bool = False
    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    shift_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    dilate_mm: float = 0.0
    astray_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))


def draw_augmentation(rng: np.random.Generator, training: Training) -> Augmentation:
    """Draw a random change; the random numbers used do not depend on what is turned off."""
    from scipy.spatial.transform import Rotation

    flip, jittered, angle, size, thicker = rng.random(5)
    axis, shift = rng.normal(size=3), rng.uniform(-1, 1, 3)
    dilate_mm = training.thickness_mm / 2 * (2 * thicker - 1)
    astray_mm = training.astray_mm * rng.uniform(-1, 1, 4)
    if jittered >= training.jitter_fraction:
        return Augmentation(flip=flip < 0.5, dilate_mm=dilate_mm, astray_mm=astray_mm)
    turn = np.radians(training.rotation_deg) * angle * axis / np.linalg.norm(axis)
    matrix = Rotation.from_rotvec(turn).as_matrix() * (1 + training.scale_fraction * (2 * size - 1))
    return Augmentation(flip < 0.5, matrix, training.shift_mm * shift, dilate_mm, astray_mm)


def crop_head(store: Store, case: CaseName, channels: tuple[str, ...]) -> HeadCrop:
    """Read a case and crop its fields to the networks' input box."""
    stored = store.read(case)
    opening, prior = (unpack_field(take_coarse(values)) for values in (stored.opening, stored.prior))
    start, stop = focus_box(opening, prior)
    box = tuple(slice(_THIRD * a, _THIRD * b) for a, b in zip(start, stop, strict=True))
    grid = FINE.crop(_THIRD * start, _THIRD * stop)
    fields = {name: getattr(stored, name)[box] for name in ("complete", "defective", "opening", "prior")}
    if "mirror" in channels:
        fields["mirror"] = stored.defective[::-1][box]
    if "mean" in channels:
        steps = np.rint(mean_field(stored.outer_mm, stored.thickness_mm, grid) * (120 / CLIP_MM))
        fields["mean"] = steps.astype(np.int8)
    return HeadCrop(grid, {name: np.ascontiguousarray(values) for name, values in fields.items()})


def make_sample(
    crop: HeadCrop,
    data: Data,
    training: Training,
    change: Augmentation,
    *,
    coarse: bool,
    margin_mm: float = 0.0,
) -> Sample:
    """Return the sample of a changed crop, on the coarse or on the fine grid.

    Parameters
    ----------
    crop : HeadCrop
    data : Data
    training : Training
    change : Augmentation
    coarse : bool
        Whether the sample is on the coarse grid.
    margin_mm : float
        Bone farther than this beyond the opening has weight `Training.outside_weight`; 0 means
        `Training.margin_mm`.
    """
    grid = _sample_grid(crop, change.flip, coarse=coarse)
    fields = {name: _transform(name, values, change, coarse) for name, values in crop.fields.items()}
    target = fields.pop("complete")
    if data.base == "prior":
        fields["prior"] = _distort_prior(fields["prior"], fields["opening"], change.astray_mm)
    fields |= {name: position_field(name, grid) for name in POSITION_CHANNELS if name in data.channels}
    inside = fields["opening"] > -(margin_mm or training.margin_mm)
    near = np.minimum(np.abs(target), np.abs(fields[data.base])) < training.near_mm
    weight = np.where(inside & near, np.float32(1), np.float32(training.outside_weight))
    scaled = target / np.float32(CLIP_MM)
    return Sample(grid, stack_channels(data.channels, fields), scaled, weight.astype(np.float32))


def _distort_prior(
    prior: NDArray[np.float32], opening: NDArray[np.float32], astray_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return a prior made thicker or thinner in the opening, increasingly with distance from its border."""
    if not astray_mm.any():
        return prior
    more = np.full((1, 1, 1), astray_mm[0], np.float32)
    for axis, at_edge in enumerate(astray_mm[1:]):
        line = np.linspace(-at_edge, at_edge, prior.shape[axis], dtype=np.float32)
        more = more + line.reshape([-1 if axis == other else 1 for other in range(3)])
    return np.clip(prior + more * np.clip(opening / -_BEYOND, 0, 1), _BEYOND, -_BEYOND)


def _sample_grid(crop: HeadCrop, flip: bool, *, coarse: bool) -> HeadGrid:
    low, shape = crop.grid.low_mm, crop.grid.shape
    if flip:
        low = (-(low[0] + shape[0] * crop.grid.spacing_mm), low[1], low[2])
    if not coarse:
        return HeadGrid(low, shape, FINE.spacing_mm)
    i, j, k = (n // _THIRD for n in shape)
    return HeadGrid(low, (i, j, k), COARSE.spacing_mm)


def _transform(
    name: str, values: NDArray[np.int8], change: Augmentation, coarse: bool
) -> NDArray[np.float32]:
    """Return one changed field, mm, at the voxels of the fine or the coarse grid."""
    source = values[::-1] if change.flip else values
    step = _THIRD if coarse else 1
    plain = np.array_equal(change.matrix, np.eye(3)) and not change.shift_mm.any()
    if plain:
        moved = unpack_field(np.ascontiguousarray(source[1::3, 1::3, 1::3] if coarse else source))
    else:
        shape = tuple(n // step for n in values.shape)
        middle = (np.array(values.shape) - 1) / 2
        first = np.full(3, (step - 1) / 2)
        offset = change.matrix @ (first - middle) + middle + change.shift_mm
        read = ndimage.affine_transform(
            source, step * change.matrix, offset, shape, output=np.float32, order=1, mode="nearest"
        )
        moved = read * np.float32(CLIP_MM / 120) / np.float32(np.cbrt(np.linalg.det(change.matrix)))
    if name != "opening" and change.dilate_mm:
        moved = moved + np.float32(change.dilate_mm)
    return np.clip(moved, _BEYOND, -_BEYOND)


class HeadCrops:
    """The crops of a store, cached in memory up to a limit; the least recently used are dropped first."""

    def __init__(self, store: Store, channels: tuple[str, ...], *, limit_bytes: int = 4_000_000_000) -> None:
        self._store = store
        self._channels = channels
        self._limit = limit_bytes
        self._cached: OrderedDict[CaseName, HeadCrop] = OrderedDict()
        self._bytes = 0

    def __getitem__(self, case: CaseName) -> HeadCrop:
        """Return the crop of a case, from the cache or from disk."""
        if case in self._cached:
            self._cached.move_to_end(case)
            return self._cached[case]
        crop = crop_head(self._store, case, self._channels)
        self._cached[case] = crop
        self._bytes += crop.size
        while self._bytes > self._limit and len(self._cached) > 1:
            self._bytes -= self._cached.popitem(last=False)[1].size
        return crop


def case_for_draw(cases: tuple[CaseName, ...], seed: int, draw: int) -> CaseName:
    """Return the case of a sample by its number: all cases in random order, then again in another."""
    round_, place = divmod(draw, len(cases))
    order = np.random.default_rng([seed, 7, round_]).permutation(len(cases))
    return cases[int(order[place])]
