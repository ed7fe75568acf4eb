"""average on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshimplant import skull_phantom, write_volume
from meshimplant.head.mean_vault import read_vault_mean

SOURCE = ("--data", "phantoms", "--licence", "CC0 1.0")


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("heads")
    paths = tuple(folder / f"{seed}.nrrd" for seed in (7, 8, 9))
    for seed, path in zip((7, 8, 9), paths, strict=True):
        write_volume(skull_phantom(spacing_mm=2.0, seed=seed), path)
    return paths


def test_a_mean_of_ones_own_completes_a_skull_and_is_named_in_its_report(
    cli: Callable, case, heads, tmp_path: Path
) -> None:
    mean = tmp_path / "mean.npz"
    averaged = cli("average", *heads[:2], "-o", mean, *SOURCE, "--json")
    assert averaged.code == 0
    about = {"data": "phantoms", "licence": "CC0 1.0", "skulls": 2}
    assert averaged.json == {"output": "mean.npz", **about, "input_findings": []}
    assert read_vault_mean(mean).about == about
    result = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", "--template", mean, "--json")
    assert result.code == 0
    assert result.json["method"]["template"] == about


def test_one_skull_is_no_population(cli: Callable, heads, tmp_path: Path) -> None:
    answer = cli("average", heads[0], "-o", tmp_path / "mean.npz", *SOURCE)
    assert answer.code == 2
    assert "expected at least two complete skulls, got 1" in answer.err
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_mean_is_refused(cli: Callable, case, heads, tmp_path: Path) -> None:
    answer = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", "--template", heads[0])
    assert answer.code == 1
    assert "expected a model" in answer.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("way", [("--method", "mirror"), ("--complete", "x.nrrd"), ("--implant", "x.nrrd")])
def test_a_mean_that_nothing_would_read_is_refused(cli: Callable, case, tmp_path: Path, way) -> None:
    answer = cli("design", case.defective, "-o", tmp_path / "part", "--template", tmp_path / "mean.npz", *way)
    assert answer.code == 2
    assert "expected --template" in answer.err
    assert not list(tmp_path.iterdir())
