"""The rooms keep their order: the import contracts of pyproject.toml hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "meshimplant"
ROOMS = sorted(path.parent for path in PACKAGE.glob("*/__init__.py"))


def test_imports_obey_every_contract(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    exit_code = lint_imports(config_filename="pyproject.toml", no_cache=True)
    printed = capsys.readouterr().out
    assert exit_code == 0, printed
    assert " 0 broken" in printed


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_holds_more_than_one_module(room: Path) -> None:
    assert len(list(room.glob("[!_]*.py"))) > 1
    assert (room / "__init__.py").read_text(encoding="utf-8").startswith('"""')
