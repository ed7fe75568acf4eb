"""`StepRunner`: run the steps of the line, time them, and record their parameters and volumes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar, cast

import trimesh

from meshimplant.design.kept_values import LazyVolumes
from meshimplant.design.step_keeper import StepKeeper
from meshimplant.errors import DesignRefused, MeshError
from meshimplant.implant.regional_value import RegionalValue
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.report import Finding, Report, Step
from meshimplant.runtime.memory import process_peak_mb
from meshimplant.voxels.volume import Volume

Progress = Callable[[str], None]
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class StepRunner:
    """Runs the steps of the line and records each in a report; with a keeper, runs only what changed.

    A mesh operation without a valid result ends the line: its `MeshError` becomes `DesignRefused`, with a
    finding that names the step.
    """

    def __init__(
        self, report: Report, progress: Progress | None = None, keeper: StepKeeper | None = None
    ) -> None:
        self.report = report
        self.progress = progress or (lambda _name: None)
        self.keeper = keeper

    def run(
        self,
        name: str,
        function: Callable[Parameters, Result],
        /,
        *inputs: Parameters.args,
        **parameters: Parameters.kwargs,
    ) -> Result:
        """Run one step and return its result.

        The report records those keyword arguments that are numbers or words, of one that differs by region
        the numbers, what the result's method
        ``numbers`` returns, and the volume before and after: of the first input where it is a mesh, and of
        the result where it is one or has one as ``mesh``.
        """
        if self.keeper is None:
            return self._run(name, function, *inputs, **parameters)
        key = self.keeper.key(name, inputs, parameters)
        found = self.keeper.find(key)
        if found is None or found.step is None:
            result = self._run(name, function, *inputs, **parameters)
            # The deepened bodies are as large as all else, and made in a second.
            stored = not _are_volumes(result)
            self.keeper.keep(key, name, result, step=self.report.steps[-1], is_stored=stored)
            return result
        self.report.steps.append(replace(found.step, seconds=0.0))
        if found.is_stored:
            return cast(Result, self.keeper.values.value(found.tree))
        return cast(Result, LazyVolumes(found.tree, lambda: function(*inputs, **parameters)))  # type: ignore[arg-type,return-value]

    def keep(
        self,
        name: str,
        function: Callable[Parameters, Result],
        /,
        *inputs: Parameters.args,
        **parameters: Parameters.kwargs,
    ) -> Result:
        """Return the result of a function that is no step of its own; it is kept like a step."""
        if self.keeper is None:
            return function(*inputs, **parameters)
        key = self.keeper.key(name, inputs, parameters)
        found = self.keeper.find(key)
        if found is not None:
            return cast(Result, self.keeper.values.value(found.tree))
        result = function(*inputs, **parameters)
        self.keeper.keep(key, name, result)
        return result

    def _run(
        self,
        name: str,
        function: Callable[Parameters, Result],
        /,
        *inputs: Parameters.args,
        **parameters: Parameters.kwargs,
    ) -> Result:
        """Run a step and record it."""
        recorded = {key: value for key, value in parameters.items() if isinstance(value, int | float | str)}
        for key, value in parameters.items():
            if isinstance(value, RegionalValue):
                recorded |= {key: value.base, f"{key}_by_region": value.values.tolist()}
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


def _are_volumes(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(each, Volume) for each in value)
