"""What a completion reports beside its shape: openings left open, an uneven head, little bone to go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from meshimplant.complete.below_vault import LowerHead
from meshimplant.head.pose import HeadPose
from meshimplant.report import Finding, Severity
from meshimplant.skull.defect import Defect, Openings

#: Smallest opening that is worth a remark when it is left open, mm2.
_SMALL_HOLE_MM2 = 50.0
#: Largest fraction of the outline of an opening that may lie at the end of the scan; rays are 2 mm apart.
_CUT_OFF_LIMIT = 0.05
#: Above this median distance between the intact bone and its mirror image, the other side is a poor guide.
_ASYMMETRY_LIMIT_MM = 2.0
#: Posterior standard deviation above which the shape in the opening is a guess.
_DEVIATION_LIMIT_MM = 2.0

#: Below the vault, the share of an opening that may be open on the other side, too, without a warning.
_OPPOSITE_OPEN_LIMIT = 0.2


def below_vault_findings(lower: Sequence[LowerHead]) -> list[Finding]:
    """Return a warning if much of an opening below the vault is open on the other side, too."""
    worst = min(lower, key=lambda head: head.other_side_fraction, default=None)
    if worst is None or worst.other_side_fraction >= 1 - _OPPOSITE_OPEN_LIMIT:
        return []
    followed = {"population": "the mean of a population, bent to", "vault": "the vault, carried on from"}
    message = (
        "below the vault the other side is open, too: there, brow, orbit and temple follow "
        f"{followed[worst.rest]} the bone around them; inspect them before you use the shape"
    )
    missing = 1 - worst.other_side_fraction
    return [Finding("complete.no_other_side", "warning", message, missing, _OPPOSITE_OPEN_LIMIT, "fraction")]


def opening_findings(openings: Openings, bodies: int | None) -> list[Finding]:
    """Return findings for openings at the end of the scan, further openings, and small holes left open."""
    findings = second_opening_findings(openings.defects[bodies or 1 :], bodies)
    findings += [_cut_off_finding(one) for one in openings.defects[: bodies or 1] if _is_cut_off(one)]
    message = "a hole smaller than any implant is left open: the verb plug closes burr holes"
    holes = [hole for hole in openings.small if hole.area_mm2 > _SMALL_HOLE_MM2]
    return findings + [_finding_at("input.small_hole", "info", message, hole) for hole in holes]


def second_opening_findings(left_open: Sequence[Defect], bodies: int | None) -> list[Finding]:
    """Return a finding for each opening that is left open: an error unless `bodies` was stated."""
    severity: Severity = "error" if bodies is None else "warning"
    count = (bodies or 1) + len(left_open)
    message = (
        f"another opening is left open: --bodies {count} closes it, too; "
        f"--bodies {bodies or 1} leaves it open on purpose"
    )
    return [_finding_at("input.second_opening", severity, message, defect) for defect in left_open]


def _is_cut_off(defect: Defect) -> bool:
    return defect.cut_off_fraction > _CUT_OFF_LIMIT


def _cut_off_finding(defect: Defect) -> Finding:
    """Return the error for an opening of which only a part was scanned."""
    message = (
        f"the opening reaches the end of the scan along {defect.cut_off_fraction:.0%} of its outline: the "
        "bone beyond it was not scanned, and the part ends there; scan the whole head, or, if a mask was "
        "cropped to the rim of the hole, give it with air around it"
    )
    x, y, z = (float(c) for c in defect.centre_mm)
    value = defect.cut_off_fraction
    return Finding("input.opening_cut_off", "error", message, value, _CUT_OFF_LIMIT, "fraction", (x, y, z))


def _finding_at(code: str, severity: Severity, message: str, defect: Defect) -> Finding:
    """Return a finding about an opening, with its area and place."""
    x, y, z = (float(c) for c in defect.centre_mm)
    return Finding(code, severity, message, defect.area_mm2, None, "mm2", (x, y, z))


def symmetry_findings(pose: HeadPose) -> list[Finding]:
    """Return a warning if the two sides of the head differ too much to mirror one onto the other."""
    if pose.residual_mm <= _ASYMMETRY_LIMIT_MM:
        return []
    message = "the two sides of the head differ: inspect the shape before you use it"
    return [
        Finding("input.asymmetric", "warning", message, pose.residual_mm, _ASYMMETRY_LIMIT_MM, "mm"),
    ]


def deviation_findings(deviation_mm: float) -> list[Finding]:
    """Return a warning if the posterior deviation in an opening is large."""
    if deviation_mm <= _DEVIATION_LIMIT_MM:
        return []
    message = "little intact bone determines the shape in the opening: inspect it before you use it"
    return [Finding("complete.uncertain", "warning", message, deviation_mm, _DEVIATION_LIMIT_MM, "mm")]


def orientation_findings(turned_deg: float) -> list[Finding]:
    """Return a warning if the head is turned against the orientation that its file states."""
    if turned_deg == 0:
        return []
    message = (
        "the head lies in a different orientation than its file states: "
        "check the file's orientation, and left and right in the pictures"
    )
    return [Finding("input.turned", "warning", message, turned_deg, 0.0, "deg")]


class _Described(Protocol):
    """A model that says what it was learnt from."""

    @property
    def about(self) -> dict[str, Any]: ...


def model_licences(models: Iterable[_Described]) -> dict[str, str]:
    """Return the licence by training data of models, as their files state it."""
    stated = {(str(model.about.get("data")), str(model.about.get("licence") or "")) for model in models}
    return {data: licence for data, licence in sorted(stated) if licence}


def licence_findings(licences: Mapping[str, str]) -> list[Finding]:
    """Return a remark if a model that was used may not be used commercially, with the options without one."""
    restricted = {data: licence for data, licence in licences.items() if "non-commercial" in licence.lower()}
    if not restricted:
        return []
    sources = "; ".join(f"{licence} ({data})" for data, licence in restricted.items())
    message = (
        f"the shape was completed with models under a non-commercial licence, {sources}: for any other use "
        "choose --template open (a packaged mean for any use), --method mirror (this head alone), or a model "
        "of your own"
    )
    return [Finding("complete.non_commercial", "info", message)]
