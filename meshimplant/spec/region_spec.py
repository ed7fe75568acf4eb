"""`RegionSpec`: one of the tables ``[[regions]]`` of a prescription, a place with values of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from meshimplant.errors import SpecError
from meshimplant.spec.spec_table import SpecTable, number, word
from meshimplant.spec.spec_table import points as point_list

#: The regions of the head that have a name.
REGION_NAMES = ("temporal", "frontal", "midline")
#: What can be prescribed for a region.
REGION_VALUES = ("thickness_mm", "clearance_mm", "bevel_deg")
#: What a design calls the map of a region.
MAP_NAME = re.compile(r"region-[1-9][0-9]*\.nrrd")
#: Around a region values change over this distance where none is stated, mm. No source: our choice.
BLEND_MM = 8.0
#: Steepest slope of the inner surface around a region, mm per mm (23 degrees): beyond 35 degrees it would
#: count as border.
STEEPEST = 0.43
#: A smooth step is this much steeper in its middle than a straight line.
_STEP_SLOPE = 1.5


@dataclass(frozen=True)
class RegionSpec(SpecTable):
    """A region of the part with a thickness, clearance or bevel of its own.

    A place belongs to a region by its direction from the centre of the head, so that a region reaches
    through the whole wall. It is given in one of three ways: by name, by points with a radius, or by a map.

    Attributes
    ----------
    name : str or None
        ``temporal``: within 40 degrees of the head's left or right. ``frontal``: within 55 degrees of its
        front. ``midline``: within 15 mm of its symmetry plane. Directions are those of `HeadPose`, seen from
        its centre, 75 mm below the vertex. No source: our choice.
    points : tuple of (3,) tuples or None
        Places of the patient, LPS mm, with everything within `radius_mm` of any of them.
    radius_mm : float or None
        1 to 100 mm, across the direction from the centre of the head.
    map : str or None
        Path of a painted mask or of labels, any volume that can be read; relative to the prescription's file.
    label : int or None
        The label of `map` that is the region. None: all but 0.
    thickness_mm, clearance_mm, bevel_deg : float or None
        What is prescribed here, see `ImplantSpec`; at least one of them.
    blend_mm : float or None
        Distance outside the region over which its values change smoothly into those around, 1 to 100 mm.
        None: 8 mm, or as much as keeps the inner surface below 23 degrees where the thickness changes by
        more than 2.3 mm. No source: our choice.
    """

    TABLE: ClassVar[str] = "regions"

    name: str | None = word(None, "A region of the head", REGION_NAMES)
    points: tuple[tuple[float, ...], ...] | None = point_list(
        "Places [L, P, S] in mm of the patient, each with radius_mm around it", least=1
    )
    radius_mm: float | None = number(None, "Distance from a point that belongs to the region", 1.0, 100.0)
    map: str | None = word(None, "Path of a painted mask or of labels, relative to this file")
    label: int | None = number(None, "The label of the map; without it, all but 0", 1, 65_535)
    thickness_mm: float | None = number(None, "Thickness in the region", 0.5, 15.0)
    clearance_mm: float | None = number(None, "Clearance in the region", 0.0, 3.0)
    bevel_deg: float | None = number(None, "Bevel in the region", 0.0, 45.0)
    blend_mm: float | None = number(
        None,
        "Distance over which the values change around the region; without it, 8 mm, or more where the "
        "thickness changes by more than 2.3 mm",
        1.0,
        100.0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        kinds = [kind for kind in ("name", "points", "map") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise SpecError(
                "expected a region to have one of name, points and map, got "
                f"{' and '.join(kinds) or 'none of them'}: write one table [[regions]] for each"
            )
        for kind, name in (("points", "radius_mm"), ("map", "label")):
            if getattr(self, name) is not None and kinds != [kind]:
                raise SpecError(
                    f"expected regions.{name} with {kind} only, got it with {kinds[0]}: remove it"
                )
        if kinds == ["points"] and self.radius_mm is None:
            raise SpecError("expected regions.radius_mm with points, got none: state the radius in mm")
        if not self.values:
            raise SpecError(
                f"expected a region to set one of {', '.join(REGION_VALUES)}, got none: state what is "
                "different there"
            )

    @property
    def values(self) -> dict[str, float]:
        """What the region prescribes, by the name of the field."""
        named = {name: getattr(self, name) for name in REGION_VALUES}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def kind(self) -> str:
        """How the region is given, in a word for messages: its name, ``points`` or ``map``."""
        return self.name or ("map" if self.points is None else "points")


def least_blend_mm(region: RegionSpec, around_mm: Sequence[float]) -> float:
    """Return the distance within which a region's thickness can change from each thickness around it."""
    if region.thickness_mm is None:
        return 0.0
    change = max(abs(region.thickness_mm - each) for each in around_mm)
    return _STEP_SLOPE * change / STEEPEST


def blends_mm(thickness_mm: float, regions: Sequence[RegionSpec]) -> list[float]:
    """Return the distance over which the values of each region change into those around.

    Raises
    ------
    SpecError
        A stated distance is too short for the change of the thickness.
    """
    blends, around = [], [thickness_mm]
    for index, region in enumerate(regions, 1):
        least = least_blend_mm(region, around)
        if region.blend_mm is not None and region.blend_mm < least:
            raise SpecError(
                f"expected regions.blend_mm of at least {least:.1f} mm for a thickness of "
                f"{region.thickness_mm:g} mm beside {_farthest(region, around):g} mm, so that the inner "
                f"surface does not rise by more than 23 degrees, got {region.blend_mm:g}: enlarge it, or "
                f"leave it out (in [[regions]] number {index})"
            )
        blends.append(max(BLEND_MM, least) if region.blend_mm is None else region.blend_mm)
        around += [] if region.thickness_mm is None else [region.thickness_mm]
    return blends


def _farthest(region: RegionSpec, around_mm: Sequence[float]) -> float:
    return max(around_mm, key=lambda each: abs(each - (region.thickness_mm or 0.0)))


def located(region: RegionSpec, folder: Path) -> RegionSpec:
    """Return a region with the full path of its map, given the folder of its prescription."""
    return region if region.map is None else region.with_values(map=str((folder / region.map).resolve()))
