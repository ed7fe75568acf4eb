"""One option for each field of a table of the prescription."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, Literal, TypeVar

from cyclopts import Parameter

from meshimplant.errors import SpecError
from meshimplant.spec.implant_spec import field_meanings
from meshimplant.spec.spec_table import SpecTable
from meshimplant_cli.exit_codes import UsageError

Options = TypeVar("Options")
Table = TypeVar("Table", bound=SpecTable)


def with_flags_of(table: type[SpecTable]) -> Callable[[type[Options]], type[Options]]:
    """Add an option for each field of a table that is no table itself to a class of options."""

    def added(options: type[Options]) -> type[Options]:
        for field in (each for each in fields(table) if "table" not in each.metadata):
            limits, choices = field.metadata.get("range"), field.metadata.get("choices")
            kind: Any = Literal[choices] if choices else str
            if limits:
                kind = int if isinstance(limits[0], int) else float
            text = f"{field.metadata['meaning']}{f'; {limits[0]} to {limits[1]}' if limits else ''}."
            options.__annotations__[field.name] = Annotated[kind | None, Parameter(help=text)]
            setattr(options, field.name, None)
        return options

    return added


def flags_of(options: object, table: type[SpecTable]) -> dict[str, Any]:
    """Return the values of the options that `with_flags_of` added; None where one was not given."""
    return {name: getattr(options, name) for name in field_meanings(table)}


def table_of(options: object, base: Table) -> Table:
    """Return a table overridden by the options that `with_flags_of` added.

    Raises `UsageError` for values that are out of range or do not go together.
    """
    try:
        return base.with_values(**flags_of(options, type(base)))
    except SpecError as error:
        raise UsageError(str(error)) from error
