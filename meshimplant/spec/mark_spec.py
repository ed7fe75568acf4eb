"""`MarkSpec`: the table ``[mark]`` of a prescription, a text on the part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.spec_table import SpecTable, number, word

#: The characters that the font of the project draws; small letters are drawn as capitals.
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/ "


@dataclass(frozen=True)
class MarkSpec(SpecTable):
    """A text on a part, such as its number.

    Attributes
    ----------
    text : str
        The text: letters A to Z, digits, ``.``, ``-``, ``/`` and blanks; small letters are drawn as capitals.
        Nothing is added to it but what `directions` states.
    surface : str
        ``inner`` or ``outer``. Default inner: it is not felt through the scalp.
    relief : str
        ``engraved`` or ``raised``.
    depth_mm : float
        Depth or height, 0.2 to 1 mm. Default 0.4: two layers of a printer. No source: our choice.
    size_mm : float
        Height of a capital letter, 2.5 to 15 mm. Default 5.
    directions : str
        ``shown``: an arrow to the top of the head (on a surface that faces up, to the front), with the
        letters of the patient's sides (L, R) and of the front (A). ``hidden``: the text alone.
    """

    TABLE: ClassVar[str] = "mark"

    text: str = word("", "The text; small letters are drawn as capitals")
    surface: str = word("inner", "The surface that is marked", ("inner", "outer"))
    relief: str = word("engraved", "Whether the text lies below or above the surface", ("engraved", "raised"))
    depth_mm: float = number(0.4, "Depth or height of the text", 0.2, 1.0)
    size_mm: float = number(5.0, "Height of a capital letter", 2.5, 15.0)
    directions: str = word("shown", "Whether arrow and letters show how the part lies", ("shown", "hidden"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.text.strip():
            raise SpecError('expected mark.text with at least one character, got none: give text = "..."')
        unknown = sorted(set(self.text.upper()) - set(CHARACTERS))
        if unknown:
            raise SpecError(
                f"expected mark.text of letters A to Z, digits and . - / only, got "
                f"{', '.join(map(repr, unknown))}: replace these characters"
            )
