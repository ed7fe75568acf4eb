"""What the line starts from: a skull and a prediction, given as values or as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshimplant.errors import InputError, require_type
from meshimplant.predictions.read_prediction import Prediction, read_prediction
from meshimplant.report import Finding
from meshimplant.skull.bone_mask import bone_mask
from meshimplant.skull.ct_tissues import CtTissues
from meshimplant.skull.foreign_bodies import remove_foreign
from meshimplant.skull.require_skull import require_skull
from meshimplant.skull.segment import SkullInput, read_skull
from meshimplant.voxels.volume import Volume

#: A defective skull as `design_implant` takes it.
SkullSource = Volume | SkullInput | str | Path
#: A completed skull or an implant from elsewhere as `design_implant` takes it.
PredictionSource = Volume | Prediction | str | Path


@dataclass(frozen=True, eq=False)
class DesignInputs:
    """The skull and the prediction of a design, read.

    Attributes
    ----------
    defective : Volume
        Mask of the defective skull.
    complete, implant : Volume or None
        A completed skull, or the missing bone alone, from elsewhere.
    level : float or None
        Value at the surface of `complete` or `implant`; None: by its kind.
    kind : str or None
        What the skull was: mask, ct or mesh; None where a mask was given and nothing was read.
    notes : tuple of str
        What was done to the skull and to the prediction as they were read.
    findings : tuple of Finding
        What a person should know about the skull (tilt, gaps, dressings, metal, bone cut by the edge of the
        scan) and about the file of the prediction.
    tissues : CtTissues or None
        What the histogram of a CT showed.
    scan : Volume or None
        The values of a CT.
    """

    defective: Volume
    complete: Volume | None
    implant: Volume | None
    level: float | None
    kind: str | None
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    tissues: CtTissues | None = None
    scan: Volume | None = None


def read_inputs(
    defective: SkullSource,
    *,
    complete: PredictionSource | None = None,
    implant: PredictionSource | None = None,
    level: float | None = None,
) -> DesignInputs:
    """Read files, and check types and that there is a skull; the parameters are those of `design_implant`."""
    if complete is not None and implant is not None:
        raise InputError("expected a complete skull or an implant from elsewhere, got both: give one of them")
    skull = _read_skull(defective)
    require_skull(skull.mask)
    source = complete if complete is not None else implant
    if source is None:
        if level is not None:
            raise InputError(
                f"expected level={level:g} together with complete= or implant=, got it alone: leave it out"
            )
        return DesignInputs(skull.mask, None, None, None, **_facts(skull, defective))
    prediction = _read_prediction(source, skull.mask, level=level, alone=implant is not None)
    facts = _facts(skull, defective)
    facts["findings"] = (*facts["findings"], *prediction.findings)
    if not isinstance(source, Volume):
        facts["notes"] = (*facts["notes"], f"prediction: {prediction.description}")
    completed, missing = (prediction.volume, None) if complete is not None else (None, prediction.volume)
    return DesignInputs(skull.mask, completed, missing, prediction.level, **facts)


def _facts(skull: SkullInput, defective: SkullSource) -> dict[str, Any]:
    """Return kind, notes and findings of a skull; no kind where it came as a mask in memory."""
    kind = None if isinstance(defective, Volume) else skull.kind
    return {
        "kind": kind,
        "notes": skull.notes,
        "findings": skull.findings,
        "tissues": skull.tissues,
        "scan": skull.scan,
    }


def _read_skull(source: SkullSource) -> SkullInput:
    if isinstance(source, str | Path):
        return read_skull(source)
    require_type(source, (Volume, SkullInput), "the defective skull")
    if isinstance(source, SkullInput):
        return source
    mask, findings = remove_foreign(bone_mask(source, "the defective skull"))
    return SkullInput(mask, "mask", findings=findings)


def _read_prediction(
    source: PredictionSource, skull: Volume, *, level: float | None, alone: bool
) -> Prediction:
    if isinstance(source, str | Path):
        return read_prediction(source, skull, level=level, implant_only=alone)
    require_type(source, (Volume, Prediction), "a completed skull or an implant")
    if isinstance(source, Volume):
        return Prediction(source, "voxels", level)
    if level is not None:
        raise InputError(
            f"expected a level for voxels or a file, got level={level:g} with a prediction that has one: "
            "leave it out"
        )
    return source
