"""Measure seconds, memory and errors of the line and of a naive chain, and print the tables.

    python tests/benchmarks/run_speed.py -o RESULTS [--data DATA] [--inputs sample,skullfix,synthetic]
                                         [--runs 5] [--chains given,free,naive] [--growth voxels,faces]
                                         [--save FILE.json]

Inputs: the packaged sample; a SkullFix case (512 x 512 x about 240; DATA holds ``skullfix/``); a parametric
skull on 512 x 512 x 400 voxels. Each is a defective skull and a prediction of the complete one, made once and
kept in RESULTS/inputs. Chains: ``given``, this project with the prediction; ``naive``, the same libraries
called in the most obvious way (see `speed_naive`); ``free``, this project without a prediction. Every run is
a process of its own, and the chains take turns, so that a busy machine affects all equally; ratios are taken
turn by turn. Seconds are wall and CPU; a step's memory is the peak within it. The first part of each chain is
measured against the truth (see `speed_errors`), and so is every later one with other bytes.

The tables of growth follow: each step with 1, 2, 4 and 8 times the voxels of a skull on 256 x 256 x 200, and
the mesh steps with 50 000 to 1 000 000 faces. The number of threads is that of the environment
(OMP_NUM_THREADS and similar). One JSON line per run goes to RESULTS/speed.jsonl and RESULTS/growth.jsonl,
written anew each time.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.own_process import in_own_process
from benchmarks.result_table import save_results
from benchmarks.speed_chains import CHAINS, CLEARANCE_MM, THICKNESS_MM
from benchmarks.speed_tables import error_rows, growth_table, overview_rows, speed_tables

HERE = Path(__file__).resolve().parent
INPUTS = ("sample", "skullfix", "synthetic")
GROWTH_TIMES = (8, 4, 2, 1)
GROWTH_FACES = (50_000, 100_000, 200_000, 400_000, 1_000_000)
Record = dict[str, Any]


def run_once(script: str, arguments: Sequence[str], output: Path, *, limit_s: float) -> Record:
    """Run one of the scripts beside this one in a process of its own; return its cost, or how it failed.

    ``start`` is the part of the process before and after its steps: the interpreter's start and end.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / "run.json").unlink(missing_ok=True)
    command = [sys.executable, str(HERE / script), *arguments, str(output)]
    record: Record = {"load": os.getloadavg()[0], "failed": "", "steps": {}}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired:
        return record | {"failed": f"stopped after {limit_s:.0f} s"}
    record["wall_s"] = time.perf_counter() - start
    if done.returncode != 0 or not (output / "run.json").is_file():
        return record | {"failed": f"exit code {done.returncode}: {done.stderr.strip()[-300:]}"}
    record |= json.loads((output / "run.json").read_text())
    start_step = {
        key: max(0.0, record[key] - sum(step[key] for step in record["steps"].values()))
        for key in ("wall_s", "cpu_s")
    }
    record["steps"]["start"] = {**start_step, "peak_mb": 0.0}
    return record


def run_turns(options: argparse.Namespace, shapes: dict[str, Sequence[int]], log: Path) -> list[Record]:
    """Let the chains take turns on every input, as often as requested; return one record per run."""
    records: list[Record] = []
    for run in range(options.runs):
        for name in shapes:
            for chain in options.chains if run % 2 == 0 else options.chains[::-1]:
                output = options.output / "parts" / f"{name}-{chain}"
                arguments = [chain, str(options.output / "inputs" / name)]
                record = run_once("speed_chains.py", arguments, output, limit_s=options.limit_s)
                record |= {"input": name, "chain": chain, "run": run, "shape": list(shapes[name])}
                if not record["failed"]:
                    record["sha256"] = hashlib.sha256((output / "implant.stl").read_bytes()).hexdigest()
                    record["errors"] = _errors(record, records, options.output / "inputs" / name, output)
                records.append(record)
                _keep(log, record, f"{name} {chain} {run}")
    return records


def _errors(record: Record, before: Iterable[Record], folder: Path, output: Path) -> Record:
    """Return the errors of a part; those of an earlier run if its bytes are the same."""
    for other in before:
        if other.get("sha256") == record["sha256"] and other["input"] == record["input"]:
            return other["errors"]
    from benchmarks.speed_errors import measure_errors

    prescription = {"thickness_mm": THICKNESS_MM, "clearance_mm": CLEARANCE_MM}
    return in_own_process(measure_errors, folder, output / "implant.stl", **prescription)


