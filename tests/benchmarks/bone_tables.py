"""The tables of the bone of CTs: errors of its surfaces, and thin bone, by kernel, slices and threshold."""

from __future__ import annotations

from benchmarks.result_table import Columns

#: Thresholds, HU; the first is chosen by the segmentation.
THRESHOLDS: dict[str, float | None] = {"auto": None, "200": 200.0, "300": 300.0}

_PAIR = "{{{0}[{1}_mm]:+.2f}}, {{{0}[{1}_p95_mm]:.2f}}"
ERRORS: Columns = {
    "kernel": "{kernel}",
    "slices mm": "{slice_mm}",
    "threshold HU": "{threshold_hu:.0f}",
    **{
        f"{side}, {name}: mean, p95 mm": _PAIR.format(f"t{name}", side)
        for side in ("outer", "inner")
        for name in THRESHOLDS
    },
}
THIN: Columns = {
    "kernel": "{kernel}",
    "slices mm": "{slice_mm}",
    **{f"{name}: too thick by mm": f"{{t{name}[thin_excess_mm]:+.2f}}" for name in THRESHOLDS},
    **{f"{name}: kept %": f"{{t{name}[thin_kept_percent]:.2f}}" for name in THRESHOLDS},
}
