"""`MouldSpec`: the table ``[mould]`` of a prescription, a mould made from the part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.mark_spec import CHARACTERS
from meshimplant.spec.spec_table import SpecTable, number, word

#: The kinds of mould.
MOULD_KINDS = ("springform", "two-part", "positive")


@dataclass(frozen=True)
class MouldSpec(SpecTable):
    """A mould in which a part is cast, or from which a silicone mould is made.

    Attributes
    ----------
    kind : str
        ``springform``: a base that holds the outer surface, and a ring of the defect's margin that stands on
        it and is taken off upwards; cement is pressed in from above, up to the edge of the ring. 16 of 16
        parts fitted (PMC8913485). ``two-part``: a closed mould with pins, pour channel and vents.
        ``positive``: the part on a sprue with a foot, for a mould of silicone (54 parts, Sci Rep
        2023;13:11985).
    label : str or None
        A text that is engraved into each piece beside its name, such as the number of the case.
    draft_deg : float
        Least draft of a two-part mould, 0 to 15 degrees; a part with less is refused. Default 2. No source:
        our choice.
    wall_mm : float
        Least wall around the cavity, 3 to 30 mm. Default 5. No source: our choice.
    play_mm : float
        Distance from a pin to its socket, and from the base to the ring, 0.05 to 1 mm. Default 0.2: twice the
        accuracy of common printers.
    channel_mm, vent_mm : float
        Narrowest width of the pour channel, 8 to 25 mm, and of the vents, 1.5 to 8 mm. Defaults 8 and 3. No
        source: our choice.
    vents : int
        Least number of vents, 4 to 12. Default 4.
    shrinkage_l_percent, shrinkage_p_percent, shrinkage_s_percent : float
        By how much the casting shrinks along the patient's axes, 0 to 8 %; the cavity is larger by as much.
        Default 0: it depends on the cement.
    bed_x_mm, bed_y_mm, bed_z_mm : float
        What the printer holds. Default 220 x 220 x 250 mm, a common size.
    """

    TABLE: ClassVar[str] = "mould"

    kind: str = word("springform", "The kind of mould", MOULD_KINDS)
    label: str | None = word(None, "A text that is engraved into each piece beside its name")
    draft_deg: float = number(2.0, "Least draft of a two-part mould; a part with less is refused", 0.0, 15.0)
    wall_mm: float = number(5.0, "Least wall around the cavity", 3.0, 30.0)
    play_mm: float = number(0.2, "Distance from pin to socket, and from base to ring", 0.05, 1.0)
    channel_mm: float = number(8.0, "Narrowest width of the pour channel", 8.0, 25.0)
    vent_mm: float = number(3.0, "Narrowest width of a vent", 1.5, 8.0)
    vents: int = number(4, "Least number of vents", 4, 12)
    shrinkage_l_percent: float = number(0.0, "Shrinkage of the casting from side to side", 0.0, 8.0)
    shrinkage_p_percent: float = number(0.0, "Shrinkage of the casting from front to back", 0.0, 8.0)
    shrinkage_s_percent: float = number(0.0, "Shrinkage of the casting from bottom to top", 0.0, 8.0)
    bed_x_mm: float = number(220.0, "Width of the printer's bed", 50.0, 2000.0)
    bed_y_mm: float = number(220.0, "Depth of the printer's bed", 50.0, 2000.0)
    bed_z_mm: float = number(250.0, "Height that the printer reaches", 50.0, 2000.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = sorted(set((self.label or "").upper()) - set(CHARACTERS))
        if unknown:
            raise SpecError(
                f"expected mould.label of letters A to Z, digits and . - / only, got "
                f"{', '.join(map(repr, unknown))}: replace these characters"
            )
