"""Configs: the packaged ones, the round trip, and the rejected values."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshimplant.errors import FileReadError, InputError
from meshimplant.networks.config import Config, config_from, packaged_configs, read_config


@pytest.mark.parametrize("name", packaged_configs())
def test_a_packaged_network_is_read_by_its_name_and_comes_back_from_its_values(name: str) -> None:
    config = read_config(name)
    assert config.name == name
    assert config_from(config.to_dict()) == config


def test_a_network_of_ones_own_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.toml"
    path.write_text(
        '[data]\nchannels = ["prior"]\n[coarse]\nwidths = [2, 4]\n'
        "[training.coarse]\nsteps = 3\nlearning_rate = 1\n"
    )
    config = read_config(path)
    assert config.name == "tiny"
    assert config.coarse.widths == (2, 4)
    assert config.fine is None
    assert config.training["coarse"].steps == 3
    assert config.training["coarse"].learning_rate == 1.0
    assert config.training["fine"] == Config().training["fine"]
    assert config_from(config.to_dict()) == config


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"nets": {}}, "got nets"),
        ({"coarse": {"width": 3}}, "got coarse.width"),
        ({"training": {"both": {}}}, "got training.both"),
        ({"training": {"fine": {"steps": 0}}}, "training.*.steps above 0"),
        ({"training": {"fine": {"steps": 1.5}}}, "training.fine.steps as int"),
        ({"training": {"fine": {"weight_decay": -1.0}}}, "at least 0"),
        ({"training": {"fine": {"without": [3]}}}, "training.fine.without as str"),
        ({"data": {"channels": ["prior", "face"]}}, "expected channels among"),
        ({"data": {"channels": ["prior", "prior"]}}, "each once"),
        ({"data": {"channels": ["defective"]}}, "expected a base"),
        ({"coarse": {"widths": []}}, "one or more widths"),
        ({"fine": {"band_mm": 0}}, "fine.band_mm above 0"),
        ({"coarse": 3}, r"table \[coarse\]"),
    ],
)
def test_a_value_that_cannot_be_is_named(tables, told: str) -> None:
    with pytest.raises(InputError, match=told):
        config_from(tables)


@pytest.mark.parametrize("text", [None, "[coarse\n", "\x00"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "net.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(FileReadError, match=r"expected a network's TOML file or one of .*head"):
        read_config(path)
