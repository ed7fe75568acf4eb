"""Cut an implant manually: by a plane, a box, or along a closed curve on its surface."""

from __future__ import annotations

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.mesh.convert import from_manifold, new_mesh
from meshimplant.mesh.cut_away import Cut, cut_away, require_solid

#: How far the cutting prism extends beyond the implant on either side, mm.
_PRISM_MARGIN_MM = 10.0
#: A curve narrower than this does not enclose an area, mm.
_NARROWEST_MM = 0.5
#: A cut that removes less than this removes nothing, mm3: the rounding of the volume of a large part.
_LEAST_CUT_MM3 = 1e-3


def trim_plane(
    mesh: trimesh.Trimesh,
    point_mm: ArrayLike,
    normal: ArrayLike,
    *,
    keep: str = "below",
    bodies: int | None = None,
) -> Cut:
    """Cut an implant by a plane.

    Parameters
    ----------
    mesh : Trimesh
        The implant, LPS mm.
    point_mm, normal : (3,) array-like
        A point of the plane, LPS mm, and its normal, of any length.
    keep : str
        ``"below"`` keeps the side opposite to the normal, ``"above"`` the side it points to.
    bodies : int, optional
        Number of pieces to keep, largest first. None: as many as the mesh has.

    Returns
    -------
    Cut
        The part, its fragments and the volume removed.

    Raises
    ------
    InputError
        The normal has zero length, or `keep` is neither side.
    MeshError
        The mesh is not a solid, or all of it or nothing lies on the side that is removed.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    point, axis = _vector(point_mm, "point"), _vector(normal, "normal")
    length = float(np.linalg.norm(axis))
    if length == 0:
        raise InputError("expected a normal with a length, got 0 0 0: give the plane's direction")
    axis = axis / length * _sign(keep, "below", "above")
    reach = float(np.linalg.norm(np.asarray(mesh.vertices) - point, axis=1).max()) + 1
    box = trimesh.creation.box(extents=(2 * reach, 2 * reach, reach))
    frame = _frame(axis)
    vertices = (np.asarray(box.vertices) + np.array([0, 0, reach / 2])) @ frame + point
    return _cut(mesh, new_mesh(vertices, box.faces), bodies)


def trim_box(
    mesh: trimesh.Trimesh,
    lower_mm: ArrayLike,
    upper_mm: ArrayLike,
    *,
    keep: str = "outside",
    bodies: int | None = None,
) -> Cut:
    """Cut an implant by a box along the patient's axes.

    Parameters
    ----------
    mesh : Trimesh
        The implant, LPS mm.
    lower_mm, upper_mm : (3,) array-like
        Opposite corners, LPS mm.
    keep : str
        ``"outside"`` or ``"inside"`` of the box.
    bodies : int, optional
        Number of pieces to keep, largest first. None: as many as the mesh has.

    Returns
    -------
    Cut
        The part, its fragments and the volume removed.

    Raises
    ------
    InputError
        The lower corner is not below the upper one, or `keep` is neither side.
    MeshError
        The mesh is not a solid, or the cut leaves or removes nothing.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    low, high = _vector(lower_mm, "lower corner"), _vector(upper_mm, "upper corner")
    if not (low < high).all():
        raise InputError(
            f"expected a lower corner below the upper one, got {low.tolist()} and {high.tolist()}"
        )
    box = trimesh.creation.box(extents=high - low)
    tool = new_mesh(np.asarray(box.vertices) + (low + high) / 2, box.faces)
    return _cut(mesh, tool if _sign(keep, "outside", "inside") > 0 else _complement(mesh, tool), bodies)


