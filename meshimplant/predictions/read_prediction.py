"""`read_prediction`: a complete skull or an implant that another program predicted, as a mask or a field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from meshimplant.errors import EmptyMaskError, FileReadError, InputError
from meshimplant.io.dicom.segmentation_files import is_segmentation_file
from meshimplant.io.points import POINT_SUFFIXES, read_points
from meshimplant.io.segments import choose_segment, require_one_choice
from meshimplant.io.volumes import VOLUME_SUFFIXES, LoadedVolume, is_study, load_volume, volume_suffix
from meshimplant.io.zipped import holds_one_of
from meshimplant.predictions.points_to_volume import points_to_volume
from meshimplant.predictions.require_no_window import require_no_window
from meshimplant.report import Finding
from meshimplant.values.distinct_values import as_whole_numbers
from meshimplant.values.read_values import read_body, read_values
from meshimplant.values.value_words import PREDICTION_ASKING
from meshimplant.voxels.volume import Volume

#: Labels that a message lists at most.
_SHOWN_LABELS = 20


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
        Value at the surface: the given one, 0.5 for probabilities and points, 0 for distances, None for a
        mask.
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
    values: str | None = None,
    frame: str = "LPS",
    implant_only: bool = False,
    orientation: str | None = None,
    segment: str | int | None = None,
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
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`, where that does not follow from them; see `read_values`.
    frame : str
        "LPS" or "RAS": the frame of points in a file that does not state its own.
    implant_only : bool
        Whether the prediction is an implant. A map of several labels then requires `label`, since the others
        would become part of the implant.
    orientation : str, optional
        Three letters for the sides to which the voxel axes run, where the header does not state them; see
        `read_volume`.
    segment : str or int, optional
        Name or number of a segment, of a .seg.nrrd or a DICOM segmentation (SEG, RTSTRUCT); contours without
        their CT are filled on the grid of the skull.

    Returns
    -------
    Prediction
        The volume, and what the file was taken for.

    Raises
    ------
    InputError
        The values have no meaning or more than one, or are those of a CT, see `require_no_window`; there are
        several labels, of which one must be chosen; `label` does not apply; or points lack normals.
    EmptyMaskError
        No voxel has the label, or the points enclose nothing.
    FileReadError, GeometryError
        The file cannot be read, or does not overlap the skull.
    """
    path = Path(path)
    if path.suffix.lower() in POINT_SUFFIXES:
        if any(option is not None for option in (label, level, values, orientation, segment)):
            raise InputError(
                "expected voxels for a label, a level, values, an orientation or a segment, "
                f"got the points {path.name}: omit label, level, values, orientation and segment"
            )
        cloud = read_points(path, frame=frame)
        count = len(cloud.points_mm)
        return Prediction(points_to_volume(cloud, skull), f"{count} points with normals", 0.5)
    if volume_suffix(path) is None and not is_study(path) and not holds_one_of(path, VOLUME_SUFFIXES):
        endings = ", ".join((*VOLUME_SUFFIXES, *POINT_SUFFIXES))
        raise FileReadError(
            f"expected voxels or points with normals ({endings}), got {path.name}: convert it first"
        )
    loaded = _load(path, skull, label, orientation, segment)
    volume = loaded.volume
    if label is not None:
        return replace(_one_label(volume, label, path.name), findings=loaded.findings)
    try:
        if level is None and implant_only:
            _require_one_label(volume, values)
        body = read_body(volume, level=level, values=values, asking=PREDICTION_ASKING)
        if values is None:
            require_no_window(body, skull)
    except InputError as error:
        raise type(error)(f"{path.name}: {error}") from error
    return Prediction(body.volume, body.note or f"a {body.kind}", body.level, loaded.findings)


def _load(
    path: Path, skull: Volume, label: int | None, orientation: str | None, segment: str | int | None
) -> LoadedVolume:
    """Read the voxels; several segments of which neither one nor a label is chosen are refused."""
    require_one_choice(segment, label)
    has_segments = is_segmentation_file(path) or (segment is not None and is_study(path))
    grid = skull if has_segments else None  # no other file may take its place from the skull
    loaded = load_volume(path, grid=grid, orientation=orientation, segment=segment)
    if loaded.segments and label is None:
        choose_segment(loaded.segments, None, name=path.name)
    return loaded


def _one_label(volume: Volume, label: int, name: str) -> Prediction:
    """Return the chosen label as a mask."""
    array = as_whole_numbers(volume.array)
    mask = array == label
    if not mask.any():
        listed = ", ".join(f"{value:g}" for value in np.unique(array)[:_SHOWN_LABELS] if value) or "none"
        raise EmptyMaskError(f"expected label {label} in {name}, got the labels {listed}: check the number")
    return Prediction(volume.with_array(mask.view(np.uint8)), f"label {label}")


def _require_one_label(volume: Volume, values: str | None) -> None:
    """Raise `InputError` for several labels, since the others would become part of the implant."""
    labels = read_values(volume, values, asking=PREDICTION_ASKING).labels
    if len(labels) > 1:
        raise InputError(
            f"expected the implant alone, got the labels {', '.join(map(str, labels))}: "
            "state which of them is the implant (--predicted-label)"
        )
