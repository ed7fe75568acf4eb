"""Virtual craniectomies: cut a defect with a known truth into any complete skull."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meshimplant.datasets.craniectomy_clinical import clinical_region
from meshimplant.datasets.craniectomy_outline import draw_outline, plane
from meshimplant.datasets.craniectomy_place import LOWER_IN_FRONT_MM, Place, choose_place
from meshimplant.datasets.craniectomy_region import NO_VAULT, box_around, roughness
from meshimplant.datasets.craniectomy_vault import RIM_PLAY_MM, read_flat_vault
from meshimplant.datasets.kinds import CLINICAL, KINDS
from meshimplant.errors import InputError
from meshimplant.head.braincase import Braincase, fit_braincase
from meshimplant.head.pose import CENTRE_DEPTH_MM, HeadPose, fit_pose
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.voxels.volume import Volume

#: Smallest and largest implant that is cut, cm3. SkullFix: 23 to 72; a hemicraniectomy of thick bone
#: reaches 120.
VOLUME_RANGE_CM3 = (18.0, 115.0)
#: Number of random positions to try for a further defect, and the bone that must remain between it and the
#: first.
_TRIES, _BRIDGE_MM = 40, 10.0
#: A fragment that the hole separates from the skull is removed with the bone flap if it is smaller than this.
_CUT_OFF_MM3 = 3000.0


_Voxels = tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, eq=False)
class Craniectomy:
    """Virtual defects: ``defective`` and ``truth`` are disjoint and together exactly the complete skull.

    Attributes
    ----------
    defective, truth : Volume
        Masks (uint8 0/1) on the complete skull's grid; the truth has one connected body
        per defect.
    kind, seed
        As passed to `craniectomy`.
    centre_mm : (3,) array
        LPS centroid of the truth.
    """

    defective: Volume
    truth: Volume
    kind: str
    seed: int
    centre_mm: NDArray[np.float64]


def craniectomy(
    complete: Volume, *, kind: str, seed: int = 0, defects: int = 1, pose: HeadPose | None = None
) -> Craniectomy:
    """Cut a defect of one kind into a complete skull, or several, the others at random positions.

    ================ ===================================================================================
    challenge        as in SkullFix: a box of scanner-parallel cuts across the midline behind the vertex,
                     with two vertical burr holes at its front corners
    bilateral        across the midline of the forehead, in front of the vertex
    frontoorbital    forehead, down to or through the upper rim of one orbit
    parietotemporal  the side of one half, down to the base of the temple
    random...        anywhere on the vault
    orbital          forehead, rim and roof of one orbit: the hole opens into it
    hemicraniectomy  one half: 110 to 150 mm long, to within 10 mm of the temporal base
    bifrontal        forehead across the midline, from just above the brow to the coronal suture
    pterional        temple and side of the forehead around the pterion
    suboccipital     between the transverse sinuses and the rim of the foramen magnum
    orbitofrontal    side of the forehead, rim and front of the roof of one orbit
    ================ ===================================================================================

    The last five are those of clinics; their sizes are our choice. Their turning points follow the skull's
    own landmarks (brow, floor of the middle fossa, foramen magnum), and their edges are those of real ones:
    sawn between burr holes of 11 and 14 mm, bitten off with a rongeur at the base (with the ridge of the
    sphenoid), bevelled inwards by up to 30 and outwards by up to 22 degrees, and here and there ground
    thinner from outside or inside.

    All others but the first follow the bone's curvature, with an irregular outline, burr holes at its corners
    and walls that lean inwards by 0 to 30 degrees (here and there outwards by up to 15). The place is given
    in the braincase's own frame, so a tilted head gets the same defect. What is cut is the main body of vault
    bone in the region; bone of the face and loose fragments stay.

    Parameters
    ----------
    complete : Volume
        Mask of a complete skull, head up (+z of LPS); non-zero is bone.
    kind : str
        One of `KINDS`.
    seed : int
        The same skull, kind and seed give the same defect. The seed determines side, position, size, outline
        and walls.
    defects : int
        Number of holes, 1 to 3. The first is the one that kind and seed give alone; at least 10 mm of bone
        remain between any two.
    pose : HeadPose, optional
        The head's pose, if known; fitting it takes half of the time.

    Returns
    -------
    Craniectomy

    Raises
    ------
    InputError
        The kind is unknown, there are too many defects, or there is no vault where a defect should be (the
        scan ends there, or the skull is not complete).
    EmptyMaskError
        The mask is empty.
    """
    if kind not in KINDS:
        raise InputError(
            f"expected a kind of defect among {', '.join(KINDS)}, got {kind!r}: choose one of them"
        )
    if not 1 <= defects <= 3:
        raise InputError(f"expected 1 to 3 defects, got {defects}: a vault has no room for more")
    complete = bone_mask(complete, "the complete skull")
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    pose = fit_pose(complete) if pose is None else pose
    frame = fit_braincase(complete, pose=pose)
    if kind == "challenge":
        region = _challenge_region(complete, pose, rng)
    elif kind in CLINICAL:
        region = clinical_region(complete, frame, rng, kind)
    else:
        region = _vault_region(complete, frame, rng, kind, choose_place(rng, kind))
    truth = _main_body(complete, *region)
    for number in range(1, defects):
        more = np.random.default_rng([seed, zlib.crc32(kind.encode()), number])
        other = _another(complete, frame, more, truth)
        truth = tuple(np.concatenate(pair) for pair in zip(truth, other, strict=True))
    defective = (complete.array != 0).astype(np.uint8)
    defective[truth] = 0
    removed = np.zeros_like(defective)
    removed[truth] = 1
    centre_mm = complete.to_mm(np.mean(np.stack(truth), axis=1))
    return Craniectomy(complete.with_array(defective), complete.with_array(removed), kind, seed, centre_mm)


def _another(complete: Volume, frame: Braincase, rng: np.random.Generator, cut: _Voxels) -> _Voxels:
    """Return the voxels of another random defect, with a bridge of bone to the existing ones."""
    from scipy.spatial import cKDTree

    taken = complete.to_mm(np.stack(cut, axis=1)[:: max(1, len(cut[0]) // 20_000)])
    tree = cKDTree(taken)
    seen = frame.to_local(taken)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    radius_mm = float(frame.semi_axes_mm.mean())
    for _ in range(_TRIES):
        place = choose_place(rng, "random")
        apart_mm = radius_mm * np.arccos(np.clip(seen @ place.direction, -1, 1).max())
        if apart_mm < min(place.semi_axes_mm) + _BRIDGE_MM:
            continue
        body = _main_body(complete, *_vault_region(complete, frame, rng, "random", place))
        found = complete.to_mm(np.stack(body, axis=1)[:: max(1, len(body[0]) // 20_000)])
        if tree.query(found, distance_upper_bound=_BRIDGE_MM)[0].min() == np.inf:
            return body
    raise InputError(
        f"expected room for another defect with {_BRIDGE_MM:g} mm of bone to the first, "
        f"got none at {_TRIES} positions: "
        "choose another seed, or fewer defects"
    )


# -- regions
# --------------------------------------------------------------------------------------------------


def _vault_region(
    complete: Volume, frame: Braincase, rng: np.random.Generator, kind: str, place: Place
) -> tuple[Volume, NDArray[np.bool_]]:
    """Return the box of the skull around the defect, and the mask of the bone to remove in it."""
    vault = read_flat_vault(complete, frame, place.direction)
    floor = vault.above_floor_mm(*plane(), lower_in_front_mm=LOWER_IN_FRONT_MM.get(kind, 0.0))
    state = rng.bit_generator.state
    scale = 1.0
    for _ in range(3):
        rng.bit_generator.state = state
        semi_axes = (place.semi_axes_mm[0] * scale, place.semi_axes_mm[1] * scale)
        outline = draw_outline(rng, semi_axes_mm=semi_axes, turn_deg=place.turn_deg, within_mm=floor)
        cm3 = vault.volume_cm3(outline.distance_mm > 0)
        wanted = float(np.clip(cm3, *VOLUME_RANGE_CM3))
        if cm3 <= 0.2 or wanted == cm3:
            break
        scale *= float(np.sqrt(wanted * (1.04 if cm3 < wanted else 0.96) / cm3))
    drawn = outline.distance_mm > -6
    if not (outline.distance_mm > 0).any():
        raise InputError(NO_VAULT)
    play = {"play_mm": RIM_PLAY_MM} if kind == "orbital" else {}
    box = box_around(complete, vault.shell_points_mm(drawn, **play))
    index = np.argwhere(box.array)
    local = frame.to_local(box.to_mm(index))
    across, along, depth, near = vault.project(local, **play)
    inside = near & (outline.read(across, along, depth) > roughness(rng, local))
    region = np.zeros(box.shape, bool)
    region[tuple(index[inside].T)] = True
    return box, region


def _corners(low: tuple[float, float, float], high: tuple[float, float, float]) -> NDArray[np.float64]:
    return np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T


def _challenge_region(
    complete: Volume, pose: HeadPose, rng: np.random.Generator
) -> tuple[Volume, NDArray[np.bool_]]:
    """Return box and region of a defect with scanner-parallel walls behind the vertex, as in SkullFix.

    Measured on 15 of its implants: 74 to 82 mm wide, 50 to 70 mm deep (front to back), 41 to 55 mm high, with
    burr holes of 4.5 mm radius, vertical, centred on the two front corners.
    """
    half_width, deep, high = rng.uniform(36, 42), rng.normal(62, 5), rng.normal(49, 3.5)
    middle = rng.normal(0, 2)
    box = box_around(complete, pose.centre_mm + _corners((-60, -25, 73 - high), (60, 140, 90)))
    index = np.argwhere(box.array)
    points = (box.to_mm(index) - pose.centre_mm).astype(np.float32)
    upper = points[:, 2] > CENTRE_DEPTH_MM - high
    if not upper.any():
        raise InputError(NO_VAULT)
    front = np.percentile(points[upper, 1], 99.9) - deep
    across = np.abs(points[:, 0] - middle)
    boxed = (across < half_width) & (points[:, 1] > front)
    burr = np.hypot(across - half_width, points[:, 1] - front) < 4.5
    inside = upper & (boxed | burr)
    region = np.zeros(box.shape, bool)
    region[tuple(index[inside].T)] = True
    return box, region


def _main_body(complete: Volume, box: Volume, region: NDArray[np.bool_]) -> _Voxels:
    """Return the voxel indices of the region's largest body and of the small fragments that it separates."""
    import cc3d

    labels = cc3d.connected_components(region, connectivity=6)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    if sizes.max() * box.voxel_volume_mm3 < 500:
        raise InputError(NO_VAULT)
    body = labels == np.argmax(sizes)
    body |= _cut_off(box, body)
    corner = box.start_in(complete)
    i, j, k = np.nonzero(body)
    return i + corner[0], j + corner[1], k + corner[2]


def _cut_off(box: Volume, body: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the small fragments next to the body that are no longer connected to the skull."""
    import cc3d
    from scipy.ndimage import binary_dilation

    rest = cc3d.connected_components((box.array != 0) & ~body, connectivity=26)
    touching = np.unique(rest[binary_dilation(body, np.ones((3, 3, 3))) & (rest > 0)])
    small = np.bincount(rest.ravel())[touching] * box.voxel_volume_mm3 < _CUT_OFF_MM3
    faces = [np.moveaxis(rest, axis, 0)[edge] for axis in range(3) for edge in (0, -1)]
    hanging = np.unique(np.concatenate([face.ravel() for face in faces]))
    loose = np.setdiff1d(touching[small], hanging)
    return np.isin(rest, loose)
