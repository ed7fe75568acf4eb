"""One plane of the scan as a picture, with the outline of the part in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from meshimplant.voxels.volume import Volume

Floats = NDArray[np.float64]

#: Grey values of a CT that are black and white, HU: soft tissue is told from bone, and bone from metal.
_WINDOW_HU = (-250.0, 1750.0)
#: Colours of the part's outline and of a place, sRGB.
OUTLINE, _PLACE = (0, 150, 190), (214, 96, 0)
#: Letters of the sides to which the axes run, and of the opposite ones.
SIDES = ("LR", "PA", "SI")


@dataclass(frozen=True)
class Plane:
    """An anatomical plane: the axis of its normal, those that run right and down, and its letters."""

    name: str
    axis: int
    right: int
    down: int
    down_sign: float
    letters: tuple[str, str, str, str]


#: Left, right, top and bottom letter. The patient's left is on the viewer's right, as radiologists have it.
PLANES = (
    Plane("Axial", 2, 0, 1, 1.0, ("R", "L", "A", "P")),
    Plane("Coronal", 1, 0, 2, -1.0, ("R", "L", "S", "I")),
    Plane("Sagittal", 0, 1, 2, -1.0, ("A", "P", "S", "I")),
)


def level_text(plane: Plane, point_mm: ArrayLike) -> str:
    """Return the place of a plane through a point (3,), such as "S 34 mm"."""
    level = float(np.asarray(point_mm, float)[plane.axis])
    return f"{SIDES[plane.axis][int(level < 0)]} {abs(level):.0f} mm"


def longest_section(implant: trimesh.Trimesh, point_mm: Floats, outward: Floats) -> Plane:
    """Return the plane through a point (3,) with the longest outline of a part, of the two that cut its wall.

    The third plane, which lies most nearly along the part, is left out; `outward` (3,) is the way the part
    faces.
    """

    def length_mm(plane: Plane) -> float:
        ends = section_lines(implant, plane.axis, float(point_mm[plane.axis]))
        return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).sum())

    along = max(PLANES, key=lambda plane: abs(float(outward[plane.axis])))
    return max((plane for plane in PLANES if plane is not along), key=length_mm)


def draw_plane(
    implant: trimesh.Trimesh,
    scan: Volume,
    plane: Plane,
    point: Floats,
    *,
    mm_per_px: float,
    size_px: tuple[int, int],
    marked: bool = False,
) -> NDArray[np.uint8]:
    """Return a plane of the scan (height, width, 3) around a point (3,), with the outline of the part.

    `size_px` is width and height; `marked` circles the point.
    """
    width, height = size_px
    middle = np.array([width, height]) / 2
    right, down = (np.arange(each) + 0.5 - each / 2 for each in size_px)
    points = np.empty((height, width, 3))
    points[...] = point
    points[..., plane.right] += mm_per_px * right[None, :]
    points[..., plane.down] += plane.down_sign * mm_per_px * down[:, None]
    index = scan.to_index(points.reshape(-1, 3)).T
    image = Image.fromarray(_greys(scan, index).reshape(height, width)).convert("RGB")
    draw = ImageDraw.Draw(image)
    line = max(1, round(width / 240))
    signs = np.array([1.0, plane.down_sign])
    for ends in section_lines(implant, plane.axis, float(point[plane.axis])):
        placed = (ends - point)[:, [plane.right, plane.down]] * signs / mm_per_px + middle
        draw.line([tuple(end) for end in placed.tolist()], fill=OUTLINE, width=line)
    if marked:
        arm = width / 40
        x, y = middle
        draw.ellipse((x - arm, y - arm, x + arm, y + arm), outline=_PLACE, width=line)
    return np.asarray(image)


def _greys(scan: Volume, index: Floats) -> NDArray[np.uint8]:
    """Return the grey values (n,) at voxel indices (3, n); black beyond the scan."""
    array = scan.array
    is_mask = array.dtype == bool or (array.dtype.kind == "u" and array.max(initial=0) <= 1)
    # Only the voxels between which values are interpolated: a plane needs few of a whole head's.
    start = np.clip(np.floor(index.min(axis=1)).astype(int), 0, np.array(array.shape) - 1)
    stop = np.clip(np.ceil(index.max(axis=1)).astype(int) + 1, start + 1, array.shape)
    array, index = array[tuple(map(slice, start, stop))], index - start[:, None]
    if is_mask:
        bone = ndimage.map_coordinates(array.astype(np.float32), index, order=1, cval=0.0)
        return np.asarray(np.rint(235 * np.clip(bone, 0, 1)), np.uint8)
    low, high = _WINDOW_HU
    values = ndimage.map_coordinates(array, index, np.float32, order=1, cval=low)
    return np.asarray(np.rint(255 * np.clip((values - low) / (high - low), 0, 1)), np.uint8)


def section_lines(mesh: trimesh.Trimesh, axis: int, level: float) -> Floats:
    """Return the segments (n, 2, 3) in which an axis-parallel plane cuts a mesh."""
    corners = np.asarray(mesh.vertices, float)[np.asarray(mesh.faces)]
    height = corners[..., axis] - level
    height = np.where(height == 0, 1e-9, height)
    above = height > 0
    crossed = above.any(axis=1) & ~above.all(axis=1)
    corners, height, above = corners[crossed], height[crossed], above[crossed]
    # The corner that lies alone on its side; the segment runs between the two edges that leave it.
    alone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), (~above).argmax(axis=1))
    rows = np.arange(len(corners))
    ends = []
    for step in (1, 2):
        other = (alone + step) % 3
        share = height[rows, alone] / (height[rows, alone] - height[rows, other])
        ends.append(corners[rows, alone] + share[:, None] * (corners[rows, other] - corners[rows, alone]))
    return np.stack(ends, axis=1) if len(rows) else np.zeros((0, 2, 3))
