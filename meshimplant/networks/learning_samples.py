"""Samples to learn from: the part of a head around an opening, mirrored, turned, sized and thickened by a seeded draw."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.networks.channels import PLACES, focus_of, mean_field, place_field, stack
from meshimplant.networks.config import Data, Training
from meshimplant.networks.head_grid import CLIP_MM, COARSE, FINE, HeadGrid, coarse_of, unpacked
from meshimplant.networks.training_store import CaseName, Store

_THIRD = int(COARSE.spacing_mm / FINE.spacing_mm)
_BEYOND = np.float32(-CLIP_MM)

Fields = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Piece:
    """The part of one case that networks see.

    Attributes
    ----------
    grid : HeadGrid
        A box of `FINE` whose edges are edges of `COARSE`.
    fields : dict of (*grid.shape) int8 arrays
        ``complete``, ``defective``, ``opening``, ``prior`` and, where asked for, ``mirror`` and ``mean``, as `packed`.
    """

    grid: HeadGrid
    fields: dict[str, NDArray[np.int8]]

    @property
    def size(self) -> int:
        """Bytes of the fields."""
        return sum(values.nbytes for values in self.fields.values())


@dataclass(frozen=True, eq=False)
class Sample:
    """What one step learns from one case.

    Attributes
    ----------
    grid : HeadGrid
        A box of `FINE` or of `COARSE`.
    channels : (C, *grid.shape) float32 array
        What the network is shown, in units of `CLIP_MM`.
    target : (*grid.shape) float32 array
        Signed distance of the complete skull, in units of `CLIP_MM`.
    weight : (*grid.shape) float32 array
        How much an error counts.
    """

    grid: HeadGrid
    channels: NDArray[np.float32]
    target: NDArray[np.float32]
    weight: NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """How a sample departs from its case.

    Attributes
    ----------
    flip : bool
        Left and right are exchanged.
    matrix, shift_mm
        Places ``p`` from the middle of the piece show what was at ``matrix @ p + shift_mm``.
    dilate_mm : float
        By how much every surface of bone moves outwards from the bone.
    astray_mm : (4,) array
        By how much more the base is thicker in the opening, in its middle and along each axis towards the piece's edges; it grows
        from the rim inwards, as the errors of a completion do.
    """

    flip: bool = False
    matrix: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    shift_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    dilate_mm: float = 0.0
    astray_mm: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))


def draw_change(rng: np.random.Generator, training: Training) -> Change:
    """Draw a change; the draws are the same whatever is turned off."""
    from scipy.spatial.transform import Rotation

    flip, jittered, angle, size, thicker = rng.random(5)
    axis, shift = rng.normal(size=3), rng.uniform(-1, 1, 3)
    dilate_mm = training.thickness_mm / 2 * (2 * thicker - 1)
    astray_mm = training.astray_mm * rng.uniform(-1, 1, 4)
    if jittered >= training.jitter_fraction:
        return Change(flip=flip < 0.5, dilate_mm=dilate_mm, astray_mm=astray_mm)
    turn = np.radians(training.rotation_deg) * angle * axis / np.linalg.norm(axis)
    matrix = Rotation.from_rotvec(turn).as_matrix() * (1 + training.scale_fraction * (2 * size - 1))
    return Change(flip < 0.5, matrix, training.shift_mm * shift, dilate_mm, astray_mm)


def cut_piece(store: Store, case: CaseName, channels: tuple[str, ...]) -> Piece:
    """Read a case and keep the part that networks see, with what they are shown there."""
    stored = store.read(case)
    opening, prior = (unpacked(coarse_of(values)) for values in (stored.opening, stored.prior))
    start, stop = focus_of(opening, prior)
    box = tuple(slice(_THIRD * a, _THIRD * b) for a, b in zip(start, stop, strict=True))
    grid = FINE.crop(_THIRD * start, _THIRD * stop)
    fields = {name: getattr(stored, name)[box] for name in ("complete", "defective", "opening", "prior")}
    if "mirror" in channels:
        fields["mirror"] = stored.defective[::-1][box]
    if "mean" in channels:
        steps = np.rint(mean_field(stored.outer_mm, stored.thickness_mm, grid) * (120 / CLIP_MM))
        fields["mean"] = steps.astype(np.int8)
    return Piece(grid, {name: np.ascontiguousarray(values) for name, values in fields.items()})


def make_sample(
    piece: Piece, data: Data, training: Training, change: Change, *, coarse: bool, margin_mm: float = 0.0
) -> Sample:
    """Return a piece as changed, on the coarse grid or on the fine one.

    Parameters
    ----------
    margin_mm
        Unused bone farther than this beyond the opening counts `Training.outside_weight`; 0: `Training.margin_mm`.
    """
    grid = _grid_of(piece, change.flip, coarse=coarse)
    fields = {name: _moved(name, values, change, coarse) for name, values in piece.fields.items()}
    target = fields.pop("complete")
    if data.base == "prior":
        fields["prior"] = _astray(fields["prior"], fields["opening"], change.astray_mm)
    fields |= {name: place_field(name, grid) for name in PLACES if name in data.channels}
    inside = fields["opening"] > -(margin_mm or training.margin_mm)
    near = np.minimum(np.abs(target), np.abs(fields[data.base])) < training.near_mm
    weight = np.where(inside & near, np.float32(1), np.float32(training.outside_weight))
    scaled = target / np.float32(CLIP_MM)
    return Sample(grid, stack(data.channels, fields), scaled, weight.astype(np.float32))


def _astray(
    prior: NDArray[np.float32], opening: NDArray[np.float32], astray_mm: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Return a completion that is thicker or thinner in the opening than it was, the more the farther from the rim."""
    if not astray_mm.any():
        return prior
    more = np.full((1, 1, 1), astray_mm[0], np.float32)
    for axis, at_edge in enumerate(astray_mm[1:]):
        line = np.linspace(-at_edge, at_edge, prior.shape[axis], dtype=np.float32)
        more = more + line.reshape([-1 if axis == other else 1 for other in range(3)])
    return np.clip(prior + more * np.clip(opening / -_BEYOND, 0, 1), _BEYOND, -_BEYOND)


