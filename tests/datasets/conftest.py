"""One phantom for all tests of this folder: making it takes seconds."""

from __future__ import annotations

import pytest

from meshimplant.datasets.phantom import skull_phantom
from meshimplant.skull.pose import HeadPose, fit_pose
from meshimplant.volume import Volume


@pytest.fixture(scope="session")
def phantom() -> Volume:
    """A complete skull at 2 mm."""
    return skull_phantom(spacing_mm=2.0, seed=4)


@pytest.fixture(scope="session")
def phantom_pose(phantom: Volume) -> HeadPose:
    """Its pose."""
    return fit_pose(phantom)
