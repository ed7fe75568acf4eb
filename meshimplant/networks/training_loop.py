"""The training loop: train one stage of a network, seeded and exactly resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from meshimplant.errors import InputError
from meshimplant.networks.config import Config, Stage
from meshimplant.networks.inference import resolve_device
from meshimplant.networks.learner import Learner, learning_rate
from meshimplant.networks.run_folder import Row, RunFolder, RunState
from meshimplant.networks.scores import Scores
from meshimplant.networks.training_samples import (
    HeadCrops,
    Sample,
    case_for_draw,
    draw_augmentation,
    make_sample,
)
from meshimplant.networks.training_store import CaseName, Store


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes
    ----------
    steps : int
        Steps done, in this call and before.
    finished : bool
        False if the time ran out.
    loss : float
        Mean over the last steps.
    scores : Scores or None
        On the tuning cases; None if there are none.
    precision : str
        ``16`` or ``32`` bits, see `precision`.
    """

    steps: int
    finished: bool
    loss: float
    scores: Scores | None
    precision: str


def train(
    config: Config,
    store: Store,
    folder: str | Path,
    *,
    stage: Stage = "coarse",
    resume: bool = False,
    grow: bool = False,
    device: str = "auto",
    minutes: float | None = None,
    workers: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> TrainingResult:
    """Train the coarse stage of a network, or the fine one on top of it.

    Every sample depends on the seed and its number only. A run that is stopped and resumed therefore ends in
    the same weights as one that was not, bit for bit, on the same machine with the same number of threads.
    The training cases are fixed when the run begins.

    Parameters
    ----------
    config : Config
    store : Store
        The training set.
    folder : str or Path
        Folder of the run; ``coarse/`` and ``fine/`` in it hold checkpoint, curves and progress.
    stage : str
        ``coarse`` or ``fine``.
    resume : bool
        Continue the run in the folder.
    grow : bool
        When resuming, include cases added to the training set since.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    minutes : float, optional
        Stop after this time, with a checkpoint to resume from.
    workers : int
        Threads that prepare samples ahead; 0: prepare each when it is needed.
    progress : callable
        Called with a line of text after every evaluation.

    Returns
    -------
    TrainingResult

    Raises
    ------
    InputError
        There are no training cases; the folder holds a run and `resume` is False; or the run has another
        config.
    FileReadError
        The checkpoint, or that of the coarse stage, is missing or damaged.
    """
    run = RunFolder(Path(folder), stage)
    state = _started(run, config, store, resume=resume, grow=grow)
    learner = Learner(config, stage, run, torch.device(resolve_device(device)))
    learner.load(state)
    until = math.inf if minutes is None else time.monotonic() + 60 * minutes
    return _loop(learner, state, store, until=until, workers=workers, progress=progress)


def _started(run: RunFolder, config: Config, store: Store, *, resume: bool, grow: bool) -> RunState:
    """Return the state of the run in the folder, or start a new one."""
    if run.stage == "coarse" and config.coarse.architecture == "none":
        raise InputError(
            "expected a config with a coarse network for stage coarse, got coarse.architecture none: "
            "train stage fine"
        )
    cases = store.cases("training", without=config.training[run.stage].without)
    if run.begun:
        if not resume:
            raise InputError(
                f"expected a new folder for a run, got {run.folder.name} with a {run.stage} checkpoint: "
                "resume it, or choose another folder"
            )
        run.require_same(config)
        state = run.load()
        if grow:
            state.cases = [str(case) for case in cases]
        return state
    if not cases:
        raise InputError(
            f"expected training cases in {store.folder.name}, got none: "
            "build the training set first, or exclude fewer kinds"
        )
    run.begin(config)
    return RunState(cases=[str(case) for case in cases])


def _loop(
    learner: Learner,
    state: RunState,
    store: Store,
    *,
    until: float,
    workers: int,
    progress: Callable[[str], None],
) -> TrainingResult:
    """Take steps until the last one or until time runs out, with evaluations and checkpoints in between."""
    training, channels = learner.training, learner.config.data.channels
    crops = HeadCrops(store, channels)
    cases = tuple(CaseName.of(name) for name in state.cases)
    tuning = store.cases("tuning")
    monitor = _Monitor(
        learner, state, HeadCrops(store, channels), _spread(tuning, training.looked_at), progress
    )

    def draw(number: int) -> list[Sample]:
        return [_draw_sample(learner, crops, cases, number, index) for index in range(training.batch)]

    for number, samples in _ahead(draw, range(state.step, training.steps), workers):
        monitor.after(number + 1, learner.step(number, samples))
        if time.monotonic() > until:
            break
    finished = state.step >= training.steps
    scores = monitor.close(tuning if finished else ())
    return TrainingResult(state.step, finished, monitor.loss, scores, learner.precision)


class _Monitor:
    """Evaluate the run and write checkpoints at their intervals."""

    def __init__(
        self,
        learner: Learner,
        state: RunState,
        crops: HeadCrops,
        cases: tuple[CaseName, ...],
        progress: Callable[[str], None],
    ) -> None:
        self.learner, self.state, self.crops, self.cases = learner, state, crops, cases
        self.progress = progress
        self.loss = state.rows[-1]["loss"] if state.rows else math.nan
        self._begun = time.monotonic() - state.seconds
        self._scores: Scores | None = None

    def after(self, step: int, loss: float) -> None:
        """Record a step and its loss."""
        training = self.learner.training
        self.state.step = step
        self.state.losses.append(loss)
        last = step == training.steps
        if step % training.every == 0 and not last:
            self._evaluate(self.cases)
        if step % training.checkpoint == 0 or last:
            self._save()

    def close(self, cases: tuple[CaseName, ...]) -> Scores | None:
        """Evaluate on these cases and write the last checkpoint."""
        if self.state.losses or not self.state.rows:
            self._evaluate(cases)
        self._save()
        return self._scores

    def _evaluate(self, cases: tuple[CaseName, ...]) -> None:
        self.loss = float(np.mean(self.state.losses)) if self.state.losses else self.loss
        self.state.losses = []
        self._scores = self.learner.scores(self.crops, cases)
        row: Row = {"step": self.state.step, "seconds": round(time.monotonic() - self._begun, 1)}
        row |= {"learning_rate": learning_rate(self.learner.training, self.state.step - 1), "loss": self.loss}
        row |= vars(self._scores) if self._scores else {}
        self.state.rows.append(row)
        self.progress(_progress_line(row, self.learner.training.steps))

    def _save(self) -> None:
        self.state.seconds = time.monotonic() - self._begun
        self.state.tensors = self.learner.tensors()
        status: dict[str, Any] = {"stage": self.learner.stage, "device": str(self.learner.device)}
        status |= {"precision": self.learner.precision}
        status |= {"step": self.state.step, "steps": self.learner.training.steps}
        status |= {"seconds": round(self.state.seconds, 1), "rows": self.state.rows[-1:]}
        self.learner.run.save(self.state, status)


def _draw_sample(
    learner: Learner, crops: HeadCrops, cases: tuple[CaseName, ...], step: int, index: int
) -> Sample:
    """Return the sample with this index in a step."""
    training = learner.training
    draw = step * training.batch + index
    change = draw_augmentation(np.random.default_rng([training.seed, 3, draw]), training)
    crop = crops[case_for_draw(cases, training.seed, draw)]
    return make_sample(crop, learner.config.data, training, change, coarse=learner.stage == "coarse")


def _ahead(
    draw: Callable[[int], list[Sample]], steps: range, workers: int
) -> Iterator[tuple[int, list[Sample]]]:
    """Yield steps and their samples, prepared some steps ahead by threads."""
    if workers == 0:
        yield from ((step, draw(step)) for step in steps)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[tuple[int, Future[list[Sample]]]] = []
        for step in steps:
            waiting.append((step, pool.submit(draw, step)))
            if len(waiting) > 2 * workers:
                first, samples = waiting.pop(0)
                yield first, samples.result()
        for first, samples in waiting:
            yield first, samples.result()


def _spread(cases: tuple[CaseName, ...], count: int) -> tuple[CaseName, ...]:
    """Return at most `count` cases, spread evenly."""
    if len(cases) <= count:
        return cases
    return tuple(cases[int(place)] for place in np.linspace(0, len(cases) - 1, count))


def _progress_line(row: Row, steps: int) -> str:
    text = f"step {row['step']:.0f} of {steps}: loss {row['loss']:.4f}"
    if "dice" in row:
        text += f", error {row['error_mm']:.3f} mm (base {row['base_error_mm']:.3f})"
        text += f", Dice {row['dice']:.4f} (base {row['base_dice']:.4f})"
    return text
