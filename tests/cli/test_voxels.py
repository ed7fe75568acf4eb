"""complete, subtract, extract, separate and craniectomy on files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import trimesh
from shapes import dumbbell, skull_with_hole, sphere

from meshimplant import read_mesh, read_volume, write_mesh, write_volume
from meshimplant_cli import options


def test_complete_then_subtract_then_separate_then_extract_gives_the_missing_bone(
    cli: Callable, case, tmp_path: Path
) -> None:
    complete, missing, body, mesh = (tmp_path / name for name in ("c.nrrd", "m.nrrd", "b.nrrd", "part.stl"))
    told = cli("complete", case.defective, "-o", complete, "--json")
    assert told.code == 0
    assert told.json["defects"] == 1
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


def test_subtract_takes_a_mask_from_elsewhere(cli: Callable, tmp_path: Path) -> None:
    complete, defective, implant = skull_with_hole(40, 6, 30)
    grid = complete.grid(1.0)
    for body, name in ((complete, "complete.nrrd"), (defective, "defective.nii.gz")):
        write_volume(body.mask(1.0, grid=grid), tmp_path / name)
    told = cli(
        "subtract",
        tmp_path / "complete.nrrd",
        tmp_path / "defective.nii.gz",
        "-o",
        tmp_path / "x.mha",
        "--json",
    )
    assert told.code == 0
    missing = read_volume(tmp_path / "x.mha")
    inside = missing.to_mm(np.argwhere(missing.array > 1))
    assert len(inside) > 500
    assert implant.distance(inside).min() > -1
    assert told.json["volume_mm3"] == pytest.approx(implant.volume_mm3, rel=0.1)


def test_extract_keeps_the_place_and_takes_a_level_and_a_frame(cli: Callable, tmp_path: Path) -> None:
    ball = sphere(10, (30, -40, 50))
    write_volume(ball.field(1.0), tmp_path / "ball.nrrd")
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "a.ply").code == 0
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "b.ply", "--level", 2).code == 0
    assert cli("extract", tmp_path / "ball.nrrd", "-o", tmp_path / "c.ply", "--frame", "RAS").code == 0
    radius = [
        np.linalg.norm(read_mesh(tmp_path / n).vertices - (30, -40, 50), axis=1) for n in ("a.ply", "b.ply")
    ]
    assert np.abs(radius[0] - 10).max() < 0.1
    assert np.abs(radius[1] - 8).max() < 0.1
    numbers = trimesh.load_mesh(tmp_path / "c.ply").vertices.mean(axis=0)
    assert np.allclose(numbers, (-30, 40, 50), atol=0.5)
    assert np.allclose(read_mesh(tmp_path / "c.ply").vertices.mean(axis=0), (30, -40, 50), atol=0.5)


def test_separate_writes_each_body_to_its_own_file(cli: Callable, tmp_path: Path) -> None:
    write_volume(dumbbell(8, 40, 0.7).field(0.7), tmp_path / "two.nrrd")
    told = cli("separate", tmp_path / "two.nrrd", "-o", tmp_path / "ball.nii.gz", "--bodies", 2, "--json")
    assert told.code == 0
    assert [body["output"] for body in told.json["bodies"]] == ["ball-1.nii.gz", "ball-2.nii.gz"]
    sides = []
    for body in told.json["bodies"]:
        volume = read_volume(tmp_path / body["output"])
        sides.append(np.sign(volume.to_mm(np.argwhere(volume.array > 0))[:, 0].mean()))
        assert body["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.1)
    assert sorted(sides) == [-1, 1]


def test_separate_takes_a_mesh_and_lists_what_it_removed(cli: Callable, tmp_path: Path) -> None:
    from shapes import joined

    write_mesh(joined(sphere(15).mesh, sphere(3, (40, 0, 0)).mesh), tmp_path / "two.stl")
    told = cli("separate", tmp_path / "two.stl", "-o", tmp_path / "one.stl", "--json")
    assert told.code == 0
    (removed,) = told.json["removed"]
    assert removed["volume_mm3"] == pytest.approx(4 / 3 * np.pi * 27, rel=0.2)
    assert np.allclose(removed["centre_mm"], (40, 0, 0), atol=0.5)
    assert read_mesh(tmp_path / "one.stl").body_count == 1
    refused = cli("separate", tmp_path / "two.stl", "-o", tmp_path / "no.stl", "--skull", "skull.nrrd")
    assert refused.code == 2
    assert "expected voxels with --skull, got the mesh two.stl" in refused.err
    listed = cli("separate", tmp_path / "two.stl", "-o", tmp_path / "again.stl")
    assert "removed" in listed.out
    assert "(40.0, 0.0, 0.0)" in listed.out.replace("-0.0", "0.0")


def test_choices_are_those_of_the_library() -> None:
    from meshimplant.complete.complete_skull import METHODS

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


def test_a_network_completes_and_tells_how_sure_it_is(
    cli: Callable, case, weights: Path, tmp_path: Path
) -> None:
    unsure, apart = tmp_path / "unsure.csv", tmp_path / "apart.csv"
    told = cli(
        *("complete", case.defective, "-o", tmp_path / "c.nrrd", "--method", "network", "--weights", weights),
        *("--device", "cpu", "--uncertainty", unsure, "--disagreement", apart, "--json"),
    )
    assert told.code == 0
    assert told.json["method"]["network"]["weights"] == "given"
    rows = np.loadtxt(unsure, delimiter=",", skiprows=1)
    assert np.percentile(rows[:, 3], 95) == told.json["method"]["network"]["mirror_p95_mm"] == 0
    rows = np.loadtxt(apart, delimiter=",", skiprows=1)
    assert np.percentile(rows[:, 3], 95) == pytest.approx(
        told.json["method"]["disagreement_p95_mm"], abs=1e-3
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--weights", "own.npz"), "--weights with --method network, got auto"),
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


def test_no_torch_is_one_sentence_with_a_way_out(
    cli: Callable, case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = cli("complete", case.defective, "-o", tmp_path / "c.nrrd", "--method", "network")
    assert answer.code == 1
    assert "pip install 'meshimplant[network]', or choose method auto" in answer.err
    assert not (tmp_path / "c.nrrd").exists()
