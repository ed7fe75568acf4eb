"""Run the whole line over real skulls and print the result table of the README.

    python tests/benchmarks/run_skullfix.py DATA -o RESULTS [--cases 000,test-100] [--workers 2] [-- OPTIONS]

DATA holds ``skullfix/complete_skull`` and ``skullfix/implant`` (training cases: the defective skull is the
complete one without the implant) and ``skullfix/test_defective`` (no truth). Each case runs as a user would
run it, ``meshimplant design`` in a process of its own, whose seconds and peak memory the system tells;
OPTIONS go to it. What it wrote is then measured again, independently of the line's own check: the STL as it
lies on the disk (closed, consistently wound, positive volume, one body), the bone inside it (winding number
at bone voxels, not the distance field that the line works with), and the reconstruction against the truth.
One JSON line per case goes to RESULTS/cases.jsonl; a second run does only the cases that are missing there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, median
from typing import Any, TypeVar

from meshimplant.datasets.skullfix import VALIDATION, SkullFixCase, list_skullfix, read_skullfix

#: One case may take this long and this much on two cores; a child is killed at three times the seconds.
MAX_SECONDS, MAX_GB = 300, 6
METRICS = {"dice": max, "border_dice": max, "hausdorff95_mm": min}
Result = TypeVar("Result")


@dataclass(frozen=True)
class Case:
    """One skull: its name, the defective skull where that is a file, and the truth where that is known."""

    name: str
    defective: Path | None
    truth: SkullFixCase | None


def find_cases(data: Path) -> list[Case]:
    """List training cases (with truth), then test skulls (without), each by name."""
    root = data / "skullfix"
    cases = []
    if (root / "complete_skull").is_dir():
        cases += [Case(case.name, None, case) for case in list_skullfix(root)]
    test = sorted((root / "test_defective").glob("*.nrrd"))
    cases += [Case(f"test-{path.stem}", path, None) for path in test]
    if not cases:
        sys.exit(f"expected skullfix/complete_skull or skullfix/test_defective in {data}, got neither")
    return cases


def run_case(case: Case, results: Path, options: Sequence[str]) -> dict[str, Any]:
    """Prepare, design and measure one case, each in a process of its own; return a JSON-ready record."""
    source, folder = results / "defective" / f"{case.name}.nrrd", results / "designs" / case.name
    shutil.rmtree(folder, ignore_errors=True)
    _apart(prepare, case, source)
    record = {"case": case.name, "truth": case.truth is not None, **design(source, folder, options)}
    if (folder / "report.json").is_file():
        record |= _apart(measure, case, source, folder)
    return record


def prepare(case: Case, source: Path) -> None:
    """Write the defective skull of a case as a mask."""
    from meshimplant import read_volume, write_volume

    if case.truth is not None:
        write_volume(read_skullfix(case.truth).defective, source)
    elif case.defective is not None:
        skull = read_volume(case.defective)
        write_volume(skull.with_array((skull.array != 0).astype("uint8")), source)


def design(source: Path, folder: Path, options: Sequence[str]) -> dict[str, Any]:
    """Run ``meshimplant design``; return its exit code, wall seconds, peak GB and last words.

    The peak is the child's own (`os.wait4`). It is true only because this process stays small: Linux counts
    what a parent holds at the moment of starting into the child's peak.
    """
    command = [sys.executable, "-m", "meshimplant_cli", "design", str(source), "-o", str(folder), *options]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        deadline = threading.Timer(3 * MAX_SECONDS, child.kill)
        deadline.start()
        words = "" if child.stderr is None else child.stderr.read().strip()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        deadline.cancel()
    return {
        "exit_code": child.returncode,
        "seconds": round(time.perf_counter() - start, 1),
        "peak_gb": round(usage.ru_maxrss / 2**20, 2),
        "words": words[-2000:],
    }


def measure(case: Case, source: Path, folder: Path) -> dict[str, Any]:
    """Measure what a design wrote: the STL as it lies on the disk, the reconstruction against the truth."""
    import trimesh

    from meshimplant import evaluate, read_volume

    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    part = trimesh.load_mesh(folder / "implant.stl")
    defective = read_volume(source)
    record = {
        "method": report["method"].get("name"),
        "errors": [f["code"] for f in report["findings"] if f["severity"] == "error"],
        "warnings": [f["code"] for f in report["findings"] if f["severity"] == "warning"],
        "measures": report["measures"],
        "closed": bool(part.is_watertight),
        "wound": bool(part.is_winding_consistent),
        "volume_mm3": float(part.volume),
        "bodies": int(part.body_count),
        "bone_inside_mm3": bone_inside_mm3(part, defective),
    }
    if case.truth is not None:
        found = read_volume(folder / "reconstruction.nrrd")
        record["metrics"] = evaluate(found, read_skullfix(case.truth).implant, defective).to_dict()
    return record


def bone_inside_mm3(part: Any, defective: Any) -> float:
    """Return the volume of those bone voxels whose centre lies inside the mesh, by winding number."""
    import igl
    import numpy as np

    corners = defective.to_index(np.array(np.meshgrid(*part.bounds.T)).reshape(3, -1).T)
    start = np.maximum(np.floor(corners.min(0)).astype(int), 0)
    box = defective.crop(start, np.ceil(corners.max(0)).astype(int) + 1)
    points = box.to_mm(np.argwhere(box.array != 0))
    if not len(points):
        return 0.0
    turns = igl.fast_winding_number(np.asarray(part.vertices), np.asarray(part.faces), points)
    return float(np.count_nonzero(np.asarray(turns) > 0.5) * box.voxel_volume_mm3)


def table(records: Sequence[dict[str, Any]]) -> str:
    """Return the markdown tables: what happened to all cases, and the metrics of those with a truth."""
    lines = [
        "| | cases | exit 0 | solid, one body | no bone inside | seconds | GB |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, truth in (("training defects", True), ("test skulls", False)):
        group = [record for record in records if record["truth"] is truth]
        if group:
            lines.append(_group_row(title, group))
    known = [record for record in records if record["truth"]]
    aside = [record for record in known if record["case"] in VALIDATION]
    if known:
        lines += ["", "| training defects | cases | mean | median | worst |", "|---|---|---|---|---|"]
        lines += [_metric_row(name, "all", known) for name in METRICS]
    if aside:
        lines += [_metric_row(name, "kept aside for validation", aside) for name in METRICS]
    failed = [f"`{r['case']}`: {_why(r)}" for r in records if not _good(r)]
    return "\n".join([*lines, "", f"Not as asked: {'; '.join(failed) or 'none'}."])


def _group_row(title: str, group: Sequence[dict[str, Any]]) -> str:
    written = [record for record in group if "closed" in record]
    done = sum(record["exit_code"] == 0 for record in group)
    solid = sum(_solid(record) for record in written)
    free = sum(record["bone_inside_mm3"] == 0 for record in written)
    columns = [(record["seconds"], record["peak_gb"]) for record in group]
    seconds, peak = zip(*columns, strict=True)
    return (
        f"| {title} | {len(group)} | {done} | {solid} of {len(written)} written | {free} of {len(written)} | "
        f"median {median(seconds):.0f}, worst {max(seconds):.0f} | "
        f"median {median(peak):.1f}, worst {max(peak):.1f} |"
    )


def _metric_row(name: str, which: str, known: Sequence[dict[str, Any]]) -> str:
    """A case without a reconstruction counts as 0 (overlaps) or is named below and left out (distances)."""
    best = METRICS[name]
    values = {r["case"]: r.get("metrics", {}).get(name, 0.0 if best is max else None) for r in known}
    numbers = {case: value for case, value in values.items() if value is not None}
    if not numbers:
        return f"| {name} | {which} | - | - | - |"
    worst = (min if best is max else max)(numbers, key=lambda case: numbers[case])
    return (
        f"| {name} | {which}, {len(known)} | {mean(numbers.values()):.3f} | {median(numbers.values()):.3f} | "
        f"{numbers[worst]:.3f} (`{worst}`) |"
    )


def _solid(record: dict[str, Any]) -> bool:
    return record["closed"] and record["wound"] and record["volume_mm3"] > 0 and record["bodies"] == 1


def _good(record: dict[str, Any]) -> bool:
    fast = record["seconds"] <= MAX_SECONDS and record["peak_gb"] <= MAX_GB
    fits = "closed" in record and _solid(record) and record["bone_inside_mm3"] == 0
    return record["exit_code"] == 0 and fast and fits


def _why(record: dict[str, Any]) -> str:
    reasons = [f"exit code {record['exit_code']}"] if record["exit_code"] else []
    reasons += record.get("errors", [])
    if "closed" not in record:
        reasons += record["words"].splitlines()[:1]
    elif not _solid(record):
        reasons.append(f"closed {record['closed']}, wound {record['wound']}, {record['bodies']} bodies")
    elif record["bone_inside_mm3"] > 0:
        reasons.append(f"{record['bone_inside_mm3']:.2f} mm3 of bone inside")
    return ", ".join(reasons) or f"{record['seconds']:.0f} s, {record['peak_gb']:.1f} GB"


def _apart(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a fresh process, so that this one stays small."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _chosen(cases: Iterable[Case], names: str) -> list[Case]:
    known = {case.name: case for case in cases}
    wanted = names.split(",") if names else list(known)
    missing = [name for name in wanted if name not in known]
    if missing:
        sys.exit(f"expected cases among {', '.join(known)}, got {', '.join(missing)}")
    return [known[name] for name in wanted]


def main() -> None:
    """Run the missing cases and print the table of all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds skullfix/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument("--cases", default="", help="names, with commas; all when left out")
    parser.add_argument("--workers", type=int, default=1, help="cases at a time")
    parser.add_argument("options", nargs="*", help="options of meshimplant design, after --")
    asked = parser.parse_args()
    cases = _chosen(find_cases(asked.data), asked.cases)
    for name in ("defective", "designs"):
        (asked.output / name).mkdir(parents=True, exist_ok=True)
    log = asked.output / "cases.jsonl"
    records = {r["case"]: r for r in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    with ThreadPoolExecutor(asked.workers) as pool, log.open("a") as lines:
        waiting = [case for case in cases if case.name not in records]
        for future in as_completed([pool.submit(run_case, c, asked.output, asked.options) for c in waiting]):
            record = future.result()
            records[record["case"]] = record
            print(json.dumps(record), file=lines, flush=True)
            print(f"{record['case']}: {'good' if _good(record) else _why(record)}", file=sys.stderr)
    print(table([records[case.name] for case in cases]))


if __name__ == "__main__":
    main()
