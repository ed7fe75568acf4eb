"""Tables of parts made ready for surgery, from the records of `run_theatre`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.result_table import Columns, Row

COLUMNS: dict[str, Columns] = {
    "designs": {
        "skull": "{skull}",
        "prescription": "{spec}",
        "CPU s": "{seconds:.0f}",
        "over the plain part": "{added:.0f}",
        "solid": "{solid}",
        "way in": "{way}",
        "errors of the check": "{errors}",
        "points": "{points}",
        "left out": "{left_out}",
        "holes": "{holes}",
        "mass g": "{mass_g:.1f}",
    },
    "verbs": {"verb": "{verb}", "parts": "{parts}", "exit codes": "{codes}", "CPU s": "{seconds:.0f}"},
}


def design_rows(records: Sequence[dict[str, Any]]) -> list[Row]:
    """Return a row for each design that was made: seconds, proofs, findings and features."""
    designs = [each for each in records if "spec" in each and "failed" not in each]
    plain = {each["skull"]: each["seconds"] for each in designs if each["spec"] == "plain"}
    rows = []
    for each in designs:
        added = each["seconds"] - plain[each["skull"]] if each["skull"] in plain else None
        blocked = "insertion.blocked" in each["warnings"]
        rows.append(
            {
                **{name: each[name] for name in ("skull", "spec", "seconds", "points", "left_out", "holes")},
                "added": None if each["spec"] == "plain" else added,
                "solid": "yes" if each["closed"] else "no",
                "way": "no" if blocked else "yes",
                "errors": ", ".join(each["errors"]) or "none",
                "mass_g": each["mass_g"],
            }
        )
    return rows


def verb_rows(records: Sequence[dict[str, Any]]) -> list[Row]:
    """Return a row for each verb: on how many foreign parts it ran, its exit codes and longest seconds."""
    rows = []
    for verb in dict.fromkeys(each["verb"] for each in records if "verb" in each):
        own = [each for each in records if each.get("verb") == verb]
        codes = ", ".join(str(code) for code in sorted({each["exit_code"] for each in own}))
        slowest = max(each["seconds"] for each in own)
        rows.append({"verb": verb, "parts": len(own), "codes": codes, "seconds": slowest})
    return rows
