"""The training loop: it reduces the error in either precision, resumes exactly, and reports wrong input."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from heads import shell_store

from meshimplant.errors import FileReadError, InputError
from meshimplant.networks.config import Coarse, Config, Data, Fine, Latent
from meshimplant.networks.export import export_run
from meshimplant.networks.learner import learning_rate, trained_stage, weighted_huber
from meshimplant.networks.run_folder import RunFolder
from meshimplant.networks.training_config import Training
from meshimplant.networks.training_loop import train
from meshimplant.networks.training_store import Store
from meshimplant.networks.weights import read_weights

QUICK = Training(
    steps=40,
    batch=1,
    learning_rate=1e-2,
    warmup=4,
    every=20,
    checkpoint=5,
    average=0.9,
    patch_mm=30,
    astray_mm=0.0,  # what is to be learnt is one number, which nothing hides
    precision="32",  # whatever the processor
)
TINY = Config(
    "tiny",
    Data(("defective", "opening", "prior")),
    Coarse(widths=(4, 8)),
    Fine(widths=(4, 8)),
    {"coarse": QUICK, "fine": replace(QUICK, steps=20)},
)


def _with(config: Config, **changes) -> Config:
    return replace(
        config, training={stage: replace(one, **changes) for stage, one in config.training.items()}
    )


def _weights(folder: Path, stage="coarse") -> dict:
    return RunFolder(folder, stage).load().tensors


@pytest.fixture(scope="module", params=["32", "16"])
def run(request: pytest.FixtureRequest, spheres: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both stages on spheres whose prior is 1.5 mm too large, in either precision."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    config = _with(TINY, precision=request.param)
    longer = replace(config.training["coarse"], steps=80)
    config = replace(config, training={**config.training, "coarse": longer})
    for stage in ("coarse", "fine"):
        trained = train(config, spheres, folder, stage=stage)
        assert (trained.finished, trained.precision) == (True, request.param)
    return folder


def test_the_coarse_stage_takes_off_what_its_base_is_wrong_by(run: Path) -> None:
    rows = RunFolder(run, "coarse").load().rows
    assert rows[0]["base_error_mm"] > 1
    assert rows[-1]["loss"] < 0.5 * rows[0]["loss"]
    assert rows[-1]["error_mm"] < 0.5 * rows[-1]["base_error_mm"]
    assert rows[-1]["dice"] > rows[-1]["base_dice"] + 0.05


def test_the_fine_stage_takes_off_more(run: Path) -> None:
    coarse, fine = (RunFolder(run, stage).load().rows[-1] for stage in ("coarse", "fine"))
    assert fine["base_error_mm"] == pytest.approx(coarse["base_error_mm"])
    assert fine["error_mm"] < coarse["error_mm"]


def test_curves_hold_a_row_per_look_and_no_other_file_is_left(run: Path) -> None:
    with (run / "coarse" / "curves.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["20", "40", "60", "80"]
    assert all(float(row["dice"]) > 0 for row in rows)
    names = {path.name for path in (run / "coarse").iterdir()}
    assert names == {"config.json", "checkpoint.pt", "curves.csv", "progress.json"}


def test_a_run_becomes_a_weights_file_with_both_stages(spheres: Store, run: Path) -> None:
    weights = read_weights(export_run(run, spheres))
    assert weights.config == RunFolder(run, "coarse").config()
    assert set(weights.modules) == {"coarse", "fine"}
    assert weights.about["data"] == "spheres"
    assert weights.about["skulls"] == 4
    assert weights.about["new_heads"] == 0
    trained = trained_stage(run, "coarse").state_dict()
    for name, values in weights.modules["coarse"].state_dict().items():
        torch.testing.assert_close(values, trained[name], rtol=1e-3, atol=1e-4)


def test_a_stopped_run_ends_in_the_same_weights_as_one_that_was_not(spheres: Store, tmp_path: Path) -> None:
    config = _with(TINY, steps=10, every=6)
    train(config, spheres, tmp_path / "whole")
    half = train(config, spheres, tmp_path / "halves", minutes=1e-6)
    assert (half.steps, half.finished) == (1, False)
    torch.manual_seed(99)
    assert train(config, spheres, tmp_path / "halves", resume=True, workers=2).finished
    whole, halves = _weights(tmp_path / "whole"), _weights(tmp_path / "halves")
    for part in ("network", "mean"):
        for name, values in whole[part].items():
            assert torch.equal(values, halves[part][name]), name
    assert torch.equal(whole["generator"], halves["generator"])


def test_a_run_learns_from_what_was_added_only_when_it_is_asked_to(tmp_path: Path) -> None:
    store = shell_store(tmp_path / "store", training=2, tuning=0, excess_mm=1.0)
    aside = store.path_of(store.cases("training")[1])
    kept = aside.read_bytes()
    aside.unlink()
    run = RunFolder(tmp_path / "run", "coarse")
    train(_with(TINY, steps=1), store, run.folder)
    aside.write_bytes(kept)
    train(_with(TINY, steps=2), store, run.folder, resume=True)
    assert run.load().cases == ["000-0-random"]
    train(_with(TINY, steps=3), store, run.folder, resume=True, grow=True)
    assert run.load().cases == ["000-0-random", "001-0-random"]
    assert run.load().step == 3


def test_a_network_without_a_prior_fills_the_hole(tmp_path: Path, spheres: Store) -> None:
    """The smoke run: from the defective skull alone; without an implant the overlap is 0.

    Measured in 32 bits: Dice 0.77 and 0.83 with two seeds; after half as many steps 0.58 to 0.71 with three,
    which is too close to the limit for a test that must not depend on the last bits of a processor. That
    16 bits learn as well is shown by `run` and by `test_precision`, on less work.
    """
    config = replace(
        _with(TINY, steps=240, every=80, learning_rate=2e-2),
        data=Data(("defective", "opening"), base="defective"),
        fine=None,
    )
    trained = train(config, spheres, tmp_path / "run")
    rows = RunFolder(tmp_path / "run", "coarse").load().rows
    assert rows[-1]["loss"] < 0.4 * rows[0]["loss"]
    assert trained.scores is not None
    assert trained.scores.base_dice == 0
    assert trained.scores.dice > 0.6


@pytest.mark.parametrize(
    ("fine", "left"),
    [
        (Fine("sparse-unet", widths=(4, 8)), 0.7),
        (Fine("point-voxel", widths=(8, 8, 8)), 0.7),
        (Fine("patch-unet", widths=(4, 8), window_mm=16), 0.8),
        (Fine("slice-unet", widths=(4, 8), window_mm=8), 0.95),
    ],
    ids=lambda value: getattr(value, "architecture", ""),
)
def test_every_second_stage_learns_alone_what_its_base_is_wrong_by(
    fine: Fine, left: float, spheres: Store, tmp_path: Path
) -> None:
    """`left` of the error at most; those that see all voxels learn slower than those that see the surface."""
    config = replace(_with(TINY, steps=28, every=28, average=0.8), coarse=Coarse("none"), fine=fine)
    trained = train(config, spheres, tmp_path / "run", stage="fine")
    assert trained.scores is not None
    assert trained.scores.error_mm < left * trained.scores.base_error_mm
    assert trained.scores.dice > trained.scores.base_dice + 0.01
    weights = read_weights(export_run(tmp_path / "run", spheres))
    assert weights.config == config
    own = trained_stage(tmp_path / "run", "fine").state_dict()
    assert weights.modules["fine"].state_dict().keys() == own.keys()


def test_without_a_coarse_network_there_is_nothing_to_train_first(spheres: Store, tmp_path: Path) -> None:
    config = replace(TINY, coarse=Coarse("none"))
    with pytest.raises(InputError, match=r"coarse\.architecture none: train stage fine"):
        train(config, spheres, tmp_path / "run")


def test_codes_of_an_autoencoder_are_learnt_beside_the_network_and_resumed_with_it(
    spheres: Store, tmp_path: Path
) -> None:
    config = replace(_with(TINY, steps=10, every=6), latent=Latent(widths=(4, 4), weight=1.0))
    train(config, spheres, tmp_path / "whole")
    train(config, spheres, tmp_path / "halves", minutes=1e-6)
    torch.manual_seed(99)
    assert train(config, spheres, tmp_path / "halves", resume=True).finished
    whole, halves = _weights(tmp_path / "whole"), _weights(tmp_path / "halves")
    for part in (whole, halves):
        part |= part["latent"]
    for part in ("network", "encoder", "decoder"):
        for name, values in whole[part].items():
            assert torch.equal(values, halves[part][name]), name
    plain = tmp_path / "plain"
    train(replace(config, latent=None), spheres, plain)
    assert any(not torch.equal(v, whole["network"][name]) for name, v in _weights(plain)["network"].items())
    with pytest.raises(InputError, match="the config that whole was begun with"):
        train(replace(config, latent=None), spheres, tmp_path / "whole", resume=True)


def test_kinds_of_defect_can_be_left_out(spheres: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected training cases in spheres, got none"):
        train(_with(TINY, without=("random",)), spheres, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_without_skulls_to_choose_by_there_are_no_scores(tmp_path: Path) -> None:
    store = shell_store(tmp_path / "store", training=1, tuning=0, excess_mm=1.0)
    trained = train(_with(TINY, steps=1), store, tmp_path / "run")
    assert trained.finished
    assert trained.scores is None
    assert math.isfinite(trained.loss)


def test_a_run_that_is_there_is_not_overwritten_and_not_gone_on_with_otherwise(
    spheres: Store, run: Path
) -> None:
    with pytest.raises(InputError, match="resume it"):
        train(TINY, spheres, run)
    with pytest.raises(InputError, match="expected the config that run was begun with"):
        train(_with(TINY, learning_rate=1.0), spheres, run, resume=True)
    before = (run / "coarse" / "curves.csv").read_bytes()
    assert train(TINY, spheres, run, resume=True).finished
    assert (run / "coarse" / "curves.csv").read_bytes() == before


def test_the_fine_stage_wants_the_coarse_one(spheres: Store, tmp_path: Path) -> None:
    with pytest.raises(FileReadError, match="train that stage first"):
        train(TINY, spheres, tmp_path / "run", stage="fine")


def test_a_damaged_checkpoint_is_refused(spheres: Store, tmp_path: Path) -> None:
    train(_with(TINY, steps=1), spheres, tmp_path / "run")
    path = tmp_path / "run" / "coarse" / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FileReadError, match="expected a checkpoint"):
        train(_with(TINY, steps=1), spheres, tmp_path / "run", resume=True)


def test_the_rate_rises_and_falls_with_half_a_cosine() -> None:
    training = Training(steps=1000, warmup=100, learning_rate=1.0)
    assert learning_rate(training, 0) == pytest.approx(1 / 101)
    assert learning_rate(training, 100) == pytest.approx(1.0)
    assert learning_rate(training, 550) == pytest.approx(0.505)
    assert learning_rate(training, 1000) == pytest.approx(0.01)


def test_the_loss_is_huber_in_millimetres_weighted() -> None:
    answer, target = torch.tensor([0.0, 0.5, 9.0]), torch.zeros(3)
    weight = torch.tensor([1.0, 1.0, 0.0])
    assert float(weighted_huber(answer, target, weight, 1.0)) == pytest.approx((0 + 4 - 0.5) / 2)
    assert float(weighted_huber(answer / 8, target, weight, 1.0)) == pytest.approx(0.125 / 2)
