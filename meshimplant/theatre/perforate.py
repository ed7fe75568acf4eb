"""`perforate`: holes through a finished part, for drainage, sutures and tenting of the dura."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from meshimplant.errors import InputError, MeshError, require_type
from meshimplant.implant.features import Feature
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.convert import join_meshes
from meshimplant.mesh.cut_away import cut_away
from meshimplant.report import Finding
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.strength.materials import material_of
from meshimplant.theatre.ground import Ground
from meshimplant.theatre.hole_places import along_curve, at_points, lay_out
from meshimplant.theatre.hole_region import HoleRegion
from meshimplant.theatre.hole_tool import Hole
from meshimplant.theatre.make_holes import FAR_MM, ligament_mm, make_holes
from meshimplant.theatre.proven_solid import proven_solid

#: Share of the outer surface that holes may open before a person should look: the limit of plates of the face
#: (K133809).
OPEN_FRACTION = 0.25
#: The points that stand for the surface are at most this fraction of the spacing apart, and this, mm.
_SAMPLE_SHARE, _SAMPLE_MM = 0.1, 0.8
#: Holes farther apart than this many times the least distance of two are not the closest, mm.
_CLOSEST = 2.0

Floats = NDArray[np.float64]
Along = Literal["points", "curve"]


@dataclass(frozen=True, eq=False)
class Perforated:
    """A perforated part.

    Attributes
    ----------
    mesh : Trimesh
        The part with its holes, a solid.
    features : tuple of Feature
        The holes, from the top row to the bottom one: kinds ``drainage`` (labels D1, D2, ...), ``suture``
        (U), ``tenting`` (T) and ``slot`` (L).
    findings : tuple of Finding
        ``perforation.left_out`` (warning): a hole that was asked for and not made, and why.
        ``perforation.open`` (warning): more than a quarter of the outer surface is open.
    measures : dict
        ``perforation_count``; ``perforation_open_fraction``: area of the holes, with those that the part had
        already, over that of the outer surface;
        ``perforation_ligament_min_mm``: least wall between two holes, None for one hole;
        ``perforation_spacing_min_mm``: least distance between the middles of two;
        ``perforation_border_min_mm``: least distance from the edge of a hole to the border;
        ``perforation_removed_mm3``; ``perforation_weight_saved_g``.
    """

    mesh: trimesh.Trimesh
    features: tuple[Feature, ...]
    findings: tuple[Finding, ...]
    measures: dict[str, Any]

    def numbers(self) -> dict[str, Any]:
        """Return what the report records of the step."""
        return {"holes": len(self.features), "left_out": len(self.findings)}


def perforate(
    mesh: trimesh.Trimesh,
    spec: PerforationSpec | None = None,
    *,
    places_mm: ArrayLike | None = None,
    along: Along = "points",
    features: Sequence[Feature] = (),
    inside_mm: ArrayLike | None = None,
    material: str = "PEEK",
    max_faces: int | None = None,
) -> Perforated:
    """Make holes through a finished part, along its local normal, with rounded or countersunk ends.

    Without `places_mm` the holes are laid out as `spec.pattern` says: evenly all over (`even_layout`), or in
    pairs along the border; `spec.tenting` adds holes at the middle. No hole comes closer than
    `spec.border_mm` to the border, and the wall to any other opening, to features and to the edge of the
    inner surface is at least as thick as the hole is wide. Places of the user's may be nearer to the border,
    but keep this wall; one that cannot is left out, with a finding.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm. It need not come from this package.
    spec : PerforationSpec, optional
        Diameter, layout and edges. None: the defaults.
    places_mm : (n, 3) array-like, optional
        Places of the user's on the outer surface, LPS mm, in place of a layout.
    along : str
        Whether they are ``points``, a drainage hole at each, or a ``curve``, along which suture holes are set
        at least `spec.spacing_mm` apart, such as for the temporal muscle.
    features : sequence of Feature
        What the part has already, from which the holes keep their distance.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm. None: derived from the part's curvature.
    material : str
        Material of the part, for the weight.
    max_faces : int, optional
        Largest number of faces of the result, see `simplify`. None: as many as the holes need.

    Returns
    -------
    Perforated

    Raises
    ------
    InputError
        The places are none, or all lie farther than 5 mm from the part.
    SpecError
        The material is unknown.
    MeshError
        The mesh is no solid, has no room for a hole, or would not be a solid with one handle per hole.
    """
    require_type(mesh, trimesh.Trimesh, "the part")
    spec = PerforationSpec() if spec is None else spec
    density_g_cm3 = material_of(material).density_g_cm3
    sample_mm = min(_SAMPLE_SHARE * spec.spacing_mm, _SAMPLE_MM)
    ground = Ground.of(mesh, spacing_mm=sample_mm, inside_mm=inside_mm)
    border_mm = spec.border_mm if places_mm is None else spec.diameter_mm
    sizes = spec.diameter_mm, spec.slot_mm or spec.diameter_mm, border_mm
    region = HoleRegion(ground, *sizes, tuple(features), np.zeros((0, 3)), spec.spacing_mm)
    if places_mm is None:
        wanted = lay_out(region, spec)
    else:
        wanted = (along_curve if along == "curve" else at_points)(_places(places_mm, ground), spec)
    made, left_out = make_holes(wanted, region, spec)
    if not made:
        why = left_out[0].message if left_out else "all of it is too near to the border, or to features"
        raise MeshError(
            f"expected a part with room for a hole, got none ({why}): make the holes, or their distance to "
            "the border, smaller"
        )
    cut = cut_away(mesh, join_meshes([each.tool for each in made]))
    result = proven_solid(cut.mesh, mesh, more_holes=len(made), max_faces=max_faces)
    removed_mm3 = enclosed_mm3(mesh) - enclosed_mm3(cut.mesh)
    own = tuple(each.feature for each in made)
    open_mm2 = sum(feature.area_mm2 for feature in (*features, *own) if feature.is_hole)
    measures = {
        "perforation_count": len(made),
        "perforation_open_fraction": open_mm2 / ground.area_mm2,
        **_distances(ground, [each.hole for each in made]),
        "perforation_removed_mm3": removed_mm3,
        "perforation_weight_saved_g": removed_mm3 / 1000 * density_g_cm3,
    }
    findings = (*left_out, *_open_findings(measures))
    return Perforated(result, own, findings, measures)


def _places(places_mm: ArrayLike, ground: Ground) -> Floats:
    """Return the user's places (n, 3); raise `InputError` for none, and where all are far from the part."""
    places = np.asarray(places_mm, float)
    if places.ndim != 2 or places.shape[1:] != (3,) or not len(places) or not np.isfinite(places).all():
        raise InputError(
            f"expected places (n, 3) of finite numbers, got an array of shape {places.shape}: give points on "
            "the outer surface"
        )
    away = float(ground.tree.query(places)[0].min())
    if away > FAR_MM:
        raise InputError(
            f"expected places within {FAR_MM:g} mm of the part's outer surface, got none (the nearest is "
            f"{away:.1f} mm away): check that both are in one frame (LPS, not RAS) and in millimetres"
        )
    return places


