"""Score trained networks on the skulls of a training set that are kept to choose by, and print the README's table of them.

    python tests/benchmarks/score_networks.py STORE RUN [RUN ...]

STORE is a folder of ``meshimplant training-set``, RUN one of ``meshimplant train``; its last stage is scored. A network's own
voxels of 1 mm are compared with the truth, before anything is blended into the bone: the mean distance from the true surface in
the opening and the Dice, in brackets those of what it corrects. Kinds of defect that it did not learn from are told.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from meshimplant.networks.config import Stage
from meshimplant.networks.learner import Learner
from meshimplant.networks.runs import RunFolder
from meshimplant.networks.samples import Pieces
from meshimplant.networks.scores import Scores
from meshimplant.networks.store import Store, open_store

HEAD = "| run | steps | defect | mm | Dice | nearer in |\n|---|---|---|---|---|---|"


def rows_of(folder: Path, store: Store, device: str) -> list[str]:
    """Return the table's rows of one run: a row for each kind of defect."""
    stages: tuple[Stage, ...] = ("fine", "coarse")
    run = next((one for one in (RunFolder(folder, stage) for stage in stages) if one.begun), None)
    if run is None:
        raise SystemExit(f"expected a run of meshimplant train in {folder.name}, got none")
    config, state = run.config(), run.load()
    learner = Learner(config, run.stage, run, torch.device(device))
    learner.load(state)
    learner.mean.eval()
    pieces, found = Pieces(store, config.data.channels), {}
    for case in store.cases("tuning"):
        found.setdefault(case.kind, []).append(learner.score(pieces, case))
    without = config.training[run.stage].without
    return [
        f"| `{folder.name}` | {state.step} | {kind}{' (not learnt from)' if kind in without else ''} | {_told(scores)} |"
        for kind, scores in sorted(found.items())
    ]


def _told(scores: Sequence[Scores]) -> str:
    mean = Scores.mean(scores)
    nearer = sum(one.gain_mm > 0 for one in scores)
    return (
        f"{mean.error_mm:.2f} ({mean.base_error_mm:.2f}) | {mean.dice:.3f} ({mean.base_dice:.3f}) "
        f"| {nearer} of {len(scores)}"
    )


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
    print(HEAD, flush=True)
    for folder in asked.runs:
        print("\n".join(rows_of(folder, store, asked.device)), flush=True)


if __name__ == "__main__":
    main()
