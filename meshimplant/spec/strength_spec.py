"""`StrengthSpec`: the table ``[strength]`` of a prescription, a screening of the finished part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from meshimplant.spec.spec_table import SpecTable, number


@dataclass(frozen=True)
class StrengthSpec(SpecTable):
    """A screening by linear elasticity of the finished part, see `screen_strength`.

    Attributes
    ----------
    load_n : float
        Force on a pad of 10 mm at the middle and at the weakest place found, 1 to 10 000 N. Default 100 (an
        acceptance in the 510(k) K161090).
    pressure_kpa : float
        Pressure from inside, 0.1 to 100 kPa. Default 2: 15 mmHg.
    voxel_mm : float
        Voxel edge, 0.25 to 2 mm. Default 1.
    """

    TABLE: ClassVar[str] = "strength"

    load_n: float = number(100.0, "Force on a pad of 10 mm", 1.0, 10_000.0)
    pressure_kpa: float = number(2.0, "Pressure from inside", 0.1, 100.0)
    voxel_mm: float = number(1.0, "Voxel edge; the cubes of the solution have two", 0.25, 2.0)
