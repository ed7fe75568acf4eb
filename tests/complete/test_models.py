"""Packaged models: listed with data and licence, verified by hash, and used by their methods."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path

import pytest

from meshimplant.complete import models
from meshimplant.complete.image_model import ImageModel
from meshimplant.complete.lower_mean import FILE as LOWER_MEAN
from meshimplant.complete.lower_mean import read_lower_mean
from meshimplant.complete.models import models_of, packaged_mean, packaged_model, packaged_models, read_model
from meshimplant.complete.shape_model import ShapeModel
from meshimplant.errors import FileReadError, InputError
from meshimplant.head.mean_vault import VaultMean, flat_vault

FOLDER = Path(str(files("meshimplant.complete")))


def test_every_packaged_model_is_listed_with_data_licence_and_hash() -> None:
    listed = packaged_models()
    assert set(listed) == {path.name for path in FOLDER.glob("*.npz")}
    for name, about in listed.items():
        assert {"what", "data", "licence", "skulls", "sha256"} <= set(about)
        assert about["sha256"] == hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
        own = (read_lower_mean if name == LOWER_MEAN else read_model)(FOLDER / name).about
        assert {key: about[key] for key in own} == own
        assert ("non-commercial" in about["licence"]) == ("SkullFix" in about["data"])
    assert any("non-commercial" not in about["licence"] for about in listed.values())


def test_packaged_models_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.glob("*.npz")) <= 15e6


def test_a_damaged_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in FOLDER.iterdir():
        if path.suffix in (".npz", ".toml"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    whole = (tmp_path / "vault_mean.npz").read_bytes()
    (tmp_path / "vault_mean.npz").write_bytes(whole[:-1] + bytes([255 - whole[-1]]))
    (tmp_path / "shape_model.npz").unlink()
    monkeypatch.setattr(models, "models_folder", lambda: tmp_path)
    packaged_model.cache_clear()
    for name in ("vault_mean.npz", "shape_model.npz"):
        with pytest.raises(FileReadError, match=f"{name} with the SHA-256 .* install meshimplant again"):
            packaged_model(name)
    packaged_model.cache_clear()


def test_auto_tries_all_models_it_can() -> None:
    assert list(models_of("auto", None)) == ["ssm", "ssm-loose", "template", "mirror"]
    assert list(models_of("auto", packaged_mean())) == ["template", "mirror"]
    own = packaged_model("image_model.npz")
    tried = models_of("auto", own)
    assert (tried["ssm"], tried["template"]) == (own, own.mean)
    assert "ssm-loose" not in tried  # images have no looser prior


@pytest.mark.parametrize(
    ("method", "kind"), [("template", VaultMean), ("ssm", ShapeModel), ("ssm-image", ImageModel)]
)
def test_each_method_has_a_packaged_model(method, kind) -> None:
    ((name, model),) = models_of(method, None).items()
    assert name == method
    assert type(model) is kind
    assert model.about["skulls"] >= 50


def test_template_uses_the_mean_of_any_model() -> None:
    model = packaged_model("shape_model.npz")
    assert models_of("template", model) == {"template": model.mean}


@pytest.mark.parametrize("method", ["ssm", "ssm-image"])
def test_a_mean_has_no_modes(method) -> None:
    with pytest.raises(InputError, match=f"a model made for method {method}, got a mean vault"):
        models_of(method, flat_vault())


def test_the_open_mean_is_read_by_name() -> None:
    assert "BSD-2" in read_model("open").about["licence"]
    assert "SkullFix" not in str(read_model("open").about)
