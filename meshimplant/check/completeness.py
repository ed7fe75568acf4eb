"""How complete a part is against what it was not made from: the opening, the other side, the population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy import ndimage

from meshimplant.check.coverage import COVERAGE_FRACTION
from meshimplant.check.reference import Reference
from meshimplant.head.direction_map import DirectionMap, Extent
from meshimplant.head.fill import fill_from_nearest
from meshimplant.head.pose import HeadPose
from meshimplant.head.sphere import is_vault
from meshimplant.implant.regional_value import Regional, values_at
from meshimplant.report import Finding, Severity, place_of
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.distance import distance_inside, distance_outside
from meshimplant.voxels.fields import sample
from meshimplant.voxels.occupancy import occupancy
from meshimplant.voxels.volume import Volume

#: Below this a coverage fails the check; up to `COVERAGE_FRACTION` it is a warning.
INCOMPLETE_FRACTION = 0.75
#: The map of directions: its spacing, its width around the part, and how far from the part's surfaces bone
#: may lie along a ray, mm.
_SPACING_MM, _AROUND_MM, _REACH_MM = 1.0, 25.0, 8.0
#: A direction that passes the part this close is covered, besides the clearance, mm: a voxel of the field.
_SLACK_MM = 2.0
#: The view from outside is that from a point this much farther away, mm: its rays are nearly parallel.
_FAR_MM = 200.0
#: Bone of the other side counts as missing here where no bone lies within this distance, and as replaced
#: where the part does, mm: the two sides of a head differ by that much.
_MISSING_MM, _REPLACED_MM = 4.0, 7.0
#: A missing piece belongs to the opening of the part if it comes this close to it, mm.
_NEAR_MM = 6.0
#: The other side says nothing if less than this share of the part's place has a counterpart there.
_COUNTERPART_FRACTION = 0.5
#: Above this median distance between the intact bone and its mirror image, mm, the other side is no guide.
_ASYMMETRY_MM = 2.0
#: Pieces smaller than this are no missing bone, mm3.
_SMALLEST_MM3 = 500.0

_WORDS = {
    "opening": "of the opening, as seen from {side}, is covered",
    "mirrored": "of the bone that the other side of the head has there is replaced",
    "population": "of the vault that every skull has there is covered",
}


@dataclass(frozen=True)
class Coverage:
    """A coverage and the place (3,) of the largest lack, LPS mm; or the reason why there is none."""

    fraction: float | None
    place_mm: NDArray[np.float64] | None = None
    reason: str = ""
    side: str = ""


def measure_completeness(
    mesh: trimesh.Trimesh,
    reference: Reference | None,
    spec: ImplantSpec,
    *,
    clearance_mm: Regional | None = None,
) -> tuple[dict[str, Any], list[Finding]]:
    """Return three coverages that the part's own reconstruction has no share in; the worst is what counts.

    ``completeness_opening_fraction``: of the directions near the part that meet no bone, seen from inside the
    head and from outside, the smaller share that the part covers; directions below the vault that meet no
    bone on the other side either (orbit, foramen) are left out. ``completeness_mirrored_fraction``: of the
    volume of bone that the other side has where this one has none within 4 mm, the share within 7 mm of the
    part. ``completeness_population_fraction``: of the openings of the vault, which is closed in every skull
    (75 skulls: 0.04 % of the rays miss), the share of rays that the part covers. None where a coverage cannot
    be measured; ``completeness_not_measured`` says why.

    Parameters
    ----------
    mesh : Trimesh
        A closed part, LPS mm.
    reference : Reference or None
        Frame, bone and openings of the head; None: nothing is measured.
    spec : ImplantSpec
        The prescription, for the clearance.
    clearance_mm : float or RegionalValue, optional
        The clearance by place. None: that of the prescription.
    """
    clear_mm = spec.clearance_mm if clearance_mm is None else clearance_mm
    if reference is None or reference.pose is None or reference.field is None:
        why = "no reference was given" if reference is None else reference.reason
        found = dict.fromkeys(_WORDS, Coverage(None, reason=why))
    else:
        pose, field = reference.pose, reference.field
        found = {
            "opening": _opening(mesh, pose, field, clear_mm),
            "mirrored": _mirrored(mesh, pose, field),
            "population": _population(mesh, reference, pose, clear_mm),
        }
    measures: dict[str, Any] = {f"completeness_{name}_fraction": one.fraction for name, one in found.items()}
    known = {name: one.fraction for name, one in found.items() if one.fraction is not None}
    measures["completeness_fraction"] = min(known.values(), default=None)
    measures["completeness_worst"] = min(known, key=lambda name: known[name], default=None)
    measures["completeness_not_measured"] = {n: one.reason for n, one in found.items() if one.reason}
    return measures, [finding for name, one in found.items() for finding in _findings(name, one)]


def _findings(name: str, one: Coverage) -> list[Finding]:
    if one.fraction is None or one.place_mm is None or one.fraction >= COVERAGE_FRACTION:
        return []
    fails = one.fraction <= INCOMPLETE_FRACTION
    severity: Severity = "error" if fails else "warning"
    words = _WORDS[name].format(side=one.side)
    message = f"only {100 * one.fraction:.1f} % {words}: complete the skull here, or state why it stays open"
    limit = INCOMPLETE_FRACTION if fails else COVERAGE_FRACTION
    place = place_of(one.place_mm)
    return [Finding(f"completeness.{name}", severity, message, one.fraction, limit, "fraction", place)]


# -- the opening --------------------------------------------------------------------------------------------


def _opening(mesh: trimesh.Trimesh, pose: HeadPose, field: Volume, clearance_mm: Regional) -> Coverage:
    """Return the smaller of the coverages as seen from inside and from outside."""
    vertices = np.asarray(mesh.vertices)
    axis = vertices.mean(axis=0) - pose.centre_mm
    far = pose.centre_mm - _FAR_MM * axis / max(float(np.linalg.norm(axis)), 1e-9)
    views = [
        _seen_from(mesh, pose, field, centre, clearance_mm, side)
        for centre, side in ((pose.centre_mm, "inside"), (far, "outside"))
    ]
    known = [one for one in views if one.fraction is not None]
    return min(known, key=lambda one: one.fraction or 0.0) if known else views[0]


def _seen_from(
    mesh: trimesh.Trimesh,
    pose: HeadPose,
    field: Volume,
    centre_mm: NDArray[np.float64],
    clearance_mm: Regional,
    side: str,
) -> Coverage:
    view = DirectionMap.around_points(mesh.vertices, centre_mm, spacing_mm=_SPACING_MM, margin_mm=_AROUND_MM)
    part = view.extent(mesh)
    if not part.hit.any():
        return Coverage(None, reason="the part is not seen from the middle of the head")
    low, high = _window(part)
    boneless, mirror_boneless, known = _boneless(view, pose, field, low, high)
    middle = view.points_at((low + high) / 2)
    arms = (middle - pose.centre_mm) @ pose.axes.T
    vault = is_vault(arms / np.maximum(np.linalg.norm(arms, axis=-1, keepdims=True), 1e-9))
    opening = boneless & known & (vault | ~mirror_boneless)
    opening = ndimage.binary_opening(opening, iterations=2)
    labels = ndimage.label(opening)[0]
    opening = np.isin(labels, np.unique(labels[part.hit & opening])) & opening
    if not opening.any():
        return Coverage(None, reason="no opening is seen behind the part")
    covered = distance_outside(part.hit, view.spacing_mm) <= values_at(clearance_mm, middle) + _SLACK_MM
    weight = (high / view.radius_mm) ** 2
    share = float(weight[opening & covered].sum() / weight[opening].sum())
    left = opening & ~covered
    if not left.any():
        return Coverage(share, middle[tuple(np.argwhere(part.hit)[0])], side=side)
    depth = distance_inside(left, edge_is_outside=True)
    return Coverage(share, middle[np.unravel_index(int(np.argmax(depth)), depth.shape)], side=side)


def _window(part: Extent) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the radii between which bone closes a direction: around the part's surfaces, carried on."""
    low, high = (fill_from_nearest(radius, part.hit) for radius in (part.inner_mm, part.outer_mm))
    return low - _REACH_MM, high + _REACH_MM