def trim_curve(
    mesh: trimesh.Trimesh, points_mm: ArrayLike, *, keep: str = "inside", bodies: int | None = None
) -> Cut:
    """Cut an implant along a closed curve on its surface.

    The cut runs along the normal of the curve's vector area, which is the mean normal of the surface inside
    the curve. It passes through the implant under the curve, but not through other regions of a strongly
    curved implant.

    Parameters
    ----------
    mesh : Trimesh
        The implant, LPS mm.
    points_mm : (n, 3) array-like
        Three or more points on or near the surface, in order, LPS mm. The last is joined to the first.
    keep : str
        ``"inside"`` or ``"outside"`` of the curve.
    bodies : int, optional
        Number of pieces to keep, largest first. None: as many as the mesh has.

    Returns
    -------
    Cut
        The part, its fragments and the volume removed.

    Raises
    ------
    InputError
        Fewer than three points, a curve that encloses no area, or one that crosses itself.
    MeshError
        The mesh is not a solid, or the cut leaves or removes nothing.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    tool = _prism(mesh, np.asarray(points_mm, float))
    return _cut(mesh, tool if _sign(keep, "outside", "inside") > 0 else _complement(mesh, tool), bodies)


def beyond_curve(mesh: trimesh.Trimesh, points_mm: ArrayLike) -> Cut:
    """Cut off what lies outside a closed curve, as `trim_curve` does; it may be nothing."""
    return cut_away(mesh, _complement(mesh, _prism(mesh, np.asarray(points_mm, float))))


def _cut(mesh: trimesh.Trimesh, tool: trimesh.Trimesh, bodies: int | None) -> Cut:
    """Cut a tool away; raise `MeshError` where it removes nothing."""
    cut = cut_away(mesh, tool, bodies=bodies)
    if cut.removed_mm3 - sum(fragment.volume_mm3 for fragment in cut.fragments) < _LEAST_CUT_MM3:
        raise MeshError(
            "expected a cut that removes part of the implant, got one that misses it: check its numbers, the "
            "side to keep, and that both are in one frame (LPS, millimetres)"
        )
    return cut


def _prism(mesh: trimesh.Trimesh, points: NDArray[np.float64]) -> trimesh.Trimesh:
    """Return the prism over a closed curve along its normal, through the implant."""
    import manifold3d

    if points.ndim != 2 or points.shape[1] != 3 or len(points) < 3 or not np.isfinite(points).all():
        raise InputError(
            f"expected a curve of three or more points (n, 3), got an array of shape {points.shape}"
        )
    middle = points.mean(axis=0)
    arms = points - middle
    area = np.cross(arms, np.roll(arms, -1, axis=0)).sum(axis=0) / 2
    size = float(np.linalg.norm(area))
    around = float(np.linalg.norm(arms - np.roll(arms, -1, axis=0), axis=1).sum())
    if size < _NARROWEST_MM * around / 4:
        raise InputError(
            f"expected a curve that encloses an area, got one of {size:.2f} mm2 on {around:.1f} mm: widen it"
        )
    frame = _frame(area / size)
    flat = arms @ frame.T
    _require_simple(flat[:, :2])
    inside = _height_range(mesh, points, frame, middle)
    section = manifold3d.CrossSection([flat[:, :2]], manifold3d.FillRule.NonZero)
    prism = from_manifold(section.extrude(inside[1] - inside[0]))
    return new_mesh((np.asarray(prism.vertices) + np.array([0, 0, inside[0]])) @ frame + middle, prism.faces)


def _height_range(
    mesh: trimesh.Trimesh,
    points: NDArray[np.float64],
    frame: NDArray[np.float64],
    middle: NDArray[np.float64],
) -> tuple[float, float]:
    """Return the range of heights along its axis that the prism must span."""
    heights = ((points - middle) @ frame.T)[:, 2]
    flat = (np.asarray(mesh.vertices) - middle) @ frame.T
    reach = float(np.hypot(*((points - middle) @ frame.T)[:, :2].T).max())
    near = flat[np.hypot(flat[:, 0], flat[:, 1]) < reach, 2]
    sag = float(np.ptp(heights)) + reach
    near = near[(near > heights.min() - sag) & (near < heights.max() + sag)]
    low, high = (near.min(), near.max()) if len(near) else (heights.min(), heights.max())
    return float(min(low, heights.min()) - _PRISM_MARGIN_MM), float(
        max(high, heights.max()) + _PRISM_MARGIN_MM
    )


def _require_simple(flat: NDArray[np.float64]) -> None:
    """Raise `InputError` where a closed polygon (n, 2) crosses itself."""
    start, stop = flat, np.roll(flat, -1, axis=0)
    side = _side(start[:, None], stop[:, None], start[None]) * _side(
        start[:, None], stop[:, None], stop[None]
    )
    crossing = (side < 0) & (side.T < 0)
    if crossing.any():
        first, second = np.argwhere(crossing)[0].tolist()
        raise InputError(
            f"expected a curve that does not cross itself, got one that does at points {first}, {second}: "
            "give the points in order around it"
        )


def _side(a: NDArray[np.float64], b: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    edge, arm = b - a, p - a
    return edge[..., 0] * arm[..., 1] - edge[..., 1] * arm[..., 0]


def _complement(mesh: trimesh.Trimesh, tool: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the space around a mesh outside a tool: cutting it away keeps what is inside the tool."""
    low, high = np.asarray(mesh.bounds)
    box = trimesh.creation.box(extents=high - low + 2)
    around = require_solid(new_mesh(np.asarray(box.vertices) + (low + high) / 2, box.faces))
    left = around - require_solid(tool)
    if left.is_empty():
        raise MeshError(
            "expected a cut through the implant, got one that encloses all of it: there is nothing to cut"
        )
    return from_manifold(left)


def _sign(keep: str, first: str, second: str) -> int:
    if keep not in (first, second):
        raise InputError(f'expected keep to be "{first}" or "{second}", got {keep!r}')
    return 1 if keep == first else -1


def _vector(values: ArrayLike, name: str) -> NDArray[np.float64]:
    vector = np.asarray(values, float)
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise InputError(f"expected a {name} of three finite numbers, got {vector.tolist()}")
    return vector


def _frame(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a right-handed frame (3, 3), axes as rows, whose third axis is the given unit vector."""
    right = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(axis, right), axis])
