"""`find_defects`: the openings of a skull, through which rays from inside the head escape."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import NoDefectError
from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, grow, is_closed, read_vault
from meshimplant.skull.head_room import grid_with_room, is_cut_above
from meshimplant.voxels.volume import Volume

#: Openings smaller than this are burr holes, sutures or thin bone lost to the threshold: reported, not
#: filled, mm2.
SMALLEST_AREA_MM2 = 300.0
#: Where the bone of an opening may lie along a ray from the centre of the head, and the step, mm.
_NEAREST_MM, _FARTHEST_MM, _STEP_MM = 30.0, 130.0, 1.0
#: A column that begins this much farther out than both its mirror image and the vault, mm, lies behind an
#: opening (cheek bone, orbit).
_BEHIND_MM = 9.0
#: What to do about an opening that is none because the scan ends there.
_CUT_OFF_ADVICE = (
    "; where the scan ends, an opening is not counted: scan the whole head, or, if a mask was cropped to the "
    "rim of the hole, give it with air around it"
)


@dataclass(frozen=True, eq=False)
class Defect:
    """One opening of the vault.

    Attributes
    ----------
    members : (n,) array
        Indices of the directions of `direction_sphere` that lead through the opening.
    axis : (3,) array
        Mean direction, unit vector in the head's frame.
    area_mm2 : float
        Area of the opening, measured on the surrounding bone's radius.
    centre_mm : (3,) array
        Middle of the opening at the surrounding bone's radius, LPS.
    crosses_midline : bool
        Whether the opening reaches both sides of the symmetry plane.
    cut_off_fraction : float
        Fraction of the rays around the opening that leave the scan before they could meet bone.
    """

    members: NDArray[np.int64]
    axis: NDArray[np.float64]
    area_mm2: float
    centre_mm: NDArray[np.float64]
    crosses_midline: bool
    cut_off_fraction: float = 0.0


@dataclass(frozen=True, eq=False)
class Openings:
    """All openings of a skull, as `find_defects` returns them.

    Attributes
    ----------
    defects : tuple of Defect
        Openings of at least the size of an implant, largest first.
    small : tuple of Defect
        The smaller holes.
    columns : Columns
        Columns of bone along `direction_sphere`.
    """

    defects: tuple[Defect, ...]
    small: tuple[Defect, ...]
    columns: Columns


def find_defects(skull: Volume, pose: HeadPose, *, smallest_area_mm2: float = SMALLEST_AREA_MM2) -> Openings:
    """Find the openings of the vault that no healthy skull has.

    Rays from the head's centre, 2 mm apart on the bone, are followed to the first bone. Neighbouring rays
    that escape, or that only meet bone far behind the vault and its mirror image, form an opening. Rays that
    leave the scan before they could meet bone are ignored.

    Parameters
    ----------
    skull : Volume
        Mask; non-zero is bone.
    pose : HeadPose
        The head's frame.
    smallest_area_mm2 : float
        Smaller openings are returned as `small`.

    Returns
    -------
    Openings

    Raises
    ------
    NoDefectError
        No opening of at least `smallest_area_mm2`.
    """
    openings, cut_off = _all_openings(skull, pose, smallest_area_mm2)
    if not openings.defects:
        largest_mm2 = max((d.area_mm2 for d in openings.small), default=0.0)
        raise NoDefectError(
            f"no defect found: expected an opening of at least {smallest_area_mm2:g} mm2 in the vault, "
            f"got {largest_mm2:.0f} mm2 at most: check whether the skull is already complete, "
            "was segmented with a tool that fills holes, or holds its bone flap (--remove-flap leaves it "
            "out); burr holes are closed by plug" + (_CUT_OFF_ADVICE if cut_off else "")
        )
    return openings


def read_openings(skull: Volume, pose: HeadPose, *, smallest_area_mm2: float) -> Openings:
    """Return the openings of the vault as `find_defects` finds them; a skull may have none."""
    return _all_openings(skull, pose, smallest_area_mm2)[0]


def _all_openings(skull: Volume, pose: HeadPose, smallest_area_mm2: float) -> tuple[Openings, bool]:
    """Return the openings of the vault, and whether rays leave the scan before they could meet bone."""
    directions, edges = direction_sphere()
    local = directions @ pose.axes
    columns = read_vault(skull, pose)
    vault = is_closed(directions)
    escapes, inside = _escapes(skull, pose, local, columns, directions)
    openings = _components(vault & escapes & inside, edges)
    beyond = vault & escapes & ~inside
    radius = float(np.nanmedian(columns.inner_mm[vault]))
    cell_mm2 = 4 * np.pi * radius**2 / len(directions)
    found = [_defect(members, directions[members], pose, radius, cell_mm2) for members in openings]
    found = [replace(defect, cut_off_fraction=_beside(defect.members, beyond)) for defect in found]
    found.sort(key=lambda defect: -defect.area_mm2)
    large = tuple(d for d in found if d.area_mm2 >= smallest_area_mm2)
    small = tuple(d for d in found if d.area_mm2 < smallest_area_mm2)
    return Openings(large, small, columns), bool(beyond.any())


def covered_fraction(defect: Defect, pose: HeadPose, mask: Volume) -> float:
    """Return the fraction of the rays through an opening that meet a mask, such as the missing bone.

    Parameters
    ----------
    defect : Defect
        An opening found with the pose.
    pose : HeadPose
        The head's frame.
    mask : Volume
        Non-zero is filled.

    Returns
    -------
    float
        0 to 1.
    """
    rays = direction_sphere()[0][defect.members] @ pose.axes
    radii = np.arange(_NEAREST_MM, _FARTHEST_MM, _STEP_MM)
    points = pose.centre_mm + rays[:, None, :] * radii[:, None]
    index = np.rint(mask.to_index(points.reshape(-1, 3))).astype(np.int64)
    inside = ((index >= 0) & (index < mask.shape)).all(axis=1)
    met = np.zeros(len(index), bool)
    met[inside] = mask.array[tuple(index[inside].T)] != 0
    return float(met.reshape(len(rays), -1).any(axis=1).mean())


def _escapes(
    skull: Volume,
    pose: HeadPose,
    local: NDArray[np.float64],
    columns: Columns,
    directions: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which rays meet no bone of the vault, and which are in the scan until bone is expected."""
    from scipy.spatial import cKDTree

    mirror = cKDTree(directions).query(directions * (-1.0, 1.0, 1.0))[1]
    inner = columns.inner_mm
    with np.errstate(invalid="ignore"):
        behind = (inner - inner[mirror] > _BEHIND_MM) & (inner - np.nanmedian(inner) > _BEHIND_MM)
    escapes = columns.missing | behind
    expected = np.where(escapes, columns.outer_mm[mirror], columns.outer_mm).astype(float)
    unknown = ~np.isfinite(expected) | (escapes & escapes[mirror])
    if unknown.all():
        return np.zeros(len(local), bool), np.zeros(len(local), bool)
    nearest = cKDTree(directions[~unknown]).query(directions[unknown])[1]
    expected[unknown] = expected[~unknown][nearest]
    return escapes, _inside_until(skull, pose, local, expected)


