"""Docstrings of public names: a summary line, and typed descriptions of every parameter and result."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import is_dataclass

import pytest

import meshimplant

NAMES = sorted(set(meshimplant.__all__) - {"__version__"})
FUNCTIONS = [name for name in NAMES if inspect.isfunction(getattr(meshimplant, name))]
CLASSES = [name for name in NAMES if inspect.isclass(getattr(meshimplant, name))]


def _doc(name: str) -> str:
    return inspect.getdoc(getattr(meshimplant, name)) or ""


def _section(text: str, title: str) -> str:
    """Return the body of a numpydoc section, empty where there is none."""
    found = re.search(rf"^{title}\n-{{{len(title)}}}\n(.*?)(?=^\w[\w ]*\n---|\Z)", text, re.M | re.S)
    return "" if found is None else found[1]


def _described(section: str) -> set[str]:
    """Return the names that a section describes with a type: ``name : type`` or ``name, other : type``."""
    lines = re.findall(r"^(\*{0,2}\w[\w*, ]*?) : \S", section, re.M)
    return {name.strip().lstrip("*") for line in lines for name in line.split(",")}


def _returns_something(function: Callable[..., object]) -> bool:
    return inspect.signature(function).return_annotation not in (None, "None", inspect.Signature.empty)


def test_every_public_name_is_a_function_or_a_class() -> None:
    assert len(FUNCTIONS) > 30
    assert len(CLASSES) > 5
    assert set(FUNCTIONS) | set(CLASSES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_summary_is_one_short_sentence(name: str) -> None:
    first, _, rest = _doc(name).partition("\n")
    assert first.endswith(".")
    assert len(first) <= 110
    assert rest == "" or rest.startswith("\n")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_parameter_is_described_with_its_type(name: str) -> None:
    parameters = set(inspect.signature(getattr(meshimplant, name)).parameters)
    assert _described(_section(_doc(name), "Parameters")) == parameters


@pytest.mark.parametrize(
    "name", [name for name in FUNCTIONS if _returns_something(getattr(meshimplant, name))]
)
def test_what_comes_back_is_described_with_its_type(name: str) -> None:
    section = _section(_doc(name), "Returns")
    assert re.match(r"[\w(][^\n]*\n    \S", section) or re.fullmatch(
        r"[\w.]+( (or|of) [\w.]+)*", section.strip()
    )


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_field_is_described(name: str) -> None:
    value = getattr(meshimplant, name)
    fields = inspect.signature(value).parameters if is_dataclass(value) else {}
    texts = [inspect.getdoc(base) or "" for base in value.__mro__ if is_dataclass(base)] or [_doc(name)]
    sections = [_section(text, heading) for text in texts for heading in ("Attributes", "Parameters")]
    described = set().union(*map(_described, sections))
    assert {field for field in fields if not field.startswith("_")} <= described


@pytest.mark.parametrize("name", FUNCTIONS)
def test_errors_that_are_described_can_be_imported(name: str) -> None:
    from meshimplant import errors

    section = _section(_doc(name), "Raises")
    heads = re.findall(r"^(\w[\w, ]*)$", section, re.M)
    raised = [error.strip() for head in heads for error in head.split(",")]
    assert bool(section) == bool(raised)
    assert all(hasattr(errors, error) for error in raised)
