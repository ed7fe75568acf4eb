"""complete on files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from meshimplant import read_mesh, read_volume
from meshimplant_cli import options


def test_the_map_of_disagreement_is_written_on_request(cli: Callable, case, tmp_path: Path) -> None:
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
    assert "expected --disagreement with --method auto or network, got ssm" in alone.err


def test_complete_then_subtract_then_separate_then_extract_gives_the_missing_bone(
    cli: Callable, case, tmp_path: Path
) -> None:
    complete, missing, body, mesh = (tmp_path / name for name in ("c.nrrd", "m.nrrd", "b.nrrd", "part.stl"))
    result = cli("complete", case.defective, "-o", complete, "--json")
    assert result.code == 0
    assert result.json["defects"] == 1
    assert cli("subtract", complete, case.defective, "-o", missing).code == 0
    separated = cli("separate", missing, "-o", body, "--skull", case.defective, "--json")
    assert separated.code == 0
    assert len(separated.json["bodies"]) == 1
    assert cli("extract", body, "-o", mesh).code == 0
    part, truth = read_mesh(mesh), read_volume(case.truth)
    true_mm3 = truth.array.sum() * truth.voxel_volume_mm3
    true_centre_mm = truth.to_mm(np.argwhere(truth.array)).mean(axis=0)
    assert part.is_volume
    assert part.volume == pytest.approx(true_mm3, rel=0.25)
    assert np.linalg.norm(part.center_mass - true_centre_mm) < 4


def test_choices_are_those_of_the_library() -> None:
    from meshimplant.complete.methods import METHODS

    assert get_args(get_args(options.Method)[0]) == tuple(METHODS)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network as a file."""
    import torch

    from meshimplant.networks.architectures import build_coarse
    from meshimplant.networks.config import config_from
    from meshimplant.networks.weights import write_weights

    path = tmp_path_factory.mktemp("weights") / "own.npz"
    config = config_from({"coarse": {"widths": [2, 2]}})
    torch.manual_seed(0)
    write_weights(path, config, {"coarse": build_coarse(config)}, {"data": "nothing", "licence": "CC0 1.0"})
    return path


def test_a_network_completes_and_reports_its_uncertainty(
    cli: Callable, case, weights: Path, tmp_path: Path
) -> None:
    unsure, apart = tmp_path / "unsure.csv", tmp_path / "apart.csv"
    result = cli(
        *("complete", case.defective, "-o", tmp_path / "c.nrrd", "--method", "network", "--weights", weights),
        *("--device", "cpu", "--uncertainty", unsure, "--disagreement", apart, "--json"),
    )
    assert result.code == 0
    assert result.json["method"]["network"]["weights"] == "given"
    rows = np.loadtxt(unsure, delimiter=",", skiprows=1)
    assert np.percentile(rows[:, 3], 95) == result.json["method"]["network"]["mirror_p95_mm"] == 0
    rows = np.loadtxt(apart, delimiter=",", skiprows=1)
    assert np.percentile(rows[:, 3], 95) == pytest.approx(
        result.json["method"]["disagreement_p95_mm"], abs=1e-3
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--weights", "own.npz"), "--weights with --method network, got --method auto"),
        (("--uncertainty", "u.csv", "--method", "ssm"), "--uncertainty with --method network, got ssm"),
        (
            ("--disagreement", "d.csv", "--method", "ssm"),
            "--disagreement with --method auto or network, got ssm",
        ),
        (("--template", "open", "--method", "network"), "a method that uses one, got --method network"),
    ],
)
def test_options_of_a_network_are_refused_elsewhere(
    options: tuple[str, ...], said: str, cli: Callable, case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", *options)
    assert answer.code == 2
    assert said in answer.err


def test_no_torch_is_one_sentence_that_says_what_to_install(
    cli: Callable, case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", "--method", "network")
    assert answer.code == 1
    assert "pip install 'meshimplant[network]', or choose method auto" in answer.err
    assert not (tmp_path / "c.nrrd").exists()
