"""Train one stage of a network on a training set: seeded, on any device, and resumed exactly where it was stopped."""

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
from meshimplant.networks.inference import device_of
from meshimplant.networks.learner import Learner, learning_rate
from meshimplant.networks.learning_samples import Pieces, Sample, case_at, draw_change, make_sample
from meshimplant.networks.runs import Row, RunFolder, RunState
from meshimplant.networks.scores import Scores
from meshimplant.networks.training_store import CaseName, Store


@dataclass(frozen=True)
class Trained:
    """How a training ended.

    Attributes
    ----------
    steps : int
        Steps that are done, of this call and before.
    finished : bool
        False: the time was over before.
    loss : float
        Mean over the last steps.
    scores : Scores or None
        On the tuning cases; None without any.
    """

    steps: int
    finished: bool
    loss: float
    scores: Scores | None


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
    tell: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train the coarse stage of a network, or the fine one on top of it.

    Every sample depends on the seed and its number only, so a run that is stopped and resumed ends in the same weights, bit for
    bit on one machine's processor, as one that was not. What is learnt from is fixed when the run begins.

    Parameters
    ----------
    folder
        Of the run: ``coarse/`` and ``fine/`` with checkpoint, curves and progress.
    resume
        Go on with the run that is there.
    grow
        When it goes on, learn from what has been added to the training set since, too.
    device
        ``auto``, ``cpu`` or ``cuda``.
    minutes
        Stop after this time, with a checkpoint to go on from.
    workers
        Threads that prepare samples ahead; 0: each is prepared when its turn comes.
    tell
        Called with the progress.

    Raises
    ------
    InputError
        No case to learn from; a run is there and `resume` is False, or it was begun with another config.
    FileReadError
        The checkpoint, or that of the coarse stage, is missing or damaged.
    """
    run = RunFolder(Path(folder), stage)
    state = _started(run, config, store, resume=resume, grow=grow)
    learner = Learner(config, stage, run, torch.device(device_of(device)))
    learner.load(state)
    until = math.inf if minutes is None else time.monotonic() + 60 * minutes
    return _loop(learner, state, store, until=until, workers=workers, tell=tell)


def _started(run: RunFolder, config: Config, store: Store, *, resume: bool, grow: bool) -> RunState:
    """Return the state of the run that is there, or a new one."""
    if run.stage == "coarse" and config.coarse.architecture == "none":
        raise InputError(
            "expected a config with a coarse network for stage coarse, got coarse.architecture none: train stage fine"
        )
    cases = store.cases("training", without=config.training[run.stage].without)
    if run.begun:
        if not resume:
            raise InputError(
                f"expected a new folder for a run, got {run.folder.name} with a {run.stage} checkpoint: resume "
                "it, or choose another"
            )
        run.require_same(config)
        state = run.load()
        if grow:
            state.cases = [str(case) for case in cases]
        return state
    if not cases:
        raise InputError(
            f"expected cases to learn from in {store.folder.name}, got none: build the training set first, or "
            "leave fewer kinds out"
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
    tell: Callable[[str], None],
) -> Trained:
    """Step until the end or until the time is over; look at the tuning cases and keep checkpoints on the way."""
    training, channels = learner.training, learner.config.data.channels
    pieces = Pieces(store, channels)
    cases = tuple(CaseName.of(name) for name in state.cases)
    tuning = store.cases("tuning")
    watch = _Watch(learner, state, Pieces(store, channels), _spread(tuning, training.looked_at), tell)

    def draw(number: int) -> list[Sample]:
        return [_drawn(learner, pieces, cases, number, place) for place in range(training.batch)]

    for number, samples in _ahead(draw, range(state.step, training.steps), workers):
        watch.after(number + 1, learner.step(number, samples))
        if time.monotonic() > until:
            break
    finished = state.step >= training.steps
    scores = watch.close(tuning if finished else ())
    return Trained(state.step, finished, watch.loss, scores)


class _Watch:
    """What is noted of a run: a row of the curves and a checkpoint now and then."""

    def __init__(
        self,
        learner: Learner,
        state: RunState,
        pieces: Pieces,
        cases: tuple[CaseName, ...],
        tell: Callable[[str], None],
    ) -> None:
        self.learner, self.state, self.pieces, self.cases, self.tell = learner, state, pieces, cases, tell
        self.loss = state.rows[-1]["loss"] if state.rows else math.nan
        self._begun = time.monotonic() - state.seconds
        self._scores: Scores | None = None

    def after(self, step: int, loss: float) -> None:
        """Take note of a step that is done."""
        training = self.learner.training
        self.state.step = step
        self.state.losses.append(loss)
        last = step == training.steps
        if step % training.every == 0 and not last:
            self._look(self.cases)
        if step % training.checkpoint == 0 or last:
            self._keep()

    def close(self, cases: tuple[CaseName, ...]) -> Scores | None:
        """Look at all cases, if any are given, and keep the last checkpoint."""
        if self.state.losses or not self.state.rows:
            self._look(cases)
        self._keep()
        return self._scores

    def _look(self, cases: tuple[CaseName, ...]) -> None:
        self.loss = float(np.mean(self.state.losses)) if self.state.losses else self.loss
        self.state.losses = []
        self._scores = self.learner.scores(self.pieces, cases)
        row: Row = {"step": self.state.step, "seconds": round(time.monotonic() - self._begun, 1)}
        row |= {"learning_rate": learning_rate(self.learner.training, self.state.step - 1), "loss": self.loss}
        row |= vars(self._scores) if self._scores else {}
        self.state.rows.append(row)
        self.tell(_told(row, self.learner.training.steps))

    def _keep(self) -> None:
        self.state.seconds = time.monotonic() - self._begun
        self.state.tensors = self.learner.tensors()
        progress: dict[str, Any] = {"stage": self.learner.stage, "device": str(self.learner.device)}
        progress |= {"step": self.state.step, "steps": self.learner.training.steps}
        progress |= {"seconds": round(self.state.seconds, 1), "rows": self.state.rows[-1:]}
        self.learner.run.save(self.state, progress)


def _drawn(learner: Learner, pieces: Pieces, cases: tuple[CaseName, ...], step: int, place: int) -> Sample:
    training = learner.training
    draw = step * training.batch + place
    change = draw_change(np.random.default_rng([training.seed, 3, draw]), training)
    piece = pieces[case_at(cases, training.seed, draw)]
    return make_sample(piece, learner.config.data, training, change, coarse=learner.stage == "coarse")


def _ahead(
    draw: Callable[[int], list[Sample]], steps: range, workers: int
) -> Iterator[tuple[int, list[Sample]]]:
    """Yield steps and their samples, prepared by threads some steps ahead."""
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
    """Return at most `count` cases, spread over all."""
    if len(cases) <= count:
        return cases
    return tuple(cases[int(place)] for place in np.linspace(0, len(cases) - 1, count))


def _told(row: Row, steps: int) -> str:
    text = f"step {row['step']:.0f} of {steps}: loss {row['loss']:.4f}"
    if "dice" in row:
        text += f", error {row['error_mm']:.3f} mm (base {row['base_error_mm']:.3f})"
        text += f", Dice {row['dice']:.4f} (base {row['base_dice']:.4f})"
    return text
