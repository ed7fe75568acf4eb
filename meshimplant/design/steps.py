"""The steps from missing bone to part, with the settings that `design_implant` and the verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike

from meshimplant.design.reconstruct import prepare_skull
from meshimplant.edit.bevel import bevel
from meshimplant.edit.blunt_border import LEAST_MM, blunt_border
from meshimplant.edit.repair import repair
from meshimplant.edit.simplify import coarsened, simplify
from meshimplant.edit.smooth import smooth
from meshimplant.edit.thickness import set_thickness
from meshimplant.edit.trim import is_clear, trim_to_clearance
from meshimplant.head.pose import fit_pose
from meshimplant.implant.features import Feature
from meshimplant.implant.place_regions import PlacedRegions, place_regions
from meshimplant.implant.regional_value import Regional, RegionalValue, plus
from meshimplant.implant.site import Site
from meshimplant.line.deepen import deepen
from meshimplant.line.extract import extract
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.mesh.convert import join_meshes
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.theatre.mark import Marked, mark
from meshimplant.theatre.perforate import Perforated, perforate
from meshimplant.voxels.volume import Volume

#: Edges of the smoothed part, mm: those that voxels of 1 mm give it. On a vault they leave the surface by
#: 0.001 mm.
EDGE_MM = 0.8
#: The part is cut from a body that is deeper than the bone, so that thin bone does not make a thin part.
_THINNEST_BONE_MM, _SPARE_MM, _DEPTH_STEP_MM = 1.0, 0.3, 2.0
#: Where a part that became thicker comes too near to bone, the second cut leaves this much more clearance
#: than the first: two cuts in one place would leave slivers that no repair cleans.
_SECOND_CUT_MM = 0.05
#: A wall thinner than this fraction of the smallest prescribed thickness can be a lip of the border.
_LIP_FRACTION = 0.5


@dataclass(frozen=True, eq=False)
class StepResult:
    """A part after one step, and what the report records of the step."""

    mesh: trimesh.Trimesh
    details: dict[str, Any] = field(default_factory=dict)

    def numbers(self) -> dict[str, Any]:
        """Return what the report records."""
        return self.details


def deepening_mm(thickness_mm: float) -> float:
    """Return how far to deepen a body to cut a wall of this thickness from it where bone is 1 mm thin.

    Thicknesses up to the next even number have one depth, so that a part is cut from the same body if its
    thickness is changed a little.
    """
    deepest_mm = _DEPTH_STEP_MM * float(np.ceil(thickness_mm / _DEPTH_STEP_MM))
    return max(0.0, deepest_mm + _SPARE_MM - _THINNEST_BONE_MM)


def deepen_bodies(bodies: Sequence[Volume], *, depth_mm: float, inside_mm: ArrayLike) -> tuple[Volume, ...]:
    """Deepen each body towards the inside of the head, see `deepen`."""
    return tuple(deepen(body, depth_mm, inside_mm=inside_mm) for body in bodies)


def extract_bodies(bodies: Sequence[Volume]) -> trimesh.Trimesh:
    """Extract the outermost surface of each body as one mesh: hollows are filled, fragments dropped."""
    return join_meshes([outermost_surface(extract(body, level=0)) for body in bodies])


def outermost_surface(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """Return the connected surface that encloses the most."""
    return max(connected_meshes(mesh), key=enclosed_mm3)


def smooth_part(
    mesh: trimesh.Trimesh, *, iterations: int, pass_band: float = 0.01, edge_mm: float = EDGE_MM
) -> trimesh.Trimesh:
    """Smooth a part, and coarsen it to edges of about `edge_mm`; 0 keeps all its faces."""
    smoothed = smooth(mesh, iterations=iterations, pass_band=pass_band)
    return coarsened(smoothed, edge_mm) if edge_mm > 0 else smoothed


def part_site(mesh: trimesh.Trimesh, defective: Volume, *, inside_mm: ArrayLike | None = None) -> Site:
    """Return the site of a part as the line has it: in the prepared skull, seen from the centre of the head.

    The centre is the one that the symmetry of the head gives, unless `inside_mm` is given.
    """
    skull, _ = prepare_skull(defective)
    return Site.around(skull, mesh, inside_mm=fit_pose(skull).centre_mm if inside_mm is None else inside_mm)


def regions_on(
    spec: ImplantSpec, defective: Volume | None = None, *, inside_mm: ArrayLike | None = None
) -> PlacedRegions:
    """Return what a prescription asks for by place in a skull, or as seen from a point inside the head.

    The head's axes are those of the line: of the prepared skull.
    """
    if not spec.regions or defective is None:
        return place_regions(spec, inside_mm)
    return place_regions(spec, fit_pose(prepare_skull(defective)[0]))


def trim_part(mesh: trimesh.Trimesh, site: Site, *, clearance_mm: Regional) -> StepResult:
    """Trim a part to its clearance, and count the fragments that came loose."""
    cut = trim_to_clearance(mesh, site, clearance_mm=clearance_mm)
    return StepResult(cut.mesh, {"fragments": len(cut.fragments)})


def set_part_thickness(
    mesh: trimesh.Trimesh, site: Site, *, thickness_mm: ArrayLike | RegionalValue, clearance_mm: Regional
) -> trimesh.Trimesh:
    """Set the wall thickness of a part, and take the lip off its border.

    The part is trimmed again if it became thicker and is too near to bone.
    """
    part = set_thickness(mesh, thickness_mm, inside_mm=site.inside_mm)
    part = keep_clearance(part, site, clearance_mm=clearance_mm)
    thinnest = thickness_mm.least if isinstance(thickness_mm, RegionalValue) else np.nanmin(thickness_mm)
    least_mm = min(LEAST_MM, _LIP_FRACTION * float(thinnest))
    return blunt_border(part, inside_mm=site.inside_mm, least_mm=least_mm).mesh


def keep_clearance(mesh: trimesh.Trimesh, site: Site, *, clearance_mm: Regional) -> trimesh.Trimesh:
    """Trim a part again if it is nearer to bone than its clearance; else return it unchanged."""
    if is_clear(mesh, site, clearance_mm=clearance_mm):
        return mesh
    return trim_to_clearance(mesh, site, clearance_mm=plus(clearance_mm, _SECOND_CUT_MM)).mesh


def bevel_part(mesh: trimesh.Trimesh, site: Site, *, bevel_deg: Regional) -> trimesh.Trimesh:
    """Bevel the border of a part."""
    return bevel(mesh, bevel_deg, inside_mm=site.inside_mm).mesh


def repair_part(mesh: trimesh.Trimesh) -> StepResult:
    """Repair a part into a solid, and record how."""
    repaired = repair(mesh)
    return StepResult(repaired.mesh, {"actions": list(repaired.actions)})


def mark_part(
    mesh: trimesh.Trimesh,
    site: Site,
    spec: MarkSpec,
    *,
    features: Sequence[Feature],
    least_wall_mm: float,
    max_faces: int,
) -> Marked:
    """Write a text on a part."""
    return mark(
        mesh,
        spec,
        features=features,
        inside_mm=site.inside_mm,
        least_wall_mm=least_wall_mm,
        max_faces=max_faces,
    )


def perforate_part(
    mesh: trimesh.Trimesh,
    site: Site,
    spec: PerforationSpec,
    *,
    features: Sequence[Feature],
    material: str,
    max_faces: int,
) -> Perforated:
    """Make holes through a part."""
    return perforate(
        mesh,
        spec,
        features=features,
        inside_mm=site.inside_mm,
        material=material,
        max_faces=max_faces,
    )


def simplify_part(mesh: trimesh.Trimesh, *, max_faces: int) -> trimesh.Trimesh:
    """Simplify a repaired part to its face budget."""
    return simplify(mesh, max_faces=max_faces, simple=True)
