"""Shared fixtures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from meshimplant.head.pose import HeadPose
    from meshimplant.voxels.volume import Volume

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores. Libraries read this when they are loaded, which happens later.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


#: Folders whose files take longest, in the order in which the processes are given them: so that the processes
#: end together, short files come last.
LONGEST_FIRST = (
    "design",
    "complete",
    "cli",
    "networks",
    "benchmarks",
    "examples",
    "skull",
    "edit",
    "datasets",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest folders first."""
    root = Path(__file__).parent

    def turn(item: pytest.Item) -> int:
        folder = item.path.relative_to(root).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else len(LONGEST_FIRST)

    items.sort(key=turn)


@pytest.fixture(scope="session", autouse=True)
def one_answer_for_the_same(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Find once what designs have in common, in all processes of this run."""
    from shared_answers import shared_answers

    together = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent / "answers" if together else None
    if folder is not None:
        folder.mkdir(exist_ok=True)
    with shared_answers(folder):
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the real skulls; the test is skipped if it is missing."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("MESHIMPLANT_DATA", default))
    if not (folder / "skullfix" / "complete_skull").is_dir():
        pytest.skip(
            f"real skulls not found in {folder.name}: set MESHIMPLANT_DATA to the folder that holds skullfix/"
        )
    return folder


@pytest.fixture(scope="session")
def phantom() -> Volume:
    """Return a complete skull at 2 mm, made once per process because that takes seconds."""
    from meshimplant.datasets.phantom import skull_phantom

    return skull_phantom(spacing_mm=2.0, seed=4)


@pytest.fixture(scope="session")
def phantom_pose(phantom: Volume) -> HeadPose:
    """Return the pose of the phantom."""
    from meshimplant.head.pose import fit_pose

    return fit_pose(phantom)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a headless Chromium that renders WebGL on the CPU; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("Chromium is not installed: run apt-get install chromium")
    options = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(
            executable_path=program, args=[*options, "--disable-background-networking"]
        )
        yield browser
        browser.close()
