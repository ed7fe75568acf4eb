"""The packaged networks: their registry (data, licence, hardware, SHA-256), which is read without torch."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.payload import sha256_of

#: Registry of the packaged networks: description, training data, licence, skulls, hardware, time, SHA-256 by
#: file.
REGISTRY = "weights.toml"
#: The default network.
DEFAULT = "head.npz"


def packaged_weights() -> dict[str, dict[str, Any]]:
    """Return the registry entry of each packaged network by file name; empty if none is packaged."""
    registry = packaged_folder() / REGISTRY
    return tomllib.loads(registry.read_text(encoding="utf-8")) if registry.is_file() else {}


def default_weights() -> Path:
    """Return the path of the default packaged network.

    Raises
    ------
    InputError
        No network is packaged.
    FileReadError
        The file does not match the registry.
    """
    about = packaged_weights().get(DEFAULT)
    if about is None:
        raise InputError(
            "expected trained weights, got none: this package has no network of its own; "
            "give a weights file, or choose method auto, which needs none"
        )
    path = packaged_folder() / DEFAULT
    found = sha256_of(path) if path.is_file() else "no file"
    if found != about["sha256"]:
        raise FileReadError(
            f"expected the packaged {DEFAULT} with the SHA-256 of {REGISTRY}, got {found[:12]}...: "
            "install meshimplant again, or choose method auto"
        )
    return path


def packaged_folder() -> Path:
    """Return the folder of the packaged weights and their registry."""
    return Path(str(files("meshimplant.networks")))
