"""Tables of networks: what each costs, and how trained ones score by kind of defect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.result_table import Columns

Record = dict[str, Any]

COSTS: Columns = {
    "network": "`{network}`",
    "stages": "{stages}",
    "parameters": "{parameters_thousand:.0f} k",
    "file MB": "{file_mb:.1f}",
    "networks s": "{network_s:.1f}",
    "all s (CPU s)": "{wall_s:.0f} ({cpu_s:.0f})",
    "peak GB": "{peak_gb:.1f}",
    "training: s per step, peak GB": "{training}",
}


def cost_row(record: Record) -> Record:
    """Return the costs of one network."""
    used = record["use"]
    training = "; ".join(
        f"{stage} {cost['step_s']:.2f}, {cost['peak_mb'] / 1024:.1f}"
        for stage, cost in record.get("training", {}).items()
    )
    return {
        "network": record["network"],
        "stages": " + ".join(name for name in (record["coarse"], record["fine"]) if name != "none"),
        "parameters_thousand": record["parameters"] / 1000,
        "file_mb": record["file_mb"],
        "network_s": used["network_s"],
        "wall_s": used["wall_s"],
        "cpu_s": used["cpu_s"],
        "peak_gb": used["peak_mb"] / 1024,
        "training": training or "-",
    }


def score_columns(rows: Sequence[Record]) -> Columns:
    """Return the table's columns: mean distance in mm, Dice, and the number of defects that are nearer."""
    kinds = dict.fromkeys(name for row in rows for name, value in row.items() if isinstance(value, dict))
    cells = {kind: f"{{{kind}[error_mm]:.2f}} / {{{kind}[dice]:.3f}}{{{kind}[nearer]}}" for kind in kinds}
    return {"run": "{run}", "steps": "{steps}", "minutes": "{minutes:.0f}", **cells}
