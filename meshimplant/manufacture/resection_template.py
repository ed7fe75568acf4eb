"""`resection_template`: a guide for saw and drill that sits on the bone around a planned resection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.errors import MeshError, require_type
from meshimplant.implant.features import Feature
from meshimplant.implant.sweep import sweep
from meshimplant.manufacture.template_body import Sleeve, sleeve_of, template_body
from meshimplant.manufacture.template_measures import measure_template
from meshimplant.manufacture.template_place import TemplatePlace, template_place
from meshimplant.manufacture.template_seat import LIFT_MM
from meshimplant.report import Finding, place_of
from meshimplant.skull.resect import Resection
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.resection_spec import ResectionSpec
from meshimplant.theatre.mark import mark
from meshimplant.theatre.screws import Screw

#: A template has at most so many sleeves, and at least so many to be held: Operative Neurosurgery 2024.
MOST_SLEEVES, LEAST_SLEEVES = 4, 3
#: Sleeves are at least this far apart, mm, or a drill's hand has no room. No source: our choice.
_APART_MM = 12.0
#: A ring narrower than this tilts, mm; guides in jaw practice reach 5 to 10 mm beyond the cut.
NARROWEST_MM = 8.0
#: What is written on it: the side that is seen. Heights of its letters that are tried, and their depth, mm.
_TEXT, _SIZES_MM, _DEEP_MM = "OUTER", (5.0, 4.0, 3.0), 0.6
#: Depth in bone on its way off that still counts as free, mm.
_FREE_MM = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ResectionTemplate:
    """A template for a resection.

    Attributes
    ----------
    mesh : Trimesh
        A solid, LPS mm.
    sleeves : tuple of Sleeve
        The sleeves for a drill, coaxial with screws of the implant.
    place : TemplatePlace
        Where it lies, in which direction it comes off, and how unique its seat is.
    measures : dict
        ``template_...``: thickness, gap, width, lift and seat.
    findings : tuple of Finding
        ``template.seat``, ``template.sleeves``, ``template.width``, ``template.lift``, ``template.unmarked``,
        ``template.flange``.
    """

    mesh: trimesh.Trimesh
    sleeves: tuple[Sleeve, ...]
    place: TemplatePlace
    measures: dict[str, Any]
    findings: tuple[Finding, ...]


def resection_template(
    cut: Resection, screws: Sequence[Screw] = (), spec: ResectionSpec | None = None
) -> ResectionTemplate:
    """Make a template that sits on the bone around a planned resection.

    A ring around the cut guides the saw with its inner edge, which is the outer side of the kerf and as steep
    as the cut. Sleeves on it guide the drill for screws that later hold the implant, so that its plates fit
    the holes. A flange over bone beside the ring makes its seat more nearly the only one. It comes off along
    a straight way.

    Parameters
    ----------
    cut : Resection
        The planned resection.
    screws : sequence of Screw
        The screws of the implant; of those in bone, up to four far apart get sleeves.
    spec : ResectionSpec, optional
        Sizes. None: the defaults.

    Returns
    -------
    ResectionTemplate

    Raises
    ------
    MeshError
        There is no room for it, or it cannot be made a solid.
    """
    require_type(cut, Resection, "the resection")
    spec = ResectionSpec() if spec is None else spec
    place = template_place(cut, spec)
    sleeves = _sleeves(cut, screws, spec)
    mesh = template_body(cut, place, sleeves, spec)
    measures, narrow = measure_template(mesh, cut, sleeves, spec)
    travel = np.arange(0.0, 20.25, 0.5)
    penetration, deepest = sweep(cut.outer.field, np.asarray(mesh.vertices), place.lift, travel)
    measures["template_lift_penetration_mm"] = float(penetration.max())
    worst = min(place.lifts_mm, key=lambda name: place.lifts_mm[name])
    measures |= {
        "template_seat_lift": {f"{name}_mm": value for name, value in place.lifts_mm.items()},
        "template_seat_least_mm": place.lifts_mm[worst],
        "template_seat_least_motion": worst,
        "template_sleeves": [each.label for each in sleeves],
        "template_direction": place.lift.tolist(),
    }
    marked, text = _marked(mesh, cut, sleeves)
    findings = [*_seat(place, worst), *_held(sleeves), *text]
    if spec.flange_mm > 0 and place.flange is None:
        message = (
            "the bone around the cut has no room for a flange: rely on the sleeves, or ask for a shorter one"
        )
        findings.append(Finding("template.flange", "warning", message))
    if measures["template_width_min_mm"] < NARROWEST_MM - 0.25:
        value = measures["template_width_min_mm"]
        message = (
            f"the template is only {value:.1f} mm wide there: the bone ends or turns away from the way off"
        )
        findings.append(
            Finding("template.width", "warning", message, value, NARROWEST_MM, "mm", place_of(narrow))
        )
    if penetration.max() > _FREE_MM:
        at = place_of(np.asarray(mesh.vertices)[int(np.argmax(deepest))])
        value = float(penetration.max())
        message = f"the template catches bone by {value:.2f} mm as it comes off"
        findings.append(Finding("template.lift", "error", message, value, _FREE_MM, "mm", at))
    return ResectionTemplate(marked, tuple(sleeves), place, measures, tuple(findings))


def _sleeves(cut: Resection, screws: Sequence[Screw], spec: ResectionSpec) -> list[Sleeve]:
    """Return sleeves for up to four screws in bone, each as far from the others as can be."""
    made = [sleeve_of(each, cut, spec) for each in screws if each.holds == "bone"]
    left = [
        each
        for each in made
        if each is not None
        and cut.line.beside_mm(each.foot_mm[None])[0][0] > cut.kerf_mm / 2 + each.diameter_mm / 2 + 1.0
    ]
    chosen: list[Sleeve] = []
    while left and len(chosen) < MOST_SLEEVES:
        feet = np.array([each.foot_mm for each in chosen] or [cut.line.middle_mm])
        away = [float(np.linalg.norm(feet - each.foot_mm, axis=1).min()) for each in left]
        best = int(np.argmax(away))
        if chosen and away[best] < _APART_MM:
            break
        chosen.append(left.pop(best))
    return sorted(chosen, key=lambda each: (len(each.label), each.label))


def _marked(
    mesh: trimesh.Trimesh, cut: Resection, sleeves: Sequence[Sleeve]
) -> tuple[trimesh.Trimesh, list[Finding]]:
    """Return the template with letters of side and front on its outer surface, or why it has none."""
    features = [
        Feature(
            *("screw", each.label, place_of(each.foot_mm - each.height_mm * each.axis), place_of(each.axis)),
            *(2 * each.outer_mm, each.height_mm + 2.0),
        )
        for each in sleeves
    ]
    reason = ""
    for size in _SIZES_MM:
        text = MarkSpec(text=_TEXT, surface="outer", depth_mm=_DEEP_MM, size_mm=size)
        try:
            return mark(mesh, text, features=features, inside_mm=cut.outer.pose.centre_mm).mesh, []
        except MeshError as error:
            reason = str(error)
    message = f"the template has no letters of side and front: {reason}"
    return mesh, [Finding("template.unmarked", "warning", message)]


def _seat(place: TemplatePlace, worst: str) -> list[Finding]:
    """Return a warning where the template fits elsewhere, too."""
    value = place.lifts_mm[worst]
    if value >= LIFT_MM:
        return []
    motion = f"turned by 3 degrees {worst}" if "clockwise" in worst else f"moved by 2 mm towards {worst}"
    message = (
        f"the seat is not unique: {motion} and set down again, the template stands off by {value:.2f} mm at "
        "most: find its place by navigation or landmarks, and screw it on through its sleeves before cutting"
    )
    return [Finding("template.seat", "warning", message, value, LIFT_MM, "mm", place_of(place.points_mm[0]))]


def _held(sleeves: Sequence[Sleeve]) -> list[Finding]:
    """Return a warning for a template with too few sleeves."""
    if len(sleeves) >= LEAST_SLEEVES:
        return []
    message = (
        f"{len(sleeves)} screws of the implant lie where the template can have a sleeve: prescribe plates or "
        "tabs, and more of them, or drill when the implant is in place"
    )
    return [Finding("template.sleeves", "warning", message, len(sleeves), LEAST_SLEEVES)]
