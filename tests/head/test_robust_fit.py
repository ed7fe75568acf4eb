"""robust_fit: it finds the minimum of residuals with jumps and gross errors."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant.head.robust_fit import robust_fit

TRUE = np.array([0.12, -3.0])


def line(parameters: np.ndarray) -> np.ndarray:
    """Residuals of a line's slope and height against the true one."""
    x = np.linspace(-50, 50, 201)
    return (parameters[0] - TRUE[0]) * x + parameters[1] - TRUE[1]


def test_the_minimum_of_smooth_residuals() -> None:
    assert robust_fit(line, [0.0, 0.0], steps=(0.01, 0.5), robust=1.0) == pytest.approx(TRUE, abs=1e-6)


def test_a_jump_at_the_start_does_not_stop_the_fit() -> None:
    """A jump of a thousandth, as at the seam of a map, has an infinite slope."""

    def jumping(parameters: np.ndarray) -> np.ndarray:
        return line(parameters) + 1e-3 * np.sign(parameters).sum()

    found = robust_fit(jumping, [0.0, 0.0], steps=(0.01, 0.5), robust=1.0)
    assert found == pytest.approx(TRUE, abs=2e-3)


def test_gross_errors_have_little_influence() -> None:
    def spoiled(parameters: np.ndarray) -> np.ndarray:
        residuals = line(parameters)
        residuals[::5] += 40
        return residuals

    assert robust_fit(spoiled, [0.0, 0.0], steps=(0.01, 0.5), robust=1.0) == pytest.approx(TRUE, abs=0.05)
