"""Designs of one skull share the surface that is expected over its opening."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from shared_reference import shared_references


@pytest.fixture(scope="session", autouse=True)
def one_reference_for_each_skull() -> Iterator[None]:
    """Find the reference of a skull once."""
    with shared_references():
        yield
