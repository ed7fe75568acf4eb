"""What designs of one skull have in common, found once: it depends on the skull alone, and takes seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from functools import wraps
from inspect import signature
from typing import Any

import pytest

import meshimplant
from meshimplant.complete.complete_skull import Completion
from meshimplant.voxels.volume import Volume

#: Number of answers of one function that are kept, the latest ones.
_KEPT = 5
#: Values of options that are told by themselves: a model or a network is not.
_PLAIN = (str, int, float, bool, type(None))


@contextmanager
def shared_answers() -> Iterator[None]:
    """Let designs share what is removed from a skull, its reference and its completion, during the block."""
    from meshimplant.design import inputs, make_part, reconstruct
    from meshimplant.skull import segment

    with pytest.MonkeyPatch.context() as patch:
        reference = _kept(make_part.reference_of)
        patch.setattr(make_part, "reference_of", reference)
        patch.setattr(meshimplant, "reference_of", reference)
        foreign = _kept(inputs.remove_foreign, typed=True)  # the mask comes back in its type
        patch.setattr(inputs, "remove_foreign", foreign)
        patch.setattr(segment, "remove_foreign", foreign)
        complete = _kept(reconstruct.complete_skull)
        patch.setattr(reconstruct, "complete_skull", complete)
        patch.setattr(meshimplant, "complete_skull", complete)
        yield


@contextmanager
def found_anew() -> Iterator[None]:
    """Let each design find everything itself during the block."""
    from meshimplant.complete.complete_skull import complete_skull
    from meshimplant.complete.reference_of import reference_of
    from meshimplant.design import inputs, make_part, reconstruct
    from meshimplant.skull.foreign_bodies import remove_foreign

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_part, "reference_of", reference_of)
        patch.setattr(inputs, "remove_foreign", remove_foreign)
        patch.setattr(reconstruct, "complete_skull", complete_skull)
        yield


def _kept(find: Callable[..., Any], *, typed: bool = False) -> Callable[..., Any]:
    """Return a function of a mask and of options that keeps its last few answers."""
    known: dict[bytes, Any] = {}

    @wraps(find)
    def found(mask: Volume, **options: Any) -> Any:
        values = signature(find).bind(mask, **options)
        values.apply_defaults()
        _, *others = values.arguments.items()
        if not isinstance(mask, Volume) or not all(isinstance(value, _PLAIN) for _, value in others):
            return find(mask, **options)
        facts = repr((mask.array.shape, str(mask.array.dtype) if typed else "", mask.affine.tolist(), others))
        key = hashlib.sha256(facts.encode() + (mask.array != 0).tobytes()).digest()
        if key not in known:
            while len(known) >= _KEPT:
                del known[next(iter(known))]
            known[key] = find(mask, **options)
        return _own(known[key])

    return found


def _own(answer: Any) -> Any:
    """Return an answer whose lists and tables its user may change."""
    if isinstance(answer, Completion):
        return replace(answer, method=deepcopy(answer.method), findings=list(answer.findings))
    return answer
