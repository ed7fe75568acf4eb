"""An array or a text in place of a volume or a mesh is one sentence, in every public function of the line."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trimesh

import meshimplant
from meshimplant.errors import InputError

#: Functions that take a volume or a mesh first, and belong to training, data sets or pictures and not to the
#: line.
ELSEWHERE = {
    *(
        "augment",
        "craniectomy",
        "link",
        "points_to_volume",
        "read_head_shape",
        "read_head_vault",
        "render_preview",
        "summarize",
    ),
    *("voxelize", "write_viewer", "show"),
}


def _takes_one(name: str) -> bool:
    """Whether a public name is a function whose first argument is a volume or a mesh."""
    function = getattr(meshimplant, name)
    if not inspect.isfunction(function):
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and any(kind in str(first.annotation) for kind in ("Volume", "Trimesh"))


LINE = sorted(name for name in meshimplant.__all__ if _takes_one(name) and name not in ELSEWHERE)


def _call(function: Callable[..., Any], value: object) -> None:
    """Call a function with a value for its first argument, and numbers for the others that it needs."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    needed = [p for p in parameters if p.default is p.empty]
    positional = [1.0 for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD]
    function(value, *positional, **{p.name: 1.0 for p in needed if p.kind is p.KEYWORD_ONLY})


def test_the_steps_of_the_line_are_among_them() -> None:
    steps = {
        "complete_skull",
        "subtract",
        "separate",
        "deepen",
        "extract",
        "smooth",
        "trim",
        "set_thickness",
        "end_free_border",
        "bevel",
    }
    assert {*steps, "repair", "simplify", "check_part", "reconstruct"} <= set(LINE)


@pytest.mark.parametrize("name", LINE)
@pytest.mark.parametrize(
    ("value", "got"),
    [
        (np.zeros((4, 5, 6), np.uint8), "got an array of 4 x 5 x 6 values: "),
        ("no-such-file.nrrd", "no-such-file.nrrd"),
    ],
    ids=["array", "text"],
)
def test_a_wrong_type_is_one_sentence(name: str, value: object, got: str) -> None:
    with pytest.raises(InputError) as caught:
        _call(getattr(meshimplant, name), value)
    assert str(caught.value).startswith("expected ")
    assert got in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_second_argument_is_checked_too() -> None:
    ball = trimesh.creation.icosphere()
    for name in ("trim", "find_insertion", "check_fit", "skull_thickness"):
        with pytest.raises(InputError, match="expected the skull as a Volume or a Site, got an array"):
            getattr(meshimplant, name)(ball, np.zeros((4, 4, 4)))
