"""StepRunner: what a step leaves in the report, and what becomes of a step that fails."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shapes import sphere

from meshimplant.design.step_runner import StepRunner
from meshimplant.design.steps import StepResult
from meshimplant.errors import DesignRefused, InputError, MeshError
from meshimplant.report import Report


@pytest.fixture
def runner() -> StepRunner:
    return StepRunner(Report())


def _scaled(mesh: trimesh.Trimesh, centre_mm: np.ndarray, *, factor: float, axis: np.ndarray) -> StepResult:
    del centre_mm, axis
    return StepResult(trimesh.Trimesh(mesh.vertices * factor, mesh.faces), {"pieces": 1})


def test_numbers_and_volumes_are_recorded_and_arrays_are_not(runner: StepRunner) -> None:
    ball = sphere(10).mesh
    result = runner.run("scale", _scaled, ball, np.zeros(3), factor=2.0, axis=np.ones(3))
    (step,) = runner.report.steps
    assert (step.name, step.parameters) == ("scale", {"factor": 2.0, "pieces": 1})
    assert step.volume_before_mm3 == pytest.approx(ball.volume)
    assert step.volume_after_mm3 == pytest.approx(result.mesh.volume) == pytest.approx(8 * ball.volume)
    assert step.seconds >= 0


def test_progress_comes_before_the_work() -> None:
    events: list[str] = []
    runner = StepRunner(Report(), events.append)
    runner.run("work", events.append, "worked")
    assert events == ["work", "worked"]
    assert runner.report.steps[0].volume_before_mm3 is None


def _fail(error: Exception) -> None:
    raise error


def test_a_mesh_without_a_valid_result_refuses_the_design_and_names_the_step(runner: StepRunner) -> None:
    with pytest.raises(DesignRefused, match="the line stopped at trim: nothing is left") as caught:
        runner.run("trim", _fail, MeshError("nothing is left"))
    assert [(f.code, f.severity) for f in caught.value.findings] == [("design.trim", "error")]
    assert runner.report.steps == []


def test_other_errors_pass_unchanged(runner: StepRunner) -> None:
    with pytest.raises(InputError, match="no such direction"):
        runner.run("insertion", _fail, InputError("no such direction"))
