"""Check for torch, an optional dependency, with a message that says how to install it."""

from __future__ import annotations

from importlib import import_module

from meshimplant.errors import MissingDependencyError


def require_torch() -> None:
    """Raise `MissingDependencyError` unless torch can be imported."""
    try:
        import_module("torch")
    except ImportError as error:
        raise MissingDependencyError(
            "expected torch to train a network, got none: pip install 'meshimplant[network]'"
        ) from error
