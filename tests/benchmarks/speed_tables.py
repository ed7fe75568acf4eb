"""The tables of the speed benchmark, made from the records of `run_speed`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
from benchmarks.result_table import Columns, markdown

Record = dict[str, Any]

#: From the separated mask to a checked, repaired solid.
SOLID_STEPS = (
    *(
        "extract",
        "smooth",
        "trim",
        "thickness",
        "border",
        "bevel",
        "insertion",
        "perforate",
        "fixation",
        "repair",
    ),
    "check",
)
#: The order of rows; a step that is not listed comes before the last.
_ORDER = (
    *(
        "start",
        "import",
        "read",
        "complete",
        "subtract",
        "separate",
        "extract",
        "smooth",
        "trim",
        "thickness",
    ),
    *("border", "bevel", "insertion", "perforate", "fixation", "repair", "check", "write"),
)
_COLUMNS = (("wall_s", "s", ".2f"), ("cpu_s", "CPU s", ".2f"), ("peak_mb", "MB", ".0f"))
#: Steps shorter than this say nothing about growth, s.
_SHORTEST_S = 0.05
OVERVIEW: Columns = {
    "input": "{input}",
    "voxels": "{voxels}",
    "chain": "{chain}",
    "s": "{wall_s:.1f}",
    "CPU s": "{cpu_s:.1f}",
    "mask to checked solid s": "{solid_s:.1f}",
    "peak MB": "{peak_mb:.0f}",
    "times the volume as uint8": "{peak_per_volume:.0f}",
}
_ERRORS = (
    ("outer surface: bias, RMS, p95 mm", ("outer_bias_mm", "outer_rms_mm", "outer_p95_mm")),
    ("normals deg", ("outer_normal_deg",)),
    ("gap - asked: median, p95 mm", ("gap_median_error_mm", "gap_p95_error_mm")),
    ("thickness - asked: median, p95 mm", ("thickness_median_error_mm", "thickness_p95_error_mm")),
    ("bone inside mm3", ("bone_inside_mm3",)),
)
ERRORS: Columns = {
    "input": "{input}",
    "chain": "{chain}",
    **{title: ", ".join(f"{{{name}:.2f}}" for name in names) for title, names in _ERRORS},
    "solid": "{solid}",
    "faces": "{faces}",
    "every run the same bytes": "{same_bytes}",
}


def speed_tables(records: Sequence[Record]) -> str:
    """Return a table of all inputs, one of the errors, and one of the steps for each input."""
    inputs = list(dict.fromkeys(record["input"] for record in records))
    parts = [_speed_table([r for r in records if r["input"] == name]) for name in inputs]
    tables = [markdown(OVERVIEW, overview_rows(records)), markdown(ERRORS, error_rows(records))]
    return "\n\n".join([*tables, *parts])


def overview_rows(records: Sequence[Record]) -> list[Record]:
    """Return a row for each input and chain: medians over its runs."""
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if not record["failed"]:
            groups.setdefault((record["input"], record["chain"]), []).append(record)
    return [_overview_row(name, chain, runs) for (name, chain), runs in groups.items()]


def _overview_row(name: str, chain: str, runs: Sequence[Record]) -> Record:
    shape = runs[0]["shape"]
    peak_mb = median(_value(run, None, "peak_mb") for run in runs)
    return {
        "input": name,
        "voxels": " x ".join(map(str, shape)),
        "chain": chain,
        "wall_s": median(_value(run, None, "wall_s") for run in runs),
        "cpu_s": median(_value(run, None, "cpu_s") for run in runs),
        "solid_s": median(_value(run, SOLID_STEPS, "wall_s") for run in runs),
        "peak_mb": peak_mb,
        "peak_per_volume": float(peak_mb / (np.prod(shape) / 2**20)),
    }


def _speed_table(records: Sequence[Record]) -> str:
    chains = [
        c for c in ("given", "naive", "free") if any(r["chain"] == c and not r["failed"] for r in records)
    ]
    runs = {chain: [r for r in records if r["chain"] == chain and not r["failed"]] for chain in chains}
    first, load = records[0], max(record["load"] for record in records)
    shape = " x ".join(map(str, first["shape"]))
    count = len(runs[chains[0]]) if chains else 0
    lines = [f"**{first['input']}**, {shape} voxels, {count} runs, load up to {load:.1f}", ""]
    lines += [f"Failed: {r['chain']}, run {r['run']}: {r['failed']}" for r in records if r["failed"]]
    compared = {"given", "naive"} <= set(chains)
    heads = [
        f"{chain} {unit}"
        for _, unit, _ in _COLUMNS
        for chain in (*chains, *(["naive / given"] if compared else []))
    ]
    lines += [f"| step | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for title, names in _rows(runs):
        cells = [cell for key, _, form in _COLUMNS for cell in _cells(runs, names, key, form, compared)]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    voxels_mb = np.prod(first["shape"]) / 2**20
    peaks = [
        f"{chain} {median(_value(r, None, 'peak_mb') for r in runs[chain]) / voxels_mb:.1f}"
        for chain in chains
    ]
    return "\n".join(
        [*lines, "", f"Peak as a multiple of the volume as uint8 ({voxels_mb:.0f} MB): {', '.join(peaks)}."]
    )


def _rows(runs: dict[str, list[Record]]) -> list[tuple[str, tuple[str, ...] | None]]:
    found = {name for group in runs.values() for record in group for name in record["steps"]}
    names = sorted(found, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER) - 2)
    return [*((name, (name,)) for name in names), ("mask to checked solid", SOLID_STEPS), ("**total**", None)]


def _cells(
    runs: dict[str, list[Record]], names: tuple[str, ...] | None, key: str, form: str, compared: bool
) -> list[str]:
    values = {chain: [_value(record, names, key) for record in group] for chain, group in runs.items()}
    cells = [format(median(found), form) if any(found) else "-" for found in values.values()]
    if compared:
        pairs = zip(values["naive"], values["given"], strict=False)
        cells.append(spread([naive / given for naive, given in pairs if naive > 0 and given > 0]))
    return cells


def _value(record: Record, names: tuple[str, ...] | None, key: str) -> float:
    """Return a record's value over some steps or the whole process: a sum of seconds, the largest peak."""
    steps = record["steps"]
    values = [step[key] for name, step in steps.items() if names is None or name in names]
    if key == "peak_mb":
        return max(values, default=0.0)
    return float(record[key]) if names is None else float(sum(values))


