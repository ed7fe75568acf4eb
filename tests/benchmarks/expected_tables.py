"""Tables of the expected error against the true one, made from the records of `run_expected`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from benchmarks.result_table import Columns, Row

Record = dict[str, Any]

ALL = "all"
_METHODS = ("ssm", "ssm-loose", "template", "mirror")
COLUMNS: dict[str, Columns] = {
    "expected": {
        "kind": "{kind}",
        "defects": "{defects}",
        "expected mm": "{expected_mm:.2f}",
        "true mm": "{true_mm:.2f}",
        "expected / true": "{ratio:.2f}",
        "rank correlation": "{rank:.2f}",
        "true error more than twice the expected": "{beyond}",
    },
    "methods": {
        "heads": "{heads}",
        "defects": "{defects}",
        "`auto` mm": "{auto:.2f}",
        "ssm or template by the residual mm": "{before:.2f}",
        **{f"`{name}` mm": f"{{{name.replace('-', '_')}:.2f}}" for name in _METHODS},
    },
}


def expected_rows(records: Sequence[Record]) -> list[Row]:
    """Return mean expected and true error, and how well the first ranks the second, by kind and over all."""
    kinds = list(dict.fromkeys(record["kind"] for record in records))
    groups = [(kind, [record for record in records if record["kind"] == kind]) for kind in kinds]
    rows = []
    for kind, group in (*groups, (ALL, list(records))):
        expected, true = (np.array([record[name] for record in group]) for name in ("expected_mm", "true_mm"))
        rows.append(
            {
                "kind": "challenge defect" if kind == "skullfix" else kind,
                "defects": len(group),
                "expected_mm": round(float(expected.mean()), 3),
                "true_mm": round(float(true.mean()), 3),
                "ratio": round(float(expected.mean() / true.mean()), 3),
                "rank": rank_correlation(expected, true),
                "beyond": int((true > 2 * expected).sum()),
            }
        )
    return rows


def method_rows(records: Sequence[Record]) -> list[Row]:
    """Return the mean error of each method on heads that the shape model holds, and on the others."""
    groups = {
        "held by the shape model": [record for record in records if record["held"]],
        "not held": [record for record in records if not record["held"]],
    }
    rows = []
    for heads, group in groups.items():
        if not group:
            continue
        errors = {
            name.replace("-", "_"): round(float(np.mean([one["errors_mm"][name] for one in group])), 3)
            for name in _METHODS
        }
        before = [one["errors_mm"]["ssm" if one["held"] else "template"] for one in group]
        rows.append(
            {
                "heads": heads,
                "defects": len(group),
                "auto": round(float(np.mean([one["true_mm"] for one in group])), 3),
                "before": round(float(np.mean(before)), 3),
                **errors,
            }
        )
    return rows


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation; None for fewer than three pairs."""
    from scipy.stats import spearmanr

    return None if len(first) < 3 else round(float(spearmanr(first, second)[0]), 3)