def _distances(ground: Ground, holes: Sequence[Hole]) -> dict[str, Any]:
    """Return the least wall and the least distance of two holes, and the least distance to the border."""
    points = np.array([hole.point_mm for hole in holes])
    spans_mm = np.array([np.linalg.norm(hole.span_mm) for hole in holes])
    spacing = ligament = None
    if len(holes) > 1:
        spacing = float(cKDTree(points).query(points, 2)[0][:, 1].min())
        pairs = sorted(cKDTree(points).query_pairs(_CLOSEST * spacing + 2 * float(spans_mm.max())))
        ligament = min(ligament_mm(holes[one], holes[other]) for one, other in pairs)
    edge_mm = ground.border_distance_mm(points) - (holes[0].diameter_mm + spans_mm) / 2
    return {
        "perforation_ligament_min_mm": ligament,
        "perforation_spacing_min_mm": spacing,
        "perforation_border_min_mm": float(edge_mm.min()),
    }


def _open_findings(measures: dict[str, Any]) -> list[Finding]:
    share = measures["perforation_open_fraction"]
    if share <= OPEN_FRACTION:
        return []
    message = (
        f"{100 * share:.0f} % of the outer surface is open: the part may be too weak: make fewer or smaller "
        "holes"
    )
    return [Finding("perforation.open", "warning", message, share, OPEN_FRACTION, "fraction")]
