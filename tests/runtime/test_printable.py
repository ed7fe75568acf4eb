"""Text is shown as it is, but for what a terminal obeys and what UTF-8 lacks."""

from __future__ import annotations

import os

from meshimplant.report import plain_values
from meshimplant.runtime.printable import printable


def test_usual_text_is_not_changed() -> None:
    text = "Größe 5 mm², tab\tand line\nfeed, 3\u202f000, 頭蓋骨, é"
    assert printable(text) == text


def test_what_a_terminal_obeys_is_shown_as_its_code() -> None:
    assert printable("a\x1b]0;t\x07\x9b2J\x7f\rb") == r"a\x1b]0;t\x07\x9b2J\x7f\x0db"
    assert printable("\u202egpj.exe\u2066") == r"\u202egpj.exe\u2066"


def test_a_byte_of_a_name_that_is_not_utf8_is_shown_as_its_code() -> None:
    assert printable(os.fsdecode(b"kop\xe9.nrrd")) == r"kop\xe9.nrrd"


def test_reports_hold_printable_text_alone() -> None:
    assert plain_values({"\x1bkey": ["a\udcff"]}) == {r"\x1bkey": [r"a\xff"]}
