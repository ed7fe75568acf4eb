"""Score trained networks on the tuning skulls of a training set, and print a table of them.

    python tests/benchmarks/score_networks.py STORE RUN [RUN ...] [--save FILE.json]

STORE is a folder of ``meshimplant training-set``, RUN one of ``meshimplant train``; its last stage is scored.
A network's own voxels of 1 mm are compared with the truth, before anything is blended into the bone: the mean
distance from the true surface in the opening, mm, the Dice, and in how many defects it is closer than the
completion it corrects, which has a row of its own. A star marks a kind of defect that was left out of
training.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.network_tables import score_columns
from benchmarks.result_table import markdown, save_results

from meshimplant.networks.learner import Learner
from meshimplant.networks.run_folder import RunFolder
from meshimplant.networks.scores import Scores
from meshimplant.networks.training_samples import HeadCrops
from meshimplant.networks.training_store import Store, open_store

Record = dict[str, Any]


def rows_of(folder: Path, store: Store, device: str) -> tuple[Record, Record]:
    """Return the table's row of one run, and the row of what it corrects."""
    runs = [run for run in (RunFolder(folder, "coarse"), RunFolder(folder, "fine")) if run.begun]
    if not runs:
        raise SystemExit(f"expected a run of meshimplant train in {folder.name}, got none")
    config, states = runs[-1].config(), [run.load() for run in runs]
    learner = Learner(config, runs[-1].stage, runs[-1], torch.device(device))
    learner.load(states[-1])
    learner.mean.eval()
    pieces = HeadCrops(store, config.data.channels)
    scores: dict[str, list[Scores]] = {}
    for case in store.cases("tuning"):
        scores.setdefault(case.kind, []).append(learner.score(pieces, case))
    scores["all"] = [one for group in scores.values() for one in group]
    without = config.training[runs[-1].stage].without
    steps = " + ".join(str(state.step) for state in states)
    minutes = sum(state.seconds for state in states) / 60
    own = {kind: _own(group, star="*" * (kind in without)) for kind, group in scores.items()}
    apply_stages = {kind: _corrected(group) for kind, group in scores.items()}
    return (
        {"run": f"`{folder.name}`", "steps": steps, "minutes": minutes, **own},
        {"run": f"what they correct: {config.data.base}", **apply_stages},
    )


def _own(scores: Sequence[Scores], *, star: str) -> Record:
    mean, nearer = Scores.mean(scores), sum(one.gain_mm > 0 for one in scores)
    return {"error_mm": mean.error_mm, "dice": mean.dice, "nearer": f" / {nearer} of {len(scores)}{star}"}


def _corrected(scores: Sequence[Scores]) -> Record:
    mean = Scores.mean(scores)
    return {"error_mm": mean.base_error_mm, "dice": mean.base_dice, "nearer": ""}


def main(tokens: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, help="training set")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--save", type=Path, help="JSON file for the table's rows")
    options = parser.parse_args(tokens)
    store = open_store(options.store)
    bases: dict[str, Record] = {}
    rows: list[Record] = []
    for folder in options.runs:
        own, base = rows_of(folder, store, options.device)
        rows.append(own)
        bases.setdefault(base["run"], base)
        print(f"{folder.name}: {own['all']['error_mm']:.2f} mm", file=sys.stderr, flush=True)
    rows += bases.values()
    print(markdown(score_columns(rows), rows))
    if options.save:
        save_results(
            options.save, "python tests/benchmarks/score_networks.py STORE RUN [RUN ...]", {"scores": rows}
        )


if __name__ == "__main__":
    main()
