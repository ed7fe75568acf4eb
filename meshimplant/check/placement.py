"""Placement tolerance: what becomes of gap, step and inner surface if the part is placed a little off.

Placement is the largest error between plan and patient, larger than that of printing: 12 PEEK implants in
patients lay 0.7 to 3.1 mm (RMS) off the plan, and craniotomies 1.1 mm (Dodier et al., 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from meshimplant.check.fit_map import BorderSteps
from meshimplant.mesh.areas import weighted_percentiles
from meshimplant.report import Finding, place_of
from meshimplant.voxels.fields import sample
from meshimplant.voxels.volume import Volume

#: Displacement and rotation of the part that are tried, together and alone.
SHIFT_MM, TURN_DEG = 1.0, 1.0
#: A pose in which the part lies deeper in bone than this, mm, is prevented by it. Our choice: less than a
#: voxel.
_FORCED_MM = 0.3
#: Reach of the inner surface into the head in the worst pose from which a person should look, mm: the limit
#: for the part in its place (2), the displacement (1), and what the rotation moves a rim 40 mm away (0.7).
INWARD_MM = 3.7


@dataclass(frozen=True, eq=False)
class Pose:
    """A small motion of the part out of its place.

    Attributes
    ----------
    shift_mm : (3,) array
        Displacement, LPS.
    turn_deg : (3,) array
        Rotation vector: axis, LPS, times angle.
    centre_mm : (3,) array
        The point about which the part turns.
    """

    shift_mm: NDArray[np.float64]
    turn_deg: NDArray[np.float64]
    centre_mm: NDArray[np.float64]

    def motion_mm(self, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far points (n, 3) of the part move, (n, 3)."""
        arm = points_mm - self.centre_mm
        turned: NDArray[np.float64] = Rotation.from_rotvec(self.turn_deg, degrees=True).apply(arm)
        return turned - arm + self.shift_mm

    def steps_mm(self, rim: BorderSteps) -> NDArray[np.float64]:
        """Return the steps (n,) along a rim in this pose, to first order in the motion."""
        return rim.step_mm + np.einsum("ij,ij->i", self.motion_mm(rim.points_mm), rim.outward)

    def describe(self) -> str:
        """Return the motion in words."""
        shift = "{:+.1f}, {:+.1f}, {:+.1f}".format(*self.shift_mm)
        turn = "{:+.1f}, {:+.1f}, {:+.1f}".format(*self.turn_deg)
        return f"moved by ({shift}) mm and turned by ({turn}) degrees about x, y, z"


def measure_placement(
    border_mm: NDArray[np.float64],
    areas: NDArray[np.float64],
    bone: Volume,
    *,
    outer: BorderSteps,
    inner: BorderSteps,
    direction: NDArray[np.float64],
) -> tuple[dict[str, Any], list[Finding]]:
    """Return gap, step and inward reach of a part in the worst pose near its place.

    The part is displaced by `SHIFT_MM` along and across `direction`, turned by `TURN_DEG` about its middle,
    and both together: 77 poses. Those that bone prevents are left out of the worst.

    Parameters
    ----------
    border_mm : (n, 3) array
        Points of the border wall that face bone, LPS mm.
    areas : (n,) array
        Area of the border at each of them, mm2.
    bone : Volume
        Signed distance to bone, mm, positive inside.
    outer, inner : BorderSteps
        Steps between the part's surfaces and the skull's along the rim.
    direction : (3,) array
        Direction out of the head, LPS.

    Returns
    -------
    measures : dict
        ``placement_gap_p95_mm``, ``placement_step_p95_mm`` and ``placement_inward_mm`` in the worst pose for
        each, with its motion as ``..._pose`` (three mm, three degrees); ``placement_held_fraction``, the
        fraction of the poses that bone prevents. None where nothing could be measured.
    findings : list of Finding
        ``placement.inward``: warning where the inner surface would reach more than `INWARD_MM` into the head.
    """
    names = ("placement_gap_p95_mm", "placement_step_p95_mm", "placement_inward_mm")
    measures: dict[str, Any] = dict.fromkeys(
        (*names, *(f"{name}_pose" for name in names), "placement_held_fraction")
    )
    if not len(border_mm):
        return measures, []
    worst: dict[str, tuple[float, Pose]] = {}
    held = count = 0
    for pose in _poses(border_mm.mean(axis=0), direction):
        count += 1
        gap = -sample(bone, border_mm + pose.motion_mm(border_mm), fill=-1e3)
        if gap.min() < -_FORCED_MM:
            held += 1
            continue
        values = {names[0]: float(weighted_percentiles(gap, areas, (95,))[0])}
        if len(outer.step_mm):
            values[names[1]] = float(np.percentile(np.abs(pose.steps_mm(outer)), 95))
        if len(inner.step_mm):
            values[names[2]] = max(0.0, -float(pose.steps_mm(inner).min()))
        for name, value in values.items():
            if name not in worst or value > worst[name][0]:
                worst[name] = value, pose
    measures["placement_held_fraction"] = held / count
    for name, (value, pose) in worst.items():
        measures |= {name: value, f"{name}_pose": [*pose.shift_mm.tolist(), *pose.turn_deg.tolist()]}
    return measures, _inward_findings(inner, worst.get(names[2]))


def _inward_findings(inner: BorderSteps, worst: tuple[float, Pose] | None) -> list[Finding]:
    if worst is None or worst[0] <= INWARD_MM:
        return []
    value, pose = worst
    place = place_of(inner.points_mm[int(np.argmin(pose.steps_mm(inner)))])
    message = (
        f"placed a little off ({pose.describe()}), the part would reach {value:.1f} mm inward of the skull's "
        "inner surface: make it thinner there, or let it rest on bone (a bevel)"
    )
    return [Finding("placement.inward", "warning", message, value, INWARD_MM, "mm", place)]


def _poses(centre_mm: NDArray[np.float64], direction: NDArray[np.float64]) -> Iterator[Pose]:
    """Yield the part in its place, displaced along and across the direction, turned, and both."""
    across = np.linalg.svd(direction[None])[2][1:]
    sideways = [np.cos(turn) * across[0] + np.sin(turn) * across[1] for turn in np.arange(8) * np.pi / 4]
    shifts = [np.zeros(3), *(SHIFT_MM * axis for axis in (direction, -direction, *sideways))]
    axes = (direction, *across)
    turns = [np.zeros(3), *(sign * TURN_DEG * axis for axis in axes for sign in (1, -1))]
    for shift, turn in product(shifts, turns):
        yield Pose(shift, turn, centre_mm)
