"""Measure every completion method on defects of every kind, and print tables of the results.

    python tests/benchmarks/run_methods.py DATA -o RESULTS [--cases 003,012] [--methods auto,mirror]
                                           [--kinds random_1] [--save FILE.json]

The skulls are those of the SkullFix training set that are held out for validation: no mean was made from
them. In each, the challenge's own defect is closed, and one virtual craniectomy of each SkullBreak kind and
of each kind of clinics (the same skull, kind and seed give the same defect). Only the reconstruction (voxels)
is made, each defect in a process of its own; seconds and peak memory of each method are recorded. One JSON
line per reconstruction goes to RESULTS/methods.jsonl. A second run does only what is missing there; with
`--tables` nothing is run.

A method is written NAME[-N][+OPTION=VALUE...]: NAME as in ``meshimplant design --method``; N makes the mean
vault from the first N training skulls, and ``open`` in its place takes the packaged one of that name; options
are passed to `meshimplant.reconstruct`, with on and off for true and false. ``template-10+level=0.5`` is an
example; this string is the name of the method in the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import meshimplant
from meshimplant import evaluate
from meshimplant.complete import complete_skull as completion
from meshimplant.complete.methods import METHODS as COMPLETION_METHODS
from meshimplant.complete.models import read_model
from meshimplant.datasets.case import Case, read_case
from meshimplant.datasets.skullfix import TRAINING, VALIDATION, list_skullfix
from meshimplant.errors import InputError, MeshImplantError
from meshimplant.evaluation.surface_errors import surface_errors
from meshimplant.voxels.volume import Volume

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.method_tables import (
    CHALLENGE,
    KINDS,
    Record,
    detail_rows,
    detail_tables,
    summary_rows,
    summary_table,
)
from benchmarks.own_process import in_own_process
from benchmarks.result_table import save_results
from benchmarks.shared_heads import SharedHeads
from benchmarks.speed_meter import Meter

#: Methods of the table of all methods; add a line for a new one.
METHODS = (
    *(
        "mirror",
        "template-1",
        "template-10",
        "template-30",
        "template-open",
        "template",
        "template+blend=off",
    ),
    *("ssm-image", "ssm-image+blend=off", "ssm", "ssm+blend=off", "auto"),
)
#: Two voxels lie on one ray if the angle between them is smaller (radians): 0.75 mm at a radius of 75 mm.
_BESIDE = 0.01
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Method:
    """A completion method; `mean` is the size of the mean, or ``open``, or None for the packaged model."""

    label: str
    name: str
    mean: int | Literal["open"] | None = None
    options: dict[str, Any] = field(default_factory=dict)


def read_method(label: str) -> Method:
    """Parse the string that names a method.

    Raises
    ------
    InputError
        The name is unknown, or `meshimplant.reconstruct` does not have one of the options.
    """
    stem, *texts = label.split("+")
    start, _, end = stem.rpartition("-")
    name, mean = (start, end) if start and (end.isdigit() or end == "open") else (stem, None)
    if name not in COMPLETION_METHODS:
        raise InputError(
            f"expected a method among {', '.join(COMPLETION_METHODS)}, got {name!r}: choose one of them"
        )
    if mean == "0":
        raise InputError(f"expected a mean of one skull or more, got {label!r}: raise the number")
    options = dict(_option(text) for text in texts)
    own = set(signature(meshimplant.reconstruct).parameters) - {
        "defective",
        "method",
        "template",
        "network",
        "step",
    }
    wrong = sorted(set(options) - own)
    if wrong:
        raise InputError(
            f"expected options among {', '.join(sorted(own))}, got {', '.join(wrong)} in {label!r}"
        )
    return Method(label, name, "open" if mean == "open" else int(mean) if mean else None, options)


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if value in ("on", "off"):
        return name, value == "on"
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, value


def reconstruct_all(results: Path, case: Case, kind: str, labels: Sequence[str]) -> list[Record]:
    """Cut one defect, close it by each method, and measure the results.

    Methods that align the head to the same mean share that work; its seconds count for each of them.
    """
    defective, truth = defect(case, kind)
    heads, meter = SharedHeads(), Meter()
    with patch.object(completion, "locate_openings", heads.lay):
        found = [_reconstruct(results, defective, truth, label, meter, heads) for label in labels]
    return [{"case": case.name, "kind": kind, **record} for record in found]


def _reconstruct(
    results: Path, defective: Volume, truth: Volume, label: str, meter: Meter, heads: SharedHeads
) -> Record:
    """Close the defect by one method and measure the result; a refusal counts as an empty prediction."""
    method = read_method(label)
    template = None
    if method.mean is not None:
        template = read_model("open" if method.mean == "open" else _mean_path(results, method.mean))
    error, details, found = "", {}, None
    heads.saved.clear()
    meter.begin(label)
    try:
        found = meshimplant.reconstruct(defective, method=method.name, template=template, **method.options)
        mask = found.mask
        details = {**(found.completion.method if found.completion else {}), "template": None}
    except MeshImplantError as refusal:
        error = str(refusal)
        mask = truth.with_array(np.zeros_like(truth.array))
    meter.end()
    costs = [meter.steps.pop(label), *heads.saved]
    empty = not mask.array.any()
    return {
        "method": label,
        "seconds": round(sum(cost["wall_s"] for cost in costs), 1),
        "cpu_s": round(sum(cost["cpu_s"] for cost in costs), 1),
        "peak_gb": round(max(cost["peak_mb"] for cost in costs) / 1024, 2),
        "error": error, "details": details, "metrics": evaluate(mask, truth, defective).to_dict(),
        "surfaces": {} if empty else surface_errors(mask, truth, defective).to_dict(),
        "opening_covered_fraction": opening_covered(mask, truth, found.inside_mm) if found else 0.0,
    }  # fmt: skip


def opening_covered(mask: Volume, truth: Volume, inside_mm: NDArray[np.float64]) -> float:
    """Return the fraction of the true implant that the reconstruction covers, seen from inside the head."""
    from scipy.spatial import cKDTree

    directions = []
    for volume in (mask, truth):
        points = volume.to_mm(np.argwhere(volume.array)) - inside_mm
        directions.append(points / np.linalg.norm(points, axis=1, keepdims=True))
    away = cKDTree(directions[0]).query(directions[1][::10], distance_upper_bound=_BESIDE)[0]
    return float(np.isfinite(away).mean())


def defect(case: Case, kind: str) -> tuple[Volume, Volume]:
    """Return the defective skull and the true implant of one skull and kind."""
    from meshimplant import craniectomy

    volumes = read_case(case)
    if kind == CHALLENGE:
        return volumes.defective, volumes.implant
    cut = craniectomy(volumes.complete, kind=kind, seed=int(case.name))
    return cut.defective, cut.truth


def build_mean(data: Path, results: Path, count: int) -> None:
    """Write the mean vault of the first training skulls, unless the file exists."""
    from meshimplant.complete.population import build_vault_mean, read_head_vault

    path = _mean_path(results, count)
    if not path.exists():
        cases = [case for case in list_skullfix(data / "skullfix") if case.name in TRAINING][:count]
        heads = (read_head_vault(read_case(case).complete) for case in cases)
        build_vault_mean(heads, about={"data": f"first {count} SkullFix training skulls"}).save(path)


def read_records(log: Path) -> dict[Key, Record]:
    """Read the records measured so far; a truncated last line, left by a stopped run, is measured again."""
    records: dict[Key, Record] = {}
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise InputError(
                    f"expected JSON on line {number} of {log.name}: repair or remove it"
                ) from error
            log.write_text("".join(f"{whole}\n" for whole in lines[:-1]), encoding="utf-8")
            break
        records[_key(record)] = record
    return records


def measure_missing(
    requested: Sequence[Key],
    log: Path,
    work: Callable[[str, str, list[str]], list[Record]],
    *,
    workers: int = 1,
) -> dict[Key, Record]:
    """Measure what the log lacks, defect by defect, append it line by line, and return all requested records.

    `work` takes a skull, a kind and the methods. Work that raises (not a refusal, but a fault of the program
    or lack of memory) is reported on stderr and is missing in the result; the next run tries it again.
    """
    records = read_records(log)
    missing: dict[tuple[str, str], list[str]] = {}
    for case, kind, label in requested:
        if (case, kind, label) not in records:
            missing.setdefault((case, kind), []).append(label)
    with ThreadPoolExecutor(workers) as pool, log.open("a", encoding="utf-8") as out:
        futures = {pool.submit(work, *place, labels): place for place, labels in missing.items()}
        for future in as_completed(futures):
            if future.exception() is not None:
                print(f"{' '.join(futures[future])}: failed: {future.exception()!r}", file=sys.stderr)
                continue
            for record in future.result():
                records[_key(record)] = record
                print(json.dumps(record), file=out, flush=True)
                print(f"{' '.join(_key(record))}: {record['metrics']['dice']:.3f}", file=sys.stderr)
    return {key: records[key] for key in requested if key in records}


def main() -> int:
    """Run what is missing and print all tables; return 1 if a requested record is still missing."""
    parser = _parser()
    options = parser.parse_args()
    try:
        methods = [read_method(label) for label in options.methods.split(",")]
    except InputError as error:
        parser.error(str(error))
    cases, kinds = options.cases.split(","), options.kinds.split(",")
    requested = [(case, kind, method.label) for method in methods for case in cases for kind in kinds]
    log = options.output / "methods.jsonl"
    if options.tables:
        kept = read_records(log)
        records = {key: kept[key] for key in requested if key in kept}
    else:
        records = _measure(options, methods, requested, log)
    if records:
        found = [*records.values()]
        print(f"{summary_table(found)}\n\n{detail_tables(found)}")
        if options.save:
            save_results(
                options.save,
                _command(parser, options),
                {"summary": summary_rows(found), **detail_rows(found)},
            )
    print(f"{len(records)} of {len(requested)} reconstructions", file=sys.stderr)
    return int(len(records) < len(requested))


def _measure(
    options: argparse.Namespace, methods: Sequence[Method], requested: Sequence[Key], log: Path
) -> dict[Key, Record]:
    """Build the means that the methods need, and measure what is missing, one process per defect."""
    options.output.mkdir(parents=True, exist_ok=True)
    for method in methods:
        if isinstance(method.mean, int):
            in_own_process(build_mean, options.data, options.output, method.mean)
    known = {case.name: case for case in list_skullfix(options.data / "skullfix")}

    def work(case: str, kind: str, labels: list[str]) -> list[Record]:
        return in_own_process(reconstruct_all, options.output, known[case], kind, labels)

    return measure_missing(requested, log, work, workers=options.workers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds skullfix/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument("--cases", default=",".join(VALIDATION), help="skulls, with commas")
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of defect, with commas")
    parser.add_argument("--methods", default=",".join(METHODS), help="methods, with commas")
    parser.add_argument("--workers", type=int, default=1, help="defects at a time")
    parser.add_argument("--save", type=Path, help="JSON file for the rows of the tables")
    parser.add_argument("--tables", action="store_true", help="only print the tables of existing records")
    return parser


def _command(parser: argparse.ArgumentParser, options: argparse.Namespace) -> str:
    """Return the command that makes these tables, with the choices that differ from the defaults."""
    chosen = {name: getattr(options, name) for name in ("cases", "kinds", "methods")}
    words = [f" --{name} {value}" for name, value in chosen.items() if value != parser.get_default(name)]
    return "python tests/benchmarks/run_methods.py DATA -o RESULTS" + "".join(words)


def _key(record: Record) -> Key:
    return record["case"], record["kind"], record["method"]


def _mean_path(results: Path, count: int) -> Path:
    return results / f"mean-{count}.npz"


if __name__ == "__main__":
    sys.exit(main())
