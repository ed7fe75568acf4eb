"""The share of a border that rests on bone is known for cones and shafts."""

from __future__ import annotations

import numpy as np
import pytest
from defects import conical_defect
from shapes import cap, random_rotation

from meshimplant.check.seat import measure_seat
from meshimplant.implant.site import Site
from meshimplant.implant.surfaces import split_surfaces

UP = np.array([0.0, 0.0, 1.0])


def _seat(half_angle_deg: float, clearance_mm: float, turn: np.ndarray) -> tuple[dict, list]:
    """Measure the part that fills a conical hole, whose wall leans by its half-angle against the way in."""
    defect = conical_defect(half_angle_deg=half_angle_deg)
    smaller_deg = float(np.degrees(clearance_mm / (defect.radius_mm - defect.thickness_mm / 2)))
    part = cap(defect.radius_mm, defect.thickness_mm, half_angle_deg - smaller_deg, edge_mm=1.5).mesh
    skull = defect.bone.moved(turn).mask(0.6, margin_mm=4)
    part.apply_transform(np.block([[turn, np.zeros((3, 1))], [np.zeros(3), 1.0]]))
    site = Site.around(skull, part, inside_mm=(0, 0, 0))
    assert site.bone is not None
    direction = turn @ UP
    return measure_seat(part, split_surfaces(part, inside_mm=(0, 0, 0)), site.bone.distance, direction)


@pytest.mark.parametrize("seed", [None, 3])
def test_a_border_that_leans_rests_on_bone_all_round(seed: int | None) -> None:
    """Sinking by t brings the wall nearer by t sin(half-angle): 0.8 mm at 30 degrees take 1.6 mm."""
    seat, findings = _seat(30.0, 0.8, np.eye(3) if seed is None else random_rotation(seed))
    assert findings == []
    assert seat["seat_fraction"] > 0.99
    assert seat["sinks_mm"] == pytest.approx(1.6, abs=0.35)


def test_a_border_that_is_too_far_from_bone_has_no_seat() -> None:
    """2.5 mm at 30 degrees would take 5 mm: the part has fallen into the head by then."""
    seat, (finding,) = _seat(30.0, 2.5, np.eye(3))
    assert seat == {"seat_fraction": 0.0, "sinks_mm": None}
    assert finding.code == "fit.seat"
    assert finding.location_mm is not None
