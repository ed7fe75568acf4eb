"""How parts are made, and what each way can and cannot make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    """A way of making a part.

    Attributes
    ----------
    material : str
        The material of the prescription that it belongs to.
    least_wall_mm : float
        Thinnest wall that it makes.
    least_clearance_mm : float
        Smallest clearance that its accuracy, and that of the copies that were measured, leaves open.
    hole_growth_mm : float
        How much larger a hole is drawn than it is asked for, since it comes out smaller.
    least_radius_mm : float
        Smallest radius of an edge that it makes.
    longest_mm : (float, float) or None
        Shortest and longest length of a part. None: nothing is published.
    source : str
        Where the numbers come from; those not named there are our choice.
    """

    material: str
    least_wall_mm: float
    least_clearance_mm: float
    hole_growth_mm: float
    least_radius_mm: float
    longest_mm: tuple[float, float] | None
    source: str


#: Every process by its name in a prescription.
PROCESSES = {
    "peek-milled": Process(
        "PEEK", 2.0, 0.3, 0.0, 0.3, (25.0, 250.0), "K250334: wall 2 to 10 mm, length 25 to 250 mm"
    ),
    "peek-fff": Process(
        "PEEK",
        3.0,
        0.8,
        0.3,
        0.4,
        (35.0, 150.0),
        "K231834: wall 3 to 6 mm, length 35 to 150 mm; clearance: deviations of 0.24 to 0.79 mm RMS "
        "(J. Clin. Med. 2020, 9, 2818)",
    ),
    "pekk": Process("PEEK", 2.0, 0.5, 0.2, 0.4, None, "all our choice"),
    "pmma-mould": Process(
        "PMMA",
        3.0,
        0.6,
        0.0,
        0.5,
        None,
        "clearance: copies deviate by 0.57 mm RMS in the median (PMC7141183)",
    ),
    "titanium-slm": Process("titanium", 0.3, 0.3, 0.15, 0.2, None, "K191028 (jaw): wall 0.3 to 10 mm"),
    "resin-model": Process("PMMA", 0.5, 0.2, 0.1, 0.1, None, "all our choice; for models, not for implants"),
}
