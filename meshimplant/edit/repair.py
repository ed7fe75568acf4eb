"""`repair`: turn a broken mesh into a solid, or refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit.remesh import remesh
from meshimplant.errors import MeshError, MissingDependencyError, require_type
from meshimplant.mesh.bodies import connected_bodies, connected_meshes
from meshimplant.mesh.clean import clean_faces, close_surface
from meshimplant.mesh.convert import from_manifold, new_mesh, to_manifold
from meshimplant.mesh.crossings import find_crossings
from meshimplant.mesh.deviation import distances_mm, surface_points
from meshimplant.mesh.limits import DEGENERATE_HEIGHT_MM
from meshimplant.mesh.topology import as_written, face_heights, topology_flaws
from meshimplant.mesh.winding import winding_number

#: Points at which the interiors before and after are compared.
_SAMPLES = 200_000
#: Winding number above which a point lies inside the repaired body and not on its surface.
_DEEP_INSIDE = 0.9
#: Distances below this are rounding, not displacement, mm.
_UNMOVED_MM = 1e-3

METHODS = ("auto", "clean", "union", "pymeshfix", "remesh")


@dataclass(frozen=True)
class Repair:
    """The repaired mesh, the actions taken, and the method used (``"none"`` if nothing was wrong)."""

    mesh: trimesh.Trimesh
    actions: tuple[str, ...]
    method: str


def repair(
    mesh: trimesh.Trimesh,
    *,
    max_volume_change_fraction: float = 0.005,
    max_move_mm: float = 0.1,
    method: str = "auto",
) -> Repair:
    """Make a mesh a printable solid with as little change as possible, or refuse.

    A mesh that is a solid is returned unchanged. Otherwise the first of these methods that gives a solid
    within the limits is used: *clean* (weld, drop faces without area and duplicates, split edges at
    T-junctions, reorient faces, close holes, separate touching vertices), *union* (overlapping bodies joined
    by manifold3d),
    *pymeshfix* (only where that package is installed; it is under the AGPL), *remesh* (the winding number
    meshed anew on a fine grid).

    Parameters
    ----------
    mesh : Trimesh
        Any triangle mesh, LPS millimetres.
    max_volume_change_fraction : float
        Largest fraction of the body that may change between inside and outside, sampled at 200 000 points.
    max_move_mm : float
        Largest distance of any point of the input surface from the repaired one, unless it lies inside the
        body, as the overlapping parts of two bodies do.
    method : str
        ``"auto"``, or one of ``"clean"``, ``"union"``, ``"pymeshfix"``, ``"remesh"`` alone.

    Returns
    -------
    Repair

    Raises
    ------
    MeshError
        No method gives a solid within the limits; the message states the result of each.
    MissingDependencyError
        ``method="pymeshfix"`` and it is not installed.

    Notes
    -----
    pymeshfix alone deletes all bodies but the largest and lost 100 % of the volume on the worst of seven
    inputs; every result is therefore checked against the input before it is accepted.
    """
    require_type(mesh, trimesh.Trimesh, "the mesh")
    if method not in METHODS:
        raise MeshError(f"expected method to be one of {', '.join(METHODS)}, got {method!r}")
    if len(mesh.faces) == 0 or not np.isfinite(mesh.vertices).all():
        raise MeshError("expected a mesh with faces and finite vertices, got none: check the step before")
    if is_solid(mesh):
        return Repair(mesh, (), "none")
    reasons = []
    source = _Input(mesh, clean_faces(mesh))
    if len(source.tidied[0].faces) == 0:
        raise MeshError("expected a mesh with faces that have an area, got none: check the step before")
    for name, attempt in _attempts(source, method):
        try:
            result, actions = attempt()
        except (MeshError, MissingDependencyError) as error:
            if method == name:
                raise
            reasons.append(f"{name}: {error}")
            continue
        reason = _objection(source, result, max_volume_change_fraction, max_move_mm)
        if reason is None:
            return Repair(result, tuple(actions), name)
        reasons.append(f"{name}: {reason}")
    raise MeshError(
        "expected a mesh that can be made solid within the limits, got one that cannot ("
        + "; ".join(reasons)
        + "): repair it by hand, or raise max_volume_change_fraction or max_move_mm"
    )


def is_solid(mesh: trimesh.Trimesh) -> bool:
    """Return whether a mesh is a valid solid as an STL file would hold it.

    It is closed, manifold, wound outward, and free of self-intersections and inner shells.
    """
    written = as_written(mesh)
    if any(len(places) for places in topology_flaws(written).values()):
        return False
    if (face_heights(written) < DEGENERATE_HEIGHT_MM).any():
        return False
    if any(part.enclosed or part.volume_mm3 <= 0 for part in connected_bodies(written)):
        return False
    return not len(find_crossings(written))


# -- the methods --------------------------------------------------------------------------------------------

Attempt = Callable[[], tuple[trimesh.Trimesh, list[str]]]


@dataclass(frozen=True)
class _Input:
    """The input mesh, the same mesh tidied, and its interior."""

    mesh: trimesh.Trimesh
    tidied: tuple[trimesh.Trimesh, list[str]]

    @cached_property
    def lattice_mm(self) -> NDArray[np.float64]:
        """Points (n, 3) that fill the bounding box of the mesh, off its symmetry planes."""
        low, high = self.mesh.bounds
        step = float(np.prod(np.maximum(high - low, 1e-3)) / _SAMPLES) ** (1 / 3)
        axes = [np.arange(a + step * 0.37, b, step) for a, b in zip(low, high, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which of the lattice's points lie inside the mesh, by its winding number."""
        return np.asarray(np.abs(winding_number(self.tidied[0], self.lattice_mm)) > 0.5)


