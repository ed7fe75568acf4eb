"""The steps that change the shape of a part as its edits say, between its clearance and its thickness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.design.step_runner import StepRunner
from meshimplant.design.steps import StepResult, keep_clearance
from meshimplant.edit.around_point import falloff, outer_foot
from meshimplant.edit.border_to_curve import border_to_curve
from meshimplant.edit.bulge import bulge
from meshimplant.edit.cut import trim_box, trim_curve, trim_plane
from meshimplant.edit.move_border import move_border
from meshimplant.edit.smooth_here import smooth_here
from meshimplant.errors import MeshError
from meshimplant.implant.regional_value import Regional, values_at
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import split_surfaces
from meshimplant.implant.wall_thickness import WALL_RANGE_MM
from meshimplant.spec.edits import Edit
from meshimplant.spec.shape_edits import KEEPS, ThickenEdit


def edit_shape(
    trimmed: trimesh.Trimesh, site: Site, edits: Sequence[Edit], line: StepRunner, *, clearance_mm: Regional
) -> trimesh.Trimesh:
    """Change a trimmed part as its edits say, each a step; what came too near to bone is trimmed again.

    The edits act on the part with its clearance, so that a border that is moved by -2 mm has a gap that is
    2 mm wider, and before its thickness, which is then even under a changed surface.
    """
    mesh = trimmed
    for edit in edits:
        if edit.verb in _CHANGES:
            made = line.run(f"edit_{edit.verb}", _CHANGES[edit.verb], mesh, site, **edit.parameters)
            mesh = made.mesh if isinstance(made, StepResult) else made
    return (
        mesh if mesh is trimmed else line.run("trim", keep_clearance, mesh, site, clearance_mm=clearance_mm)
    )


def changed_shape(mesh: trimesh.Trimesh, site: Site, edit: Edit) -> trimesh.Trimesh:
    """Return a mesh changed by one edit of its shape, or itself where the edit acts elsewhere."""
    if edit.verb not in _CHANGES:
        return mesh
    made = _CHANGES[edit.verb](mesh, site, **edit.parameters)
    return made.mesh if isinstance(made, StepResult) else made


def edited_thickness(
    mesh: trimesh.Trimesh, site: Site, edits: Sequence[Edit], *, thickness_mm: Regional
) -> Regional | NDArray[np.float64]:
    """Return the thickness of an edited part: (n,) by vertex, or as it was where no edit changes it."""
    tables = [each.values for each in edits if each.verb == ThickenEdit.TABLE]
    changes = [table for table in tables if isinstance(table, ThickenEdit)]
    if not changes:
        return thickness_mm
    surfaces = split_surfaces(mesh, inside_mm=site.inside_mm)
    thickness = values_at(thickness_mm, mesh.vertices)
    for change in changes:
        foot = outer_foot(mesh, surfaces, change.point_mm)
        thickness += change.by_mm * falloff(mesh.vertices, foot, change.radius_mm)
    low, high = WALL_RANGE_MM
    if thickness.min() < low or thickness.max() > high:
        raise MeshError(
            f"expected a wall of {low:g} to {high:g} mm, got edits that make one of {thickness.min():.2f} to "
            f"{thickness.max():.2f} mm: change it by less"
        )
    return thickness


def _bulge(mesh: trimesh.Trimesh, site: Site, **given: Any) -> trimesh.Trimesh:
    return bulge(mesh, given.pop("point_mm"), inside_mm=site.inside_mm, **given)


def _border(mesh: trimesh.Trimesh, site: Site, **given: Any) -> trimesh.Trimesh:
    if "curve_mm" in given:
        return border_to_curve(mesh, given["curve_mm"], inside_mm=site.inside_mm)
    return move_border(mesh, given.pop("point_mm"), inside_mm=site.inside_mm, **given)


def _smooth_here(mesh: trimesh.Trimesh, site: Site, **given: Any) -> trimesh.Trimesh:
    return smooth_here(mesh, given.pop("point_mm"), inside_mm=site.inside_mm, **given)


def _cut(mesh: trimesh.Trimesh, _site: Site, *, keep: str | None = None, **tools: Any) -> StepResult:
    """Cut by the one tool that is given, and count the pieces that fell off."""
    ((name, tool),) = tools.items()
    keep = keep or KEEPS[name][0]
    if name == "plane":
        cut = trim_plane(mesh, tool["point_mm"], tool["normal"], keep=keep)
    elif name == "box":
        cut = trim_box(mesh, tool["lower_mm"], tool["upper_mm"], keep=keep)
    else:
        cut = trim_curve(mesh, tool, keep=keep)
    return StepResult(cut.mesh, {"fragments": len(cut.fragments), "removed_mm3": cut.removed_mm3})


_CHANGES: dict[str, Callable[..., Any]] = {
    "bulge": _bulge,
    "border": _border,
    "cut": _cut,
    "smooth_here": _smooth_here,
}
