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
    """

    TABLE: ClassVar[str] = "resection"

    kerf_mm: float = number(2.0, "Width of the cut, half of it on either side of the curve", 0.0, 3.0)
