"""`make_stamps`: a male and a female block, between which a flat sheet is pressed to its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from meshimplant.errors import MeshError
from meshimplant.manufacture import parting
from meshimplant.manufacture.first_solid import first_solid
from meshimplant.manufacture.mould_block import letters
from meshimplant.manufacture.mould_frame import MouldFrame, printed
from meshimplant.manufacture.sheet_surface import SheetSurface
from meshimplant.mesh.areas import face_normals_and_areas, vertex_normals
from meshimplant.mesh.convert import new_mesh
from meshimplant.report import Finding
from meshimplant.spec.sheet_spec import SheetSpec

if TYPE_CHECKING:
    import manifold3d

#: How far the blocks reach beyond the plate, and their least height, mm. No source: our choice.
_AROUND_MM, _HIGH_MM = 5.0, 12.0
#: The surface is read this far beyond the blocks, mm.
_BEYOND_MM = 3.0
#: Distance between the corners of their faces, mm: on a radius of 50 mm they leave the arc by 0.0025 mm.
_GRID_MM = 1.0
#: The surface must face the press within 80 degrees (cosine): steeper, no sheet is formed.
_STEEPEST = 0.17

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stamps:
    """Two blocks that form a sheet.

    Attributes
    ----------
    male, female : Trimesh
        Under the plate and over it, LPS mm, solids.
    printed : dict of str to Trimesh
        The same as they are printed, ``stamp-male`` and ``stamp-female``, flat base on z = 0.
    measures : dict
        ``stamp_extents_mm``, ``stamp_resin_mm3``.
    findings : tuple of Finding
        ``sheet.stamps`` (warning): there is no room for letters.
    """

    male: trimesh.Trimesh
    female: trimesh.Trimesh
    printed: dict[str, trimesh.Trimesh]
    measures: dict[str, Any]
    findings: tuple[Finding, ...]


def make_stamps(
    plate: trimesh.Trimesh, surface: SheetSurface, outline: manifold3d.CrossSection, spec: SheetSpec
) -> Stamps:
    """Make the stamps of a plate on a surface; the sheet's spring is not allowed for.

    Both blocks have the same upright sides, which guide them as they are pressed together along the middle
    direction of the surface.

    Raises
    ------
    MeshError
        The surface is too steep for a press, with the angle.
    """
    import manifold3d

    rim, faces = np.asarray(outline.to_polygons()[0]), np.asarray(surface.mesh.faces)
    wide = np.asarray(outline.offset(_AROUND_MM + _BEYOND_MM).to_polygons()[0])
    used = parting.inside(wide, surface.flat_mm)
    normals, areas = (each[used[faces].all(axis=1)] for each in face_normals_and_areas(surface.mesh))
    below = surface.points_mm(np.column_stack([rim, np.zeros(len(rim))]))
    press = (normals * areas[:, None]).sum(axis=0)
    press /= np.linalg.norm(press)
    frame = MouldFrame.of(plate, -press)
    lower = (np.asarray(surface.mesh.vertices)[used] - frame.origin_mm) @ frame.axes.T
    upper = lower + spec.thickness_mm * vertex_normals(surface.mesh)[used] @ frame.axes.T
    flat = (below - frame.origin_mm) @ frame.axes.T
    shape = manifold3d.CrossSection([flat[:, :2]], manifold3d.FillRule.NonZero)
    block = shape.offset(_AROUND_MM, circular_segments=96).simplify(0.05)
    steepest = float((normals @ press).min())
    if steepest < _STEEPEST:
        angle = np.degrees(np.arccos(steepest))
        raise MeshError(
            f"expected a surface that a press reaches, got {angle:.0f} degrees between them, "
            "more than 80: make the plate without stamps, or in two pieces"
        )
    floor = float(lower[:, 2].min()) - _HIGH_MM
    top = float(upper[:, 2].max()) + _HIGH_MM
    male = _block(block, lower, floor)
    female = _block(block, upper * (1, 1, -1), -top).mirror((0, 0, 1))
    made, printed_bodies, unmarked = {}, {}, []
    for name, body, face_mm in (("MALE", male, floor), ("FEMALE", female, top)):
        upward = name == "FEMALE"
        lines = [spec.label, name] if spec.label else [name]
        text = letters(lines, block, face_mm, upward=upward)
        if text is None:
            unmarked.append(name.lower())
        whole = first_solid(body if text is None else body - text)
        if whole is None:
            raise MeshError(f"expected the {name.lower()} stamp to be a solid, got flaws: smooth the part")
        made[name] = new_mesh(frame.out_of(whole.vertices), whole.faces)
        printed_bodies[f"stamp-{name.lower()}"] = printed(whole, turned=upward)
    measures = {
        "stamp_extents_mm": {name: body.extents.tolist() for name, body in printed_bodies.items()},
        "stamp_resin_mm3": float(sum(body.volume for body in printed_bodies.values())),
    }
    findings = tuple(
        Finding("sheet.stamps", "warning", f"The {side} stamp has no letters: shorten the label")
        for side in unmarked
    )
    return Stamps(made["MALE"], made["FEMALE"], printed_bodies, measures, findings)


def _block(outline: manifold3d.CrossSection, points: Floats, base_mm: float) -> manifold3d.Manifold:
    """Return the block over a flat base, within an outline, under a surface of points (n, 3)."""
    import manifold3d

    x0, y0, x1, y1 = outline.bounds()
    x, y = (np.arange(low - _GRID_MM, high + 2 * _GRID_MM, _GRID_MM) for low, high in ((x0, x1), (y0, y1)))
    places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    heights = LinearNDInterpolator(points[:, :2], points[:, 2])(places)
    beyond = np.isnan(heights)
    heights[beyond] = NearestNDInterpolator(points[:, :2], points[:, 2])(places[beyond])
    index = np.arange(len(places)).reshape(len(x), len(y))
    a, b, c, d = (each.ravel() for each in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    below = parting.under(places, heights, triangles, base_mm)
    wall = manifold3d.Manifold.extrude(outline, float(heights.max()) + 1 - base_mm)
    return below ^ wall.translate((0, 0, base_mm))
