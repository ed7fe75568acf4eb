"""`edit_schema`: the JSON schema of the edits of a log, made of the tables that check them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from meshimplant.spec.edits import SET, SHAPE_VERBS
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.spec_table import SpecTable

_POINT = {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}


def edit_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of an edit: of the verb, and of its parameters.

    What a schema cannot say is checked all the same: limits that depend on other values, and which of several
    parameters exclude each other.
    """
    tables = {SET: _table(ImplantSpec), **{verb: _table(kind) for verb, kind in SHAPE_VERBS.items()}}
    tables[SET]["minProperties"] = 1
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Edit of a design",
        "oneOf": [_edit(verb, table) for verb, table in tables.items()],
    }


def _edit(verb: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"verb": {"const": verb}, "parameters": parameters},
        "required": ["verb", "parameters"],
    }


def _table(kind: type[SpecTable]) -> dict[str, Any]:
    """Return the schema of a table."""
    own = {each.name: _field(each) for each in fields(kind)}
    needed = [each.name for each in fields(kind) if each.metadata.get("needed")]
    schema: dict[str, Any] = {"type": "object", "properties": own, "additionalProperties": False}
    return schema | ({"required": needed} if needed else {})


def _field(field: Any) -> dict[str, Any]:
    """Return the schema of one field."""
    metadata = field.metadata
    schema: dict[str, Any]
    if "points" in metadata:
        least = metadata["points"]
        schema = {"type": "array", "items": _POINT, "minItems": least} if least else dict(_POINT)
    elif "range" in metadata:
        low, high = metadata["range"]
        schema = {"type": "integer" if isinstance(low, int) else "number", "minimum": low, "maximum": high}
    elif "table" in metadata:
        schema = _table(metadata["table"])
        if "many" in metadata:
            schema = {"type": "array", "items": schema}
    else:
        schema = {"enum": list(metadata["choices"])} if metadata["choices"] else {"type": "string"}
    if field.default is None and not metadata.get("needed"):
        schema = {"anyOf": [schema, {"type": "null"}]}
    elif field.default is not None:
        schema["default"] = list(field.default) if isinstance(field.default, tuple) else field.default
    return {"description": metadata["meaning"], **schema}
