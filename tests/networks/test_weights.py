"""Weights files: they are read as written, and anything else is rejected."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from meshimplant.errors import FileReadError, InputError
from meshimplant.networks import __main__ as packaging
from meshimplant.networks import packaged
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.config import Config, Stage, config_from
from meshimplant.networks.packaged import default_weights, packaged_weights
from meshimplant.networks.weights import open_weights, read_weights, write_weights

ABOUT = {"data": "phantoms", "skulls": 3, "coarse": {"seconds": 1800}, "fine": {"seconds": 3600}}


def small_config(**tables: Any) -> Config:
    return config_from(
        {"coarse": {"widths": [2, 3]}, "fine": {"widths": [2, 3]}, "data": {"channels": ["prior", "opening"]}}
        | tables
    )


def small_network(config: Config | None = None, *, seed: int = 0) -> dict[Stage, torch.nn.Module]:
    """Return both stages with random weights, the last layers' too."""
    torch.manual_seed(seed)
    config = config or small_config()
    modules: dict[Stage, torch.nn.Module] = {"coarse": build_coarse(config), "fine": build_fine(config)}
    for module in modules.values():
        for parameter in module.parameters():
            torch.nn.init.normal_(parameter)
    return modules


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "own.npz"
    write_weights(path, small_config(), small_network(), ABOUT)
    return path


def test_what_is_read_is_what_was_written(written: Path) -> None:
    weights = read_weights(written)
    assert weights.config == small_config()
    assert (weights.about, weights.name) == (ABOUT, "own.npz")
    assert list(weights.modules) == ["coarse", "fine"]
    for stage, module in small_network().items():
        mine = weights.modules[stage]
        assert not mine.training
        for name, values in module.state_dict().items():
            assert torch.equal(mine.state_dict()[name], values.half().float()), name
    assert not any(p.requires_grad for module in weights.modules.values() for p in module.parameters())


def test_the_same_network_gives_the_same_bytes(written: Path, tmp_path: Path) -> None:
    write_weights(tmp_path / "again.npz", small_config(), small_network(), ABOUT)
    assert (tmp_path / "again.npz").read_bytes() == written.read_bytes()
    assert read_weights(tmp_path / "again.npz").sha256 == read_weights(written).sha256


def test_one_stage_is_a_network_too(tmp_path: Path) -> None:
    modules = small_network()
    write_weights(tmp_path / "coarse.npz", small_config(), {"coarse": modules["coarse"]}, {})
    assert list(read_weights(tmp_path / "coarse.npz").modules) == ["coarse"]


def test_weights_that_diverged_are_not_written(tmp_path: Path) -> None:
    modules = small_network()
    with torch.no_grad():
        next(modules["fine"].parameters()).fill_(1e6)
    with pytest.raises(InputError, match=r"finite weights below 65504, got others in fine\."):
        write_weights(tmp_path / "own.npz", small_config(), modules, {})
    assert not (tmp_path / "own.npz").exists()


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Write a weights file anew with `change` made to what it tells and to its arrays."""
    with np.load(path) as data:
        arrays = {name: data[name] for name in data.files if name != "about"}
        about = json.loads(str(data["about"]))
    change(about, arrays)
    buffer = io.BytesIO()
    np.savez(buffer, about=np.array(json.dumps(about)), **arrays)
    path.write_bytes(buffer.getvalue())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    middle = slice(len(content) // 2, len(content) // 2 + 40)
    content[middle] = bytes(255 - byte for byte in content[middle])
    path.write_bytes(bytes(content))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "weights written by meshimplant train in own.npz.*fetch it again"),
    "empty": (lambda path: path.write_bytes(b""), "weights written by meshimplant train"),
    "cut": (_cut, "weights written by meshimplant train"),
    "flipped": (_flipped, "own.npz"),
    "text": (lambda path: path.write_text("weights"), "weights written by meshimplant train"),
    "pickle": (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "weights written by meshimplant train"),
    "model": (lambda path: rewritten(path, lambda about, _: about.clear()), "an .npz of another kind"),
    "newer": (
        lambda path: rewritten(path, lambda about, _: about.update(format=99)),
        "format 1 .* got format 99",
    ),
    "unknown": (
        lambda path: rewritten(path, lambda about, _: about["config"]["coarse"].update(heads=8)),
        "a network that this version knows .*heads",
    ),
    "architecture": (
        lambda path: rewritten(path, lambda about, _: about["config"]["fine"].update(architecture="magic")),
        "a network that this version knows .*magic",
    ),
    "lacking": (
        lambda path: rewritten(path, lambda _, arrays: arrays.pop("coarse.last.bias")),
        "others: coarse.last.bias",
    ),
    "more": (
        lambda path: rewritten(path, lambda _, arrays: arrays.update(extra=np.zeros(2))),
        "others: extra",
    ),
    "wider": (
        lambda path: rewritten(path, lambda about, _: about["config"]["coarse"].update(widths=[4, 3])),
        "got others",
    ),
    "nan": (
        lambda path: rewritten(path, lambda _, arrays: arrays["coarse.last.bias"].fill(np.nan)),
        "finite weights",
    ),
}


@pytest.mark.parametrize("how", SPOILT)
def test_what_is_no_good_is_refused_with_what_to_do(how: str, written: Path) -> None:
    spoil, said = SPOILT[how]
    spoil(written)
    with pytest.raises(FileReadError, match=said):
        read_weights(written)


def test_a_pickle_within_is_not_opened(written: Path) -> None:
    def hide(_about: dict[str, Any], arrays: dict[str, Any]) -> None:
        arrays["coarse.last.bias"] = np.array([{"a": 1}], dtype=object)

    rewritten(written, hide)
    with pytest.raises(FileReadError, match="weights written by meshimplant train"):
        read_weights(written)


def test_packaging_puts_a_network_where_it_is_found(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    monkeypatch.setattr(packaged, "packaged_folder", lambda: folder)
    monkeypatch.setattr(packaging, "packaged_folder", lambda: folder)
    assert packaged_weights() == {}
    with pytest.raises(InputError, match="no network of its own; give a weights file, or choose method auto"):
        open_weights()
    packaging.main([str(written), "--licence", "CC0 1.0", "--hardware", "2 cores"])
    (listed,) = packaged_weights().values()
    parameters = sum(p.numel() for module in small_network().values() for p in module.parameters())
    assert listed == {
        "what": "network in 2 stage(s), coarse, fine",
        "data": "phantoms",
        "licence": "CC0 1.0",
        "skulls": 3,
        "hardware": "2 cores",
        "hours": 1.5,
        "parameters": parameters,
        "sha256": read_weights(written).sha256,
    }
    assert open_weights().sha256 == listed["sha256"]
    _flipped(default_weights())
    with pytest.raises(FileReadError, match=r"SHA-256 of weights.toml, got .* install meshimplant again"):
        open_weights()


def test_every_packaged_network_is_listed_unspoilt_with_its_licence() -> None:
    listed = packaged_weights()
    there = {path.name for path in packaged.packaged_folder().glob("*.npz")}
    assert set(listed) == there
    for about in listed.values():
        assert {"what", "data", "licence", "skulls", "hardware", "hours", "parameters", "sha256"} <= set(
            about
        )
        assert ("non-commercial" in about["licence"]) == ("SkullFix" in about["data"])
    if there:
        assert default_weights().stat().st_size <= 20e6
