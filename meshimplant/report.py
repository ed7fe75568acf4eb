"""`Report` and its parts: `Step`, `Finding`, `Criterion`; `verdict_of`: what findings amount to."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from meshimplant.runtime.printable import printable

#: Version of the layout of `report.json`. A change that breaks readers raises the first number.
SCHEMA_VERSION = "2.2"

#: Printed wherever criteria are shown.
CRITERIA_NOTE = (
    "Scores as surgeons give them by eye, estimated from the measures: no surgeon has seen this part."
)

Severity = Literal["info", "warning", "error"]
#: The verdict on a part, in the words of the command line, the report, its page and the picture.
Verdict = Literal["passed", "passed with warnings", "failed"]
#: A place in the patient, LPS mm, as plain numbers.
Place = tuple[float, float, float]


def place_of(point_mm: ArrayLike) -> Place:
    """Return a point (3,), LPS mm, as the plain numbers that a finding holds."""
    x, y, z = np.asarray(point_mm, float)
    return float(x), float(y), float(z)


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know about the part or its input.

    Attributes
    ----------
    code : str
        Stable, dotted, lower-case name: ``solid.boundary_edges``, ``thickness.too_thin``,
        ``input.second_hole``.
    severity : str
        ``error`` fails the check (exit code 3), ``warning`` asks for a look, ``info`` is for the record.
    message : str
        One sentence: what is wrong, and what can be done.
    value, limit : float or None
        The measured and the allowed value; None where a number makes no sense.
    unit : str or None
        The unit of both.
    location_mm : tuple of float or None
        The place (3,), LPS mm; required for a local defect.
    """

    code: str
    severity: Severity
    message: str
    value: float | None = None
    limit: float | None = None
    unit: str | None = None
    location_mm: Place | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return plain_values(vars(self))


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that follows from findings: the worst severity decides.

    Parameters
    ----------
    findings : iterable of Finding
        Of a part and its input.

    Returns
    -------
    str
        ``passed``, ``passed with warnings`` (a finding is a warning) or ``failed`` (one is an error).
    """
    severities = {finding.severity for finding in findings}
    if "error" in severities:
        return "failed"
    return "passed with warnings" if "warning" in severities else "passed"


@dataclass(frozen=True)
class Criterion:
    """An estimated score for one criterion that surgeons judge by eye, see `meshimplant.check.criteria.rate`.

    Attributes
    ----------
    name : str
        ``completeness``, ``false positive area``, ``fit``, ``thickness``, ``border``, ``feasibility``.
    score : float or None
        From 0 to 1; None: not rated, because a measure is missing.
    scale : str
        The possible scores, and the meaning of each.
    measures : tuple of str
        Names of the measures that the score is derived from.
    reason : str
        The values that led to the score, in words.
    """

    name: str
    score: float | None
    scale: str
    measures: tuple[str, ...]
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return plain_values(vars(self))


@dataclass(frozen=True)
class Step:
    """One step of the line.

    Attributes
    ----------
    name : str
        The verb of the step.
    parameters : dict
        Its settings, and what it recorded about its result.
    seconds : float
        Wall time.
    volume_before_mm3, volume_after_mm3 : float or None
        Volume of the part; None where there is no mesh.
    notes : tuple of str
        Remarks, in words.
    process_peak_mb : float or None
        Peak memory of the process up to the end of the step, not the demand of the step itself; see
        `meshimplant.runtime.memory.process_peak_mb`.
    """

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    volume_before_mm3: float | None = None
    volume_after_mm3: float | None = None
    notes: tuple[str, ...] = ()
    process_peak_mb: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready values."""
        return plain_values(vars(self))


@dataclass
class Report:
    """The content of `report.json`; no patient identity, no user names, no file-system paths.

    Attributes
    ----------
    method : dict
        How the skull was completed, and why.
    spec : dict
        The complete prescription.
    steps : list of Step
        The steps in their order.
    findings : list of Finding
        The findings in their order.
    measures : dict
        Numbers with units in their names: thickness, gap, coverage, volume, solid checks.
    criteria : list of Criterion
        Estimated scores on the experts' scale; empty without a check against a skull.
    fixation : dict
        How the part is fixed: style, places, places left out, and the screws; empty where it is not.
    strength : dict
        What a screening under load assumed and found; empty without one.
    inputs, outputs : list of dict
        ``{"name": ..., "sha256": ...}`` for each file.
    versions : dict
        Versions of the packages that affect the result.
    seed : int
        Seed of the design.
    label : str
        What the case is called, never a patient's name; empty where none was given.
    date : str
        YYYY-MM-DD; empty where none was given.
    """

    method: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    measures: dict[str, Any] = field(default_factory=dict)
    criteria: list[Criterion] = field(default_factory=list)
    fixation: dict[str, Any] = field(default_factory=dict)
    strength: dict[str, Any] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    label: str = ""
    date: str = ""

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on the part; None where nothing was measured and nothing failed."""
        verdict = verdict_of(self.findings)
        return verdict if self.measures or verdict == "failed" else None

    @property
    def passed(self) -> bool:
        """Whether no finding is an error."""
        return verdict_of(self.findings) != "failed"

    def copy_with(self, **values: Any) -> Report:
        """Return a copy with lists of its own and some values replaced."""
        copied = {name: copy(each) for name, each in vars(self).items()}
        return Report(**{**copied, **values})

    def add(self, findings: Iterable[Finding]) -> None:
        """Append findings."""
        self.findings.extend(findings)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON-ready values, with schema version, frame and unit."""
        return plain_values(
            {
                "schema_version": SCHEMA_VERSION,
                "frame": "LPS",
                "unit": "mm",
                "label": self.label,
                "date": self.date,
                "verdict": self.verdict,
                "passed": self.passed,
                "method": self.method,
                "seed": self.seed,
                "spec": self.spec,
                "measures": self.measures,
                "criteria": {
                    "note": CRITERIA_NOTE,
                    "rated": [criterion.to_dict() for criterion in self.criteria],
                },
                "fixation": self.fixation,
                "strength": self.strength,
                "findings": [finding.to_dict() for finding in self.findings],
                "steps": [step.to_dict() for step in self.steps],
                "inputs": self.inputs,
                "outputs": self.outputs,
                "versions": self.versions,
            }
        )

    def to_json(self) -> str:
        """Return the report as indented JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def plain_values(value: Any, *, decimals: int | None = 6) -> Any:
    """Convert numpy values, tuples, non-finite numbers and unprintable text to JSON; None rounds nothing."""
    if isinstance(value, dict):
        return {printable(str(k)): plain_values(v, decimals=decimals) for k, v in value.items()}
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, np.ndarray):
        return plain_values(value.tolist(), decimals=decimals)
    if isinstance(value, list | tuple):
        return [plain_values(v, decimals=decimals) for v in value]
    if isinstance(value, np.generic):
        return plain_values(value.item(), decimals=decimals)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if decimals is None else round(value, decimals)
    return value
