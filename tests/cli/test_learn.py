"""average, shape-model, models: models of one's own, completing with them, and those in the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
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
    assert averaged.json == {"output": "mean.npz", **about}
    assert read_vault_mean(mean).about == about
    told = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", "--template", mean, "--json")
    assert told.code == 0
    assert told.json["method"]["template"] == about


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


def test_a_shape_model_of_ones_own_completes_a_skull(cli: Callable, case, heads, tmp_path: Path) -> None:
    model = tmp_path / "model.npz"
    learnt = cli("shape-model", *heads, "-o", model, *SOURCE, "--modes", "2", "--json")
    assert learnt.code == 0
    assert learnt.json == {
        "output": "model.npz", "modes": 2, "data": "phantoms", "licence": "CC0 1.0", "skulls": 3,
    }  # fmt: skip
    told = cli(
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
    assert told.code == 0
    assert told.json["method"]["name"] == "ssm"
    assert told.json["method"]["template"]["data"] == "phantoms"
    wrong = cli(
        "complete", case.defective, "-o", tmp_path / "d.nrrd", "--method", "ssm-image", "--template", model
    )
    assert wrong.code == 1
    assert "a model made for method ssm-image" in wrong.err


def test_two_skulls_are_no_shape_model(cli: Callable, heads, tmp_path: Path) -> None:
    answer = cli("shape-model", *heads[:2], "-o", tmp_path / "model.npz", *SOURCE)
    assert answer.code == 2
    assert "expected at least three complete skulls, got 2" in answer.err


def test_packaged_models_are_listed_with_their_licences(cli: Callable) -> None:
    from meshimplant.networks.packaged import packaged_weights

    listed = cli("models", "--json").json
    models = {"vault_mean.npz", "shape_model.npz", "image_model.npz", "open_mean.npz"}
    assert set(listed) == models | set(packaged_weights())
    text = cli("models").out
    assert "non-commercial" in text
    assert "BSD-2" in text


def test_the_map_of_disagreement_is_written_when_asked(cli: Callable, case, tmp_path: Path) -> None:
    apart = tmp_path / "apart.csv"
    answer = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", "--disagreement", apart, "--json")
    assert answer.code == 0
    rows = np.loadtxt(apart, delimiter=",", skiprows=1)
    assert np.percentile(rows[:, 3], 95) == pytest.approx(
        answer.json["method"]["disagreement_p95_mm"], abs=1e-3
    )
    alone = cli(
        "complete",
        case.defective,
        "-o",
        tmp_path / "d.nrrd",
        "--disagreement",
        apart,
        "--method",
        "ssm",
        "--force",
    )
    assert alone.code == 2
    assert "it tries one method only" in alone.err
