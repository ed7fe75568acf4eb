"""`StepRunner`: run the steps of the line, time them, and record their parameters and volumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import trimesh

from meshimplant.errors import DesignRefused, MeshError
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.report import Finding, Report, Step
from meshimplant.runtime.memory import process_peak_mb

Progress = Callable[[str], None]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class StepRunner:
    """Runs the steps of the line and records each in a report.

    A mesh operation without a valid result ends the line: its `MeshError` becomes `DesignRefused`, with a
    finding that names the step.
    """

    def __init__(self, report: Report, progress: Progress | None = None) -> None:
        self.report = report
        self.progress = progress or (lambda _name: None)

    def run(
        self,
        name: str,
        function: Callable[Parameters, Result],
        /,
        *inputs: Parameters.args,
        **parameters: Parameters.kwargs,
    ) -> Result:
        """Run one step and return its result.

        The report records those keyword arguments that are numbers or words, what the result's method
        ``numbers`` returns, and the volume before and after: of the first input where it is a mesh, and of
        the result where it is one or has one as ``mesh``.
        """
        recorded = {key: value for key, value in parameters.items() if isinstance(value, int | float | str)}
        before_mm3 = _volume_mm3(inputs[0]) if inputs else None
        with self.step(name, before_mm3=before_mm3, **recorded) as record:
            result = function(*inputs, **parameters)
            record["volume_after_mm3"] = _volume_mm3(result)
            if hasattr(result, "numbers"):
                record.update(result.numbers())
        return result

    @contextmanager
    def step(
        self, name: str, *, before_mm3: float | None = None, **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Time the block and append it to the report as a step, with what it puts into the dictionary."""
        self.progress(name)
        start = time.perf_counter()
        record: dict[str, Any] = {}
        try:
            yield record
        except MeshError as error:
            finding = Finding(f"design.{name}", "error", str(error))
            raise DesignRefused(f"the line stopped at {name}: {error}", [finding]) from error
        after_mm3 = record.pop("volume_after_mm3", None)
        seconds = round(time.perf_counter() - start, 3)
        recorded = {**parameters, **record}
        self.report.steps.append(
            Step(name, recorded, seconds, before_mm3, after_mm3, process_peak_mb=process_peak_mb())
        )


def _volume_mm3(value: object) -> float | None:
    """Return the volume that a mesh, or an object's mesh, encloses; None where there is no mesh."""
    mesh = getattr(value, "mesh", value)
    return enclosed_mm3(mesh) if isinstance(mesh, trimesh.Trimesh) else None
