"""Options of the verbs that take a prediction from elsewhere, and its reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant.voxels.value_words import ValueWord

if TYPE_CHECKING:
    from meshimplant.predictions.read_prediction import Prediction
    from meshimplant.voxels.volume import Volume

PredictedLabel = Annotated[
    int,
    Parameter(
        help="The label of the prediction in a label map. Default for a completed skull: all labels but 0."
    ),
]
PredictedValues = Annotated[
    ValueWord, Parameter(help="What the values of the prediction are, where they do not show it.")
]
PredictedOrientation = Annotated[
    str,
    Parameter(
        help="Sides to which the voxel axes of the prediction run (RAS: right, anterior, superior), for a "
        "header without them."
    ),
]
PredictedSegment = Annotated[
    str,
    Parameter(help="Name or number of a segment, if the prediction is a DICOM SEG, RTSTRUCT or .seg.nrrd."),
]


def read_predicted(
    path: Path,
    skull: Volume,
    *,
    label: int | None,
    level: float | None,
    values: str | None = None,
    frame: str,
    orientation: str | None = None,
    segment: str | None = None,
    alone: bool = False,
) -> Prediction:
    """Read a predicted skull, or with `alone` an implant."""
    from meshimplant_cli.exit_codes import UsageError

    if label is not None and level is not None:
        raise UsageError(
            "expected --predicted-label or --level, got both: leave --level out, a label has none"
        )
    if values is not None and (label is not None or level is not None):
        raise UsageError(
            "expected --predicted-values alone, got --predicted-label or --level too: leave one out"
        )
    from meshimplant.predictions.read_prediction import read_prediction

    return read_prediction(
        path,
        skull,
        label=label,
        level=level,
        values=values,
        frame=frame,
        implant_only=alone,
        orientation=orientation,
        segment=segment,
    )
