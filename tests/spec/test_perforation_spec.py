"""The table of holes: the wall between two holes is never thinner than they are wide."""

from __future__ import annotations

import pytest

from meshimplant.errors import SpecError
from meshimplant.spec.perforation_spec import PerforationSpec


def test_defaults_are_those_of_an_order_sheet():
    spec = PerforationSpec()
    assert (spec.diameter_mm, spec.spacing_mm, spec.border_mm, spec.pattern) == (2, 10, 8, "even")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"diameter_mm": 3, "spacing_mm": 5.9}, r"perforation\.spacing_mm of at least 6 mm"),
        ({"slot_mm": 9, "spacing_mm": 10.9}, r"perforation\.spacing_mm of at least 11 mm"),
        ({"slot_mm": 2}, r"perforation\.slot_mm above the width of 2 mm"),
        ({"tenting": 2, "pair_mm": 3.9}, r"perforation\.pair_mm of at least 4 mm"),
        ({"pattern": "border", "pair_mm": 3.9}, r"perforation\.pair_mm"),
        ({"pattern": "random"}, r"perforation\.pattern to be one of even, border"),
    ],
)
def test_holes_too_close_to_each_other_are_refused(values, words):
    with pytest.raises(SpecError, match=words):
        PerforationSpec(**values)


def test_holes_just_far_enough_are_not():
    assert PerforationSpec(diameter_mm=3, spacing_mm=6)
    assert PerforationSpec(slot_mm=9, spacing_mm=11)
    assert PerforationSpec(pair_mm=2)