def _boneless(
    view: DirectionMap,
    pose: HeadPose,
    field: Volume,
    low_mm: NDArray[np.float64],
    high_mm: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return where the directions meet no bone, where their mirror images do not, and what is in the scan."""
    here, mirrored, known = (np.zeros(view.shape, bool) for _ in range(3))
    for share in np.linspace(0, 1, 30):
        points = view.points_at(low_mm * (1 - share) + high_mm * share).reshape(-1, 3)
        value = sample(field, points, fill=np.nan).reshape(view.shape)
        known |= np.isfinite(value)
        here |= np.nan_to_num(value, nan=-1.0) > 0
        mirrored |= sample(field, pose.mirror_points(points), fill=-1.0).reshape(view.shape) > 0
    return ~here, ~mirrored, known


# -- the other side -----------------------------------------------------------------------------------------


def _mirrored(mesh: trimesh.Trimesh, pose: HeadPose, field: Volume) -> Coverage:
    """Return the share of the other side's bone that is missing here and that the part replaces."""
    if pose.residual_mm > _ASYMMETRY_MM:
        return Coverage(None, reason=f"the two sides of the head differ by {pose.residual_mm:.1f} mm")
    start, stop = field.box_around(np.asarray(mesh.vertices), np.ceil(2 * _AROUND_MM / field.spacing_mm))
    box = field.crop(np.maximum(start, 0), np.minimum(stop, field.shape))
    points = box.to_mm(np.indices(box.shape).reshape(3, -1).T)
    other = sample(field, pose.mirror_points(points), fill=-1e3).reshape(box.shape)
    solid = occupancy(mesh, box)
    to_part = distance_outside(solid, box.spacing_mm)
    place = solid | (to_part <= _MISSING_MM)
    counterpart = float((other[solid] > -_MISSING_MM).mean()) if solid.any() else 0.0
    if counterpart < _COUNTERPART_FRACTION:
        return Coverage(None, reason="the other side has no bone there, or the opening crosses the midline")
    missing = (other > 0) & (box.array < -_MISSING_MM)
    labels = ndimage.label(missing, np.ones((3, 3, 3)))[0]
    near = missing & (to_part <= _NEAR_MM)
    missing &= np.isin(labels, np.unique(labels[near])) & (labels > 0)
    if missing.sum() * box.voxel_volume_mm3 < _SMALLEST_MM3:
        return Coverage(
            None, reason="the opening is too narrow to tell bone of the other side from asymmetry"
        )
    left = missing & (to_part > _REPLACED_MM)
    share = 1.0 - float(left.sum() / missing.sum())
    worst = left if left.any() else place
    depth = distance_inside(np.pad(worst, 1))[1:-1, 1:-1, 1:-1]
    return Coverage(share, box.to_mm(np.unravel_index(int(np.argmax(depth)), depth.shape)))


# -- the population -----------------------------------------------------------------------------------------


def _population(
    mesh: trimesh.Trimesh, reference: Reference, pose: HeadPose, clearance_mm: Regional
) -> Coverage:
    """Return the share of the rays through the vault's openings under the part that the part covers."""
    view = DirectionMap.around_points(mesh.vertices, pose.centre_mm, spacing_mm=_SPACING_MM, margin_mm=5.0)
    part = view.extent(mesh)
    near_mm = values_at(clearance_mm, view.middle_points) + _SLACK_MM
    reach = distance_outside(part.hit, view.spacing_mm) <= near_mm
    rays, met = [], []
    for opening in reference.openings:
        local = opening[is_vault(opening)]
        nodes = np.rint(view.to_nodes(local @ pose.axes)).astype(int)
        within = ((nodes >= 0) & (nodes < np.array(view.shape)[:, None])).all(axis=0)
        covered = np.zeros(len(local), bool)
        covered[within] = reach[tuple(nodes[:, within])]
        if covered.any():
            rays.append(local @ pose.axes)
            met.append(covered)
    if not rays:
        return Coverage(None, reason="the part lies over no opening of the vault")
    directions, covered = np.concatenate(rays), np.concatenate(met)
    share = float(covered.mean())
    radius = float(np.nanmedian(np.where(part.hit, part.outer_mm, np.nan)))
    left = directions[~covered] if not covered.all() else directions
    middle = left.mean(axis=0)
    deepest = left[int(np.argmax(left @ middle))]
    return Coverage(share, pose.centre_mm + radius * deepest)
