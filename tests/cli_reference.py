"""Write verbs, prescription and methods into cli/README.md: ``python tests/cli_reference.py``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from inspect import cleandoc
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from meshimplant.complete.methods import METHODS
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.processes import PROCESSES
from meshimplant.spec.spec_table import SpecTable
from meshimplant_cli.main import build_app
from meshimplant_cli.verbs import GROUPS

GUIDE = Path(__file__).resolve().parent.parent / "cli" / "README.md"


def chapter() -> str:
    """Return the chapter: each verb with its usage line, description and options, in the order of --help."""
    app = build_app()
    parts = []
    for title, verbs in GROUPS:
        parts.append(f"### {title}")
        parts += [_section(app[_name(verb)], verb) for verb in verbs]
    return "\n\n".join(parts)


def _name(verb: Callable[..., None]) -> str:
    """Return a verb as it is typed."""
    return verb.__name__.replace("_", "-")


def _section(app: Any, verb: Any) -> str:
    arguments = list(_arguments(app))
    text = cleandoc(verb.__doc__).partition("\nParameters\n")[0].strip()
    usage = " ".join(
        ["meshimplant", _name(verb), *filter(None, (_usage(argument) for argument in arguments))]
    )
    lines = [f"#### {_name(verb)}", "", text, "", "```text", usage, "```", ""]
    lines += ["| | default | |", "|---|---|---|", *map(_row, arguments)]
    return "\n".join(lines)


def _arguments(app: Any) -> Iterator[Any]:
    yield from (a for a in app.assemble_argument_collection(parse_docstring=True) if a.show)


def _positional(argument: Any) -> bool:
    return not str(argument.name).startswith("-")


def _usage(argument: Any) -> str:
    if _positional(argument):
        return argument.name + (
            "..." if argument.field_info.kind is argument.field_info.VAR_POSITIONAL else ""
        )
    return f"{_names(argument)[0]} {_value(argument)}" if argument.required else ""


def _names(argument: Any) -> list[str]:
    names = [name for name in argument.names if not name.startswith(("--no-", "--empty-"))]
    return sorted(names, key=len)


def _value(argument: Any) -> str:
    choices = argument.get_choices()
    if choices:
        return "\\|".join(choices)
    hint = argument.hint
    if isinstance(hint, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    words = {bool: "", int: "N", float: "X", str: "TEXT", Path: "PATH", ...: "..."}
    return " ".join(words[kind] for kind in get_args(hint) or (hint,))


def _row(argument: Any) -> str:
    default = argument.field_info.default
    shown = "" if default is None or default is False or default == "" else str(default)
    if argument.required or default is argument.field_info.empty:
        shown = "required"
    name = argument.name
    if not _positional(argument):
        name = f"`{', '.join(_names(argument))}` {_value(argument)}".strip()
    return f"| {name} | {shown} | {' '.join((argument.parameter.help or '').split())} |"


def prescription() -> str:
    """Return the prescription's fields and those of its tables: default, range and meaning."""
    chapters = [spec_rows(ImplantSpec)]
    for field in fields(ImplantSpec):
        if kind := field.metadata.get("table"):
            heading = f"[[{field.name}]]" if "many" in field.metadata else f"[{field.name}]"
            chapters.append(f"`{heading}`: {field.metadata['meaning']}.\n\n{spec_rows(kind)}")
    return "\n\n".join(chapters)


def spec_rows(kind: type[SpecTable]) -> str:
    """Return the fields of one table that are no tables themselves."""
    rows = ["| field | default | range | what |", "|---|---|---|---|"]
    for field in fields(kind):
        if "table" in field.metadata:
            continue
        limits, choices = field.metadata.get("range"), field.metadata.get("choices")
        allowed = f"{limits[0]} to {limits[1]}" if limits else ", ".join(choices or ()) or "text"
        allowed = "list of [L, P, S]" if "points" in field.metadata else allowed
        rows.append(f"| `{field.name}` | {field.default} | {allowed} | {field.metadata['meaning']} |")
    return "\n".join(rows)


def processes() -> str:
    """Return the table of the ways of making a part."""
    rows = [
        "| process | material | least wall, mm | least clearance, mm | holes larger by, mm "
        "| least radius, mm | length, mm | source |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, each in PROCESSES.items():
        numbers = each.least_wall_mm, each.least_clearance_mm, each.hole_growth_mm, each.least_radius_mm
        length = "unknown" if each.longest_mm is None else "{:g} to {:g}".format(*each.longest_mm)
        cells = [f"`{name}`", each.material, *(f"{value:g}" for value in numbers), length, each.source]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def methods() -> str:
    """Return the table of the completion methods."""
    rows = [f"| `{name}` | {what} |" for name, what in METHODS.items()]
    return "\n".join(["| method | completes by |", "|---|---|", *rows])


def updated(text: str) -> str:
    """Return the guide with the text between each pair of markers replaced by what the code says now."""
    for marker, content in (
        ("spec", prescription()),
        ("processes", processes()),
        ("methods", methods()),
        ("verbs", chapter()),
    ):
        text = replace_between(text, marker, content)
    return text


def replace_between(text: str, marker: str, content: str) -> str:
    """Return a text with what stands between ``<!-- marker -->`` and ``<!-- /marker -->`` replaced."""
    before, opening, rest = text.partition(f"<!-- {marker} -->")
    _, closing, after = rest.partition(f"<!-- /{marker} -->")
    if not opening or not closing:
        raise ValueError(
            f"expected the markers <!-- {marker} --> and <!-- /{marker} --> in the text, got none"
        )
    return f"{before}{opening}\n\n{content}\n\n{closing}{after}"


if __name__ == "__main__":
    GUIDE.write_text(updated(GUIDE.read_text(encoding="utf-8")), encoding="utf-8")
