"""`PrescriptionPanel`: a control for each field of the prescription, made from its range and meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any

from meshimplant.edit_page.gui_values import set_value
from meshimplant.runtime.value_text import label_and_unit
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.spec_table import SpecTable

if TYPE_CHECKING:
    import viser

#: Fields that an engineer changes first; the others are in folders.
_FIRST = (
    "thickness_mm",
    "clearance_mm",
    "bevel_deg",
    "border_radius_mm",
    "caudal_relief_mm",
    "material",
    "process",
)
#: What a dropdown calls a field that states nothing.
UNSTATED = "not stated"
#: Larger ranges have a field for a number only: a slider would be too coarse.
_WIDEST_SLIDER = 1000


class PrescriptionPanel:
    """Controls that hold a prescription which may differ from that of the design.

    Parameters
    ----------
    gui : viser.GuiApi
        The page's panel; controls are added where it stands.
    spec : ImplantSpec
        The prescription of the design.
    on_change : callable
        Called when a control was moved.
    """

    def __init__(self, gui: viser.GuiApi, spec: ImplantSpec, on_change: Callable[[], None]) -> None:
        self._gui, self._on_change = gui, on_change
        self._controls: dict[str, _Control] = {}
        known = {each.name: each for each in fields(ImplantSpec)}
        for name in _FIRST:
            self._add(known.pop(name))
        with gui.add_folder("Limits and mesh", expand_by_default=False):
            for name in [name for name, each in known.items() if "table" not in each.metadata]:
                self._add(known.pop(name))
        # What holds any number of tables, such as regions, has no control, and stays as it is.
        for each in (each for each in known.values() if "many" not in each.metadata):
            kind = each.metadata["table"]
            with gui.add_folder(_words(each.name), expand_by_default=False):
                self._controls[each.name] = _TableControl(gui, kind, each.metadata["meaning"], on_change)
        self.take(spec)

    def take(self, spec: ImplantSpec) -> None:
        """Set all controls to a prescription."""
        values = spec.to_dict()
        for name, control in self._controls.items():
            control.set(values[name])

    def changes(self, spec: ImplantSpec) -> dict[str, Any]:
        """Return the fields in which the controls differ from a prescription, as ``set`` takes them."""
        return _changes(spec.to_dict(), {name: control.get() for name, control in self._controls.items()})

    def _add(self, each: Field[Any]) -> None:
        self._controls[each.name] = _control(self._gui, each, self._on_change)


def describe_changes(before: Mapping[str, Any], changes: Mapping[str, Any]) -> str:
    """Return changes of a prescription in words: "Thickness 4 to 3 mm; Bevel 0 to 10°"."""
    words = []
    for name, value in changes.items():
        label, unit = label_and_unit(name)
        old = before.get(name)
        if isinstance(value, Mapping):
            inner = describe_changes(old if isinstance(old, Mapping) else {}, value)
            words.append(f"{label.capitalize()} ({inner})")
        elif isinstance(old, Mapping):
            words.append(f"no {label}")
        else:
            words.append(f"{label.capitalize()} {_shown(old)} to {_shown(value)} {unit}".rstrip())
    return "; ".join(words)


def _shown(value: object) -> str:
    return "-" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs; of a table that was there before, only the fields that do."""
    changed: dict[str, Any] = {}
    for name, value in after.items():
        old = before.get(name)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            inner = _changes(old, value)
            if inner:
                changed[name] = inner
        elif value != old:
            changed[name] = value
    return changed


class _Control:
    """A control, and what it means: `get` returns the value of the field, `set` takes one over."""

    def __init__(self, get: Callable[[], Any], take: Callable[[Any], None]) -> None:
        self.get, self.set = get, take


def _control(gui: viser.GuiApi, each: Field[Any], on_change: Callable[[], None]) -> _Control:
    """Add the control of a number or a word."""
    metadata = each.metadata
    if "range" in metadata:
        return _number(gui, each, on_change)
    if not metadata.get("choices"):
        text = gui.add_text(_words(each.name), "", hint=metadata["meaning"])
        text.on_update(lambda _: on_change())
        return _Control(lambda: text.value or None, lambda value: set_value(text, value or ""))
    choices = (*((UNSTATED,) if each.default is None else ()), *metadata["choices"])
    box = gui.add_dropdown(_words(each.name), choices, hint=metadata["meaning"])
    box.on_update(lambda _: on_change())
    return _Control(
        lambda: None if box.value == UNSTATED else box.value,
        lambda value: set_value(box, value or UNSTATED),
    )


def _number(gui: viser.GuiApi, each: Field[Any], on_change: Callable[[], None]) -> _Control:
    """Add a slider with a number, and before it a box to tick where the field may state nothing."""
    low, high = each.metadata["range"]
    kind = int if isinstance(low, int) else float
    hint = f"{each.metadata['meaning']}; {low:g} to {high:g}"
    is_optional = each.default is None
    box = gui.add_checkbox(_words(each.name).partition(",")[0], False, hint=hint) if is_optional else None
    first: Any = kind(low) if is_optional else each.default
    label = "" if is_optional else _words(each.name)
    label = label or label_and_unit(each.name)[1] or "number"
    number: viser.GuiInputHandle[Any]
    if high > _WIDEST_SLIDER:
        number = gui.add_number(label, first, min=low, max=high, step=1, hint=hint)
    else:
        number = gui.add_slider(label, low, high, 1 if kind is int else 0.1, first, hint=hint)
    number.on_update(lambda _: on_change())
    if box is None:
        return _Control(
            lambda: kind(round(number.value, 6)), lambda value: setattr(number, "value", kind(value))
        )
    return _optional(box, number, kind, on_change)


def _optional(
    box: viser.GuiCheckboxHandle,
    number: viser.GuiInputHandle[Any],
    kind: type[int] | type[float],
    on_change: Callable[[], None],
) -> _Control:
    number.visible = False

    def switched(_: object) -> None:
        number.visible = box.value
        on_change()

    box.on_update(switched)

    def take(value: float | None) -> None:
        set_value(box, value is not None)
        number.visible = value is not None
        if value is not None:
            set_value(number, kind(value))

    return _Control(lambda: kind(round(number.value, 6)) if box.value else None, take)


class _TableControl(_Control):
    """A box to tick, and the controls of the table that it stands for."""

    def __init__(
        self, gui: viser.GuiApi, kind: type[SpecTable], meaning: str, on_change: Callable[[], None]
    ) -> None:
        super().__init__(self._get, self._set)
        self._defaults = {each.name: each.default for each in fields(kind)}
        self._kept: dict[str, Any] = {}
        self._box = gui.add_checkbox("Wanted", False, hint=meaning)
        self._box.on_update(lambda _: on_change())
        plain = [each for each in fields(kind) if "range" in each.metadata or "choices" in each.metadata]
        self._controls = {each.name: _control(gui, each, on_change) for each in plain}

    def _get(self) -> dict[str, Any] | None:
        if not self._box.value:
            return None
        return {**self._kept, **{name: control.get() for name, control in self._controls.items()}}

    def _set(self, value: Mapping[str, Any] | None) -> None:
        set_value(self._box, value is not None)
        known = value or self._defaults
        # Fields without a control, such as points, stay as they are.
        self._kept = {name: each for name, each in (value or {}).items() if name not in self._controls}
        for name, control in self._controls.items():
            control.set(known[name])


def _words(name: str) -> str:
    """Return the label of a field with its unit: "Thickness, mm"."""
    label, unit = label_and_unit(name)
    return f"{label.capitalize()}, {unit}" if unit else label.capitalize()
