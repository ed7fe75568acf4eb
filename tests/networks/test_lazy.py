"""The room's public names, and that torch is loaded by those only who need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from meshimplant import networks
from meshimplant.errors import MissingDependencyError


def test_every_name_of_the_stub_loads() -> None:
    stub = Path(str(networks.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    assert set(networks.__all__) == {line.rsplit(" ", 1)[1] for line in stub.splitlines()}
    assert all(callable(getattr(networks, name)) for name in networks.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        networks.nothing  # noqa: B018


def test_a_training_set_and_a_config_need_no_torch() -> None:
    code = (
        "import sys; from meshimplant import networks; import meshimplant_cli.train; "
        "networks.read_config('head'); networks.build_store; networks.open_store; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    networks.require_torch()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'meshimplant\[network\]'"):
        networks.require_torch()
