"""`ResectionSpec`: the table ``[resection]`` of a prescription, a cut that is planned on an intact skull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.spec.spec_table import SpecTable, number


@dataclass(frozen=True)
class ResectionSpec(SpecTable):
    """A resection that is planned on an intact skull; `plan_resection` alone reads it.

    Attributes
    ----------
    kerf_mm : float
        Width of the cut, 0 to 3 mm, half of it on either side of the curve. Default 2: craniotomes cut two or
        more (US20160354117).
    template_width_mm : float
        Width of the template's ring around the cut, 8 to 25 mm. Default 10: guides in jaw practice reach 5 to
        10 mm beyond the cut.
    template_thickness_mm : float
        Its thickness, 2 to 8 mm: the height of the edge that guides the saw. Default 4. No source: our
        choice.
    template_gap_mm : float
        Distance between template and bone, 0.1 to 1 mm. Default 0.3: three times the accuracy of common
        printers. No source: our choice.
    flange_mm : float
        How far a tongue of the template reaches beyond its ring, 0 to 50 mm. Default 25; 0: none. No source:
        our choice.
    sleeve_height_mm : float
        Height of the sleeves for the drill, 4 to 15 mm. Default 6. No source: our choice.
    """

    TABLE: ClassVar[str] = "resection"

    kerf_mm: float = number(2.0, "Width of the cut, half of it on either side of the curve", 0.0, 3.0)
    template_width_mm: float = number(10.0, "Width of the template's ring around the cut", 8.0, 25.0)
    template_thickness_mm: float = number(4.0, "Thickness of the template", 2.0, 8.0)
    template_gap_mm: float = number(0.3, "Distance between template and bone", 0.1, 1.0)
    flange_mm: float = number(25.0, "How far a tongue of the template reaches beyond its ring", 0.0, 50.0)
    sleeve_height_mm: float = number(6.0, "Height of the template's sleeves for the drill", 4.0, 15.0)
