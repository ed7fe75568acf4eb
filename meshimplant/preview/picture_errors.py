"""A picture must never cost the part: whatever goes wrong while one is made becomes a `MeshImplantError`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import trimesh

from meshimplant.errors import InputError, MeshError, MeshImplantError, OutputError


@contextmanager
def picture_errors(what: str) -> Iterator[None]:
    """Turn every exception inside the block into a deliberate error that names `what` could not be made.

    Raises
    ------
    OutputError
        The file system said no.
    MeshError
        Anything else that was not already a `MeshImplantError`; the original is its cause.
    """
    try:
        yield
    except MeshImplantError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"expected to write the {what}, got: {reason}: check the folder and its space"
        ) from error
    except Exception as error:
        kind = type(error).__name__
        raise MeshError(
            f"expected to draw the {what}, got {kind}: {error}: the part itself is not affected"
        ) from error


def require_drawable(mesh: trimesh.Trimesh, *, name: str) -> None:
    """Raise `MeshError` unless a mesh has faces and only finite vertices."""
    if not len(mesh.faces) or not len(mesh.vertices):
        raise MeshError(f"expected {name} to have faces, got an empty mesh: nothing can be drawn")
    if not np.isfinite(mesh.vertices).all():
        raise MeshError(
            f"expected {name} with finite vertices, got not-a-number or infinity: repair it first"
        )


def checked_values(values_mm: object, mesh: trimesh.Trimesh, *, name: str) -> np.ndarray | None:
    """Return per-vertex values as float64 (n,), or ``None`` if none is finite; infinity counts as no value.

    Raises `InputError` when there is not one value per vertex.
    """
    if values_mm is None:
        return None
    values = np.array(values_mm, dtype=np.float64)
    if values.shape != (len(mesh.vertices),):
        raise InputError(
            f"expected {name} with one value per vertex, ({len(mesh.vertices)},), got shape {values.shape}: "
            "measure it on the same mesh"
        )
    values[~np.isfinite(values)] = np.nan
    return None if np.isnan(values).all() else values
