"""The rooms keep their order: the import contracts of pyproject.toml hold."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "meshimplant"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
    "contracts"
]
PAGE = (PACKAGE / "ARCHITECTURE.md").read_text(encoding="utf-8")
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


def test_no_two_modules_of_the_library_share_a_name() -> None:
    modules = [path for path in PACKAGE.rglob("*.py") if not path.name.startswith("__")]
    names = Counter(path.stem for path in modules)
    assert sorted(str(path.relative_to(PACKAGE)) for path in modules if names[path.stem] > 1) == []


def test_the_architecture_page_lists_every_room() -> None:
    listed = re.findall(r"^\| `(\w+)/` \|", PAGE, re.M)
    assert sorted(listed) == [room.name for room in ROOMS]
    (contract,) = [c for c in CONTRACTS if c["type"] == "layers"]
    assert [layer for layer in contract["layers"] if layer in listed] == listed


def test_modules_and_functions_named_on_the_architecture_page_exist() -> None:
    modules = re.findall(r"`([\w/]+\.py)`(?: `(\w+)`)?", PAGE)
    assert len(modules) > 20
    for module, name in modules:
        text = (PACKAGE / module).read_text(encoding="utf-8")
        assert not name or re.search(rf"^(def|class) {name}\b", text, re.M), (module, name)
