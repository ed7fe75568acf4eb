"""What the lines of a log amount to."""

from __future__ import annotations

import pytest

from meshimplant.edit_log.log_lines import History, LoggedEdit
from meshimplant.errors import InputError, SpecError
from meshimplant.spec.edits import Edit, changed_spec
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec


def history(*words: str) -> History:
    """Return the history of words: ``3.5`` sets the thickness, ``undo 1`` takes line 1 back."""
    lines = []
    for number, word in enumerate(words, start=1):
        verb, _, argument = word.partition(" ")
        edit = (
            Edit(verb, {"number": int(argument)}) if argument else Edit("set", {"thickness_mm": float(verb)})
        )
        lines.append(LoggedEdit(number, edit, f"{number - 1}", f"{number}", "2026-03-09T14:05:07Z"))
    return History(lines)


def held(*words: str) -> list[float]:
    return [edit.parameters["thickness_mm"] for edit in history(*words).edits]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), []),
        (("3", "4"), [3, 4]),
        (("3", "4", "undo 2"), [3]),
        (("3", "4", "undo 2", "undo 1"), []),
        (("3", "4", "undo 2", "undo 1", "redo 1"), [3]),
        (("3", "4", "undo 2", "undo 1", "redo 1", "redo 2"), [3, 4]),
        (("3", "4", "undo 2", "5"), [3, 5]),
        (("3", "4", "5", "revert 1"), [4, 5]),
        (("3", "4", "5", "revert 1", "undo 4"), [3, 4, 5]),
        (("3", "4", "5", "revert 1", "undo 4", "redo 4"), [4, 5]),
        (("3", "4", "revert 1", "undo 3", "undo 2"), [3]),
        (("3", "4", "revert 2", "undo 3", "redo 3", "undo 3", "undo 2", "undo 1"), []),
    ],
)
def test_the_state_holds_what_was_made_and_not_taken_back(words, expected):
    assert held(*words) == expected


def test_each_line_tells_whether_it_is_undone():
    lines = history("3", "4", "revert 1", "undo 3", "undo 2").lines
    assert [line.undone for line in lines] == [False, True, True, False, False]
    assert [line.is_change for line in lines] == [True, True, False, False, False]
    both = history("3", "revert 1")
    assert [line.undone for line in both.lines] == [True, False]
    assert (both.next_undo, both.next_redo) == (2, None)
    assert history("3", "undo 1").next_redo == 1
    assert history("3", "undo 1", "4").next_redo is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("undo 1",), "expected undo where there is something left, got undo of line 1"),
        (("3", "4", "undo 1"), "expected undo of line 2, got undo of line 1"),
        (("3", "redo 1"), "expected redo where there is something left"),
        (("3", "undo 1", "4", "redo 1"), "expected redo where there is something left"),
        (("3", "revert 2"), "an edit that the design holds, 1, got 2"),
        (("3", "undo 1", "revert 1"), "of which there is none, got 1"),
    ],
)
def test_a_line_that_cannot_follow_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        history(*words)


@pytest.mark.parametrize(
    ("verb", "parameters", "message"),
    [
        ("bend", {}, r"expected the verb of an edit to be one of set, .*undo, redo, revert, got 'bend'"),
        ("set", {}, "expected set with fields of the prescription, thickness_mm, .*, got none"),
        ("set", {"thicknes_mm": 3}, "got thicknes_mm"),
        ("undo", {"number": 0}, "expected number to be a whole number between 1"),
        ("undo", {"nr": 1}, "got nr"),
        ("set", [1], "to be named values"),
    ],
)
def test_an_edit_is_checked_when_it_is_made(verb, parameters, message):
    with pytest.raises(SpecError, match=message):
        Edit(verb, parameters)


def test_an_edit_does_not_change_with_what_it_was_made_of():
    given = {"fixation": {"count": 4}}
    edit = Edit("set", given)
    given["fixation"]["count"] = 9
    edit.to_dict()["parameters"]["fixation"]["count"] = 8
    assert edit == Edit("set", {"fixation": {"count": 4}})
    with pytest.raises(SpecError, match="expected an edit with a verb"):
        Edit.from_dict(["set"])


def test_set_changes_fields_of_the_prescription_and_of_its_tables():
    spec = ImplantSpec(fixation=FixationSpec(style="tabs", count=4), border_radius_mm=0.5)
    assert changed_spec(spec, {"fixation": {"count": 6}}).fixation == FixationSpec(style="tabs", count=6)
    assert changed_spec(spec, {"fixation": None, "border_radius_mm": None}) == ImplantSpec()
    assert changed_spec(ImplantSpec(), {"fixation": {}}).fixation == FixationSpec()
    with pytest.raises(SpecError, match="thickness_mm to be a number between"):
        changed_spec(spec, {"thickness_mm": None})
