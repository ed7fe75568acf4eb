"""Networks that complete a skull in the head's own frame: how they are made, trained and used.

Torch is imported in this room and nowhere else, and only when a name of it is used:

>>> from meshimplant import networks
>>> networks.read_config("head").data.base
'prior'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from meshimplant.errors import MissingDependencyError

if TYPE_CHECKING:
    from meshimplant.networks.config import Config as Config
    from meshimplant.networks.config import packaged_configs as packaged_configs
    from meshimplant.networks.config import read_config as read_config
    from meshimplant.networks.store import Store as Store
    from meshimplant.networks.store import open_store as open_store
    from meshimplant.networks.store_builder import build_store as build_store
    from meshimplant.networks.store_builder import training_cases as training_cases
    from meshimplant.networks.training import train as train
    from meshimplant.networks.weights import read_weights as read_weights
    from meshimplant.networks.weights import write_weights as write_weights

_HOME = {
    "Config": "config",
    "Store": "store",
    "build_store": "store_builder",
    "open_store": "store",
    "packaged_configs": "config",
    "read_config": "config",
    "read_weights": "weights",
    "train": "training",
    "training_cases": "store_builder",
    "write_weights": "weights",
}

__all__ = [*sorted(_HOME), "require_torch"]


def require_torch() -> None:
    """Raise `MissingDependencyError` unless torch can be imported."""
    try:
        import_module("torch")
    except ImportError as error:
        raise MissingDependencyError(
            "expected torch to train a network, got none: pip install 'meshimplant[network]'"
        ) from error


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'meshimplant.networks' has no attribute {name!r}")
    value = getattr(import_module(f"meshimplant.networks.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