def _grid_of(piece: Piece, flip: bool, *, coarse: bool) -> HeadGrid:
    low, shape = piece.grid.low_mm, piece.grid.shape
    if flip:
        low = (-(low[0] + shape[0] * piece.grid.spacing_mm), low[1], low[2])
    if not coarse:
        return HeadGrid(low, shape, FINE.spacing_mm)
    i, j, k = (n // _THIRD for n in shape)
    return HeadGrid(low, (i, j, k), COARSE.spacing_mm)


def _moved(name: str, values: NDArray[np.int8], change: Change, coarse: bool) -> NDArray[np.float32]:
    """Return one field as changed, mm, at the voxels of the fine grid, or at those of the coarse one."""
    source = values[::-1] if change.flip else values
    step = _THIRD if coarse else 1
    plain = np.array_equal(change.matrix, np.eye(3)) and not change.shift_mm.any()
    if plain:
        moved = unpacked(np.ascontiguousarray(source[1::3, 1::3, 1::3] if coarse else source))
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


class Pieces:
    """Pieces of a store, kept in memory up to a limit, those used last the longest."""

    def __init__(self, store: Store, channels: tuple[str, ...], *, limit_bytes: int = 4_000_000_000) -> None:
        self._store = store
        self._channels = channels
        self._limit = limit_bytes
        self._kept: OrderedDict[CaseName, Piece] = OrderedDict()
        self._bytes = 0

    def __getitem__(self, case: CaseName) -> Piece:
        """Return the piece of a case, read if it is not in memory."""
        if case in self._kept:
            self._kept.move_to_end(case)
            return self._kept[case]
        piece = cut_piece(self._store, case, self._channels)
        self._kept[case] = piece
        self._bytes += piece.size
        while self._bytes > self._limit and len(self._kept) > 1:
            self._bytes -= self._kept.popitem(last=False)[1].size
        return piece


def case_at(cases: tuple[CaseName, ...], seed: int, draw: int) -> CaseName:
    """Return the case of the ``draw``-th sample: every case once, in a new order, before any comes again."""
    round_, place = divmod(draw, len(cases))
    order = np.random.default_rng([seed, 7, round_]).permutation(len(cases))
    return cases[int(order[place])]
