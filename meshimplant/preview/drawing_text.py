"""The text of a drawing: the table of screws and what else was made in the part, from its features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshimplant.implant.features import Feature
from meshimplant.runtime.value_text import with_unit

#: Heading of the table of screws.
SCREW_HEADING = ("Screw", "At", "Holds in", "Diameter", "Length", "Held", "Tip to inner", "To the next place")
#: What a feature is called, one and several.
_NAMES = {
    "drainage": ("drainage hole", "drainage holes"),
    "suture": ("suture hole", "suture holes"),
    "tenting": ("hole for tenting the dura", "holes for tenting the dura"),
    "slot": ("slot", "slots"),
    "plate": ("recess for a plate", "recesses for plates"),
    "tab": ("tab", "tabs"),
    "pocket": ("pocket for a screw", "pockets for screws"),
    "mark": ("text", "texts"),
}


def screw_rows(features: Sequence[Feature]) -> list[tuple[str, ...]]:
    """Return a row of text for each screw, in millimetres; what is not known of it is empty."""
    rows: list[tuple[str, ...]] = []
    for screw in (each for each in features if each.kind == "screw"):
        sizes = f"{screw.diameter_mm:.1f}", f"{screw.length_mm:.1f}"
        hold = screw.hold
        if hold is None:
            rows.append((screw.label, "", "", *sizes, "", "", ""))
            continue
        further = "" if hold.next_mm is None else f"{hold.next_mm:.1f} to {hold.next_fixation}"
        held = f"{hold.held_mm:.1f}", f"{hold.tip_to_inner_mm:.1f}"
        rows.append((screw.label, hold.fixation, hold.material, *sizes, *held, further))
    return rows


def other_lines(features: Sequence[Feature]) -> list[str]:
    """Return a line for each kind and width of feature but screws: labels, number, and size of holes."""
    groups: dict[tuple[str, float], list[Feature]] = {}
    for each in features:
        if each.kind != "screw":
            width = round(each.diameter_mm, 1) if each.is_hole else 0.0
            groups.setdefault((each.kind, width), []).append(each)
    lines = []
    for (kind, width), group in groups.items():
        labels = group[0].label if len(group) == 1 else f"{group[0].label} to {group[-1].label}"
        size = f", {width:.1f} mm wide" if width else ""
        lines.append(f"{labels}: {len(group)} {_NAMES[kind][len(group) > 1]}{size}")
    return lines


def fact_lines(measures: Mapping[str, Any] | None) -> list[str]:
    """Return mass, open share and the size of a lip, where they were measured."""
    named = {
        "mass_g": ("mass", "g"),
        "perforation_open_fraction": ("open share", "fraction"),
        "lip_width_mm": ("lip over the bone", "mm"),
        "lip_thickness_mm": ("its thickness", "mm"),
    }
    known = {} if measures is None else measures
    return [
        f"{words} {with_unit(known[name], unit)}"
        for name, (words, unit) in named.items()
        if known.get(name) is not None
    ]
