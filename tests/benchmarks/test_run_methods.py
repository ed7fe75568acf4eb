"""The table of methods: every kind by itself, a refusal counted as nothing found."""

from __future__ import annotations

from typing import Any

from benchmarks.run_methods import table


def _record(case: str, kind: str, **changes: Any) -> dict[str, Any]:
    good = {
        "case": case, "kind": kind, "method": "mirror", "seconds": 10.0, "peak_gb": 0.8, "error": "", "details": {},
        "metrics": {"dice": 0.9, "border_dice": 0.92, "hausdorff95_mm": 1.5, "coverage_fraction": 0.97},
        "surfaces": {f"{s}_{n}_mm": 0.5 for s in ("outer", "inner", "rim") for n in ("bias", "rms", "p95")},
    }  # fmt: skip
    return good | changes


def test_kinds_are_told_apart_and_refusals_count() -> None:
    nothing = {"dice": 0.0, "border_dice": 0.0, "hausdorff95_mm": None, "coverage_fraction": 0.0}
    refused = _record("012", "random_1", metrics=nothing, surfaces={}, error="no defect found")
    text = table([_record("003", "skullfix"), _record("003", "random_1"), refused])
    assert (
        "| mirror | skullfix | 1 | 0.900 (0.900 to 0.900) | 0.920 | 1.50 | 0.900 (`003`) | 97.0 | 10 | 0.8 |"
        in text
    )
    assert "| mirror | random_1 | 2 | 0.450 (" in text
    assert "| 1.50 | 0.000 (`012`) | 0.0 |" in text
    assert "| mirror | the five kinds | 2 | 0.450 (" in text
    assert "| mirror | random_1 | +0.50, 0.50 | +0.50, 0.50 | +0.50, 0.50 |" in text
    assert "Refused: `012` random_1 mirror: no defect found." in text
    assert "Refused: none." in table([_record("003", "skullfix")])
