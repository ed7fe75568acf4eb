"""One small design, and copies of it to edit."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shared_answers import shared_answers
from small_design import small_design

from meshimplant.design.design import Design


@pytest.fixture(scope="session", autouse=True)
def one_answer_for_each_skull() -> Iterator[None]:
    """Find once what designs of one skull have in common."""
    with shared_answers():
        yield


@pytest.fixture(scope="session")
def design() -> Design:
    """Design the part of an analytic head once."""
    return small_design()


@pytest.fixture(scope="session")
def untouched(design: Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write it once."""
    folder = tmp_path_factory.mktemp("untouched") / "case"
    design.save(folder, label="12-7")
    return folder


@pytest.fixture
def case(untouched: Path, tmp_path: Path) -> Path:
    """Copy it."""
    folder = tmp_path / "case"
    shutil.copytree(untouched, folder)
    return folder


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Leave the pictures out of what is saved: they take longer than all else."""
    for name in ("_write_previews", "_write_slices", "_write_drawing"):
        monkeypatch.setattr(f"meshimplant.design.write_design.{name}", lambda *_given, **_named: None)
