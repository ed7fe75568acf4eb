"""The JSON schema of edits says what the tables check."""

from __future__ import annotations

from meshimplant.spec.edit_schema import edit_schema
from meshimplant.spec.edits import SHAPE_VERBS, VERBS


def parameters_of(verb: str):
    (own,) = [each for each in edit_schema()["oneOf"] if each["properties"]["verb"]["const"] == verb]
    return own["properties"]["parameters"]


def test_each_verb_has_its_schema():
    assert [each["properties"]["verb"]["const"] for each in edit_schema()["oneOf"]] == list(VERBS)
    assert set(SHAPE_VERBS) < set(VERBS)


def test_a_field_has_its_range_default_and_need():
    bulge = parameters_of("bulge")
    assert bulge["required"] == ["point_mm", "by_mm"]
    assert bulge["additionalProperties"] is False
    assert bulge["properties"]["radius_mm"] == {
        **{"description": "Where the change ends", "type": "number", "minimum": 3.0, "maximum": 80.0},
        "default": 15.0,
    }
    assert bulge["properties"]["point_mm"]["minItems"] == bulge["properties"]["point_mm"]["maxItems"] == 3


def test_set_has_the_fields_of_the_prescription_and_null_where_it_may_be():
    fields = parameters_of("set")["properties"]
    assert parameters_of("set")["minProperties"] == 1
    assert fields["max_faces"]["type"] == "integer"
    assert fields["material"]["enum"] == ["PEEK", "PMMA", "titanium", "ceramic"]
    table, none = fields["fixation"]["anyOf"]
    assert none == {"type": "null"}
    assert table["properties"]["count"]["anyOf"][0]["maximum"] == 30
    curve = parameters_of("cut")["properties"]["curve_mm"]["anyOf"][0]
    assert (curve["minItems"], curve["items"]["maxItems"]) == (3, 3)
