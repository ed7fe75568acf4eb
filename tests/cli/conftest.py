"""A tiny case on disk, and the command line called in this process."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from meshimplant_cli.main import run


@dataclass(frozen=True)
class Answer:
    """What one command line gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)


Cli = Callable[..., Answer]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line in this process; paths and numbers may be given as they are."""

    def call(*tokens: object) -> Answer:
        capsys.readouterr()
        code = run([str(token) for token in tokens])
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return call


@dataclass(frozen=True)
class Files:
    """The tiny case: a phantom with a hole, as masks on one 2 mm grid."""

    complete: Path
    defective: Path
    truth: Path


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Write the tiny case once."""
    from meshimplant import craniectomy, skull_phantom, write_volume

    folder = tmp_path_factory.mktemp("case")
    complete = skull_phantom(spacing_mm=2.0)
    cut = craniectomy(complete, kind="random", seed=3)
    files = Files(folder / "complete.nrrd", folder / "defective.nrrd", folder / "truth.nrrd")
    for volume, path in (
        (complete, files.complete),
        (cut.defective, files.defective),
        (cut.truth, files.truth),
    ):
        write_volume(volume, path)
    return files


@pytest.fixture(scope="session")
def designed(case: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Design the tiny case once, on the command line."""
    folder = tmp_path_factory.mktemp("design") / "part"
    assert run(["design", str(case.defective), "-o", str(folder)]) == 0
    return folder


@dataclass(frozen=True)
class Given:
    """A design of the true missing bone: its folder, and what the command line gave."""

    folder: Path
    answer: Answer


@pytest.fixture(scope="session")
def given(case: Files, tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Design from the true missing bone once, with --json."""
    folder = tmp_path_factory.mktemp("given") / "part"
    line = ("design", case.defective, "-o", folder, "--implant", case.truth, "--json")
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        code = run([str(token) for token in line])
    return Given(folder, Answer(code, out.getvalue(), err.getvalue()))


def everything_in(folder: Path) -> dict[str, bytes]:
    """Names and bytes of all files below a folder: equal before and after means untouched."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Give `everything_in` to the tests."""
    return everything_in
