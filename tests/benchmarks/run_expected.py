"""Measure the error that `auto` expects in the opening against the true one, and print tables of both.

    python tests/benchmarks/run_expected.py DATA -o RESULTS [--cases 003,012] [--kinds bifrontal]
                                            [--seconds 300] [--save FILE.json]

The skulls are those of the SkullFix training set that are held out for validation: no model was made from
them, and nothing but what the README names was chosen on them. In each, the same defects are cut as in
`run_methods`. The vault is estimated from the defective skull, and compared with the complete one along the
directions through the opening that meet the vault: the distance between the outer surfaces, RMS. No voxels
are made, so a defect takes ten seconds of one core. One JSON line per defect goes to RESULTS/expected.jsonl;
a second run does only what is missing there. `--seconds` ends a run early.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from meshimplant.complete.choose_model import choose_model
from meshimplant.complete.complete_skull import locate_openings
from meshimplant.complete.estimate_vault import estimate_vault
from meshimplant.complete.expected_error import expected_error
from meshimplant.complete.mixture import MIXTURE
from meshimplant.complete.models import models_of, packaged_mean
from meshimplant.complete.shape_model import HELD_MM
from meshimplant.datasets.case import Case, read_case
from meshimplant.datasets.skullfix import VALIDATION, list_skullfix
from meshimplant.errors import MeshImplantError
from meshimplant.head.sphere import direction_sphere, is_vault, read_along
from meshimplant.runtime.threads import one_blas_thread

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.expected_tables import COLUMNS, Record, expected_rows, method_rows
from benchmarks.result_table import markdown, save_results
from benchmarks.run_methods import defect

#: Kinds of defect; the first is the challenge's own.
KINDS = (
    *("skullfix", "bilateral", "frontoorbital", "parietotemporal", "random_1"),
    *("hemicraniectomy", "bifrontal", "pterional", "suboccipital"),
)


@one_blas_thread()
def measure(case: Case, kind: str) -> Record:
    """Cut one defect, estimate the vault over it, and compare its outer surface with the complete skull's."""
    defective, _ = defect(case, kind)
    pose, _, openings = locate_openings(defective, packaged_mean())
    opening = openings.defects[0]
    estimate = estimate_vault(openings, opening, models_of("auto", None), compare=True)
    name, _ = choose_model(estimate, opening)
    inside = direction_sphere()[0][opening.members]
    inside = inside[is_vault(inside)]
    true_mm = read_along(read_case(case).complete, pose, inside).outer_mm.astype(float)
    node = tuple(np.rint(estimate.chart.to_nodes(inside)).astype(int))
    pairs = zip(estimate.names, estimate.outer_mm, strict=True)
    errors = {one: float(np.sqrt(np.nanmean((outer[node] - true_mm) ** 2))) for one, outer in pairs}
    residuals = dict(zip(estimate.names, (vault.residual_mm for vault in estimate.fitted), strict=True))
    return {
        "case": case.name,
        "kind": kind,
        "method": name,
        "held": MIXTURE not in errors and residuals["ssm"] <= HELD_MM,
        "expected_mm": expected_error(estimate, name, opening),
        "true_mm": errors[name],
        "errors_mm": errors,
        "residual_mm": {one: residuals[one] for one in ("ssm", "template")},
        "weights": estimate.weights,
    }


def measure_missing(cases: Sequence[Case], kinds: Sequence[str], log: Path, seconds: float) -> list[Record]:
    """Measure what the log lacks until the time is over, and return all that was asked for and is there."""
    log.parent.mkdir(parents=True, exist_ok=True)
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    records = {(record["case"], record["kind"]): record for record in map(json.loads, lines)}
    end = time.monotonic() + seconds
    asked = [(case, kind) for kind in kinds for case in cases]
    with log.open("a", encoding="utf-8") as out:
        for case, kind in asked:
            if (case.name, kind) in records or time.monotonic() > end:
                continue
            try:
                record = measure(case, kind)
            except MeshImplantError as refusal:
                print(f"{case.name} {kind}: {refusal}", file=sys.stderr)
                continue
            records[case.name, kind] = record
            print(json.dumps(record), file=out, flush=True)
            print(f"{case.name} {kind}: {record['expected_mm']:.2f} {record['true_mm']:.2f}", file=sys.stderr)
    return [records[case.name, kind] for case, kind in asked if (case.name, kind) in records]


def main() -> int:
    """Measure what is missing and print the tables; return 1 if something is still missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds skullfix/")
    parser.add_argument("-o", "--output", type=Path, required=True, help="results folder")
    parser.add_argument("--cases", default=",".join(VALIDATION), help="skulls, with commas")
    parser.add_argument("--kinds", default=",".join(KINDS), help="kinds of defect, with commas")
    parser.add_argument("--seconds", type=float, default=np.inf, help="no defect is begun after this time")
    parser.add_argument("--save", type=Path, help="JSON file for the rows of the tables")
    options = parser.parse_args()
    asked, kinds = options.cases.split(","), options.kinds.split(",")
    cases = [case for case in list_skullfix(options.data / "skullfix") if case.name in asked]
    records = measure_missing(cases, kinds, options.output / "expected.jsonl", options.seconds)
    if records:
        rows = {"expected": expected_rows(records), "methods": method_rows(records)}
        print("\n\n".join(markdown(COLUMNS[name], found) for name, found in rows.items()))
        if options.save:
            command = "python tests/benchmarks/run_expected.py DATA -o RESULTS"
            for name in ("cases", "kinds"):
                if getattr(options, name) != parser.get_default(name):
                    command += f" --{name} {getattr(options, name)}"
            save_results(options.save, command, rows)
    print(f"{len(records)} of {len(cases) * len(kinds)} defects", file=sys.stderr)
    return int(len(records) < len(cases) * len(kinds))


if __name__ == "__main__":
    sys.exit(main())
