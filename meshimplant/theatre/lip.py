"""`add_lip`: a rim of the part that lies on the bone around."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.features import Feature
from meshimplant.implant.site import Site
from meshimplant.implant.without_tabs import without_tabs
from meshimplant.line.extract import extract
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import join_meshes, new_mesh, to_manifold
from meshimplant.mesh.cut_away import body_count, combine, require_solid
from meshimplant.report import Finding, place_of
from meshimplant.theatre.flat_bodies import common, joined
from meshimplant.theatre.lip_ground import MOST_LIFT_MM, LipGround
from meshimplant.theatre.lip_measures import GAP_MM, measure_lip
from meshimplant.theatre.lip_openings import openings
from meshimplant.theatre.proven_solid import proven_solid
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    import manifold3d

Floats = NDArray[np.float64]

#: Least and largest width over the bone, and thickness, mm.
WIDTH_RANGE_MM, THICKNESS_RANGE_MM = (1.0, 8.0), (0.8, 1.5)
#: Thickness unless another is asked for, mm. No source: our choice.
THICKNESS_MM = 1.0
#: The root begins to thin so far inside the border, falls so many millimetres for each, and ends so deep in
#: the part, mm; beside the ends of the lip it falls as much along the border. No source: our choice.
_FULL_MM, _SLOPE, _SUNK_MM = 1.0, 0.3, 0.3
#: How deep the root reaches below the part's surface, mm.
_DEEP_MM = 0.8
#: Share of the thickness by which the edge towards the scalp is rounded, radius of that towards the bone, and
#: of the fillet between lip and border wall, mm; the fillet leaves so much of the gap, mm.
_EDGE_SHARE, _LOWER_EDGE_MM, _FILLET_MM, _CLEAR_MM = 0.6, 0.25, 0.5, 0.35
#: The fillet begins so far behind the border wall, mm.
_WALL_MM = 0.05
#: A lip narrows to its ends over this many times its width, at least over the second one, mm.
_RUN_OUT, _LEAST_RUN_OUT_MM = 1.0, 4.0
#: Spacing of the grid on which it is made, mm, and how far it is simplified, mm.
_GRID_MM, _SIMPLIFY_MM = 0.25, 0.004


@dataclass(frozen=True, eq=False)
class OnlayLip:
    """A part with a lip.

    Attributes
    ----------
    mesh : Trimesh
        The part with its lip, a solid.
    plain : Trimesh
        The part without it: the input.
    findings : tuple of Finding
        ``lip.left_out`` (info): where along the border there is no lip, because no bone lies there.
    measures : dict
        ``lip_width_mm``, ``lip_thickness_mm``, ``lip_gap_mm``: medians of the lip as made, over the bone,
        away from its ends; ``lip_gap_max_mm``: the 95th percentile of the gap; ``lip_length_mm`` and
        ``lip_share``: how much of the border has a lip; ``lip_lift_max_mm``: how much rough bone lifts it.
    """

    mesh: trimesh.Trimesh
    plain: trimesh.Trimesh
    findings: tuple[Finding, ...]
    measures: dict[str, Any]

    def numbers(self) -> dict[str, Any]:
        """Return what the report records of the step."""
        return self.measures


def add_lip(
    mesh: trimesh.Trimesh,
    skull: Volume | Site,
    lip_mm: float,
    *,
    thickness_mm: float = THICKNESS_MM,
    features: tuple[Feature, ...] = (),
    inside_mm: ArrayLike | None = None,
    max_faces: int | None = None,
) -> OnlayLip:
    """Give a part a rim that lies on the outer surface of the bone around, 0.2 mm above it.

    The lip follows the bone's outer surface, smoothed over some millimetres; where the bone is rough it lies
    as much higher as keeps it clear. Its edges are rounded, and its root thins out over the part. Where no
    bone lies opposite the border or under the lip it ends, rounded, and its root sinks into the part.

    Parameters
    ----------
    mesh : Trimesh
        A closed part in its place, LPS mm. It need not come from this package.
    skull : Volume or Site
        Mask of the defective skull on any grid, or the site.
    lip_mm : float
        How far the lip reaches over the bone, from the bone's edge on, 1 to 8 mm.
    thickness_mm : float
        Its thickness, 0.8 to 1.5 mm. Default 1. No source: our choice.
    features : tuple of Feature
        What was made in the part: the lip leaves its screws and holes open.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part and the skull.
    max_faces : int, optional
        Largest number of faces of the result, see `simplify`. None: any.

    Returns
    -------
    OnlayLip

    Raises
    ------
    InputError
        Width or thickness is out of range, or there is no bone on which a lip could lie.
    MeshError
        The mesh is not closed, has no outer or inner surface, or the result cannot be made a solid.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    require_type(skull, (Volume, Site), "the skull")
    require_lip(lip_mm, thickness_mm)
    require_solid(mesh)
    site = Site.around(skull, mesh, inside_mm=inside_mm)
    if site.bone is None:
        raise InputError("expected bone around the part, got none: check that both are in one frame (LPS)")
    bodies = connected_meshes(mesh) if body_count(mesh) > 1 else [mesh]
    made = [
        _with_lip(body, Site.around(site, body), lip_mm, thickness_mm, features, max_faces) for body in bodies
    ]
    if len(made) == 1:
        return made[0]
    return OnlayLip(
        join_meshes([each.mesh for each in made]),
        mesh,
        tuple(finding for each in made for finding in each.findings),
        _worst(made),
    )


