"""The room's public names, and that torch is loaded by those only who need it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from meshimplant import networks
from meshimplant.errors import MissingDependencyError


def test_every_name_is_found_and_listed_for_type_checkers() -> None:
    tree = ast.parse(Path(str(networks.__file__)).read_text(encoding="utf-8"))
    typed = {
        alias.asname: f"{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    assert typed == {name: f"meshimplant.networks.{home}" for name, home in networks._HOME.items()}
    assert all(callable(getattr(networks, name)) for name in networks.__all__)
    assert set(networks.__all__) <= set(dir(networks))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        networks.nothing  # noqa: B018


def test_a_training_set_and_a_config_need_no_torch() -> None:
    code = (
        "import sys; from meshimplant import networks; import meshimplant_cli.train; "
        "networks.read_config('head'); networks.build_store; networks.open_store; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    networks.require_torch()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'meshimplant\[network\]'"):
        networks.require_torch()
