"""Tables of a TOML file as frozen values, with checks of keys and types whose errors name the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from meshimplant.errors import InputError

_Table = TypeVar("_Table")
#: Above every count, seed and size of a network.
_LARGEST = 2**32
#: Most channels of a layer; one level of so many has about 60 million parameters.
_WIDEST = 1024


def read_table(kind: type[_Table], given: Any, place: str) -> _Table:
    """Return one table as a dataclass, checked against the types of its defaults."""
    defaults = {one.name: one.default for one in fields(kind)}  # type: ignore[arg-type]
    require_keys(given, tuple(defaults), place)
    values = {key: _as(defaults[key], value, f"{place}{key}") for key, value in given.items()}
    return kind(**values)


def _as(default: Any, value: Any, place: str) -> Any:
    """Return a value as the default's type; whole numbers are accepted as floats."""
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return tuple(_as(default[0] if default else "", one, place) for one in value)
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise InputError(f"expected {place} as a number up to {_LARGEST}, got a larger one: correct it")
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise InputError(
            f"expected {place} as {type(default).__name__}, such as {default!r}, got {value!r}: correct it"
        )
    return value


def require_keys(given: Any, known: tuple[str, ...], place: str) -> None:
    """Raise `InputError` unless `given` is a table with known keys only."""
    if not isinstance(given, Mapping):
        raise InputError(f"expected a table [{place.rstrip('.')}], got {given!r}: correct it")
    unknown = [key for key in given if key not in known]
    if unknown:
        raise InputError(
            f"expected keys among {', '.join(known)}, got {place}{unknown[0]}: correct or remove it"
        )


def require_widths(widths: tuple[int, ...], place: str) -> None:
    """Raise `InputError` unless there is at least one width, all at least 1."""
    if not widths or min(widths) < 1 or max(widths) > _WIDEST:
        raise InputError(
            f"expected one or more widths from 1 to {_WIDEST}, got {list(widths)}: correct {place}"
        )


def require_positive(value: float, place: str) -> None:
    """Raise `InputError` unless a value is above 0."""
    if not value > 0:
        raise InputError(f"expected {place} above 0, got {value:g}: correct it")
