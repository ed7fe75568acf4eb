"""Score trained networks on the skulls of a training set that are kept to choose by, and print the README's table of them.

    python tests/benchmarks/score_networks.py STORE RUN [RUN ...]

STORE is a folder of ``meshimplant training-set``, RUN one of ``meshimplant train``; its last stage is scored. A network's own
voxels of 1 mm are compared with the truth, before anything is blended into the bone: the mean distance from the true surface in
the opening, mm, the Dice, and in how many defects it is nearer than what it corrects, which has a row of its own. A star marks a
kind of defect that was not learnt from.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from meshimplant.networks.learner import Learner
from meshimplant.networks.learning_samples import Pieces
from meshimplant.networks.runs import RunFolder
from meshimplant.networks.scores import Scores
from meshimplant.networks.training_store import Store, open_store

#: A row's name, its steps and minutes of training, and its scores by kind.
Row = tuple[str, str, str, dict[str, str]]


def rows_of(folder: Path, store: Store, device: str) -> tuple[Row, Row]:
    """Return the table's row of one run, and that of what it corrects."""
    runs = [run for run in (RunFolder(folder, "coarse"), RunFolder(folder, "fine")) if run.begun]
    if not runs:
        raise SystemExit(f"expected a run of meshimplant train in {folder.name}, got none")
    config, states = runs[-1].config(), [run.load() for run in runs]
    learner = Learner(config, runs[-1].stage, runs[-1], torch.device(device))
    learner.load(states[-1])
    learner.mean.eval()
    pieces = Pieces(store, config.data.channels)
    found: dict[str, list[Scores]] = {}
    for case in store.cases("tuning"):
        found.setdefault(case.kind, []).append(learner.score(pieces, case))
    without = config.training[runs[-1].stage].without
    own = {kind: _told(scores) + "*" * (kind in without) for kind, scores in found.items()}
    corrected = {kind: _base(scores) for kind, scores in found.items()}
    everything = [one for scores in found.values() for one in scores]
    steps = " + ".join(str(state.step) for state in states)
    minutes = f"{sum(state.seconds for state in states) / 60:.0f}"
    return (
        (f"`{folder.name}`", steps, minutes, own | {"all": _told(everything)}),
        (f"what they correct: {config.data.base}", "-", "-", corrected | {"all": _base(everything)}),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the README's table: mm / Dice / nearer in so many."""
    kinds = list(dict.fromkeys(kind for *_, scores in rows for kind in scores))
    lines = [f"| run | steps | minutes | {' | '.join(kinds)} |", "|---" * (3 + len(kinds)) + "|"]
    for name, steps, minutes, scores in rows:
        cells = [scores.get(kind, "-") for kind in kinds]
        lines.append(f"| {name} | {steps} | {minutes} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _told(scores: Sequence[Scores]) -> str:
    mean, nearer = Scores.mean(scores), sum(one.gain_mm > 0 for one in scores)
    return f"{mean.error_mm:.2f} / {mean.dice:.3f} / {nearer} of {len(scores)}"


def _base(scores: Sequence[Scores]) -> str:
    mean = Scores.mean(scores)
    return f"{mean.base_error_mm:.2f} / {mean.base_dice:.3f}"


def main(tokens: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path, help="training set")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    asked = parser.parse_args(tokens)
    store = open_store(asked.store)
    bases: dict[str, Row] = {}
    rows = []
    for folder in asked.runs:
        own, base = rows_of(folder, store, asked.device)
        rows.append(own)
        bases.setdefault(base[0], base)
        print(f"{folder.name}: {own[-1]['all']}", file=sys.stderr, flush=True)
    print(table([*rows, *bases.values()]))


if __name__ == "__main__":
    main()
