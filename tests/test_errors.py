"""The exception tree is the one that its docstring draws, and catches what its callers rely on."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from meshimplant import errors
from meshimplant.errors import DesignRefused, InputError, MeshImplantError, require_type
from meshimplant.report import Finding


def _drawn() -> dict[str, tuple[str, str | None]]:
    """Name -> (parent, built-in base) as the module's docstring draws them."""
    tree: dict[str, tuple[str, str | None]] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+)(?: \((\w+)\))?", line)
        if not match:
            continue
        level = len(match.group(1)) // 4 + ("── " in line)
        path = [*path[:level], match.group(2)]
        tree[match.group(2)] = (path[-2] if level else "", match.group(3))
    return tree


def _defined() -> dict[str, type]:
    members = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in members if kind.__module__ == errors.__name__}


def test_the_tree_is_the_drawn_one():
    drawn, defined = _drawn(), _defined()
    assert set(drawn) == set(defined)
    assert next(iter(drawn)) == "MeshImplantError"
    for name, (parent, builtin) in drawn.items():
        bases = [base.__name__ for base in defined[name].__bases__]
        assert bases == ([parent] if parent else ["Exception"]) + ([builtin] if builtin else [])


@pytest.mark.parametrize("kind", _defined().values())
def test_each_has_a_docstring_keeps_its_message_and_is_caught_by_the_base(kind):
    assert kind.__doc__
    with pytest.raises(MeshImplantError) as caught:
        raise kind("expected X, got Y: do Z")
    assert str(caught.value) == "expected X, got Y: do Z"


def test_a_refusal_carries_its_findings():
    finding = Finding("fit.no_way_in", "error", "No straight path.")
    assert DesignRefused("stopped", [finding]).findings == (finding,)
    assert DesignRefused("stopped").findings == ()


@pytest.mark.parametrize(
    ("value", "got"),
    [
        ("head.nrrd", "the text 'head.nrrd': read the file first"),
        (Path("head.nrrd"), "the text 'head.nrrd': read the file first"),
        (
            np.zeros((4, 5, 6)),
            "an array of 4 x 5 x 6 values: pass what the matching read_ function returns",
        ),
        (None, "None: pass what the matching read_ function returns"),
        (3, "the int 3: pass what the matching read_ function returns"),
    ],
)
def test_a_wrong_type_is_one_sentence(value: object, got: str) -> None:
    with pytest.raises(InputError) as caught:
        require_type(value, (dict, list), "the skull")
    assert str(caught.value) == f"expected the skull as a dict or a list, got {got}"
    require_type({}, (dict, list), "the skull")
