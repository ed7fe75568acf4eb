"""`fixation_rows`, `strength_rows`: screws and loads of a report, as its page shows them."""

from __future__ import annotations

from typing import Any

from meshimplant.runtime.value_text import shown


def fixation_rows(fixation: dict[str, Any]) -> dict[str, Any]:
    """Return style, rows of screws, and sentences about places that were moved or left out; empty without."""
    if not fixation:
        return {}
    moved = [
        f"{place['label']} was moved by {shown(place['moved_mm'])} mm: {place['reason']}."
        for place in fixation["places"]
        if place["moved_mm"] > 0
    ]
    further = {
        place["label"]: f"{place['next_mm']:.1f} to {place['next_label']}"
        for place in fixation["places"]
        if place["next_mm"] is not None
    }
    left_out = [
        f"No fixation at {_place(each['point_mm'])}: {each['reason']}." for each in fixation["left_out"]
    ]
    return {
        "style": fixation["style"],
        "screws": [_screw_row(screw, further) for screw in fixation["screws"]],
        "notes": [*moved, *left_out],
    }


def _screw_row(screw: dict[str, Any], further: dict[str, str]) -> dict[str, str]:
    """Return a screw for its table, lengths to a tenth of a millimetre; `further`: to the next place."""
    numbers = ("length_mm", "held_mm", "bone_mm", "tip_to_inner_mm")
    return {
        **{name: screw[name] for name in ("label", "fixation", "holds")},
        **{name: "" if screw[name] is None else f"{screw[name]:.1f}" for name in numbers},
        "further": further.get(screw["fixation"], ""),
        "diameter_mm": f"{screw['diameter_mm']:.1f}",
        "point": _place(screw["point_mm"]),
        "axis": ", ".join(f"{value:.2f}" for value in screw["axis"]),
    }


def strength_rows(found: dict[str, Any]) -> dict[str, Any]:
    """Return note, material and rows of loads of a screening; empty without one."""
    if not found:
        return {}
    material = found["material"]
    held = "at its fixation" if found["fixation"] == "points" else "all round its border"
    rows = [
        {
            "load": f"{case['load']:g} {case['unit']}, {case['name']}",
            "deflection": f"{case['deflection_mm']:.3f}",
            "stress": f"{case['stress_mpa']:.1f}",
            "ratio": f"{case['strength_ratio']:.1f}",
            "place": _place(case["stress_place_mm"]),
        }
        for case in found["cases"]
    ]
    words = (
        f"{material['name']}, {material['strength_kind']} strength {material['strength_mpa']:g} MPa; held "
        f"{held}; the stress reaches the strength at {found['failure_load_n']:.0f} N on the weakest place."
    )
    return {"note": found["note"], "words": words, "rows": rows}


def _place(point_mm: list[float]) -> str:
    return ", ".join(f"{value:.1f}" for value in point_mm)
