"""train on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def test_without_torch_the_error_says_how_to_install_it(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    answer = cli("train", "head", tmp_path, "-o", tmp_path / "run")
    assert answer.code == 1
    assert "pip install 'meshimplant[network]'" in answer.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("tokens", "code", "result"),
    [
        (("train", "nonet", "{}", "-o", "{}/run"), 1, "expected a network's TOML file or one of"),
        (("train", "head", "{}", "-o", "{}/run"), 1, "expected a training set with store.json"),
        (("train", "head", "{}", "-o", "{}/run", "--minutes", "0"), 2, "--minutes"),
        (("training-set", "{}", "-o", "{}/store"), 1, "expected the layout of"),
        (("training-set", "{}", "-o", "{}/store", "--defects-per-skull", "0"), 2, "--defects-per-skull"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    cli: Callable, tmp_path: Path, tokens, code: int, result: str
) -> None:
    answer = cli(*(token.format(tmp_path) for token in tokens))
    assert answer.code == code
    assert result in answer.err
    assert "Error" not in answer.err  # the sentence names no exception
    assert not list(tmp_path.iterdir())
