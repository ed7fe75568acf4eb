"""Models of a population: the packaged ones, and those in files of your own."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from meshimplant.complete.image_model import ImageModel, read_image_model
from meshimplant.complete.shape_model import LooseModel, ShapeModel, read_shape_model
from meshimplant.errors import FileReadError, InputError
from meshimplant.head.mean_vault import Model, VaultMean, flat_vault, read_vault_mean
from meshimplant.head.model_files import kind_of_model
from meshimplant.io.payload import sha256_of

#: Lists the packaged models: file, what it is, training data, licence, SHA-256.
REGISTRY = "models.toml"
#: Packaged model of each method.
_PACKAGED = {"template": "vault_mean.npz", "ssm": "shape_model.npz", "ssm-image": "image_model.npz"}
#: The model that the packaged network was trained to correct, and the one that it is averaged with.
_CORRECTED, _AVERAGED = "template", "ssm"
_KINDS: dict[str, type] = {"ssm": ShapeModel, "ssm-image": ImageModel}


def models_of(method: str, given: Model | None) -> dict[str, Model]:
    """Return the models that a method tries, by name; heads are aligned to your own, or to `packaged_mean`.

    Parameters
    ----------
    method : str
        A key of `METHODS`.
    given : Model or None
        Your own model; None: the packaged ones.

    Returns
    -------
    dict of Model

    Raises
    ------
    InputError
        The method cannot use the given model.
    """
    if method == "mirror":
        return {"mirror": flat_vault()}
    if method == "auto":
        tried: dict[str, Model] = {}
        if given is None or isinstance(given, ShapeModel | ImageModel):
            tried["ssm"] = modes = given or packaged_model(_PACKAGED["ssm"])
            if isinstance(modes, ShapeModel):
                tried["ssm-loose"] = LooseModel(modes)
        tried["template"] = packaged_model(_PACKAGED["template"]) if given is None else given.mean
        return tried | {"mirror": flat_vault()}
    if method == "network":
        if given is not None:
            raise InputError(
                f"expected no model with method network, got {_name(given)}: "
                "leave it out, because the network was trained to correct the packaged mean"
            )
        modes = packaged_model(_PACKAGED[_AVERAGED])
        return {_CORRECTED: packaged_model(_PACKAGED[_CORRECTED]).mean, _AVERAGED: modes}
    model = given or packaged_model(_PACKAGED[method])
    if method == "template":
        return {method: model.mean}
    if not isinstance(model, _KINDS[method]):
        raise InputError(
            f"expected a model made for method {method}, got {_name(model)}: "
            "make one with meshimplant shape-model, or choose method template, which accepts any"
        )
    return {method: model}


def read_model(path: str | Path) -> Model:
    """Read a mean vault or a shape model from a file.

    Parameters
    ----------
    path : str or Path
        The file, or ``open`` for the packaged open mean.

    Returns
    -------
    VaultMean or ShapeModel or ImageModel
        What the file holds.
    """
    if str(path) == "open":
        return packaged_model("open_mean.npz")
    names = kind_of_model(path)
    if "point_modes" in names:
        return read_shape_model(path)
    return read_image_model(path) if "image_modes" in names else read_vault_mean(path)


def packaged_models() -> dict[str, dict[str, Any]]:
    """Return the entry of each packaged model by file name: kind, data, licence, skulls, SHA-256."""
    return tomllib.loads((models_folder() / REGISTRY).read_text(encoding="utf-8"))


@lru_cache(maxsize=4)
def packaged_model(name: str) -> Model:
    """Return a packaged model.

    Raises `FileReadError` when the file does not have the SHA-256 of its entry.
    """
    path = models_folder() / name
    found = sha256_of(path) if path.is_file() else "no file"
    if found != packaged_models().get(name, {}).get("sha256"):
        raise FileReadError(
            f"expected the packaged {name} with the SHA-256 of {REGISTRY}, got {found[:12]}...: "
            "install meshimplant again"
        )
    return read_model(path)


def packaged_mean() -> VaultMean:
    """Return the packaged mean vault, to which heads are aligned by default.

    So were those that the packaged models were learnt from. The mean of a shape model is no substitute: it is
    a smooth shell where brow and orbits are, and the pitch of heads aligned to it is off by 1 to 3 degrees
    (suboccipital openings in three training skulls; with this mean by up to 0.3), without the forehead by up
    to 16 (bifrontal, five skulls; with this mean by up to 7).
    """
    return packaged_model(_PACKAGED["template"]).mean


def models_folder() -> Path:
    """Return the folder of the packaged models."""
    return Path(str(files("meshimplant.complete")))


def _name(model: Model) -> str:
    """Return what a model is, in words."""
    kinds = {
        VaultMean: "a mean vault",
        ShapeModel: "a shape model on points",
        ImageModel: "a shape model on images",
    }
    return kinds[type(model)]
