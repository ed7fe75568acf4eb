"""Turn every failure while a picture is made into a `MeshImplantError`, so that it never costs the part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, MeshError, MeshImplantError, OutputError


@contextmanager
def picture_errors(what: str) -> Iterator[None]:
    """Convert exceptions inside the block into a `MeshImplantError` that names the picture `what`.

    Raises
    ------
    OutputError
        The file cannot be written.
    MeshError
        Any other exception that is not already a `MeshImplantError`; the original is its cause.
    """
    try:
        yield
    except MeshImplantError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"expected to write the {what}, got: {reason}: check the folder and the free disk space"
        ) from error
    except Exception as error:
        kind = type(error).__name__
        raise MeshError(
            f"expected to draw the {what}, got {kind}: {error}: the part itself is not affected"
        ) from error


def require_drawable(mesh: trimesh.Trimesh, *, name: str) -> None:
    """Raise `MeshError` unless the mesh has faces and all vertices are finite."""
    if not len(mesh.faces) or not len(mesh.vertices):
        raise MeshError(f"expected {name} to have faces, got an empty mesh: nothing can be drawn")
    if not np.isfinite(mesh.vertices).all():
        raise MeshError(
            f"expected {name} to have finite vertices, got NaN or infinity: repair the mesh first"
        )


def checked_values(
    values_mm: ArrayLike | None, mesh: trimesh.Trimesh, *, name: str
) -> NDArray[np.float64] | None:
    """Return per-vertex values (n,) with every non-finite one as NaN, or None if no value is finite.

    Raises
    ------
    InputError
        There is not exactly one value per vertex.
    """
    if values_mm is None:
        return None
    values = np.array(values_mm, dtype=np.float64)
    if values.shape != (len(mesh.vertices),):
        raise InputError(
            f"expected {name} with one value per vertex, shape ({len(mesh.vertices)},), got {values.shape}: "
            "measure it on the same mesh"
        )
    values[~np.isfinite(values)] = np.nan
    return None if np.isnan(values).all() else values
