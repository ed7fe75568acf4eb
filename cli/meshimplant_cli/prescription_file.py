"""The prescription of a verb that does one step: a file, and options that override its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshimplant.errors import SpecError
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant_cli.exit_codes import UsageError

SpecFile = Annotated[
    Path,
    Parameter(
        help="Prescription as .toml or .json: its numbers, which the options below override, and its "
        "[[regions]]."
    ),
]


def read_prescription(path: Path | None, **values: float | None) -> ImplantSpec:
    """Return the prescription of a file, or the default one, with the values that options give."""
    return overridden(ImplantSpec() if path is None else ImplantSpec.read(path), values)


def overridden(spec: ImplantSpec, values: dict[str, Any]) -> ImplantSpec:
    """Return a prescription with the values that options give; raise `UsageError` for one out of range."""
    try:
        return spec.with_values(**values)
    except SpecError as error:
        raise UsageError(f"{error}: change the option, or set all fields in a --spec file") from error
