"""A table within a prescription: values refused by their full name, text and back."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import ClassVar

import pytest
import tomli_w

from meshimplant.errors import SpecError
from meshimplant.spec.spec_table import SpecTable, needed_number, number, points, table, without_none, word


@dataclass(frozen=True)
class Holes(SpecTable):
    TABLE: ClassVar[str] = "holes"
    diameter_mm: float = number(2.0, "Diameter", 1.0, 5.0)
    count: int | None = number(None, "Number", 1, 200)
    pattern: str = word("even", "Pattern", ("even", "border"))
    text: str = word("", "Any text")


@dataclass(frozen=True)
class Part(SpecTable):
    thickness_mm: float = number(4.0, "Thickness", 0.5, 15.0)
    holes: Holes | None = table(Holes, "Holes")


@pytest.mark.parametrize("part", [Part(), Part(holes=Holes()), Part(3.0, Holes(1.5, 7, "border", "L"))])
def test_a_table_comes_back_from_text_as_it_was(part):
    assert Part.from_dict(tomllib.loads(tomli_w.dumps(without_none(part.to_dict())))) == part


def test_an_empty_table_is_one_with_the_defaults():
    assert Part.from_dict({"holes": {}}) == Part(holes=Holes()) != Part()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"diameter_mm": 5.1}, r"holes\.diameter_mm to be a number between 1 and 5, got 5\.1"),
        ({"diameter_mm": None}, r"holes\.diameter_mm"),
        ({"count": 2.5}, r"holes\.count to be a whole number"),
        ({"pattern": "random"}, r"holes\.pattern to be one of even, border, got 'random'"),
        ({"text": 3}, r"holes\.text to be text"),
        ({"diametre": 2}, r"fields of \[holes\] among diameter_mm.*got diametre"),
    ],
)
def test_a_wrong_value_is_refused_by_its_full_name(values, words):
    with pytest.raises(SpecError, match=words):
        Part.from_dict({"holes": values})


@pytest.mark.parametrize("value", [[], "even", 3])
def test_something_else_than_a_table_is_refused(value):
    with pytest.raises(SpecError, match="holes to be a table"):
        Part.from_dict({"holes": value})


@dataclass(frozen=True)
class Place(SpecTable):
    TABLE: ClassVar[str] = "place"
    point_mm: tuple[float, float, float] = points("A point", needed=True)
    curve_mm: tuple[tuple[float, float, float], ...] | None = points("A curve", least=3)
    by_mm: float = needed_number("How far", -2.0, 2.0)


def test_points_come_back_as_lists_of_numbers():
    place = Place.from_dict(
        {"point_mm": [1, 2, 3], "by_mm": 1, "curve_mm": [[0, 0, 0], [1, 0, 0], (0, 1, 0)]}
    )
    assert place.point_mm == (1.0, 2.0, 3.0)
    assert place.curve_mm == ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    assert Place.from_dict(place.to_dict()) == place
    assert place.to_dict()["point_mm"] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"by_mm": 1}, r"expected place.point_mm, got none: A point"),
        ({"point_mm": [1, 2, 3]}, r"expected place.by_mm, got none"),
        ({"point_mm": [1, 2], "by_mm": 1}, r"place.point_mm to be a point of three numbers, got \[1, 2\]"),
        ({"point_mm": [1, 2, float("nan")], "by_mm": 1}, "a point of three numbers"),
        ({"point_mm": [1, 2, True], "by_mm": 1}, "a point of three numbers"),
        ({"point_mm": "abc", "by_mm": 1}, "a point of three numbers"),
        ({"point_mm": [1, 2, 3], "by_mm": 1, "curve_mm": [[0, 0, 0]]}, "at least 3 points of three numbers"),
    ],
)
def test_what_is_no_point_is_refused(values, message):
    with pytest.raises(SpecError, match=message):
        Place.from_dict(values)
