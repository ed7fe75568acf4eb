"""What was done, measured and found: `Step`, `Finding`, `Criterion`, `Report`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

#: Version of the `report.json` layout. A change that breaks a reader raises the first number.
SCHEMA_VERSION = "1.3"

#: Said wherever criteria are shown.
CRITERIA_NOTE = "A mechanical estimate, from the measures, of notes that surgeons give by eye: no surgeon has seen this part."

Severity = Literal["info", "warning", "error"]
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
    code
        Stable, dotted, lower-case name: ``solid.boundary_edges``, ``thickness.too_thin``, ``input.second_hole``.
    severity
        ``error`` fails `check` (exit code 3), ``warning`` wants eyes, ``info`` is for the record.
    message
        One sentence: what is wrong, and what can be done.
    value, limit, unit
        What was measured, what is allowed, and in what; ``None`` where a number makes no sense.
    location_mm
        Where, in LPS millimetres (3,); required for anything that happens at a place.
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


@dataclass(frozen=True)
class Criterion:
    """An estimated note for one thing that surgeons judge by eye; `meshimplant.check.criteria.rate` gives it.

    Attributes
    ----------
    name
        ``completeness``, ``false positive area``, ``fit``, ``thickness``, ``border``, ``feasibility``.
    score
        From 0 to 1; None: not rated, for a measure is missing.
    scale
        The notes that there are, and what each stands for.
    measures
        Names of the measures that it follows from.
    reason
        What they say.
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
    """One step of the line: its name, parameters, wall seconds, and the volume before and after.

    ``process_peak_mb`` is the most memory that the process had held by the end of the step, not what the step itself needs; see
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
    """Everything `report.json` holds; no identity, no user names, no file-system paths.

    Attributes
    ----------
    method
        How the skull was completed, with its reason.
    spec
        The full prescription.
    steps, findings
        In the order in which they happened.
    measures
        Numbers with units in their names: thickness, gap, coverage, volume, solid checks.
    criteria
        Estimated notes on the experts' scale; empty without a check against a skull.
    inputs, outputs
        ``{"name": ..., "sha256": ...}`` for each file.
    versions
        Package versions that shape the result.
    """

    method: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    measures: dict[str, Any] = field(default_factory=dict)
    criteria: list[Criterion] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    seed: int = 0

    @property
    def passed(self) -> bool:
        """True when no finding is an error."""
        return not any(f.severity == "error" for f in self.findings)

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
                "passed": self.passed,
                "method": self.method,
                "seed": self.seed,
                "spec": self.spec,
                "measures": self.measures,
                "criteria": {
                    "note": CRITERIA_NOTE,
                    "rated": [criterion.to_dict() for criterion in self.criteria],
                },
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


def plain_values(value: Any) -> Any:
    """Return the value with numpy scalars and arrays, tuples and non-finite numbers turned into what JSON can hold."""
    if isinstance(value, dict):
        return {str(k): plain_values(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return plain_values(value.tolist())
    if isinstance(value, list | tuple):
        return [plain_values(v) for v in value]
    if isinstance(value, np.generic):
        return plain_values(value.item())
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
