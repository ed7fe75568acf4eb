"""What the README says is so: its commands parse, its example runs, its tables are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from readme_verbs import README, updated

from meshimplant.report import Report
from meshimplant_cli.main import build_app

TEXT = README.read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.S | re.M)


def _commands() -> list[str]:
    """Every meshimplant command line of the README's shell blocks."""
    lines = [line for block in _blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("meshimplant ")]


def test_tables_are_those_of_the_code() -> None:
    assert updated(TEXT) == TEXT, "run: python tests/readme_verbs.py"


@pytest.mark.parametrize("command", _commands())
def test_every_command_shown_parses(command: str) -> None:
    verb, *_ = tokens = shlex.split(command, comments=True)[1:]
    function, _, _ = build_app().parse_args(tokens)
    assert function.__name__.replace("_", "-") == verb


@pytest.mark.parametrize("marker", ["try", "test"])
def test_the_marked_commands_are_one_line_each(marker: str) -> None:
    (block,) = re.findall(rf"<!-- command: {marker} -->\n```sh\n(.*?)```", TEXT, re.S)
    assert block.count("\n") == 1
    assert block.startswith("python3 -m venv")


def test_the_report_table_names_every_field() -> None:
    table = TEXT.partition("## The report")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert named == set(Report().to_dict()) - {"schema_version", "frame", "unit"}


def test_files_and_links_named_exist() -> None:
    names = re.findall(r"\]\((?!http|#)([^)]+)\)|python (tests/[\w/.]+)", TEXT)
    paths = {first or second for first, second in names}
    assert paths >= {"LICENSE", "tests/benchmarks/run_skullfix.py", "tests/readme_verbs.py"}
    assert [name for name in paths if not (README.parent / name).exists()] == []


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in _blocks("python"):
        exec(compile(block, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "passed: True" in printed
    assert float(printed.split()[-1]) > 0.8
    assert (tmp_path / "phantom-case" / "implant.stl").stat().st_size > 10_000
