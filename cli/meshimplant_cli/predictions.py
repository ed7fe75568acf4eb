"""Options of the verbs that take a prediction from elsewhere, and its reading."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from meshimplant.values.value_words import ValueWord
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.options import Level

if TYPE_CHECKING:
    from meshimplant.predictions.read_prediction import Prediction
    from meshimplant.voxels.volume import Volume


@Parameter(name="*")
@dataclass(frozen=True)
class PredictionOptions:
    """How a prediction from elsewhere is read."""

    level: Level | None = None
    predicted_label: Annotated[
        int | None,
        Parameter(
            help="The label of the prediction in a label map. "
            "Default for a completed skull: all labels but 0."
        ),
    ] = None
    predicted_values: Annotated[
        ValueWord | None,
        Parameter(help="What the values of the prediction are, where they do not show it."),
    ] = None
    predicted_orientation: Annotated[
        str | None,
        Parameter(
            help="Sides to which the voxel axes of the prediction run (RAS: right, anterior, superior), "
            "for a header without them."
        ),
    ] = None
    predicted_segment: Annotated[
        str | None,
        Parameter(
            help="Name or number of a segment, if the prediction is a DICOM SEG, RTSTRUCT or .seg.nrrd."
        ),
    ] = None

    def require_unused(self) -> None:
        """Raise `UsageError` for an option that nothing is read with."""
        for field in fields(self):
            if getattr(self, field.name) is not None:
                option = "--" + field.name.replace("_", "-")
                raise UsageError(
                    f"expected {option} together with --complete or --implant, got it alone: leave it out"
                )

    def prediction(self, path: Path, skull: Volume, *, frame: str, implant_only: bool = False) -> Prediction:
        """Read a predicted skull, or an implant alone, with these options."""
        if self.predicted_label is not None and self.level is not None:
            raise UsageError(
                "expected --predicted-label or --level, got both: leave --level out, a label has none"
            )
        if self.predicted_values is not None and (self.predicted_label, self.level) != (None, None):
            raise UsageError(
                "expected --predicted-values alone, got --predicted-label or --level too: leave one out"
            )
        from meshimplant.predictions.read_prediction import read_prediction

        return read_prediction(
            path,
            skull,
            label=self.predicted_label,
            level=self.level,
            values=self.predicted_values,
            frame=frame,
            implant_only=implant_only,
            orientation=self.predicted_orientation,
            segment=self.predicted_segment,
        )
