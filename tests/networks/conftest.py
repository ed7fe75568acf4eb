"""A training set of analytic heads, written once."""

from __future__ import annotations

import pytest
from heads import shell_store

from meshimplant.networks.training_store import Store


@pytest.fixture(scope="session")
def spheres(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Six spheres of bone with a hole each; their completion without a network is 1.5 mm too large."""
    return shell_store(tmp_path_factory.mktemp("networks") / "spheres", training=4, tuning=2, excess_mm=1.5)
