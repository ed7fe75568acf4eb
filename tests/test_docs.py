"""The documents are true: commands parse, examples run, tables and links match code and files."""

from __future__ import annotations

import ast
import re
import shlex
from importlib import import_module
from pathlib import Path

import cli_reference
import edit_reference
import pytest
from benchmarks import write_tables
from docs import DOCUMENTS, GUIDE, README, ROOT, anchors, blocks, commands, links, text_of

from meshimplant.report import Report
from meshimplant_cli.main import build_app

ALL_COMMANDS = [(name, line) for name, path in DOCUMENTS.items() for line in commands(text_of(path))]


def test_every_document_is_looked_at() -> None:
    expected = {"README.md", "cli/README.md", "meshimplant/ARCHITECTURE.md", "tests/benchmarks/README.md"}
    assert set(DOCUMENTS) >= expected | {".github/CONTRIBUTING.md", ".github/CHANGELOG.md"}


def test_the_readme_is_short() -> None:
    assert len(text_of(README).splitlines()) <= 250


def test_the_command_line_guide_matches_the_code() -> None:
    assert cli_reference.updated(text_of(GUIDE)) == text_of(GUIDE), "run: python tests/cli_reference.py"


def test_the_guide_to_edits_and_their_schema_match_the_code() -> None:
    text = text_of(edit_reference.GUIDE)
    assert edit_reference.updated(text) == text, "run: python tests/edit_reference.py"
    assert text_of(edit_reference.SCHEMA) == edit_reference.schema(), "run: python tests/edit_reference.py"


def test_tables_of_results_match_their_files() -> None:
    text = text_of(write_tables.README)
    assert write_tables.updated(text) == text, "run: python tests/benchmarks/write_tables.py"
    used = {name for name, _ in write_tables.MARKERS.values()}
    assert used == {path.stem for path in write_tables.RESULTS.iterdir()}


@pytest.mark.parametrize(("document", "command"), ALL_COMMANDS)
def test_every_command_parses(document: str, command: str) -> None:
    verb, *_ = tokens = shlex.split(command, comments=True)[1:]
    function, _, _ = build_app().parse_args(tokens)
    assert function.__name__.replace("_", "-") == verb, document


@pytest.mark.parametrize("marker", ["try", "test"])
def test_the_marked_commands_are_one_line_each(marker: str) -> None:
    (block,) = re.findall(rf"<!-- command: {marker} -->\n```sh\n(.*?)```", text_of(README), re.S)
    assert block.count("\n") == 1
    assert block.startswith("python3 -m venv")


def test_the_report_table_names_every_field() -> None:
    table = text_of(GUIDE).partition("## The report")[2].partition("\n## ")[0]
    fields = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert fields == set(Report().to_dict()) - {"schema_version", "frame", "unit"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_anchor_exists(document: str) -> None:
    path = DOCUMENTS[document]
    for link in links(text_of(path)):
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        assert not anchor or anchor in anchors(text_of(file)), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_script_and_module_named_exists(document: str) -> None:
    text = text_of(DOCUMENTS[document])
    scripts = re.findall(r"python (tests/[\w/]+\.py)", text)
    modules = [name.replace(".", "/") for name in re.findall(r"python -m (meshimplant[\w.]*)", text)]
    modules = [f"{name}.py" if (ROOT / f"{name}.py").exists() else f"{name}/__main__.py" for name in modules]
    assert [name for name in (*scripts, *modules) if not (ROOT / name).exists()] == []


def test_the_pictures_are_small() -> None:
    pictures = [link for link in links(text_of(README)) if link.endswith(".png")]
    assert len(pictures) == 2
    assert all((ROOT / picture).stat().st_size <= 150_000 for picture in pictures)


def test_the_readme_links_every_example() -> None:
    examples = (ROOT / "tests" / "examples").glob("*.py")
    names = {path.relative_to(ROOT).as_posix() for path in examples if not path.name.startswith("test_")}
    assert {link for link in links(text_of(README)) if link.endswith(".py")} == names


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_examples_import_what_exists(document: str) -> None:
    for block in blocks(text_of(DOCUMENTS[document]), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(str(node.module))
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


@pytest.mark.parametrize("document", ["README.md", "cli/README.md"])
def test_python_examples_run(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for block in blocks(text_of(DOCUMENTS[document]), "python"):
        exec(compile(ast.parse(block), document, "exec"), {})
    if document == "README.md":
        printed = capsys.readouterr().out
        assert ", passed" in printed
        assert float(printed.split()[-1]) > 0.8
        assert (tmp_path / "phantom-case" / "implant.stl").stat().st_size > 10_000
