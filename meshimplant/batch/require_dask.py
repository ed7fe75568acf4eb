"""Check for dask and distributed, optional dependencies, with a message that says how to install them."""

from __future__ import annotations

from importlib import import_module

from meshimplant.errors import MissingDependencyError


def require_dask() -> None:
    """Raise `MissingDependencyError` unless distributed can be imported."""
    try:
        import_module("distributed")
    except ImportError as error:
        raise MissingDependencyError(
            "expected dask and distributed to run a batch, got none: pip install 'meshimplant[batch]'"
        ) from error
