"""shape-model on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshimplant import skull_phantom, write_volume

SOURCE = ("--data", "phantoms", "--licence", "CC0 1.0")


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("heads")
    paths = tuple(folder / f"{seed}.nrrd" for seed in (7, 8, 9))
    for seed, path in zip((7, 8, 9), paths, strict=True):
        write_volume(skull_phantom(spacing_mm=2.0, seed=seed), path)
    return paths


def test_a_shape_model_of_ones_own_completes_a_skull(cli: Callable, case, heads, tmp_path: Path) -> None:
    model = tmp_path / "model.npz"
    learnt = cli("shape-model", *heads, "-o", model, *SOURCE, "--modes", "2", "--json")
    assert learnt.code == 0
    assert learnt.json == {
        "output": "model.npz", "modes": 2, "data": "phantoms", "licence": "CC0 1.0", "skulls": 3,
        "input_findings": [],
    }  # fmt: skip
    result = cli(
        "complete",
        case.defective,
        "-o",
        tmp_path / "c.nrrd",
        "--method",
        "ssm",
        "--template",
        model,
        "--json",
    )
    assert result.code == 0
    assert result.json["method"]["name"] == "ssm"
    assert result.json["method"]["template"]["data"] == "phantoms"
    wrong = cli(
        "complete", case.defective, "-o", tmp_path / "d.nrrd", "--method", "ssm-image", "--template", model
    )
    assert wrong.code == 1
    assert "a model made for method ssm-image" in wrong.err


def test_two_skulls_are_no_shape_model(cli: Callable, heads, tmp_path: Path) -> None:
    answer = cli("shape-model", *heads[:2], "-o", tmp_path / "model.npz", *SOURCE)
    assert answer.code == 2
    assert "expected at least three complete skulls, got 2" in answer.err
