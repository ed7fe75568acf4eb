"""`SpecTable`: named values with meaning and range, each checked; the base of a prescription."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Self

from meshimplant.errors import SpecError

#: Longer values are cut off in messages, characters.
_LONGEST_SHOWN = 80


def number(default: float | None, meaning: str, low: float, high: float) -> Any:
    """Return a field that holds a number; whole if `low` is an int. A default of None allows None."""
    return field(default=default, metadata={"meaning": meaning, "range": (low, high)})


def word(default: str | None, meaning: str, choices: tuple[str, ...] = ()) -> Any:
    """Return a field that holds a word, one of `choices` if there are any. A default of None allows None."""
    return field(default=default, metadata={"meaning": meaning, "choices": choices})


def points(meaning: str, *, least: int = 0, needed: bool = False) -> Any:
    """Return a field that holds a point (three numbers), or a sequence of at least so many.

    Without `needed` it may be None.
    """
    return field(default=None, metadata={"meaning": meaning, "points": least, "needed": needed})


def needed_number(meaning: str, low: float, high: float) -> Any:
    """Return a field that holds a number and has no default."""
    return field(default=None, metadata={"meaning": meaning, "range": (low, high), "needed": True})


def table(kind: type[SpecTable], meaning: str) -> Any:
    """Return a field that holds a table of its own, or None: nothing of its kind is made."""
    return field(default=None, metadata={"meaning": meaning, "table": kind})


def tables(kind: type[SpecTable], meaning: str) -> Any:
    """Return a field that holds any number of tables of one kind, as a tuple; none by default."""
    return field(default=(), metadata={"meaning": meaning, "table": kind, "many": True})


@dataclass(frozen=True)
class SpecTable:
    """A table of named values, each checked when it is built.

    A subclass is a frozen dataclass whose fields are made by `number`, `word`, `points`, `table` and
    `tables`. `TABLE` is its name in a file, and empty for the prescription itself.
    """

    TABLE: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is None and each.default is None:
                if each.metadata.get("needed"):
                    raise SpecError(
                        f"expected {self._named(each.name)}, got none: {each.metadata['meaning']}"
                    )
                continue
            if "points" in each.metadata:
                object.__setattr__(self, each.name, self._points(each.name, value, each.metadata["points"]))
            elif "range" in each.metadata:
                self._require_number(each.name, value, *each.metadata["range"])
            elif "choices" in each.metadata:
                self._require_word(each.name, value, each.metadata["choices"])
            elif "many" in each.metadata:
                self._require_tables(each.name, value, each.metadata["table"])
            elif not isinstance(value, each.metadata["table"]):
                raise SpecError(f"expected {self._named(each.name)} to be a table, got {shown(repr(value))}")

    def _named(self, name: str) -> str:
        return f"{self.TABLE}.{name}" if self.TABLE else name

    def _require_number(self, name: str, value: object, low: float, high: float) -> None:
        kinds = int if isinstance(low, int) else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            kind = "a whole number" if kinds is int else "a number"
            raise SpecError(
                f"expected {self._named(name)} to be {kind} between {low:g} and {high:g}, "
                f"got {shown(repr(value))}"
            )

    def _points(self, name: str, value: object, least: int) -> Any:
        """Return a point, or points, as tuples of numbers."""
        if least and isinstance(value, Sequence) and len(value) >= least and all(map(_is_point, value)):
            return tuple(tuple(map(float, point)) for point in value)
        if not least and _is_point(value):
            return tuple(float(each) for each in value)  # type: ignore[attr-defined]
        expected = f"at least {least} points" if least else "a point"
        raise SpecError(
            f"expected {self._named(name)} to be {expected} of three numbers, got {shown(repr(value))}"
        )

    def _require_word(self, name: str, value: object, choices: tuple[str, ...]) -> None:
        if not isinstance(value, str) or (choices and value not in choices):
            expected = f"one of {', '.join(choices)}" if choices else "text"
            raise SpecError(f"expected {self._named(name)} to be {expected}, got {shown(repr(value))}")

    def _require_tables(self, name: str, value: object, kind: type[SpecTable]) -> None:
        if not isinstance(value, tuple) or not all(isinstance(each, kind) for each in value):
            raise SpecError(
                f"expected {self._named(name)} to be a list of tables, written as [[{name}]], "
                f"got {shown(repr(value))}"
            )

    def with_values(self, **values: Any) -> Self:
        """Return a copy with some fields replaced; None leaves a field. Unknown names raise `SpecError`."""
        given = {key: value for key, value in values.items() if value is not None}
        self._reject_unknown(given)
        return replace(self, **given)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON-ready values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build a table from a mapping; missing fields take their defaults, unknown ones raise."""
        cls._reject_unknown(values)
        built: dict[str, Any] = {}
        for each in fields(cls):
            kind, value = each.metadata.get("table"), values.get(each.name)
            if kind is None:
                continue
            if "many" in each.metadata and isinstance(value, list | tuple):
                built[each.name] = tuple(_numbered(kind, row, index) for index, row in enumerate(value, 1))
            elif "many" not in each.metadata and isinstance(value, dict):
                built[each.name] = kind.from_dict(value)
        return cls(**{**values, **built})

    @classmethod
    def _reject_unknown(cls, values: dict[str, Any]) -> None:
        known = [each.name for each in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            place = f"of [{cls.TABLE}]" if cls.TABLE else "of the prescription"
            raise SpecError(
                f"expected fields {place} among {', '.join(known)}, "
                f"got {shown(', '.join(unknown))}: correct or remove them"
            )


def _is_point(value: object) -> bool:
    """Return whether a value is three finite numbers."""
    return (
        isinstance(value, Sequence)
        and len(value) == 3
        and all(isinstance(each, int | float) and not isinstance(each, bool) for each in value)
        and all(map(math.isfinite, value))
    )


def _plain(value: object) -> Any:
    if isinstance(value, SpecTable):
        return value.to_dict()
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _numbered(kind: type[SpecTable], values: Any, index: int) -> Any:
    """Return one table of a list; an error names its number."""
    if not isinstance(values, dict):
        return values
    try:
        return kind.from_dict(values)
    except SpecError as error:
        raise SpecError(f"{error} (in [[{kind.TABLE}]] number {index})") from error


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping without what is None or an empty list, also within what it holds."""
    return {name: _without_none(value) for name, value in values.items() if value is not None and value != []}


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return without_none(value)
    return [_without_none(each) for each in value] if isinstance(value, list) else value


def shown(text: str) -> str:
    """Return a value for a message, cut off where it is long."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
