"""What edits add for surgery: holes at given places, and the places where the part is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import trimesh

from meshimplant.errors import MeshError
from meshimplant.implant.features import Feature
from meshimplant.implant.site import Site
from meshimplant.report import Finding
from meshimplant.spec.edits import Edit
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.spec.shape_edits import HoleEdit, ScrewEdit
from meshimplant.theatre.perforate import Perforated, perforate

#: Holes of an edit keep the wall to anything else that they are wide; the layout has no say.
_LEAST_SPACING_MM = 4.0


def asked_fixation(spec: ImplantSpec, edits: Sequence[Edit]) -> tuple[FixationSpec | None, dict[str, Any]]:
    """Return how the part is fixed, and, where an edit says so, at which points."""
    places = [each.parameters["points_mm"] for each in edits if each.verb == ScrewEdit.TABLE]
    if not places:
        return spec.fixation, {}
    return spec.fixation or FixationSpec(), {"points_mm": places[-1]}


def asked_holes(edits: Sequence[Edit]) -> dict[float, list[list[float]]]:
    """Return the places of the holes that edits ask for, by diameter in the order of the edits."""
    holes: dict[float, list[list[float]]] = {}
    for edit in edits:
        if edit.verb == HoleEdit.TABLE:
            holes.setdefault(edit.parameters["diameter_mm"], []).append(edit.parameters["point_mm"])
    return holes


def add_holes(
    mesh: trimesh.Trimesh,
    site: Site,
    *,
    holes: dict[float, list[list[float]]],
    features: Sequence[Feature],
    material: str,
    max_faces: int,
) -> Perforated:
    """Make holes at given places, labelled H1, H2, ...

    Parameters
    ----------
    mesh : Trimesh
        The part, LPS mm.
    site : Site
        The bone around it.
    holes : dict of float to list
        Places, LPS mm, by diameter.
    features : sequence of Feature
        What the part has already.
    material : str
        Material of the part.
    max_faces : int
        Largest number of faces.

    Raises
    ------
    MeshError
        A hole cannot be made at its place.
    """
    made: list[Feature] = []
    findings: tuple[Finding, ...] = ()
    measures = {"perforation_removed_mm3": 0.0, "perforation_weight_saved_g": 0.0}
    for diameter, places in holes.items():
        result = perforate(
            mesh,
            PerforationSpec(diameter_mm=diameter, spacing_mm=max(_LEAST_SPACING_MM, 2 * diameter)),
            places_mm=places,
            features=(*features, *made),
            inside_mm=site.inside_mm,
            material=material,
            max_faces=max_faces,
        )
        left_out = [finding for finding in result.findings if finding.code == "perforation.left_out"]
        if left_out:
            raise MeshError(left_out[0].message)
        mesh, count = result.mesh, len(made)
        made += [replace(each, label=f"H{count + n}") for n, each in enumerate(result.features, 1)]
        for name in ("perforation_removed_mm3", "perforation_weight_saved_g"):
            measures[name] += result.measures[name]
        measures["perforation_open_fraction"] = result.measures["perforation_open_fraction"]
        findings = result.findings
    return Perforated(mesh, tuple(made), findings, {**measures, "perforation_count": len(made)})


def joined(first: Perforated | None, second: Perforated) -> Perforated:
    """Return the holes of a prescription and those of edits as one result."""
    if first is None:
        return second
    summed = ("perforation_removed_mm3", "perforation_weight_saved_g", "perforation_count")
    measures = {**first.measures, **second.measures}
    measures |= {name: first.measures[name] + second.measures[name] for name in summed}
    findings = (*(each for each in first.findings if each.code != "perforation.open"), *second.findings)
    return Perforated(second.mesh, (*first.features, *second.features), findings, measures)
