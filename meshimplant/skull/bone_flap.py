"""`find_flap`: a plate of bone that a saw line separates from the vault."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, fill_from_neighbours, grow, is_vault
from meshimplant.skull.vault_shell import VaultShell
from meshimplant.voxels.grid import bounding_box, box_slices
from meshimplant.voxels.volume import Volume

#: Bone is taken apart where it is thinner than about twice this edge of a coarse voxel, mm: across wires and
#: small plates, and where the edges of a saw line touch.
_COARSE_MM = 0.9
#: Hollows in bone smaller than this are diploe, mm3.
_PORE_MM3 = 1000.0
#: The vault is looked at above this elevation (sine).
_LOWEST_SIN = -0.3
#: Around the surfaces of the vault, a flap may lie this far sunken or raised, mm.
_OFF_MM = 12.0
#: The smallest flap, mm2, and the largest: beyond it the vault is sawn in two.
_LEAST_MM2, _MOST_MM2 = 600.0, 20000.0
#: What holds more than this fraction of the lower edge of the vault is no flap either.
_EDGE_FRACTION = 0.5
#: A flap is separated from the rest along this fraction of its outline at least.
_CUT_FRACTION = 0.75
#: Distance of samples along a ray, mm.
_STEP_MM = 0.7
#: Rings of 2 mm within which the two sides of a saw line are compared, and which bone around it is continued.
_SIDE_RINGS, _AROUND_RINGS = 3, 12
#: Growing voxel by voxel, both sides regain what was taken apart, mm. Bone that neither reaches is contact.
_REGAIN_MM = 2.5
#: The faces of voxels along a surface have this many times its area, on average over its directions.
_FACES = 1.5


@dataclass(frozen=True, eq=False)
class Flap:
    """A plate of bone that lies separated in the vault.

    Attributes
    ----------
    voxels : (n, 3) array of int
        Its voxels in the mask.
    area_mm2 : float
        Its area along the vault.
    offset_mm : float
        Median step from the bone around it to its outer surface; negative where it is sunken.
    cut_fraction : float
        Fraction of its outline without contact to the rest.
    place_mm : (3,) array
        A point of its outer surface, near its middle, LPS.
    is_half_vault : bool
        Whether it is no flap, but the top of a skull that was sawn open, or what is below the saw line.
    """

    voxels: NDArray[np.int64]
    area_mm2: float
    offset_mm: float
    cut_fraction: float
    place_mm: NDArray[np.float64]
    is_half_vault: bool


@dataclass(frozen=True, eq=False)
class _Seen:
    """The body that each direction (n,) meets most of, 0 none, -1 below the vault; and its outer radius."""

    body: NDArray[np.int64]
    outer_mm: NDArray[np.float64]


def find_flap(bone: Volume, pose: HeadPose, shell: VaultShell) -> Flap | None:
    """Find the largest plate of bone that a saw line separates from the vault nearly all round.

    Bone is eroded by about 1 mm from all air but its pores, so that wires, small plates and points of contact
    break. A body that comes loose is a flap if, grown back within the bone, it touches the rest along little
    of its outline. Pieces that only thin bone joins touch along all of it.

    Parameters
    ----------
    bone : Volume
        Mask of the skull; non-zero is bone.
    pose : HeadPose
        The head's frame.
    shell : VaultShell
        Its vault.

    Returns
    -------
    Flap or None
    """
    directions = direction_sphere()[0]
    vault = is_vault(directions) & (directions[:, 2] > _LOWEST_SIN) & np.isfinite(shell.outer_mm)
    start, box = _vault_box(bone, pose, shell, vault)
    labels = _loose_bodies(box)
    if labels is None:
        return None
    seen = _along_rays(labels, pose, shell, vault)
    found = [
        flap
        for label in np.unique(seen.body[seen.body > 1])
        if (flap := _flap_of(box, labels, seen, int(label), pose, shell)) is not None
    ]
    if not found:
        return None
    largest = max(found, key=lambda flap: flap.area_mm2)
    return replace(largest, voxels=largest.voxels + start)


def _vault_box(
    bone: Volume, pose: HeadPose, shell: VaultShell, vault: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Volume]:
    """Return the start of the box around the vault, and the bone in it, its pores filled."""
    import cc3d

    ends = pose.centre_mm + (shell.outer_mm[vault, None] + _OFF_MM) * (
        direction_sphere()[0][vault] @ pose.axes
    )
    start, stop = bone.box_around(ends)
    start, stop = np.clip(start, 0, bone.shape), np.clip(stop, 0, bone.shape)
    solid = np.asfortranarray(bone.array[box_slices(start, stop)] != 0)
    air = np.asarray(cc3d.connected_components(~solid, connectivity=6))
    small = np.bincount(air.ravel(order="K")) * bone.voxel_volume_mm3 < _PORE_MM3
    small[0] = True
    return start, bone.crop(start, stop).with_array(small[air].view(np.uint8))


def _loose_bodies(box: Volume) -> Volume | None:
    """Return the bodies of eroded bone on a coarse grid: 1 the largest, 2 and more the others, 0 none.

    None if the largest is the only one that is large enough for a flap.
    """
    import cc3d
    from scipy import ndimage

    factor = np.maximum(1, np.floor(_COARSE_MM / box.spacing_mm + 0.2)).astype(int)
    solid = box.array
    for axis, step in enumerate(factor):
        solid = np.minimum.reduceat(solid, np.arange(0, solid.shape[axis], step), axis=axis)
    eroded = ndimage.binary_erosion(solid, ndimage.generate_binary_structure(3, 2))
    labels = np.asarray(cc3d.connected_components(np.asfortranarray(eroded), connectivity=6))
    coarse = box.coarsened(factor)
    sizes = np.bincount(labels.ravel(order="K")) * float(abs(np.linalg.det(coarse[:3, :3])))
    sizes[0] = 0
    order = np.argsort(-sizes, kind="stable")
    large = order[sizes[order] > _LEAST_MM2]  # 1 mm deep at least
    if len(large) < 2:
        return None
    number = np.zeros(len(sizes), np.uint8)
    number[large[:200]] = np.arange(1, len(large[:200]) + 1)
    return Volume(number[labels], coarse)


def _along_rays(labels: Volume, pose: HeadPose, shell: VaultShell, vault: NDArray[np.bool_]) -> _Seen:
    """Return the body that each direction of the vault meets most of."""
    rays = direction_sphere()[0][vault] @ pose.axes
    low, high = shell.inner_mm[vault] - _OFF_MM, shell.outer_mm[vault] + _OFF_MM
    count = int(np.ceil((high - low).max() / _STEP_MM))
    radii = low[:, None] + _STEP_MM * np.arange(count)
    index = np.rint(labels.to_index(pose.centre_mm + radii[..., None] * rays[:, None])).astype(np.int64)
    inside = ((index >= 0) & (index < labels.shape)).all(axis=-1) & (radii < high[:, None])
    values = np.zeros(inside.shape, np.int64)
    values[inside] = labels.array[tuple(index[inside].T)]
    best, most = np.zeros(len(rays), np.int64), np.zeros(len(rays), np.int64)
    top = np.full(len(rays), np.nan)
    for label in np.unique(values[values > 0]):
        mine = values == label
        length = np.count_nonzero(mine, axis=1)
        more = length > most
        best[more], most[more] = label, length[more]
        top[more] = np.where(mine, radii, 0).max(axis=1)[more]
    body, outer = np.full(len(vault), -1, np.int64), np.full(len(vault), np.nan)
    body[vault], outer[vault] = best, top
    return _Seen(body, outer)


def _flap_of(
    box: Volume, labels: Volume, seen: _Seen, label: int, pose: HeadPose, shell: VaultShell
) -> Flap | None:
    """Return a loose body as a flap, if it is large enough and touches little of the rest."""
    directions, edges = direction_sphere()
    mine = _filled_up(seen.body, label)
    cell = 4 * np.pi / len(directions)
    area_mm2 = float(cell * np.sum(shell.outer_mm[mine] ** 2))
    if area_mm2 < _LEAST_MM2:
        return None
    outline = edges[mine[edges].sum(axis=1) == 1]
    middle_mm = (shell.outer_mm - shell.inner_mm)[outline].mean(axis=1)
    # Each edge between two rays stands for 1 / sqrt(3) of its length of the outline.
    length_mm = np.linalg.norm(np.diff(directions[outline], axis=1)[:, 0], axis=1) / np.sqrt(3)
    whole_mm2 = float(np.nansum(length_mm * shell.outer_mm[outline].mean(axis=1) * middle_mm))
    voxels, contact_mm2 = _grown_back(box, labels, label)
    cut_fraction = 1 - contact_mm2 / max(whole_mm2, 1e-6)
    if cut_fraction < _CUT_FRACTION:
        return None
    centre = directions[mine].mean(axis=0)
    at = np.flatnonzero(mine)[(directions[mine] @ centre).argmax()]
    place = pose.centre_mm + shell.outer_mm[at] * (directions[at] @ pose.axes)
    # Below the vault, rays are not followed: what holds most of its lower edge is the base.
    lowest = (seen.body >= 0) & grow(seen.body < 0, 1)
    is_half = area_mm2 > _MOST_MM2 or float(mine[lowest].mean()) > _EDGE_FRACTION
    return Flap(voxels, area_mm2, _offset_mm(seen, label), cut_fraction, place, is_half)


def _offset_mm(seen: _Seen, label: int) -> float:
    """Return the median step from the bone around a body to its own surface, near its outline."""
    mine = seen.body == label
    around = fill_from_neighbours(
        np.where(mine, np.nan, seen.outer_mm), mine | np.isnan(seen.outer_mm), rings=_AROUND_RINGS
    )
    side = mine & grow(~mine, _SIDE_RINGS) & np.isfinite(around)
    return float(np.median((seen.outer_mm - around)[side])) if side.any() else 0.0


def _filled_up(seen: NDArray[np.int64], label: int) -> NDArray[np.bool_]:
    """Return the directions nearer to one body than to any other, up to half the width of a saw line."""
    mine = seen == label
    others = (seen > 0) & ~mine
    for _ in range(2):
        mine = mine | (grow(mine, 1) & ~others & (seen >= 0) & ~grow(others, 1))
    return np.asarray(mine)


def _grown_back(box: Volume, labels: Volume, label: int) -> tuple[NDArray[np.int64], float]:
    """Return the voxels of a body grown back within the bone, and the area of its contact with other bone."""
    factor = np.rint(labels.spacing_mm / box.spacing_mm).astype(int)
    low, high = bounding_box(labels.array == label)
    margin = np.ceil(2 * _REGAIN_MM / labels.spacing_mm).astype(int)
    low, high = np.maximum(low - margin, 0), np.minimum(high + margin, labels.shape)
    start, stop = low * factor, np.minimum(high * factor, box.shape)
    bone = box.array[box_slices(start, stop)] != 0
    seeds = labels.array[box_slices(low, high)]
    for axis, step in enumerate(factor):
        seeds = np.repeat(seeds, step, axis=axis)
    seeds = seeds[tuple(slice(0, size) for size in bone.shape)]
    side = np.where(bone & (seeds == label), 1, np.where(bone & (seeds > 0), 2, 0)).astype(np.uint8)
    for _ in range(int(np.ceil(_REGAIN_MM / box.spacing_mm.min()))):
        side = _step_out(side, bone)
    face_mm2 = box.voxel_volume_mm3 / box.spacing_mm
    contact_mm2, mine = 0.0, side == 1
    for axis in range(3):
        ends = slice(None, -1), slice(1, None)
        one, other = (np.moveaxis(mine, axis, 0)[part] for part in ends)
        also, both = (np.moveaxis(bone, axis, 0)[part] for part in ends)
        contact_mm2 += float(np.count_nonzero((one != other) & also & both) * face_mm2[axis])
    return np.argwhere(mine) + start, contact_mm2 / _FACES


def _step_out(side: NDArray[np.uint8], bone: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return two bodies (1 and 2) grown by one voxel into the bone that belongs to neither."""
    grown = side.copy()
    for axis in range(3):
        for one, other in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            target, source = np.moveaxis(grown, axis, 0)[one], np.moveaxis(side, axis, 0)[other]
            free = (target == 0) & np.moveaxis(bone, axis, 0)[one]
            target[free] = source[free]
    return grown
