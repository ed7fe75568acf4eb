"""What all panels do with controls: `set_value`, which viser's types do not allow, and `note`."""

from __future__ import annotations

from typing import Any


def set_value(control: Any, value: object) -> None:
    """Set a control to a value, which also calls its callbacks, if it has another one."""
    if control.value != value:
        control.value = value


def note(text: str) -> str:
    """Return words, which may hold HTML, as they stand between controls."""
    return f'<div style="padding:2px 10px;font-size:13px">{text}</div>'
