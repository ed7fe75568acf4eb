"""`Edit`: one change of a design, a verb with its parameters; and the table of the verbs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, fields
from typing import Any

from meshimplant.errors import SpecError
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.region_spec import MAP_NAME
from meshimplant.spec.shape_edits import (
    BorderEdit,
    BulgeEdit,
    CutEdit,
    HoleEdit,
    ScrewEdit,
    SmoothEdit,
    ThickenEdit,
)
from meshimplant.spec.spec_table import SpecTable, number, shown, without_none

#: The verb that changes fields of the prescription.
SET = "set"


@dataclass(frozen=True)
class Move(SpecTable):
    """Which line of the log is taken back, or made again.

    Attributes
    ----------
    number : int
        The number of the line.
    """

    number: int = number(1, "Number of the line of the log", 1, 1_000_000)


#: The verbs that change the shape, with the tables of their parameters.
SHAPE_VERBS: dict[str, type[SpecTable]] = {
    each.TABLE: each
    for each in (BulgeEdit, BorderEdit, CutEdit, SmoothEdit, ThickenEdit, HoleEdit, ScrewEdit)
}
#: What a line of the log can be other than a change of its own.
MOVES: dict[str, type[SpecTable]] = {"undo": Move, "redo": Move, "revert": Move}


@dataclass(frozen=True)
class Edit:
    """One change of a design.

    Attributes
    ----------
    verb : str
        What is done, one of `VERBS`; or ``undo``, ``redo``, ``revert`` in a log.
    parameters : dict of str to Any
        What it is done with, plain JSON; those that were left out have their defaults. Lengths are mm, points
        LPS mm. With ``set``: fields of the prescription, as `ImplantSpec.to_dict` names them; a table holds
        those of its fields that change, and null takes away what a prescription need not have.

    Raises
    ------
    SpecError
        The verb, a parameter or its value is not one of those in the table.

    Examples
    --------
    >>> Edit("set", {"thickness_mm": 3.5, "fixation": {"count": 5}})
    """

    verb: str
    parameters: Mapping[str, Any]

    def __post_init__(self) -> None:
        if not isinstance(self.verb, str) or self.verb not in VERB_NAMES:
            raise SpecError(
                f"expected the verb of an edit to be one of {', '.join(VERB_NAMES)}, "
                f"got {shown(repr(self.verb))}"
            )
        if not isinstance(self.parameters, Mapping) or not all(
            isinstance(each, str) for each in self.parameters
        ):
            raise SpecError(
                f"expected the parameters of {self.verb} to be named values, "
                f"got {shown(repr(self.parameters))}"
            )
        given = deepcopy(dict(self.parameters))
        if self.verb == SET:
            _require_fields(given)
        else:
            given = without_none(self.table_of(self.verb).from_dict(given).to_dict())
        object.__setattr__(self, "parameters", given)

    @staticmethod
    def table_of(verb: str) -> type[SpecTable]:
        """Return the table of the parameters of a verb other than ``set``."""
        return {**SHAPE_VERBS, **MOVES}[verb]

    @property
    def values(self) -> SpecTable:
        """The parameters as their table; not with ``set``, see `changed_spec`."""
        return self.table_of(self.verb).from_dict(dict(self.parameters))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values, which `from_dict` accepts."""
        return {"verb": self.verb, "parameters": deepcopy(dict(self.parameters))}

    @classmethod
    def from_dict(cls, values: object) -> Edit:
        """Return the edit of a mapping with `verb` and `parameters`; other names in it are left unread.

        Raises
        ------
        SpecError
            It is none.
        """
        if not isinstance(values, Mapping) or "verb" not in values:
            raise SpecError(
                f"expected an edit with a verb and its parameters, got {shown(repr(values))}: "
                'write {"verb": "set", "parameters": {"thickness_mm": 3.5}}'
            )
        return cls(values["verb"], values.get("parameters", {}))


#: The verbs of changes, and of all lines of a log.
VERBS = (SET, *SHAPE_VERBS)
VERB_NAMES = (*VERBS, *MOVES)


def changed_spec(spec: ImplantSpec, values: Mapping[str, Any]) -> ImplantSpec:
    """Return a prescription with the fields that ``set`` names.

    Parameters
    ----------
    spec : ImplantSpec
        The prescription before.
    values : mapping
        The parameters of the edit.

    Returns
    -------
    ImplantSpec

    Raises
    ------
    SpecError
        A value is out of range, or the prescription as a whole contradicts itself; or a region has a map that
        the design does not have, since edits hold no files.
    """
    before = spec.to_dict()
    for name, value in values.items():
        both = isinstance(value, Mapping) and isinstance(before.get(name), dict)
        before[name] = {**before[name], **value} if both else value
    changed = ImplantSpec.from_dict(before)
    for each in changed.regions:
        if each.map is not None and not MAP_NAME.fullmatch(each.map):
            raise SpecError(
                "expected a map that the design has, such as region-1.nrrd, in an edit, got "
                f"{shown(each.map)}: run redesign with --spec to paint another region"
            )
    return changed


def _require_fields(values: dict[str, Any]) -> None:
    """Raise `SpecError` for no field, or one that the prescription does not have."""
    names = [each.name for each in fields(ImplantSpec)]
    unknown = sorted(set(values) - set(names))
    if unknown or not values:
        raise SpecError(
            f"expected {SET} with fields of the prescription, {', '.join(names)}, "
            f"got {shown(', '.join(unknown)) or 'none'}"
        )
