"""`FixationSpec`: the table ``[fixation]`` of a prescription."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.spec_table import SpecTable, number, word

#: How a part can be fixed, and the shapes of a mini-plate.
STYLES, PLATE_SHAPES = ("plates", "tabs", "tangential"), ("dog-bone", "straight")
#: Diameters of screws, mm: within the 1.5 to 2.7 mm of K230398.
SCREWS_MM = (1.5, 2.0)
#: Least and largest number of fixation points.
COUNT_RANGE = (1, 30)


@dataclass(frozen=True)
class FixationSpec(SpecTable):
    """How a part is fixed to the skull.

    Attributes
    ----------
    style : str
        ``plates``: two-hole mini-plates in recesses of the part. ``tabs``: tongues of the part that lie over
        the bone. ``tangential``: pocket holes through the border into the bone.
    screw_mm : float
        Diameter of the screws, 1.5 or 2.0. Default 1.5: the smallest that is sold for this (K230398).
    count : int or None
        Number of fixation points. None: one for each 50 mm of border, at least 4 (between the 40 mm of small
        and the 60 mm of large implants in Haque 2023).
    plate : str
        Shape of the plates: ``dog-bone`` (narrow between its holes) or ``straight``.
    """

    TABLE: ClassVar[str] = "fixation"

    style: str = word(
        "plates", "How the part is fixed: plates, tabs of the part, or tangential screws", STYLES
    )
    screw_mm: float = number(1.5, "Diameter of the screws, 1.5 or 2.0", *SCREWS_MM)
    count: int | None = number(
        None, "Number of fixation points; without it, one for each 50 mm of border, at least 4", *COUNT_RANGE
    )
    plate: str = word("dog-bone", "Shape of the plates", PLATE_SHAPES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.screw_mm not in SCREWS_MM:
            raise SpecError(f"expected fixation.screw_mm to be 1.5 or 2.0, got {self.screw_mm:g}")
