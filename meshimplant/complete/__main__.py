"""Build the packaged mean vault: ``python -m meshimplant.complete SKULLFIX_FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from meshimplant.complete.population import build_vault_mean
from meshimplant.datasets.skullfix import TRAINING, list_skullfix
from meshimplant.io.volumes import read_volume
from meshimplant.volume import Volume

ABOUT = {
    "data": "SkullFix (Li et al., Data in Brief 35:106902, 2021), derived from CQ500",
    "licence": "CC BY-NC-SA 4.0: non-commercial",
    "split": "training",
}


def main(folder: str) -> None:
    """Average the training skulls of a SkullFix folder and replace the packaged mean; the result is deterministic."""
    files = {case.name: case.complete for case in list_skullfix(folder) if case.complete}
    chosen = [name for name in files if name in TRAINING]

    def skulls() -> Iterator[Volume]:
        for number, name in enumerate(chosen, start=1):
            sys.stderr.write(f"\r{number} of {len(chosen)}: {name}")
            yield read_volume(files[name])

    build_vault_mean(skulls(), about=ABOUT).save(Path(__file__).with_name("vault_mean.npz"))


if __name__ == "__main__":
    main(sys.argv[1])
