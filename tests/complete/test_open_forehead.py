"""TurnedModel: a head without its forehead is completed in any pose; and only such a head."""

from __future__ import annotations

import numpy as np
import pytest
from left_out_heads import SIZE_MM, THICKNESS_MM, X, long_head, opening, population, waves

from meshimplant.complete.choose_model import choose_model
from meshimplant.complete.estimate_vault import estimate_vault
from meshimplant.complete.mixture import MIXTURE
from meshimplant.complete.open_forehead import (
    OPEN_FRACTION,
    TURNED,
    TurnedModel,
    open_forehead_fraction,
    turns,
    with_turned,
)
from meshimplant.complete.shape_model import POINTS, ShapeModel
from meshimplant.head.align import move_points
from meshimplant.head.mean_vault import read_scattered
from meshimplant.head.sphere import is_vault

FRONT = np.array([0.0, -0.94, 0.34])
VAULT = is_vault(X)


def pitched(degrees: float, back_mm: float) -> np.ndarray:
    """Return the outer radii of a head of the population that lies pitched and shifted in its frame, mm."""
    points = SIZE_MM * (long_head(2.5) + waves())[:, None] * X
    moved = move_points(points, np.array([np.radians(degrees), back_mm, 0.0]))
    radius = np.linalg.norm(moved, axis=1)
    return read_scattered(moved / radius[:, None], radius[:, None], X)[:, 0]


@pytest.mark.parametrize(("degrees", "back_mm"), [(2.0, 1.0), (-2.5, -1.0)])
def test_the_forehead_of_a_head_in_a_wrong_pose_is_found(degrees: float, back_mm: float) -> None:
    head = pitched(degrees, back_mm)
    defect = opening(head, axis=FRONT, angle=0.75)[1]
    intact = np.flatnonzero(VAULT & ~np.isin(np.arange(len(X)), defect.members))
    intact = intact[intact < 2562]
    models = population()
    hole = defect.members[VAULT[defect.members]]

    def error_mm(model: ShapeModel | TurnedModel) -> float:
        fitted = model.fit(intact, head, head - THICKNESS_MM)
        return float(np.sqrt(np.mean((fitted.outer_mm - head)[hole] ** 2)))

    modes = models["ssm"]
    assert isinstance(modes, ShapeModel)
    assert error_mm(TurnedModel(modes)) < 0.5 < 1.4 < error_mm(modes)


def test_turns_are_the_changes_of_a_head_that_moves() -> None:
    outer = long_head(3.0, X[:POINTS])[None]
    pitch, back, up = turns(outer)[:, 0]
    step = np.radians(4.0)
    for change, move in ((pitch, (step, 0, 0)), (back, (0, -0.03, 0)), (up, (0, 0, -0.0125))):
        moved = move_points(outer[0][:, None] * X[:POINTS], np.array(move))
        radius = np.linalg.norm(moved, axis=1)
        found = read_scattered(moved / radius[:, None], radius[:, None], X[:POINTS])[:, 0] - outer[0]
        assert np.abs(found - change).max() < 0.003
        assert np.abs(change).max() > 0.005


def test_an_open_forehead_is_completed_by_pose_shape_and_mirror() -> None:
    head = pitched(3.0, 1.0)
    openings, defect = opening(head, axis=FRONT, angle=0.75)
    estimate = estimate_vault(openings, defect, population(), compare=True)
    name, reason = choose_model(estimate, defect)
    assert name == MIXTURE
    assert estimate.weights is not None
    assert {one: share for one, share in estimate.weights.items() if share} == {TURNED: 0.75, "mirror": 0.25}
    assert "the shape model is fitted with the pose (75 %) and mixed with the mirror (25 %)" in reason


def test_the_pose_is_free_only_where_the_forehead_is_open() -> None:
    head = SIZE_MM * long_head(2.0)
    front, _ = opening(head, axis=FRONT, angle=0.75)
    behind, _ = opening(head, axis=np.array([0.0, -0.2, 0.98]), angle=0.75)
    small, _ = opening(head, axis=FRONT, angle=0.3)
    assert open_forehead_fraction(front) > OPEN_FRACTION
    assert TURNED in with_turned(population(), front)
    for openings in (behind, small):
        assert open_forehead_fraction(openings) < OPEN_FRACTION
        assert TURNED not in with_turned(population(), openings)
    without_modes = {"template": population()["template"]}
    assert with_turned(without_modes, front) == without_modes
