"""`read_prediction`: a complete skull or an implant that another program predicted, as a mask or a field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import EmptyMaskError, FileReadError, InputError
from meshimplant.io.points import POINT_SUFFIXES, read_points
from meshimplant.io.volumes import VOLUME_SUFFIXES, load_volume, volume_suffix
from meshimplant.predictions.points_to_volume import points_to_volume
from meshimplant.report import Finding
from meshimplant.voxels.volume import Volume

#: More distinct whole numbers than this are an image, not labels.
_MAX_LABELS = 64


@dataclass(frozen=True)
class Prediction:
    """A prediction, and how it was interpreted.

    Attributes
    ----------
    volume : Volume
        Mask, probability or signed distance, as `reconstruct` takes it for `complete` or `implant`.
    description : str
        What the file was taken for, in words.
    level : float or None
        Value at the surface, where one was given; None means 0.5 for masks and probabilities, 0 for
        distances.
    findings : tuple of Finding
        What a person should know about the file.
    """

    volume: Volume
    description: str
    level: float | None = None
    findings: tuple[Finding, ...] = ()


def read_prediction(
    path: str | Path,
    skull: Volume,
    *,
    label: int | None = None,
    level: float | None = None,
    frame: str = "LPS",
    implant_only: bool = False,
    orientation: str | None = None,
) -> Prediction:
    """Read a predicted skull or implant: voxels on any grid, or points with normals.

    Parameters
    ----------
    path : str or Path
        ``.nrrd .nhdr .nii .nii.gz .mha .mhd``: a mask, a label map, probabilities or signed distances.
        ``.ply .npy .npz``: points with normals; see `read_points` and `points_to_volume`.
    skull : Volume
        Mask of the defective skull, on whose voxels points are turned into a field.
    label : int, optional
        The label of the prediction in a label map. By default all labels but 0.
    level : float, optional
        Value at the surface; whole numbers are then not taken for labels.
    frame : str
        "LPS" or "RAS": the frame of points in a file that does not state its own.
    implant_only : bool
        Whether the prediction is an implant. A map of several labels then requires `label`, since the others
        would become part of the implant.
    orientation : str, optional
        Three letters for the sides to which the voxel axes run, where the header does not state them; see
        `read_volume`.

    Returns
    -------
    Prediction
        The volume, and what the file was taken for.

    Raises
    ------
    InputError
        There are several labels, of which one must be chosen; `label` does not apply; or points lack normals.
    EmptyMaskError
        No voxel has the label, or the points enclose nothing.
    FileReadError, GeometryError
        The file cannot be read, or does not overlap the skull.
    """
    path = Path(path)
    if path.suffix.lower() in POINT_SUFFIXES:
        if label is not None or level is not None or orientation is not None:
            raise InputError(
                "expected voxels for a label, a level or an orientation, "
                f"got the points {path.name}: omit label, level and orientation"
            )
        cloud = read_points(path, frame=frame)
        count = len(cloud.points_mm)
        return Prediction(points_to_volume(cloud, skull), f"{count} points with normals")
    if volume_suffix(path) is None and not path.is_dir():
        endings = ", ".join((*VOLUME_SUFFIXES, *POINT_SUFFIXES))
        raise FileReadError(
            f"expected voxels or points with normals ({endings}), got {path.name}: convert it first"
        )
    loaded = load_volume(path, orientation=orientation)
    if label is None and level is not None:
        return Prediction(loaded.volume, f"voxels, surface at {level:g}", level, loaded.findings)
    selected = _select_label(loaded.volume, label, path.name, implant_only=implant_only)
    return replace(selected, findings=loaded.findings)


def _select_label(volume: Volume, label: int | None, name: str, *, implant_only: bool) -> Prediction:
    """Return the chosen label as a mask, or the volume unchanged unless it holds several labels."""
    labels = _labels(volume.array)
    if labels is None:
        raise InputError(
            f"expected a mask, labels, probabilities or distances in {name}, "
            f"got an image of more than {_MAX_LABELS} whole numbers: give the level of its surface"
        )
    listed = ", ".join(f"{value:g}" for value in labels) or "none"
    if label is not None:
        if label not in labels:
            raise EmptyMaskError(
                f"expected label {label} in {name}, got the labels {listed}: check the number"
            )
        return Prediction(volume.with_array((volume.array == label).view(np.uint8)), f"label {label}")
    if len(labels) < 2:
        return Prediction(volume, "voxels")
    if implant_only:
        raise InputError(
            f"expected the implant alone in {name}, got the labels {listed}: "
            "state which of them is the implant (--predicted-label)"
        )
    return Prediction(volume.with_array((volume.array != 0).view(np.uint8)), f"labels {listed} together")


def _labels(array: NDArray[Any]) -> list[float] | None:
    """Return the labels of a mask or label map, ascending; [] for a field, None for an image."""
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
