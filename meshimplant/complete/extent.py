"""`find_extent`: the part of an opening's chart whose columns lack bone: the hole, and its cut walls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.head.chart import Chart
from meshimplant.head.columns import Columns
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import direction_sphere, is_vault, read_along
from meshimplant.skull.defect import Defect
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.volume import Volume

#: A column that lacks this much bone belongs to the defect, even if some bone is left in it.
_LACKING_MM = 1.0
#: Half the width of a strip along the bone below which lacking bone is misfit, not defect.
_SPUR_MM = 2.0
#: Under an intact outer table, bone that lacks less than this fraction from the inside is a groove (a sinus,
#: a vessel), not a cut wall.
_GROOVE_FRACTION = 0.3
#: How far from the opening a cut wall can reach, mm: where the outer table is gone; under an intact one (what
#: is missing farther away is a sinus, and a part that filled it could not be inserted); and close to face and
#: base (within the last distance), where the shell is not known well enough to tell what is missing.
_WALL_MM, _UNDERCUT_MM, _WALL_NEAR_FACE_MM, _NEAR_FACE_MM = 12.0, 5.0, 3.0, 8.0
#: Below the vault the two sides differ: bone within this distance of its expected place is taken as the
#: expected bone.
_ASTRAY_MM = 4.0
#: Bone that begins this far outside the estimated vault is not vault.
_BEYOND_MM = 2.0


def find_extent(
    skull: Volume,
    pose: HeadPose,
    defect: Defect,
    chart: Chart,
    inner_mm: NDArray[np.float64],
    outer_mm: NDArray[np.float64],
    unknown: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return the signed distance, mm along the bone, to the edge of the region whose columns lack bone.

    Nothing lacks where the surfaces are `unknown`.
    """
    import cc3d

    columns = read_along(skull, pose, chart.directions)
    with np.errstate(invalid="ignore"):
        roofed = columns.outer_mm > outer_mm - _LACKING_MM  # the outer table is intact
        beyond = columns.inner_mm > outer_mm + _BEYOND_MM  # bone behind the opening: cheek bone, orbit
    known = np.ones(chart.shape, bool) if unknown is None else ~unknown
    lacking = _lacks_bone(columns, chart, inner_mm, outer_mm, roofed)
    hole = _open_region((columns.missing | beyond) & known, defect, chart)
    distance = distance_outside(hole, chart.spacing_mm)
    near_face = ndimage.binary_dilation(
        ~is_vault(chart.directions), iterations=round(_NEAR_FACE_MM / chart.spacing_mm)
    )
    reach = np.where(near_face, _WALL_NEAR_FACE_MM, np.where(roofed, _UNDERCUT_MM, _WALL_MM))
    wall = lacking & (distance < reach) & known
    wall = ndimage.binary_opening(wall, iterations=round(_SPUR_MM / chart.spacing_mm))
    labels = cc3d.connected_components((wall | hole).astype(np.uint8), connectivity=4)
    region = np.isin(labels, np.unique(labels[hole]))
    inside = distance_inside(region, chart.spacing_mm)
    outside = distance_outside(region, chart.spacing_mm)
    return inside.astype(np.float64) - outside.astype(np.float64) + 1.0


def _lacks_bone(
    columns: Columns,
    chart: Chart,
    inner_mm: NDArray[np.float64],
    outer_mm: NDArray[np.float64],
    roofed: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Return the nodes whose column lacks bone; a groove under an intact outer table is tolerated."""
    top = np.minimum(columns.outer_mm, outer_mm)
    bottom = np.maximum(columns.inner_mm, inner_mm)
    present = np.nan_to_num(np.maximum(top - bottom, 0))
    thickness = outer_mm - inner_mm
    with np.errstate(invalid="ignore"):
        displaced = ~is_vault(chart.directions) & (bottom - top < _ASTRAY_MM)
        own = np.minimum(columns.outer_mm - columns.inner_mm, thickness)
    present = np.where(displaced, np.nan_to_num(own), present)
    groove = np.maximum(_LACKING_MM, _GROOVE_FRACTION * thickness)
    with np.errstate(invalid="ignore"):
        return thickness - present > np.where(roofed, groove, _LACKING_MM)


def _open_region(open_: NDArray[np.bool_], defect: Defect, chart: Chart) -> NDArray[np.bool_]:
    """Return the connected parts of the open nodes that the rays through the defect meet."""
    import cc3d

    hole = ndimage.binary_opening(open_, iterations=2)
    members = np.zeros(hole.shape, bool)
    nodes = np.rint(chart.to_nodes(direction_sphere()[0][defect.members])).astype(int)
    members[tuple(nodes)] = True
    labels = cc3d.connected_components(hole.astype(np.uint8), connectivity=4)
    return np.isin(labels, np.unique(labels[members & hole]))
