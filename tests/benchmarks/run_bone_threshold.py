"""Measure how far bone segmented from made CTs is from the true bone, by kernel, slices and threshold.

    python tests/benchmarks/run_bone_threshold.py -o RESULTS [--seeds 201,202] [--kernels soft,bone]
                                   [--slices 0.6,2.5] [--save FILE.json]

The heads are those of `made_ct`, half their size with bone of its full thickness: scalp, thin temples, two
tables with diploe, brain; blurred by the kernel, averaged over the slice, with noise and beam hardening. No
parameter of the segmentation was chosen on these seeds (those were 100 and 101). One JSON line for each CT
goes to RESULTS/bone_threshold.jsonl; a second run measures only what is missing there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.bone_tables import ERRORS, THIN, THRESHOLDS
from benchmarks.result_table import Row, markdown, save_results
from made_ct import KERNELS, make_head, scan, surface_errors

from meshimplant.skull.find_bone import find_bone
from meshimplant.skull.keep_skull import keep_skull

SEEDS, SLICES_MM, SCALE = (201, 202), (0.6, 1.0, 2.5, 5.0), 0.5
COMMAND = "python tests/benchmarks/run_bone_threshold.py -o RESULTS"

Record = dict[str, Any]


def measure(seed: int, kernel: str, slice_mm: float) -> Record:
    """Make one CT, segment it at each threshold, and compare it with the truth."""
    head = make_head(seed, scale=SCALE)
    ct = scan(head, kernel=kernel, slice_mm=slice_mm)
    record: Record = {"seed": seed, "kernel": kernel, "slice_mm": slice_mm}
    for name, threshold_hu in THRESHOLDS.items():
        found = find_bone(ct, threshold_hu)
        if found.tissues is not None and threshold_hu is None:
            record["threshold_hu"] = found.tissues.threshold_hu
        errors = surface_errors(head, keep_skull(found.bone)[0])
        thin = errors.thin
        record[f"t{name}"] = {
            "outer_mm": float(errors.outer_mm.mean()),
            "inner_mm": float(errors.inner_mm.mean()),
            "outer_p95_mm": float(np.percentile(np.abs(errors.outer_mm), 95)),
            "inner_p95_mm": float(np.percentile(np.abs(errors.inner_mm), 95)),
            "thin_excess_mm": float((errors.outer_mm + errors.inner_mm)[thin].mean()),
            "thin_kept_percent": float(100 * errors.kept[thin].mean()),
        }
    return record


def rows_of(records: Sequence[Record]) -> list[Row]:
    """Return one row for each kernel and slice thickness: the mean over the heads."""
    cells = sorted(
        {(record["kernel"], record["slice_mm"]) for record in records},
        key=lambda cell: (list(KERNELS).index(cell[0]), cell[1]),
    )
    return [
        _mean([record for record in records if (record["kernel"], record["slice_mm"]) == cell])
        for cell in cells
    ]


def _mean(records: Sequence[Record]) -> Record:
    row: Record = {key: records[0][key] for key in ("kernel", "slice_mm")}
    row["heads"] = len(records)
    row["threshold_hu"] = round(float(np.mean([record["threshold_hu"] for record in records])), 1)
    for name in (f"t{name}" for name in THRESHOLDS):
        row[name] = {
            key: round(float(np.mean([record[name][key] for record in records])), 4)
            for key in records[0][name]
        }
    return row


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, and print the tables."""
    options = _parse(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    log = options.output / "bone_threshold.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    done = {(r["seed"], r["kernel"], r["slice_mm"]): r for r in map(json.loads, lines)}
    wanted = [(s, k, t) for s in options.seeds for k in options.kernels for t in options.slices]
    for key in wanted:
        if key not in done:
            done[key] = measure(*key)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[key]) + "\n")
    rows = rows_of([done[key] for key in wanted])
    print(f"{markdown(ERRORS, rows)}\n\n{markdown(THIN, rows)}")
    if options.save is not None:
        save_results(options.save, COMMAND, {"errors": rows})


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seeds", type=_numbers(int), default=list(SEEDS))
    parser.add_argument("--kernels", type=lambda text: text.split(","), default=list(KERNELS))
    parser.add_argument("--slices", type=_numbers(float), default=list(SLICES_MM))
    parser.add_argument("--save", type=Path)
    return parser.parse_args(arguments)


def _numbers(kind: Any) -> Any:
    return lambda text: [kind(word) for word in text.split(",")]


if __name__ == "__main__":
    main()