def _attempts(source: _Input, method: str) -> Iterator[tuple[str, Attempt]]:
    """Yield the selected methods by name."""
    tidied, tidying = source.tidied
    closed, closing = close_surface(tidied)
    actions = [*tidying, *closing]
    methods: dict[str, Attempt] = {
        "clean": lambda: (closed, actions),
        "union": lambda: (_union(closed), [*actions, "joined the bodies that overlap"]),
        "pymeshfix": lambda: (_meshfix(tidied), [*tidying, "closed the surface with pymeshfix"]),
        "remesh": lambda: (remesh(tidied), [*tidying, "meshed the winding number anew"]),
    }
    for name, attempt in methods.items():
        if method in ("auto", name):
            yield name, attempt


def _union(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the union of the connected surfaces, each a closed manifold of its own."""
    import manifold3d

    bodies = [to_manifold(part) for part in connected_meshes(mesh)]
    return from_manifold(manifold3d.Manifold.batch_boolean(bodies, manifold3d.OpType.Add))


def _meshfix(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Run pymeshfix on each connected surface by itself, so that none is dropped for being small."""
    try:
        import pymeshfix
    except ImportError as error:
        raise MissingDependencyError(
            "expected pymeshfix (AGPL-3) to be installed, got none: pip install 'meshimplant[repair]'"
        ) from error
    fixed = []
    for part in connected_meshes(mesh):
        work = pymeshfix.MeshFix(np.asarray(part.vertices, float), np.asarray(part.faces, np.int32))
        work.repair()
        fixed.append(new_mesh(work.points, work.faces))
    return _union(_together(fixed)) if len(fixed) > 1 else fixed[0]


def _together(meshes: list[trimesh.Trimesh]) -> trimesh.Trimesh:
    starts = np.cumsum([0, *[len(mesh.vertices) for mesh in meshes[:-1]]])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return new_mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces))


# -- judging a result ---------------------------------------------------------------------------------------


def _objection(
    source: _Input, after: trimesh.Trimesh, max_change_fraction: float, max_move_mm: float
) -> str | None:
    """Return why a result is rejected, or None."""
    if len(after.faces) < 4:
        return "nothing was left"
    moved = _moved_mm(source.mesh, after)
    if moved > max_move_mm:
        return f"part of the surface would move by {moved:.3g} mm (limit {max_move_mm:g})"
    now = winding_number(after, source.lattice_mm) > 0.5
    change = float(np.count_nonzero(source.inside != now)) / max(float(np.count_nonzero(now)), 1.0)
    if change > max_change_fraction:
        return f"{change:.2%} of the volume would change (limit {max_change_fraction:.2%})"
    return None if is_solid(after) else "the result is not a solid"


def _moved_mm(before: trimesh.Trimesh, after: trimesh.Trimesh) -> float:
    """Return the largest distance of the old surface from the new one, except inside the new body."""
    points = surface_points(before)
    away = distances_mm(points, after)
    far = np.flatnonzero(away > _UNMOVED_MM)
    buried = winding_number(after, points[far]) > _DEEP_INSIDE
    return float(away[far][~buried].max(initial=0.0))