def require_lip(lip_mm: float, thickness_mm: float) -> None:
    """Raise `InputError` for a lip that cannot be made."""
    for what, value, (low, high) in (
        ("a lip", lip_mm, WIDTH_RANGE_MM),
        ("a lip's thickness", thickness_mm, THICKNESS_RANGE_MM),
    ):
        if not low <= value <= high:
            raise InputError(
                f"expected {what} of {low:g} to {high:g} mm, got {value!r}: give millimetres over the bone"
            )


def _worst(made: list[OnlayLip]) -> dict[str, Any]:
    """Return the measures of several lips as one: lengths summed, else of the body with the worst gap."""
    worst = max((each.measures for each in made), key=lambda measures: measures["lip_gap_max_mm"])
    length = sum(each.measures["lip_length_mm"] for each in made)
    border = sum(each.measures["lip_length_mm"] / each.measures["lip_share"] for each in made)
    return worst | {"lip_length_mm": length, "lip_share": length / border}


def _with_lip(
    mesh: trimesh.Trimesh,
    site: Site,
    lip_mm: float,
    thickness_mm: float,
    features: tuple[Feature, ...],
    max_faces: int | None,
) -> OnlayLip:
    """Return a part of one body with its lip."""
    ground = LipGround.of(without_tabs(mesh, features), site, lip_mm, features)
    ground = ground.lifted(GAP_MM, lip_mm + ground.line.at(ground.place, ground.line.gap_mm))
    line = ground.line
    if not line.carries.any():
        raise InputError(
            f"expected bone under a lip of {lip_mm:g} mm along at least 10 mm of the border, got none: "
            "choose a narrower lip, or leave it out"
        )
    drawn = _drawn(ground, lip_mm, thickness_mm)
    changed = combine(mesh, add=[drawn], remove=openings(features))
    made = proven_solid(changed, mesh, more_holes=None, max_faces=max_faces)
    if body_count(made) != 1:
        raise MeshError(f"expected a lip that is one with the part, got {body_count(made)} bodies: repair it")
    measures = measure_lip(made, ground, lip_mm, thickness_mm)
    return OnlayLip(made, mesh, tuple(_left_out(ground)), measures)


