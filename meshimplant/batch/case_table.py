"""Tables of cases: a CSV with a row, or a TOML with a table ``[[case]]``, for each."""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from meshimplant.batch.batch_case import PREDICTION_WORDS, BatchCase
from meshimplant.errors import FileReadError, InputError
from meshimplant.runtime.regular_files import parse_toml, read_regular

#: Endings of tables.
TABLE_SUFFIXES = (".csv", ".toml")
#: The columns of a table, in the order of the example.
COLUMNS = ("name", "input", "prediction", "prediction_is", "prescription", "skull", "truth", "options")
_FILES = ("prediction", "prescription", "skull", "truth")
_EXAMPLE = (
    {"name": "case-01", "input": "scans/head-01.nii.gz", "options": "--thickness-mm 3.5 --case-label 12-7"},
    {"name": "case-02", "input": "masks/head-02.nrrd", "prescription": "pmma.toml", "truth": "truth/02.nrrd"},
    {
        "name": "case-03",
        "input": "masks/head-03.nrrd",
        "prediction": "network/03.nii.gz",
        "prediction_is": "implant",
    },
)


def example_table() -> str:
    """Return a table of three cases as CSV, to be changed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_EXAMPLE)
    return text.getvalue()


def read_table(path: Path) -> list[BatchCase]:
    """Read a table of cases; paths in it are relative to its folder.

    Parameters
    ----------
    path : Path
        A .csv with the columns of `COLUMNS`, of which ``input`` is needed, separated by commas or semicolons;
        or a .toml with a table ``[[case]]`` of the same fields for each case.

    Raises
    ------
    FileReadError
        The table cannot be read.
    InputError
        It has an unknown column, no case, or a case without an input.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileReadError(f"expected a table in UTF-8, got {path.name}: save it as UTF-8") from error
    rows = _toml_rows(text, path) if path.suffix.lower() == ".toml" else _csv_rows(text, path)
    cases = [_case(row, f"{path.name}, case {number}", path.parent) for number, row in enumerate(rows, 1)]
    if not cases:
        raise InputError(f"expected cases in {path.name}, got none: add a row for each")
    return cases


def words_of(options: str | Iterable[str], folder: Path, *, where: str) -> tuple[str, ...]:
    """Return the words of options; one that names a file, relative to a folder, becomes its path."""
    try:
        words = shlex.split(options) if isinstance(options, str) else [str(word) for word in options]
    except ValueError as error:
        raise InputError(
            f"expected options as on a command line in {where}, got {options!r} ({error})"
        ) from error
    return tuple(str((folder / word).absolute()) if (folder / word).is_file() else word for word in words)


def _csv_rows(text: str, path: Path) -> list[dict[str, Any]]:
    head = text.partition("\n")[0]
    reader = csv.DictReader(
        io.StringIO(text, newline=""), delimiter=";" if ";" in head and "," not in head else ","
    )
    try:
        _require_known(reader.fieldnames or (), path.name)
        rows = list(reader)
    except csv.Error as error:
        raise FileReadError(f"expected a table as CSV, got {path.name} ({error}): write it anew") from error
    for number, row in enumerate(rows, 1):
        if None in row:
            raise InputError(
                f"expected at most {len(reader.fieldnames or ())} values in row {number} of {path.name}, got "
                'more: put values with commas between "'
            )
    return [row for row in rows if any((value or "").strip() for value in row.values())]


def _toml_rows(text: str, path: Path) -> list[dict[str, Any]]:
    try:
        content = parse_toml(text)
    except ValueError as error:
        raise FileReadError(f"expected a table as TOML, got {path.name} ({error}): mend it") from error
    rows = content.pop("case", [])
    if content or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        other = f"{next(iter(content))!r} too" if content else "other values under that name"
        raise InputError(f"expected only tables [[case]] in {path.name}, got {other}: leave it out")
    for row in rows:
        _require_known(row, path.name)
    return rows


def _require_known(names: Iterable[str], table: str) -> None:
    known = [str(name).strip() for name in names]
    if other := [name for name in known if name not in COLUMNS]:
        raise InputError(
            f"expected the columns {', '.join(COLUMNS)} in {table}, got {other[0]!r}: rename or remove it; "
            "batch --example prints a table"
        )
    if len(set(known)) < len(known):
        raise InputError(f"expected each column once in {table}, got one twice: remove one")


def _case(row: Mapping[str, Any], where: str, folder: Path) -> BatchCase:
    values = {str(key).strip(): value for key, value in row.items()}
    texts = {key: _text(values.get(key), f"{key} of {where}") for key in COLUMNS if key != "options"}
    if not texts["input"]:
        raise InputError(f"expected an input for each case, got none in {where}: add it")
    kind = texts["prediction_is"] or None
    if kind is not None and kind not in PREDICTION_WORDS:
        raise InputError(
            f"expected prediction_is to be {' or '.join(PREDICTION_WORDS)}, got {kind!r} in {where}: "
            "change it"
        )
    source = (folder / texts["input"]).absolute()
    files = {role: (folder / texts[role]).absolute() if texts[role] else None for role in _FILES}
    options = values.get("options") or ""
    if not isinstance(options, str | list):
        raise InputError(f"expected options as text in {where}, got {options!r}: put them in quotes")
    words = words_of(options, folder, where=where)
    return BatchCase(texts["name"], source, prediction_is=kind, options=words, **files)


def _text(value: Any, what: str) -> str:
    if value is not None and not isinstance(value, str):
        raise InputError(f"expected {what} as text, got {value!r}: put it in quotes")
    return (value or "").strip()
