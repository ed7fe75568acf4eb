"""The folder of a training run: checkpoint, curves and progress, each written atomically."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.atomic import atomic_path
from meshimplant.networks.config import Config, Stage, config_from
from meshimplant.runtime.regular_files import open_regular, parse_json, read_regular

CHECKPOINT, CURVES, PROGRESS, CONFIG = "checkpoint.pt", "curves.csv", "progress.json", "config.json"
COLUMNS = (
    *("step", "seconds", "learning_rate", "loss"),
    *("error_mm", "base_error_mm", "dice", "base_dice"),
)
Row = dict[str, float]


@dataclass
class RunState:
    """State of a training, sufficient to continue exactly.

    Attributes
    ----------
    step : int
        Steps done.
    seconds : float
        Their wall-clock time.
    cases : list of str
        Training cases, fixed when the run began.
    rows : list of dict
        The curves so far.
    losses : list of float
        Losses of the steps since the last row.
    tensors : dict
        State of the network, its running mean, the optimiser and torch's generator.
    precision : str
        ``16`` or ``32`` bits, see `precision`; empty before the first step.
    """

    step: int = 0
    seconds: float = 0.0
    cases: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    tensors: dict[str, Any] = field(default_factory=dict)
    precision: Literal["16", "32", ""] = ""


@dataclass(frozen=True)
class RunFolder:
    """One stage of a run in ``folder/stage``."""

    folder: Path
    stage: Stage

    @property
    def place(self) -> Path:
        """The folder of this stage."""
        return self.folder / self.stage

    def begin(self, config: Config) -> None:
        """Create the folder and write the config."""
        self.place.mkdir(parents=True, exist_ok=True)
        self._write(CONFIG, json.dumps(config.to_dict(), indent=1))

    @property
    def begun(self) -> bool:
        """Whether there is a checkpoint."""
        return (self.place / CHECKPOINT).is_file()

    def require_same(self, config: Config) -> None:
        """Raise `InputError` if the run was begun with another network or other settings of this stage.

        The number of steps, the intervals of evaluations and checkpoints, and the precision may change.
        """
        begun_with = self.config()
        free = {name: 1 for name in ("steps", "every", "checkpoint", "looked_at", "precision")}
        pairs = [
            (one.data, one.coarse, one.fine, one.latent, vars(one.training[self.stage]) | free)
            for one in (begun_with, config)
        ]
        if pairs[0] != pairs[1]:
            raise InputError(
                f"expected the config that {self.folder.name} was begun with, got another: "
                "choose another folder, or the same config"
            )

    def config(self) -> Config:
        """Return the config of the run."""
        try:
            return config_from(parse_json(read_regular(self.place / CONFIG)))
        except (OSError, ValueError) as error:
            raise FileReadError(
                f"expected a run with {self.stage}/{CONFIG} in {self.folder.name}, got none: "
                "train that stage first"
            ) from error

    def save(self, state: RunState, progress: Mapping[str, Any]) -> None:
        """Write checkpoint, curves and progress."""
        with atomic_path(self.place / CHECKPOINT) as temporary:
            torch.save(vars(state), temporary)
        self._write(CURVES, _table(state.rows))
        self._write(PROGRESS, json.dumps(dict(progress), indent=1))

    def load(self) -> RunState:
        """Read the checkpoint; nothing in it is executed.

        Raises `FileReadError` if it is missing or damaged.
        """
        try:
            with open_regular(self.place / CHECKPOINT) as stream:
                state = torch.load(stream, map_location="cpu", weights_only=True)
            return RunState(**state)
        except Exception as error:  # damage can raise anything in torch
            got = "a damaged file" if (self.place / CHECKPOINT).is_file() else "none"
            raise FileReadError(
                f"expected a checkpoint of a run in {self.folder.name}/{self.stage}, got {got}: "
                "train that stage first, or start again in another folder"
            ) from error

    def _write(self, name: str, text: str) -> None:
        with atomic_path(self.place / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _table(rows: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows([{name: f"{value:.6g}" for name, value in row.items()} for row in rows])
    return out.getvalue()
