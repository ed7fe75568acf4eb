"""`set_value`: set a control of the page. viser's types say that none can be set."""

from __future__ import annotations

from typing import Any


def set_value(control: Any, value: object) -> None:
    """Set a control to a value, which also calls its callbacks, if it has another one."""
    if control.value != value:
        control.value = value
