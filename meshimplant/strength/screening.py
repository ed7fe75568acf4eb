"""`StrengthScreening` and its parts: what a screening assumed, loaded, and found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from meshimplant.report import Finding, Place
from meshimplant.strength.materials import Material

LoadName = Literal["middle", "weakest place", "pressure"]

#: Printed wherever results of a screening are shown.
SCREENING_NOTE = (
    "A screening under these assumptions, not a proof of strength: small displacements; a material that is "
    "elastic, sound and equal in all directions; bone, screws and plates that do not give way. Not covered: "
    "impact, fatigue, creep, cracks, layers of a print. At the edge of holes and at sharp corners the stress "
    "is up to three times what is shown."
)


@dataclass(frozen=True)
class LoadCase:
    """One load, and what it does to the part.

    Attributes
    ----------
    name : str
        ``middle`` or ``weakest place``: a pad of 10 mm presses on the outer surface there; ``pressure``: from
        inside, on the whole inner surface.
    load : float
        In `unit`.
    unit : str
        ``N`` or ``kPa``.
    place_mm : (3,) tuple or None
        Middle of the pad, LPS mm; None for pressure.
    deflection_mm : float
        Largest displacement.
    deflection_place_mm : (3,) tuple
        Where, LPS mm.
    stress_mpa : float
        Largest von Mises stress outside the zone around the fixation.
    stress_place_mm : (3,) tuple
        Where, LPS mm.
    strength_ratio : float
        The material's strength over that stress: below 1 the stress exceeds it.
    """

    name: LoadName
    load: float
    unit: Literal["N", "kPa"]
    place_mm: Place | None
    deflection_mm: float
    deflection_place_mm: Place
    stress_mpa: float
    stress_place_mm: Place
    strength_ratio: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class StrengthScreening:
    """What a screening by linear elasticity found; see `screen_strength`.

    Attributes
    ----------
    material : Material
    fixation : str
        ``points`` or ``border``.
    fixation_mm : (k, 3) array
        The fixation points, LPS mm; empty for ``border``.
    excluded_mm : float
        Stresses closer than this to a fixation point, or to the border, are not counted.
    cases : tuple of LoadCase
        Each force at the middle and at the weakest place, then the pressure.
    failure_load_n : float
        Force on the pad at the weakest place at which the stress reaches the material's strength, if the part
        stayed elastic up to there.
    tried_mm : (t, 3) array
        The places that the pad was put on, LPS mm: the middle first.
    points_mm : (n, 3) array
        Points on the part's surface about 1 mm apart, LPS mm.
    deflection_mm, stress_mpa : (n,) arrays
        Displacement and von Mises stress there under the largest force at the weakest place.
    counted : (n,) array of bool
        Whether the point is outside the zone around the fixation.
    voxel_mm, cubes, mass_g : float, int, float
        The voxel edge, the number of cubes of two voxels, and the mass of the part.
    findings : tuple of Finding
        ``strength.deflection``, ``strength.failure_load``, ``strength.stress``, ``strength.resolution``,
        ``strength.holes``.
    """

    material: Material
    fixation: Literal["points", "border"]
    fixation_mm: NDArray[np.float64]
    excluded_mm: float
    cases: tuple[LoadCase, ...]
    failure_load_n: float
    tried_mm: NDArray[np.float64]
    points_mm: NDArray[np.float64]
    deflection_mm: NDArray[np.float64]
    stress_mpa: NDArray[np.float64]
    counted: NDArray[np.bool_]
    voxel_mm: float
    cubes: int
    mass_g: float
    findings: tuple[Finding, ...]

    @property
    def shown_case(self) -> LoadCase:
        """The case that `deflection_mm` and `stress_mpa` belong to."""
        at_weakest = [case for case in self.cases if case.name == "weakest place"]
        return max(at_weakest, key=lambda case: case.load)

    def to_dict(self) -> dict[str, Any]:
        """Return what was assumed and found as plain JSON-ready values, without the maps of points."""
        return {
            "note": SCREENING_NOTE,
            "material": asdict(self.material),
            "fixation": self.fixation,
            "fixation_mm": self.fixation_mm.tolist(),
            "excluded_mm": self.excluded_mm,
            "voxel_mm": self.voxel_mm,
            "cubes": self.cubes,
            "mass_g": self.mass_g,
            "cases": [case.to_dict() for case in self.cases],
            "failure_load_n": self.failure_load_n,
            "tried_mm": self.tried_mm.tolist(),
            "findings": [finding.to_dict() for finding in self.findings],
        }
