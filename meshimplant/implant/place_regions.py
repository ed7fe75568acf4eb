"""`place_regions`: the regions of a prescription as places on one head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError
from meshimplant.head.pose import HeadPose
from meshimplant.implant.regional_value import Region, Regional, RegionalValue
from meshimplant.io.volumes import read_volume
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.region_spec import REGION_VALUES, RegionSpec, blends_mm
from meshimplant.values.distinct_values import as_whole_numbers, distinct_values
from meshimplant.voxels.volume import Volume

#: Half angles of the regions around the head's sides and front, degrees; half width of its midline, mm. No
#: source: our choice.
TEMPORAL_DEG, FRONTAL_DEG, MIDLINE_MM = 40.0, 55.0, 15.0
#: Distance between the directions that stand for the symmetry plane, degrees (0.4 mm on a head).
_MIDLINE_STEP_DEG = 0.25
#: What a design calls the map of a region.
_MAP_NAME = "region-{}.nrrd"
#: Directions to the voxels of a map are thinned to this fraction of a voxel.
_THIN_VOXELS = 0.5


@dataclass(frozen=True, eq=False)
class PlacedRegions:
    """What a prescription asks for by place.

    Attributes
    ----------
    thickness_mm, clearance_mm, bevel_deg : float or RegionalValue
        See `ImplantSpec`; plain numbers where no region changes them.
    regions : tuple of Region
        All regions, in the order of the prescription.
    asked : tuple of dict
        What each region asks for, by the name of the field.
    """

    thickness_mm: Regional
    clearance_mm: Regional
    bevel_deg: Regional
    regions: tuple[Region, ...] = ()
    asked: tuple[dict[str, float], ...] = ()

    def later(self, number: int, name: str) -> tuple[Region, ...]:
        """Return the regions after one that hold before it for a field."""
        return tuple(
            each
            for each, asked in zip(self.regions[number + 1 :], self.asked[number + 1 :], strict=True)
            if name in asked
        )


def place_regions(
    spec: ImplantSpec,
    head: HeadPose | ArrayLike | None = None,
    *,
    maps: Mapping[str, Volume] | None = None,
) -> PlacedRegions:
    """Return what a prescription asks for by place, on one head.

    Parameters
    ----------
    spec : ImplantSpec
        The prescription.
    head : HeadPose or (3,) array-like, optional
        Centre and axes of the head, see `fit_pose`. A point inside the head, LPS mm, is enough without named
        regions; nothing is needed without any.
    maps : mapping of str to Volume, optional
        Painted maps by the name that the prescription has for them. Others are read from files.

    Returns
    -------
    PlacedRegions

    Raises
    ------
    FileReadError
        A map cannot be read.
    InputError
        A named region without the axes of the head, any without its centre; or a map that is no mask or
        labels, or holds nothing, or not the label.
    """
    if not spec.regions:
        return PlacedRegions(spec.thickness_mm, spec.clearance_mm, spec.bevel_deg)
    if head is None:
        raise InputError(
            "expected a point inside the head for the regions of the prescription, got none: add the skull"
        )
    centre = np.asarray(head.centre_mm if isinstance(head, HeadPose) else head, float)
    axes = head.axes if isinstance(head, HeadPose) else None
    regions = tuple(
        _placed(each, number, centre, axes, maps or {}, blend_mm)
        for number, (each, blend_mm) in enumerate(
            zip(spec.regions, blends_mm(spec.thickness_mm, spec.regions), strict=True), 1
        )
    )
    values: dict[str, Any] = {name: _by_place(spec, name, regions) for name in REGION_VALUES}
    return PlacedRegions(**values, regions=regions, asked=tuple(each.values for each in spec.regions))


def _by_place(spec: ImplantSpec, name: str, regions: tuple[Region, ...]) -> Regional:
    """Return a field of the prescription by place; a plain number where no region changes it."""
    base = float(getattr(spec, name))
    chosen = [
        (region, each.values[name])
        for region, each in zip(regions, spec.regions, strict=True)
        if name in each.values
    ]
    if not chosen:
        return base
    return RegionalValue(
        base, tuple(region for region, _ in chosen), np.array([value for _, value in chosen])
    )


def _placed(
    spec: RegionSpec,
    number: int,
    centre: NDArray[np.float64],
    axes: NDArray[np.float64] | None,
    maps: Mapping[str, Volume],
    blend_mm: float,
) -> Region:
    region = Region(f"region {number} ({spec.kind})", centre, np.zeros((0, 3)), 0.0, 0.0, blend_mm)
    if spec.points is not None and spec.radius_mm is not None:
        directions = _unit(np.asarray(spec.points) - centre)
        return replace(region, directions=directions, radius_mm=spec.radius_mm)
    if spec.map is not None:
        found = maps[spec.map] if spec.map in maps else read_volume(spec.map)
        return _painted(region, painted(found, spec, number))
    if axes is None:
        raise InputError(
            f"expected the head for {region.label}, got only a point inside it, which does not show where "
            "left and front are: add the skull"
        )
    left, back, up = axes
    if spec.name == "temporal":
        return replace(region, directions=np.array([left, -left]), angle_deg=TEMPORAL_DEG)
    if spec.name == "frontal":
        return replace(region, directions=-back[None], angle_deg=FRONTAL_DEG)
    turn = np.radians(np.arange(0, 360, _MIDLINE_STEP_DEG))[:, None]
    return replace(region, directions=np.cos(turn) * up + np.sin(turn) * back, radius_mm=MIDLINE_MM)


def painted(volume: Volume, spec: RegionSpec, number: int) -> Volume:
    """Return the mask of a region in its map, uint8.

    Raises
    ------
    InputError
        It is no mask and has no labels, or the region is empty.
    """
    array = as_whole_numbers(volume.array)
    levels = distinct_values(array)
    whole = levels is not None and (levels == np.rint(levels)).all()
    if not whole or float(array.min()) < 0:
        raise InputError(
            f"expected a mask or labels, whole numbers of 0 or more, as the map of region {number}, got "
            f"values from {array.min():g} to {array.max():g}: paint a segment, and save it as labels"
        )
    inside = array != 0 if spec.label is None else array == spec.label
    if not inside.any():
        missing = "only 0" if spec.label is None else f"no label {spec.label}"
        raise InputError(f"expected voxels of region {number} in its map, got {missing}: check the file")
    return volume.with_array(inside.astype(np.uint8))


def _painted(region: Region, mask: Volume) -> Region:
    """Return the region of the directions to the voxels of a mask."""
    points = mask.to_mm(np.argwhere(mask.array)) - region.centre_mm
    spacing = mask.spacing_mm
    step = _THIN_VOXELS * float(spacing.min()) / float(np.median(np.linalg.norm(points, axis=1)))
    directions = _unit(points)
    kept = np.unique(np.rint(directions / step).astype(np.int64), axis=0, return_index=True)[1]
    radius_mm = float(np.linalg.norm(spacing)) / 2
    return replace(region, directions=directions[np.sort(kept)], radius_mm=radius_mm)


def _unit(arms: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(arms / np.maximum(np.linalg.norm(arms, axis=-1, keepdims=True), 1e-9))


def named_maps(
    spec: ImplantSpec, known: Mapping[str, Volume] | None = None
) -> tuple[ImplantSpec, dict[str, Volume]]:
    """Read the maps of a prescription, and name them after their regions.

    A design keeps them under these names, which tell no path.

    Parameters
    ----------
    spec : ImplantSpec
        The prescription.
    known : mapping of str to Volume, optional
        Maps that need not be read, by the name that the prescription has for them, which they keep.

    Returns
    -------
    spec : ImplantSpec
        With ``region-1.nrrd`` as the map of its first region, and so on.
    maps : dict of str to Volume
        The masks, uint8, by these names; and all those that were known.
    """
    maps, regions = dict(known or {}), []
    used = {each.map for each in spec.regions if each.map in maps}
    for number, each in enumerate(spec.regions, 1):
        if each.map is None or each.map in used:
            regions.append(each)
            continue
        name = next(name for name in map(_MAP_NAME.format, count(number)) if name not in used)
        used.add(name)
        maps[name] = painted(read_volume(each.map), each, number)
        regions.append(replace(each, map=name, label=None))
    return replace(spec, regions=tuple(regions)), maps


def maps_in_use(spec: ImplantSpec, maps: Mapping[str, Volume]) -> dict[str, Volume]:
    """Return those maps that a prescription names."""
    names = {each.map for each in spec.regions}
    return {name: mask for name, mask in maps.items() if name in names}
