"""`SheetSpec`: a thin perforated plate over the opening, in place of a part within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.mark_spec import CHARACTERS
from meshimplant.spec.spec_table import SpecTable, number, word

#: The shapes of the holes.
HOLE_SHAPES = ("hexagonal", "round", "none")


@dataclass(frozen=True)
class SheetSpec(SpecTable):
    """A plate of titanium sheet that covers an opening and is screwed to the bone around it.

    Attributes
    ----------
    thickness_mm : float
        Thickness of the plate, 0.4 to 0.8 mm. Default 0.6: the thinnest titanium that passes the check. Where
        no source is named for a size: our choice.
    margin_mm : float
        How far the plate reaches over the bone around the opening, 6 to 10 mm. Default 8.
    gap_mm : float
        Height over the highest bone below it, 0 to 1 mm. Default 0.2, as of tabs.
    holes : str
        ``hexagonal``, ``round`` or ``none``. Default hexagonal: for the same strut the most open.
    hole_mm : float
        Width of the holes, across the flats of hexagons, 1 to 6 mm. Default 2.5.
    strut_mm : float
        Width of the struts between holes, 1 to 4 mm. Default 1.5.
    screw_mm : float
        Diameter of the screws, 1.5 or 2 mm; their holes are countersunk. Default 1.5.
    screws : int or None
        Number of screws, 3 to 40. Default None: one in 50 mm of the line on which they lie, and at least
        four, as for mini-plates.
    label : str or None
        A text that is engraved into the stamps beside their names, such as the number of the case.
    """

    TABLE: ClassVar[str] = "sheet"

    thickness_mm: float = number(0.6, "Thickness of the plate", 0.4, 0.8)
    margin_mm: float = number(8.0, "How far the plate reaches over the bone around", 6.0, 10.0)
    gap_mm: float = number(0.2, "Height over the highest bone below it", 0.0, 1.0)
    holes: str = word("hexagonal", "Shape of the holes", HOLE_SHAPES)
    hole_mm: float = number(2.5, "Width of the holes, across the flats of hexagons", 1.0, 6.0)
    strut_mm: float = number(1.5, "Width of the struts between holes", 1.0, 4.0)
    screw_mm: float = number(1.5, "Diameter of the screws, 1.5 or 2", 1.5, 2.0)
    screws: int | None = number(None, "Number of screws; without it, one in 50 mm", 3, 40)
    label: str | None = word(None, "A text that is engraved into the stamps beside their names")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.screw_mm not in (1.5, 2.0):
            raise SpecError(f"expected sheet.screw_mm to be 1.5 or 2, got {self.screw_mm:g}")
        unknown = sorted(set((self.label or "").upper()) - set(CHARACTERS))
        if unknown:
            raise SpecError(
                f"expected sheet.label of letters A to Z, digits and . - / only, got "
                f"{', '.join(map(repr, unknown))}: replace these characters"
            )