def _inside_until(
    skull: Volume, pose: HeadPose, local: NDArray[np.float64], radius_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Return which rays (n, 3) are still inside the scan at the radius (n,) where bone is expected.

    Beyond a side that only touches the bone, as where a mask was cropped to it, there is air. Upward rays
    always count, because the vertex may touch the last slice, unless the scan cuts through bone there.
    """
    points = pose.centre_mm + radius_mm[:, None] * local
    scan = grid_with_room(skull, *skull.box_around(points))
    index = scan.to_index(points)
    within = ((index >= -0.5) & (index <= np.array(scan.shape) - 0.5)).all(axis=1)
    if is_cut_above(skull):
        return np.asarray(within)
    return np.asarray(within | (local @ pose.axes[2] > 0.5))


def _beside(members: NDArray[np.int64], chosen: NDArray[np.bool_]) -> float:
    """Return the fraction of the directions around an opening that are chosen."""
    opening = np.zeros(len(chosen), bool)
    opening[members] = True
    around = grow(opening, 1) & ~opening
    return float(np.mean(chosen[around])) if around.any() else 0.0


def _components(open_: NDArray[np.bool_], edges: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the directions of each connected component of a mask over `direction_sphere`."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    inside = edges[open_[edges].all(axis=1)]
    graph = coo_array(
        (np.ones(len(inside), np.int8), (inside[:, 0], inside[:, 1])), shape=(len(open_), len(open_))
    )
    labels = connected_components(graph, directed=False)[1]
    members = np.flatnonzero(open_)
    order = np.argsort(labels[members], kind="stable")
    ordered = labels[members][order]
    return np.split(members[order], np.flatnonzero(np.diff(ordered)) + 1) if len(members) else []


def _defect(
    members: NDArray[np.int64],
    directions: NDArray[np.float64],
    pose: HeadPose,
    radius: float,
    cell_mm2: float,
) -> Defect:
    """Return the opening that consists of these directions of `direction_sphere`."""
    axis = directions.mean(axis=0)
    axis /= np.linalg.norm(axis)
    side_mm = directions[:, 0] * radius
    return Defect(
        members=members,
        axis=axis,
        area_mm2=len(members) * cell_mm2,
        centre_mm=pose.centre_mm + radius * axis @ pose.axes,
        crosses_midline=bool(side_mm.min() < -2 and side_mm.max() > 2),
    )
