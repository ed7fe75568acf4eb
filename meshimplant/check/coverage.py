"""How much of the opening a part covers, and how much of the part lies over or under intact bone."""

from __future__ import annotations

from typing import Any

from meshimplant.check.fit_map import FitMap
from meshimplant.implant.regional_value import Regional
from meshimplant.report import Finding, place_of
from meshimplant.voxels.volume import Volume

#: Least fraction of the opening to be covered, and largest fraction of the outer surface over intact bone.
COVERAGE_FRACTION, OUTSIDE_FRACTION = 0.95, 0.01


def measure_coverage(
    rim: FitMap, clearance_mm: Regional, defect: Volume | None
) -> tuple[dict[str, Any], list[Finding]]:
    """Return the fraction of the opening that is covered, and of the part that lies over or under bone.

    ``coverage_fraction`` refers to the reconstruction, if one is given, and does not detect one that is too
    small. ``opening_coverage_fraction`` does: it refers to the directions that meet no bone, and is None
    where these extend to the edge of the map, into the orbit or past the vault.
    """
    opening, covered_by = rim.opening(defect=defect), rim.covered(clearance_mm)
    covered = rim.share(covered_by, opening)
    closed = rim.closed_opening
    outside, under = (rim.share(rim.over_bone(side), rim.sheet(side)) for side in (1, -1))
    measures = {
        "coverage_fraction": covered,
        "coverage_of": "opening" if defect is None else "reconstruction",
        "opening_coverage_fraction": None if closed is None else rim.share(covered_by, closed),
        "outside_fraction": outside,
        "under_bone_fraction": under,
    }
    findings = []
    regions = [opening] if closed is None else [opening, closed]
    least, region = min(((rim.share(covered_by, each), each) for each in regions), key=lambda pair: pair[0])
    if least < COVERAGE_FRACTION:
        message = (
            f"only {100 * least:.1f} % of the opening is covered: the part is too small or misplaced: "
            "move it, or complete the skull here"
        )
        place = place_of(rim.middle(region & ~covered_by))
        findings.append(
            Finding("fit.coverage", "error", message, least, COVERAGE_FRACTION, "fraction", place)
        )
    for side, share, where in ((1, outside, "over"), (-1, under, "under")):
        if share > OUTSIDE_FRACTION:
            message = f"{100 * share:.1f} % of the surface lies {where} intact bone: trim it"
            place = place_of(rim.middle(rim.over_bone(side)))
            findings.append(
                Finding("fit.outside", "warning", message, share, OUTSIDE_FRACTION, "fraction", place)
            )
    return measures, findings
