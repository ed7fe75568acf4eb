"""`PerforationSpec`: the table ``[perforation]`` of a prescription, holes through the part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.spec_table import SpecTable, number, word

#: The layouts that need no places of the user's.
PATTERNS = ("even", "border")
#: How the ends of a hole are finished.
EDGES = ("rounded", "countersunk", "sharp")


@dataclass(frozen=True)
class PerforationSpec(SpecTable):
    """Holes through a part, for drainage and sutures.

    Attributes
    ----------
    diameter_mm : float
        Diameter of a hole, width of a slot, 1 to 5 mm. Default 2, as on an order sheet for PEEK (K121102);
        plates of the face have 3 to 5 (K133809).
    spacing_mm : float
        Least distance between the middles of two holes, 4 to 50 mm; twice the diameter at least. Default 10,
        as on the same order sheet.
    border_mm : float
        Least distance from the edge of a hole to the part's border, 1 to 50 mm. Default 8. No source for the
        vault: our choice; plates of the face keep 15 (K133809).
    pattern : str
        ``even``: all over the outer surface. ``border``: pairs of suture holes along the border, to which the
        dura is tacked up.
    edge : str
        How both ends of a hole are finished: ``rounded``, ``countersunk`` (45 degrees) or ``sharp``.
    edge_mm : float
        Radius of the rounding, width of the countersink, 0.1 to 2 mm. Default 0.3: no edge cuts dura or
        scalp. No source: our choice.
    slot_mm : float or None
        Length of the slots to make in place of round holes, 2 to 30 mm. They run along the border.
    tenting : int
        Number of holes at the middle of the part to which the dura is tented up, 0 to 4, usually two. Default
        0.
    pair_mm : float
        Distance between the middles of the holes of a pair, and of tenting holes, 2 to 20 mm. Default 5. No
        source: our choice.
    pair_spacing_mm : float
        Distance from pair to pair along the border, 8 to 100 mm. Default 25. No source: our choice.
    """

    TABLE: ClassVar[str] = "perforation"

    diameter_mm: float = number(2.0, "Diameter of a hole, width of a slot", 1.0, 5.0)
    spacing_mm: float = number(10.0, "Least distance between the middles of two holes", 4.0, 50.0)
    border_mm: float = number(8.0, "Least distance from the edge of a hole to the border", 1.0, 50.0)
    pattern: str = word("even", "Where the holes are: all over, or in pairs along the border", PATTERNS)
    edge: str = word("rounded", "How both ends of a hole are finished", EDGES)
    edge_mm: float = number(0.3, "Radius of the rounding, width of the countersink", 0.1, 2.0)
    slot_mm: float | None = number(None, "Length of the slots to make in place of round holes", 2.0, 30.0)
    tenting: int = number(0, "Number of holes at the middle, to tent up the dura", 0, 4)
    pair_mm: float = number(
        5.0, "Distance between the holes of a pair, and of those at the middle", 2.0, 20.0
    )
    pair_spacing_mm: float = number(25.0, "Distance from pair to pair along the border", 8.0, 100.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        width = self.diameter_mm
        if self.slot_mm is not None and self.slot_mm <= width:
            raise SpecError(
                f"expected perforation.slot_mm above the width of {width:g} mm, got {self.slot_mm:g}: "
                "leave it out for round holes"
            )
        least = {"spacing_mm": width + (self.slot_mm or width)}
        if self.pattern == "border" or self.tenting > 1:
            least["pair_mm"] = 2 * width
        for name, limit in least.items():
            if getattr(self, name) < limit:
                raise SpecError(
                    f"expected perforation.{name} of at least {limit:g} mm, so that the wall between two "
                    f"holes is as thick as they are wide, got {getattr(self, name):g}: enlarge it"
                )
