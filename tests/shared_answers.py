"""What the designs of a test run have in common, found once.

What depends on a skull alone takes seconds, and so does each step of the line. A test run designs the same
few skulls again and again: with the same arguments, the same answer is given.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

import meshimplant
from meshimplant.complete.complete_skull import Completion
from meshimplant.design.kept_values import KeptValues
from meshimplant.design.step_runner import StepRunner
from meshimplant.head.mean_vault import VaultMean
from meshimplant.report import Step
from meshimplant.voxels.volume import Volume

#: Number of answers that are kept, the latest ones: of one function, of the steps of the line, of pictures.
_KEPT, _STEPS, _PICTURES = 8, 80, 6
#: Values of options that are told by themselves: a network is not.
_PLAIN = (str, int, float, bool, type(None))


class _Latest(OrderedDict[Any, Any]):
    """The latest answers by key."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        while len(self) > self._most:
            self.popitem(last=False)


@contextmanager
def shared_answers(folder: Path | None = None) -> Iterator[None]:
    """Let designs share what they have in common during the block.

    This is what is removed from a skull, its frame and openings, its reference, its completion, each step of
    the line, and the two pictures; with a folder, the first four with other processes that use it, too.
    """
    from meshimplant.complete import complete_skull
    from meshimplant.design import inputs, make_part, reconstruct, write_design
    from meshimplant.skull import segment

    with pytest.MonkeyPatch.context() as patch:
        located = _kept(complete_skull.locate_openings, folder)
        patch.setattr(complete_skull, "locate_openings", located)
        reference = _kept(make_part.reference_of, folder)
        patch.setattr(make_part, "reference_of", reference)
        patch.setattr(meshimplant, "reference_of", reference)
        foreign = _kept(inputs.remove_foreign, folder, typed=True)  # the mask comes back in its type
        patch.setattr(inputs, "remove_foreign", foreign)
        patch.setattr(segment, "remove_foreign", foreign)
        complete = _kept(reconstruct.complete_skull, folder)
        patch.setattr(reconstruct, "complete_skull", complete)
        patch.setattr(meshimplant, "complete_skull", complete)
        patch.setattr(StepRunner, "_run", _kept_steps(StepRunner._run))
        patch.setattr(write_design, "write_previews", _kept_pictures(write_design.write_previews))
        yield


@contextmanager
def found_anew() -> Iterator[None]:
    """Let each design find everything itself during the block."""
    from meshimplant.complete import complete_skull
    from meshimplant.complete.reference_of import reference_of
    from meshimplant.design import inputs, make_part, reconstruct, write_design
    from meshimplant.preview.write_previews import write_previews
    from meshimplant.skull.foreign_bodies import remove_foreign

    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(make_part, "reference_of", reference_of)
        patch.setattr(inputs, "remove_foreign", remove_foreign)
        patch.setattr(reconstruct, "complete_skull", complete_skull.complete_skull)
        patch.setattr(write_design, "write_previews", write_previews)
        for owner, name in ((complete_skull, "locate_openings"), (StepRunner, "_run")):
            patch.setattr(owner, name, getattr(getattr(owner, name), "__wrapped__", getattr(owner, name)))
        yield


def _kept(find: Callable[..., Any], folder: Path | None, *, typed: bool = False) -> Callable[..., Any]:
    """Return a function of a mask and of options that keeps its last few answers."""
    known = _Latest(_KEPT)

    @wraps(find)
    def found(mask: Volume, *values: Any, **options: Any) -> Any:
        given = signature(find).bind(mask, *values, **options)
        given.apply_defaults()
        _, *others = ((name, _told(value)) for name, value in given.arguments.items())
        if not isinstance(mask, Volume) or not all(isinstance(value, _PLAIN) for _, value in others):
            return find(mask, *values, **options)
        facts = (
            find.__name__,
            mask.array.shape,
            mask.array.dtype if typed else "",
            mask.affine.tolist(),
            others,
        )
        key = hashlib.sha256(repr(facts).encode() + (mask.array != 0).tobytes()).hexdigest()
        if key not in known:
            known[key] = _answer(key, folder, lambda: find(mask, *values, **options))
        return _own(known[key])

    return found


def _told(value: Any) -> Any:
    """Return a mean by its digest, and anything else as it is."""
    if not isinstance(value, VaultMean):
        return value
    return hashlib.sha256(value.outer_fraction.tobytes() + value.thickness_fraction.tobytes()).hexdigest()


def _answer(key: str, folder: Path | None, find: Callable[[], Any]) -> Any:
    """Return what another process wrote into the folder; else find it, and write it there."""
    if folder is None:
        return find()
    path = folder / key
    if path.exists():
        return pickle.loads(path.read_bytes())
    answer = find()
    partial = folder / f"{key}.{os.getpid()}"
    partial.write_bytes(pickle.dumps(answer))
    partial.rename(path)
    return answer


def _own(answer: Any) -> Any:
    """Return an answer whose lists and tables its user may change."""
    if isinstance(answer, Completion):
        return replace(answer, method=deepcopy(answer.method), findings=list(answer.findings))
    return answer


def _kept_steps(run: Callable[..., Any]) -> Callable[..., Any]:
    """Return `StepRunner._run` that gives what an earlier step with the same arguments gave."""
    known = _Latest(_STEPS)

    @wraps(run)
    def ran(line: StepRunner, name: str, function: Any, /, *inputs: Any, **parameters: Any) -> Any:
        if line.keeper is None:
            return run(line, name, function, *inputs, **parameters)
        key = function, line.keeper.key(name, inputs, parameters)
        if key in known:
            result, step = known[key]
            line.progress(name)
            line.report.steps.append(replace(step, parameters=deepcopy(step.parameters)))
            return result
        result = run(line, name, function, *inputs, **parameters)
        step: Step = line.report.steps[-1]
        known[key] = result, replace(step, parameters=deepcopy(step.parameters))
        return result

    return ran


def _kept_pictures(write: Callable[..., None]) -> Callable[..., None]:
    """Return `write_previews` that writes the bytes of earlier pictures of the same."""
    known = _Latest(_PICTURES)

    @wraps(write)
    def wrote(picture: Path, page: Path, **shown: Any) -> None:
        key = KeptValues().digest(shown)
        if key not in known:
            write(picture, page, **shown)
            known[key] = picture.read_bytes(), page.read_bytes()
        for path, content in zip((picture, page), known[key], strict=True):
            path.write_bytes(content)

    return wrote