def spread(ratios: Sequence[float]) -> str:
    """Return the median of ratios with the smallest and the largest."""
    if not ratios:
        return "-"
    return f"{median(ratios):.2g} x ({min(ratios):.2g} to {max(ratios):.2g})"


def error_rows(records: Sequence[Record]) -> list[Record]:
    """Return a row for each input and chain: the errors of its first run, and whether all runs agree."""
    return [_error_row(r, records) for r in records if not r["failed"] and r["run"] == 0]


def _error_row(record: Record, records: Sequence[Record]) -> Record:
    key = (record["input"], record["chain"])
    hashes = {r["sha256"] for r in records if (r["input"], r["chain"]) == key}
    errors = record["errors"]
    return {
        "input": record["input"],
        "chain": record["chain"],
        **{name: errors[name] for _, names in _ERRORS for name in names},
        "solid": "yes" if errors["solid"] else "NO",
        "faces": errors["faces"],
        "same_bytes": "yes" if len(hashes) == 1 else "NO",
    }


def growth_table(title: str, records: Iterable[Record]) -> str:
    """Return CPU seconds of each step by size, with the exponents of all sizes and of the last two.

    Each record holds ``size`` (of the whole input), ``steps``, and where a step began with another size
    ``sizes``.
    """
    groups: dict[int, list[Record]] = {}
    for record in records:
        groups.setdefault(record["size"], []).append(record)
    sizes = sorted(groups)
    seen = dict.fromkeys(name for size in sizes for record in groups[size] for name in record["steps"])
    names = [name for name in seen if name not in ("start", "import")]
    heads = [f"{size / 1e6:.2f} M" for size in sizes]
    lines = [
        f"| {title}: CPU s at | {' | '.join(heads)} | exponent | last | |",
        "|---" * (len(heads) + 4) + "|",
    ]
    worse = []
    for name in names:
        found = [[r for r in groups[size] if name in r["steps"]] for size in sizes]
        seconds = [
            median(r["steps"][name]["cpu_s"] for r in group) if group else float("nan") for group in found
        ]
        counts = [
            float(g[0].get("sizes", {}).get(name, size)) if g else float(size)
            for g, size in zip(found, sizes, strict=True)
        ]
        cells, above = _growth_cells(counts, seconds)
        worse += [name] if above else []
        lines.append(f"| {name} | {' | '.join(f'{s:.2f}' for s in seconds)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"Worse than n log n: {', '.join(worse) or 'none'}."])


def _growth_cells(counts: Sequence[float], seconds: Sequence[float]) -> tuple[list[str], bool]:
    long_enough = [(n, s) for n, s in zip(counts, seconds, strict=True) if s >= _SHORTEST_S]
    if len(long_enough) < 3:
        return ["-", "-", "too short"], False
    exponent, error, limit = fit_exponent(*np.array(long_enough).T)
    (n, s), (more, longer) = list(pairwise(long_enough))[-1]
    above = exponent - error > limit
    last = np.log(longer / s) / np.log(more / n)
    return [f"{exponent:.2f} +- {error:.2f}", f"{last:.2f}", "**worse than n log n**" if above else ""], above


def fit_exponent(sizes: np.ndarray, seconds: np.ndarray) -> tuple[float, float, float]:
    """Fit seconds = c * size ** p; return p, its standard error, and the p of n log n over these sizes."""
    x, y = np.log(sizes), np.log(seconds)
    x = x - x.mean()
    p = float((x * y).sum() / (x**2).sum())
    residual = y - y.mean() - p * x
    error = float(np.sqrt((residual**2).sum() / max(len(x) - 2, 1) / (x**2).sum()))
    limit = float((x * np.log(sizes * np.log(sizes))).sum() / (x**2).sum())
    return p, error, limit