def _drawn(ground: LipGround, lip_mm: float, thickness_mm: float) -> manifold3d.Manifold:
    """Return the lip with its root: the body where its flat field is negative, bent onto the ground."""
    line, view = ground.line, ground.view
    ends_mm = line.end_distance_mm()
    run_out = max(_LEAST_RUN_OUT_MM, _RUN_OUT * lip_mm)
    part_way = np.clip(ends_mm / run_out, 0.0, 1.0)
    reach = (line.gap_mm + lip_mm) * np.sqrt(1 - (1 - part_way) ** 2)
    low, high = GAP_MM, GAP_MM + thickness_mm
    at_end = np.clip(high + _SLOPE * np.minimum(ends_mm, 0.0), -_SUNK_MM, high)
    step = _GRID_MM / view.spacing_mm
    known = np.argwhere(~np.isnan(ground.beyond_mm))
    start, stop = known.min(axis=0), known.max(axis=0)
    lines = [np.arange(first, last + step / 2, step) for first, last in zip(start, stop, strict=True)]
    nodes = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    shape = nodes.shape[:2]
    far = np.where(np.isnan(ground.beyond_mm), 0.0, ground.beyond_mm)
    used = view.read(np.isnan(ground.beyond_mm).astype(float), nodes.reshape(-1, 2).T).reshape(shape) == 0
    at = nodes[used].T

    def known_at(values: Floats) -> Floats:
        """Return values (n,) of the line's places at the nodes of the grid that are used, as a column."""
        return view.read(line.at(ground.place, values), at)[:, None]

    beyond = view.read(far, at)[:, None]
    levels = np.arange(-_DEEP_MM - 0.3, high + 2.1 * _GRID_MM, _GRID_MM)
    field = _field(
        beyond,
        levels[None, :],
        (low, known_at(at_end)),
        known_at(reach),
        known_at(np.maximum(line.lean, 0.0)),
        known_at(np.clip(line.gap_mm - _CLEAR_MM, 0.0, _FILLET_MM)),
        _EDGE_SHARE * thickness_mm,
    )
    values = np.full((*shape, len(levels)), -1.0, np.float32)
    values[used] = -field
    padded = np.pad(values, 1, constant_values=-1.0)
    affine = np.diag([step, step, _GRID_MM, 1.0])
    affine[:3, 3] = [start[0] - step, start[1] - step, levels[0] - _GRID_MM]
    flat = extract(Volume(padded, affine), level=0)
    vertices = np.asarray(flat.vertices, float)
    bent = ground.bend(vertices[:, :2], vertices[:, 2])
    faces = np.asarray(flat.faces)
    mirrored = np.linalg.det(np.array([*view.axes])) < 0
    solid = to_manifold(new_mesh(bent, faces[:, ::-1] if mirrored else faces))
    return solid.simplify(_SIMPLIFY_MM)


def _field(
    beyond: Floats,
    height: Floats,
    levels: tuple[float, Floats],
    reach: Floats,
    lean: Floats,
    fillet: Floats,
    edge_mm: float,
) -> Floats:
    """Return the flat distance from a lip with its root and its fillet, negative inside.

    What lies below the outer surface stays behind the border wall, as that leans.
    """
    low, high = levels
    back = beyond + lean * np.maximum(-height, 0)
    top = high - _SLOPE * np.maximum(-_FULL_MM - beyond, 0)
    upper = common(beyond - reach, (height - top) / np.hypot(1, _SLOPE), edge_mm)
    over = common(upper, low - height, _LOWER_EDGE_MM)
    root = np.maximum(np.maximum(upper, back + _SUNK_MM), -_DEEP_MM - height)
    wall = np.maximum(back + _WALL_MM, -_DEEP_MM - height)
    under = np.maximum(np.maximum(joined(over, wall, fillet), height - (low + 0.2)), upper)
    return np.minimum(np.minimum(over, root), under)


def _left_out(ground: LipGround) -> list[Finding]:
    """Return where along the border there is no lip."""
    line = ground.line
    missing = ~line.carries
    if not missing.any():
        return []
    length = float(missing.sum() * line.border.step_mm)
    points = line.border.points_mm[missing]
    middle = points[int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))]
    message = (
        f"{length:.0f} mm of the border have no lip, {100 * missing.mean():.0f} % of it: no bone lies "
        f"there, or it stands more than {MOST_LIFT_MM:g} mm out of a smooth surface"
    )
    return [Finding("lip.left_out", "info", message, length, None, "mm", place_of(middle))]
