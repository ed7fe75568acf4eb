"""The verbs, run in a row as the guide shows them, give the part that `design` gives."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

GUIDE = Path(__file__).resolve().parents[2] / "cli" / "README.md"
#: Verbs that take the point inside the head.
ASKING = ("deepen", "trim", "thickness", "border", "insertion")


def _commands() -> list[list[str]]:
    """Return the guide's row, from `complete` to the finished part."""
    block = GUIDE.read_text(encoding="utf-8").partition("## The line, step by step")[2]
    lines = block.partition("```sh\n")[2].partition("```")[0].splitlines()
    tokens = [shlex.split(line, comments=True)[1:] for line in lines]
    verbs = [verb for verb, *_ in tokens]
    return tokens[: verbs.index("simplify") + 1]


def _run(cli: Callable, commands: list[list[str]], *more: object) -> None:
    for verb, *tokens in commands:
        result = cli(verb, *tokens, *(more if verb in ASKING else ()))
        assert result.code == 0, result.err


@pytest.fixture
def folder(case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the guide names."""
    shutil.copy(case.defective, tmp_path / "defective.nrrd")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_prediction_gives_the_same_bytes(cli: Callable, case, folder: Path) -> None:
    shutil.copy(case.complete, folder / "complete.nrrd")
    assert cli("design", "defective.nrrd", "--complete", "complete.nrrd", "-o", "part").code == 0
    _, subtract, separate, *others = _commands()
    _run(cli, [subtract, [*separate, "--skull", "defective.nrrd"], *others])
    assert (folder / "implant.stl").read_bytes() == (folder / "part" / "implant.stl").read_bytes()


def test_our_own_completion_gives_the_same_bytes(cli: Callable, designed: Path, folder: Path) -> None:
    complete, *others = _commands()
    result = cli(*complete, "--json")
    assert result.code == 0
    _run(cli, others, "--inside-mm", *json.loads(result.out)["inside_mm"])
    assert (folder / "implant.stl").read_bytes() == (designed / "implant.stl").read_bytes()
