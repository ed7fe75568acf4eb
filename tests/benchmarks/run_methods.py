"""Measure every way to complete a skull on defects of every kind, and print the README's table of methods.

    python tests/benchmarks/run_methods.py DATA -o RESULTS [--cases 003,012] [--methods auto,mirror] [--kinds random]

The skulls are those of the SkullFix training set that are kept aside for validation: no mean was made from them. In each,
the challenge's own defect is closed, and one virtual craniectomy of each SkullBreak kind (same skull, kind and seed: same
defect). A method is a name of ``meshimplant design --method``, or ``template-N``: the mean of the first N training skulls.
Only the reconstruction (voxels) is made, in a process of its own, whose seconds and peak memory are kept. One JSON line per
reconstruction goes to RESULTS/methods.jsonl; a second run does only what is missing there.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from meshimplant.datasets.skullfix import TRAINING, VALIDATION, SkullFixCase, list_skullfix, read_skullfix
from meshimplant.errors import MeshImplantError
from meshimplant.summary import describe
from meshimplant.volume import Volume

CHALLENGE = "skullfix"
KINDS = (CHALLENGE, "bilateral", "frontoorbital", "parietotemporal", "random_1", "random_2")
METHODS = ("mirror", "template-1", "template-10", "template-30", "template", "auto")
SHOWN = ("dice", "border_dice", "hausdorff95_mm")
Key = tuple[str, str, str]


def reconstruct_one(results: Path, case: SkullFixCase, kind: str, method: str) -> dict[str, Any]:
    """Cut one defect, close it by one method, and measure the result; a refusal counts as an empty prediction."""
    from meshimplant import evaluate, reconstruct
    from meshimplant.complete.template import read_vault_mean
    from meshimplant.surface_errors import surface_errors

    defective, truth = defect(case, kind)
    name, _, count = method.partition("-")
    template = read_vault_mean(results / f"mean-{count}.npz") if count else None
    start, error, details = time.perf_counter(), "", {}
    try:
        found = reconstruct(defective, method=name, template=template)
        seconds, mask = time.perf_counter() - start, found.mask
        details = {**(found.completion.method if found.completion else {}), "template": None}
    except MeshImplantError as refusal:
        seconds, error = time.perf_counter() - start, str(refusal)
        mask = truth.with_array(np.zeros_like(truth.array))
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {
        "case": case.name, "kind": kind, "method": method, "seconds": round(seconds, 1), "peak_gb": round(peak_gb, 2),
        "error": error, "details": details, "metrics": evaluate(mask, truth, defective).to_dict(),
        "surfaces": {} if error else surface_errors(mask, truth, defective).to_dict(),
    }  # fmt: skip


def defect(case: SkullFixCase, kind: str) -> tuple[Volume, Volume]:
    """Return the defective skull and the true implant of one skull and kind."""
    from meshimplant import craniectomy

    volumes = read_skullfix(case)
    if kind == CHALLENGE:
        return volumes.defective, volumes.implant
    cut = craniectomy(volumes.complete, kind=kind, seed=int(case.name))
    return cut.defective, cut.truth


def build_mean(data: Path, results: Path, count: int) -> None:
    """Write the mean vault of the first training skulls, unless it is there."""
    from meshimplant.complete.population import build_vault_mean

    path = results / f"mean-{count}.npz"
    if not path.exists():
        cases = [case for case in list_skullfix(data / "skullfix") if case.name in TRAINING][:count]
        skulls = (read_skullfix(case).complete for case in cases)
        build_vault_mean(skulls, about={"data": f"first {count} SkullFix training skulls"}).save(path)


def table(records: Sequence[dict[str, Any]]) -> str:
    """Return markdown: each method over all kinds, then the best known kind by kind with its errors by surface."""
    methods = [m for m in METHODS if any(r["method"] == m for r in records)]
    lines = [
        "| method | kind | defects | Dice (95 % interval) | border Dice | HD95 mm | worst Dice | worst coverage % | s | GB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        mine = [r for r in records if r["method"] == method]
        for kind in KINDS:
            group = [r for r in mine if r["kind"] == kind]
            if group:
                lines.append(_row(method, kind, group))
        virtual = [r for r in mine if r["kind"] != CHALLENGE]
        if virtual:
            lines.append(_row(method, "the five kinds", virtual))
    lines += [
        "",
        "| method | kind | outer bias, RMS mm | inner bias, RMS mm | rim bias, RMS mm |",
        "|---|---|---|---|---|",
    ]
    for method in methods:
        for kind in KINDS:
            group = [r for r in records if r["method"] == method and r["kind"] == kind and r["surfaces"]]
            if group:
                lines.append(_surface_row(method, kind, group))
    refused = [f"`{r['case']}` {r['kind']} {r['method']}: {r['error']}" for r in records if r["error"]]
    return "\n".join([*lines, "", f"Refused: {'; '.join(refused) or 'none'}."])


def _row(method: str, kind: str, group: Sequence[dict[str, Any]]) -> str:
    def values(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        read = [r["metrics"][name] for r in group]
        return np.array([np.inf if value is None else value for value in read])

    found = describe({name: values(name) for name in SHOWN}, larger_is_better=("dice", "border_dice"))
    low, high = found["dice"].mean_interval
    worst = group[found["dice"].worst_case]["case"]
    return (
        f"| {method} | {kind} | {len(group)} | {found['dice'].mean:.3f} ({low:.3f} to {high:.3f}) | "
        f"{found['border_dice'].mean:.3f} | {found['hausdorff95_mm'].mean:.2f} | "
        f"{found['dice'].worst:.3f} (`{worst}`) | {100 * values('coverage_fraction').min():.1f} | "
        f"{median(r['seconds'] for r in group):.0f} | {max(r['peak_gb'] for r in group):.1f} |"
    )


def _surface_row(method: str, kind: str, group: Sequence[dict[str, Any]]) -> str:
    cells = []
    for surface in ("outer", "inner", "rim"):
        bias = np.mean([r["surfaces"][f"{surface}_bias_mm"] or 0.0 for r in group])
        rms = np.mean([r["surfaces"][f"{surface}_rms_mm"] or 0.0 for r in group])
        cells.append(f"{bias:+.2f}, {rms:.2f}")
    return f"| {method} | {kind} | {' | '.join(cells)} |"


def _apart(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process, so that its peak memory is its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    """Do what is missing and print the tables of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds skullfix/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument("--cases", default=",".join(VALIDATION), help="skulls, with commas")
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of defect, with commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="methods, with commas")
    parser.add_argument("--workers", type=int, default=1, help="reconstructions at a time")
    asked = parser.parse_args()
    asked.output.mkdir(parents=True, exist_ok=True)
    methods = asked.methods.split(",")
    for method in methods:
        if "-" in method:
            _apart(build_mean, asked.data, asked.output, int(method.partition("-")[2]))
    log = asked.output / "methods.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    records: dict[Key, dict[str, Any]] = {_key(r): r for r in map(json.loads, lines)}
    known = {case.name: case for case in list_skullfix(asked.data / "skullfix")}
    wanted = [(n, k, m) for n in asked.cases.split(",") for k in asked.kinds.split(",") for m in methods]
    with ThreadPoolExecutor(asked.workers) as pool, log.open("a") as out:
        work = [
            pool.submit(_apart, reconstruct_one, asked.output, known[name], kind, method)
            for name, kind, method in wanted
            if (name, kind, method) not in records
        ]
        for future in as_completed(work):
            record = future.result()
            records[_key(record)] = record
            print(json.dumps(record), file=out, flush=True)
            dice = record["metrics"]["dice"]
            print(f"{record['case']} {record['kind']} {record['method']}: {dice:.3f}", file=sys.stderr)
    print(table([records[key] for key in wanted]))


def _key(record: dict[str, Any]) -> Key:
    return record["case"], record["kind"], record["method"]


if __name__ == "__main__":
    main()