def run_growth(options: argparse.Namespace, log: Path) -> dict[str, list[Record]]:
    """Run the line on growing grids and the mesh steps on growing meshes."""
    found: dict[str, list[Record]] = {kind: [] for kind in options.growth}
    for run in range(options.growth_runs):
        for kind in options.growth:
            for size, script, arguments in _sizes(kind, options):
                output = options.output / "parts" / f"{kind}-{size}"
                record = run_once(script, arguments, output, limit_s=options.limit_s)
                record |= {"kind": kind, "size": size, "run": run}
                found[kind] += [] if record["failed"] else [record]
                _keep(log, record, f"{kind} {size} {run}")
    return found


def _sizes(kind: str, options: argparse.Namespace) -> list[tuple[int, str, list[str]]]:
    if kind == "faces":
        return [(faces, "speed_faces.py", [str(faces)]) for faces in options.faces]
    sizes = []
    for times in GROWTH_TIMES:
        name = "synthetic" if times == 1 else f"synthetic-{times}"
        voxels = int(_product(_prepared(name, options)))
        sizes.append((voxels, "speed_chains.py", ["free", str(options.output / "inputs" / name)]))
    return sizes


def _product(shape: Sequence[int]) -> int:
    return shape[0] * shape[1] * shape[2]


def _prepared(name: str, options: argparse.Namespace) -> list[int]:
    """Make an input, unless it exists; return its shape."""
    return in_own_process(_prepare, name, options.output / "inputs" / name, options.data, options.case)


def _prepare(name: str, folder: Path, data: Path | None, case: str) -> list[int]:
    from benchmarks.speed_inputs import prepare_input

    from meshimplant import read_volume

    prepare_input(name, folder, data=data, case=case)
    return list(read_volume(folder / "defective.nrrd").shape)


def _keep(log: Path, record: Record, title: str) -> None:
    with log.open("a") as lines:
        print(json.dumps(record), file=lines)
    print(f"{title}: {record['failed'] or format(record['wall_s'], '.1f') + ' s'}", file=sys.stderr)


def _names(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if not set(names) <= set(allowed):
            raise argparse.ArgumentTypeError(f"expected names among {', '.join(allowed)}, got {text}")
        return names

    return read


def read_options(tokens: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument("--data", type=Path, help="folder that holds skullfix/")
    parser.add_argument("--case", default="001", help="the SkullFix case")
    parser.add_argument("--inputs", type=_names(INPUTS), default=list(INPUTS), help="with commas")
    parser.add_argument("--chains", type=_names(CHAINS), default=list(CHAINS), help="with commas")
    parser.add_argument("--runs", type=int, default=5, help="turns of every chain on every input")
    parser.add_argument(
        "--growth", type=_names(("voxels", "faces")), default=["voxels", "faces"], help="or an empty text"
    )
    parser.add_argument("--growth-runs", type=int, default=1, help="runs of every size")
    parser.add_argument(
        "--faces", type=lambda text: [int(n) for n in text.split(",")], default=list(GROWTH_FACES)
    )
    parser.add_argument("--save", type=Path, help="JSON file for the rows of the tables")
    parser.add_argument("--limit-s", type=float, default=3600, help="a run that takes longer has failed")
    return parser.parse_args(tokens)


def main(tokens: Sequence[str] | None = None) -> None:
    """Prepare, run, and print the tables."""
    options = read_options(tokens)
    options.output.mkdir(parents=True, exist_ok=True)
    shapes = {name: _prepared(name, options) for name in options.inputs}
    if options.growth and "voxels" in options.growth:
        _prepared("synthetic", options)
    logs = {name: options.output / f"{name}.jsonl" for name in ("speed", "growth")}
    for log in logs.values():
        log.unlink(missing_ok=True)
    records = run_turns(options, shapes, logs["speed"])
    if records:
        print(speed_tables(records), flush=True)
        if options.save:
            rows = {"overview": overview_rows(records), "errors": error_rows(records)}
            save_results(options.save, "python tests/benchmarks/run_speed.py -o RESULTS --data DATA", rows)
    for kind, found in run_growth(options, logs["growth"]).items():
        print("\n" + growth_table(kind, found))


if __name__ == "__main__":
    main()
