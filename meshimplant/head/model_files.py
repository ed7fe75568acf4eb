"""Read and write models: arrays and a description of their origin, in one compressed ``.npz``."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError
from meshimplant.io.arrays import array_names, read_arrays
from meshimplant.io.atomic import atomic_path
from meshimplant.runtime.regular_files import parse_json

Arrays = dict[str, NDArray[np.float64]]


def save_model(path: str | Path, about: dict[str, Any], **arrays: NDArray[np.floating]) -> None:
    """Write arrays as float16, with `about`; equal models give equal bytes."""
    buffer = io.BytesIO()
    kept: dict[str, Any] = {name: values.astype(np.float16) for name, values in arrays.items()}
    np.savez_compressed(buffer, about=np.array(json.dumps(about, sort_keys=True)), **kept)
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load_model(path: str | Path, shapes: dict[str, tuple[int | None, ...]]) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays named in `shapes`, as float64, and `about`.

    Parameters
    ----------
    path : str or Path
    shapes : dict
        Expected shape of each array; None stands for any length.

    Returns
    -------
    arrays : dict of array
    about : dict

    Raises
    ------
    FileReadError
        An array is missing, has another shape, or is not finite.
    """
    path = Path(path)
    try:
        stored = read_arrays(path, ("about", *shapes))
        about = parse_json(str(stored["about"]))
        arrays = {name: stored[name].astype(float) for name in shapes}
    except (ValueError, TypeError) as error:
        raise FileReadError(
            f"expected a model written by meshimplant average or shape-model in {path.name}, got: {error}: "
            "check the path, or write the model again"
        ) from error
    for name, shape in shapes.items():
        got = arrays[name].shape
        fits = len(got) == len(shape) and all(n in (None, m) for n, m in zip(shape, got, strict=True))
        if not fits or not np.isfinite(arrays[name]).all():
            raise FileReadError(
                f"expected finite values of shape {shape} for {name} in {path.name}, "
                f"got shape {got}: write the model again"
            )
    return arrays, about


def kind_of_model(path: str | Path) -> frozenset[str]:
    """Return the names of the arrays in a file, which identify the kind of model; empty if it is not one."""
    try:
        return array_names(Path(path))
    except FileReadError:
        return frozenset()
