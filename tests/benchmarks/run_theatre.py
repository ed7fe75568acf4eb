"""Design plated, perforated and marked parts on real skulls, and print what it took and whether they passed.

    python tests/benchmarks/run_theatre.py SKULLS... -o RESULTS [--specs plain,peek,titanium]
                                           [--no-verbs] [--save FILE.json]

Each of SKULLS is a defective skull as a file, a mask or a CT, or ``sample``, the packaged one. Each is
designed three times as a user would do it, ``meshimplant design`` in a process of its own: plain; with a
prescription of PEEK with plates, holes and a text (`PEEK`); and with one of titanium with tabs and holes
(`TITANIUM`). Seconds are those of CPU, so that a busy machine does not matter; those added are over the
plain part. Then `perforate`, `fixation`, `mark`, `strength` and `split` run on a part as another program
writes it: the triangles of the plain part in another order. One JSON line per design goes to
RESULTS/theatre.jsonl; a second run does only what is missing.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.result_table import markdown, save_results
from benchmarks.theatre_tables import COLUMNS, design_rows, verb_rows

#: One prescription each, for every skull.
PEEK = """
material = "PEEK"
[fixation]
style = "plates"
[mark]
text = "A-17"
[perforation]
tenting = 2
"""
TITANIUM = """
material = "titanium"
thickness_mm = 2.5
thickness_min_mm = 1.5
[fixation]
style = "tabs"
[perforation]
spacing_mm = 12.0
"""
SPECS = {"plain": "", "peek": PEEK, "titanium": TITANIUM}


def design(skull: str, name: str, output: Path) -> dict[str, Any]:
    """Design a skull by one prescription; return what it took and what its report says."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "spec.toml").write_text(SPECS[name])
    folder = output / "case"
    command = ["design", _path(skull), "-o", str(folder), "--spec", str(output / "spec.toml"), "--force"]
    seconds, code, words = run(command)
    record: dict[str, Any] = {"skull": Path(skull).stem, "spec": name, "seconds": seconds, "exit_code": code}
    if not (folder / "report.json").is_file():
        return record | {"failed": words}
    report = json.loads((folder / "report.json").read_text())
    part = trimesh.load_mesh(folder / "implant.stl")
    measures, fixation = report["measures"], report["fixation"]
    return record | {
        "verdict": report["verdict"],
        "errors": [f["code"] for f in report["findings"] if f["severity"] == "error"],
        "warnings": [f["code"] for f in report["findings"] if f["severity"] == "warning"],
        "closed": bool(part.is_watertight and part.is_winding_consistent and part.volume > 0),
        "bodies": int(part.body_count),
        "genus": round(part.body_count - part.euler_number / 2),
        "insertion_mm": measures.get("insertion_penetration_mm"),
        "points": len(fixation.get("places", [])),
        "left_out": len(fixation.get("left_out", [])),
        "holes": measures.get("perforation_count", 0),
        "mass_g": measures["mass_g"],
        "steps": {step["name"]: step["seconds"] for step in report["steps"]},
    }


def verbs(skull: str, part: Path, output: Path) -> list[dict[str, Any]]:
    """Run the verbs for surgery on a part as another program would have written it."""
    output.mkdir(parents=True, exist_ok=True)
    mesh = trimesh.load_mesh(part)
    order = np.random.default_rng(0).permutation(len(mesh.faces))
    foreign = output / "foreign.stl"
    trimesh.Trimesh(mesh.vertices, mesh.faces[order]).export(foreign)
    asked: dict[str, Sequence[str]] = {
        "perforate": ("-o", str(output / "holes.stl")),
        "fixation": ("--skull", _path(skull), "-o", str(output / "fixed.stl")),
        "mark": ("--text", "A-17", "-o", str(output / "marked.stl")),
        "strength": ("-o", str(output / "strength.png")),
        "split": ("-o", str(output / "pieces")),
    }
    records = []
    for verb, options in asked.items():
        seconds, code, words = run([verb, str(foreign), *options, "--force"])
        records.append(
            {"skull": Path(skull).stem, "verb": verb, "seconds": seconds, "exit_code": code, "words": words}
        )
    return records


def run(arguments: Sequence[str]) -> tuple[float, int, str]:
    """Run the command line; return its seconds of CPU, its exit code and its last words."""
    start = _child_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "meshimplant_cli", *arguments], capture_output=True, text=True, check=False
    )
    return round(_child_seconds() - start, 1), done.returncode, done.stderr.strip()[-300:]


def _child_seconds() -> float:
    """Return the seconds of CPU of all processes started from here that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _path(skull: str) -> str:
    """Return the file of a skull; the sample's is packaged."""
    if skull != "sample":
        return skull
    from meshimplant.datasets.sample_files import sample_path

    return str(sample_path("defective.nrrd"))


def measure_missing(
    skulls: Sequence[str], specs: Sequence[str], output: Path, *, with_verbs: bool
) -> list[dict[str, Any]]:
    """Run what the log lacks, and return all records that were asked for."""
    output.mkdir(parents=True, exist_ok=True)
    log = output / "theatre.jsonl"
    records = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    known = {(each["skull"], each.get("spec", "verbs")) for each in records}
    for skull in skulls:
        name = Path(skull).stem
        for spec in [*specs, *(["verbs"] if with_verbs else [])]:
            if (name, spec) in known:
                continue
            if spec == "verbs":
                plain = output / name / "plain" / "case" / "implant.stl"
                found = verbs(skull, plain, output / name / "verbs")
            else:
                found = [design(skull, spec, output / name / spec)]
            records += found
            with log.open("a") as lines:
                lines.writelines(json.dumps(each) + "\n" for each in found)
            print(f"{name} {spec}: {[each['exit_code'] for each in found]}", file=sys.stderr, flush=True)
    return records


def main() -> None:
    """Run what is missing and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("skulls", nargs="+", help="defective skulls, or sample")
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument("--specs", default=",".join(SPECS), help="prescriptions, with commas")
    parser.add_argument("--no-verbs", action="store_true", help="leave the single verbs out")
    parser.add_argument("--save", type=Path, help="JSON file for the rows of the tables")
    asked = parser.parse_args()
    records = measure_missing(
        asked.skulls, asked.specs.split(","), asked.output, with_verbs=not asked.no_verbs
    )
    rows = {"designs": design_rows(records), "verbs": verb_rows(records)}
    print("\n\n".join(markdown(COLUMNS[name], found) for name, found in rows.items()))
    if asked.save:
        save_results(asked.save, "python tests/benchmarks/run_theatre.py SKULLS -o RESULTS", rows)


if __name__ == "__main__":
    main()
