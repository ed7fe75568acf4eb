"""Run the whole line over real skulls and print the tables of results.

    python tests/benchmarks/run_skullfix.py DATA -o RESULTS [--cases 000,test-100] [--workers 2]
                                            [--measure-again] [--save FILE.json] [-- OPTIONS]

DATA holds ``skullfix/complete_skull`` and ``skullfix/implant`` (training cases: the defective skull is the
complete one without the implant) and ``skullfix/test_defective`` (no truth). Each case runs as a user would
run it, ``meshimplant design`` in a process of its own, whose seconds and peak memory the operating system
reports; OPTIONS go to it. What it wrote is then measured again, independently of the line's own check: the
STL as it lies on the disk (closed, consistently wound, positive volume, one body), the bone inside it
(winding number at bone voxels, not the distance field that the line works with), its insertion path, and the
reconstruction against the truth. One JSON line per case goes to RESULTS/cases.jsonl; a second run does only
the cases that are missing there, and with --measure-again measures the designs of the others once more.
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
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from meshimplant.datasets.case import Case, read_case
from meshimplant.datasets.skullfix import list_skullfix

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.own_process import in_own_process
from benchmarks.result_table import save_results
from benchmarks.skullfix_tables import MAX_SECONDS, good, table, tables, why

Result = TypeVar("Result")


@dataclass(frozen=True)
class Skull:
    """One skull: its name, the defective skull where that is a file, and the truth where that is known."""

    name: str
    defective: Path | None
    truth: Case | None


def find_cases(data: Path) -> list[Skull]:
    """List training cases (with truth), then test skulls (without), each by name."""
    root = data / "skullfix"
    cases = []
    if (root / "complete_skull").is_dir():
        cases += [Skull(case.name, None, case) for case in list_skullfix(root)]
    test = sorted((root / "test_defective").glob("*.nrrd"))
    cases += [Skull(f"test-{path.stem}", path, None) for path in test]
    if not cases:
        sys.exit(f"expected skullfix/complete_skull or skullfix/test_defective in {data}, got neither")
    return cases


def run_case(case: Skull, results: Path, options: Sequence[str]) -> dict[str, Any]:
    """Prepare, design and measure one case, each in a process of its own; return a JSON-ready record."""
    source, folder = results / "defective" / f"{case.name}.nrrd", results / "designs" / case.name
    shutil.rmtree(folder, ignore_errors=True)
    in_own_process(prepare, case, source)
    record = {"case": case.name, "truth": case.truth is not None, **design(source, folder, options)}
    if (folder / "report.json").is_file():
        record |= in_own_process(measure, case, source, folder)
    return record


def measure_again(case: Skull, results: Path, record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a design that lies there, measured anew."""
    source, folder = results / "defective" / f"{case.name}.nrrd", results / "designs" / case.name
    if not (folder / "report.json").is_file():
        return record
    return record | in_own_process(measure, case, source, folder)


def prepare(case: Skull, source: Path) -> None:
    """Write the defective skull of a case as a mask."""
    from meshimplant import read_volume, write_volume

    if case.truth is not None:
        write_volume(read_case(case.truth).defective, source)
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


def measure(case: Skull, source: Path, folder: Path) -> dict[str, Any]:
    """Measure what a design wrote: the STL as it lies on the disk, the reconstruction against the truth."""
    import trimesh

    from meshimplant import evaluate, find_insertion, read_volume

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
        "insertion_mm": float(find_insertion(part, defective).penetration_mm.max()),
        "spec": report["spec"],
    }
    if case.truth is not None:
        found = read_volume(folder / "reconstruction.nrrd")
        record["metrics"] = evaluate(found, read_case(case.truth).implant, defective).to_dict()
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


def _chosen(cases: Iterable[Skull], names: str) -> list[Skull]:
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
    parser.add_argument(
        "--measure-again", action="store_true", help="measure the designs that are there anew"
    )
    parser.add_argument("--save", type=Path, help="JSON file for the rows of the tables")
    parser.add_argument("options", nargs="*", help="options of meshimplant design, after --")
    asked = parser.parse_args()
    cases = _chosen(find_cases(asked.data), asked.cases)
    for name in ("defective", "designs"):
        (asked.output / name).mkdir(parents=True, exist_ok=True)
    log = asked.output / "cases.jsonl"
    records = {r["case"]: r for r in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    with ThreadPoolExecutor(asked.workers) as pool, log.open("a") as lines:
        work = [pool.submit(run_case, c, asked.output, asked.options) for c in cases if c.name not in records]
        if asked.measure_again:
            there = [case for case in cases if case.name in records]
            work += [pool.submit(measure_again, c, asked.output, records[c.name]) for c in there]
        for future in as_completed(work):
            record = future.result()
            records[record["case"]] = record
            print(json.dumps(record), file=lines, flush=True)
            print(f"{record['case']}: {'good' if good(record) else why(record)}", file=sys.stderr)
    shown = [records[case.name] for case in cases]
    print(table(shown))
    if asked.save:
        save_results(asked.save, "python tests/benchmarks/run_skullfix.py DATA -o RESULTS", tables(shown))


if __name__ == "__main__":
    main()
