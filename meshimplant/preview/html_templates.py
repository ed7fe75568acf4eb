"""Fill HTML templates (``*.html.j2``); every value is escaped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from meshimplant.runtime.printable import printable


def render_template(name: str, /, **values: Any) -> str:
    """Return the template ``name`` of this folder, filled in; a missing value is an error."""
    return _environment().get_template(name).render(**values)


def render_text(template: str, /, **values: Any) -> str:
    """Return the text of a template, filled in; a missing value is an error."""
    return _environment().from_string(template).render(**values)


def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically: either the whole file appears or nothing changes."""
    from meshimplant.io.atomic import atomic_path

    with atomic_path(path) as temporary:
        temporary.write_text(printable(text), encoding="utf-8", newline="\n")
