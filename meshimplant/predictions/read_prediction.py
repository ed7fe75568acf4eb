"""`read_prediction`: a completed skull or an implant that something else predicted, whatever it was written as."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, FileReadError, InputError
from meshimplant.io.points import POINT_SUFFIXES, read_points
from meshimplant.io.volumes import VOLUME_SUFFIXES, read_volume, volume_suffix
from meshimplant.predictions.points import points_to_volume
from meshimplant.voxels.volume import Volume

#: More different whole numbers than this are an image, not labels.
_MAX_LABELS = 64


@dataclass(frozen=True)
class Prediction:
    """A prediction as it came in.

    Attributes
    ----------
    volume
        Mask, probability or signed distance, as `reconstruct` takes it for `complete` or `implant`.
    note
        What it was taken for, in words.
    level
        Value at its surface, where one was given; None: 0.5 for masks and probabilities, 0 for distances.
    """

    volume: Volume
    note: str
    level: float | None = None


def read_prediction(
    path: str | Path,
    skull: Volume,
    *,
    label: int | None = None,
    level: float | None = None,
    frame: str = "LPS",
    alone: bool = False,
) -> Prediction:
    """Read a predicted skull or implant: voxels on any grid, or points with normals.

    Parameters
    ----------
    path
        ``.nrrd .nhdr .nii .nii.gz .mha .mhd``: a mask, a map of labels, probabilities or signed distances. ``.ply .npy .npz``:
        points with normals, see `read_points` and `points_to_volume`.
    skull
        Mask of the defective skull: where points become voxels.
    label
        The label that is the prediction, in a map of labels; None: all but 0.
    level
        Value of the surface, where one is given: whole numbers are then no labels.
    frame
        "LPS" or "RAS": the frame of points in a file that does not state its own.
    alone
        Whether an implant is expected; then a map of several labels needs `label`, as the others would be taken for implant.

    Raises
    ------
    InputError
        Several labels, of which one must be chosen; a `label` for something that has none; points without normals.
    EmptyMaskError
        The label is nowhere, or the points enclose nothing.
    FileReadError, GeometryError
        The file cannot be read, or does not lie on the skull.
    """
    path = Path(path)
    if path.suffix.lower() in POINT_SUFFIXES:
        if label is not None or level is not None:
            raise InputError(
                f"expected voxels for a label or a level, got the points {path.name}: leave it out"
            )
        cloud = read_points(path, frame=frame)
        count = len(cloud.points_mm)
        return Prediction(points_to_volume(cloud, skull), f"{count} points with normals")
    if volume_suffix(path) is None and not path.is_dir():
        endings = ", ".join((*VOLUME_SUFFIXES, *POINT_SUFFIXES))
        raise FileReadError(
            f"expected voxels or points with normals ({endings}), got {path.name}: convert it first"
        )
    volume = read_volume(path)
    if label is None and level is not None:
        return Prediction(volume, f"voxels, surface at {level:g}", level)
    return _labelled(volume, label, path.name, alone=alone)


def _labelled(volume: Volume, label: int | None, name: str, *, alone: bool) -> Prediction:
    """Return the label that was asked for as a mask, or the volume as it is where there are not several."""
    labels = _labels(volume.array)
    if labels is None:
        raise InputError(
            f"expected a mask, labels, probabilities or distances in {name}, got an image of more than {_MAX_LABELS} whole "
            "numbers: give the level of its surface"
        )
    shown = ", ".join(f"{value:g}" for value in labels) or "none"
    if label is not None:
        if label not in labels:
            raise EmptyMaskError(
                f"expected label {label} in {name}, got these labels: {shown}; check the number"
            )
        return Prediction(volume.with_array((volume.array == label).view(np.uint8)), f"label {label}")
    if len(labels) < 2:
        return Prediction(volume, "voxels")
    if alone:
        raise InputError(
            f"expected the implant alone in {name}, got the labels {shown}: say which of them is the implant (--predicted-label)"
        )
    return Prediction(volume.with_array((volume.array != 0).view(np.uint8)), f"labels {shown} together")


def _labels(array: NDArray[Any]) -> list[float] | None:
    """Return the different values but 0 of a mask or a map of labels, rising; [] for a field, None for an image."""
    if array.dtype.kind == "b":
        return [1.0] if array.any() else []
    if array.min() < 0:
        return []
    found: set[float] = set()
    for plane in array.T:
        values = np.unique(plane)
        if array.dtype.kind == "f" and (values != np.rint(values)).any():
            return []
        found |= {float(value) for value in values if value}
        if len(found) > _MAX_LABELS:
            return None
    return sorted(found)
