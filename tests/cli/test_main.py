"""The application as a whole: help, speed, exit codes, and how errors are printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import meshimplant
from meshimplant.errors import DesignRefused, NoDefectError
from meshimplant.report import Finding
from meshimplant_cli import exit_codes, main, outputs
from meshimplant_cli.verbs import GROUPS

VERBS = [verb.__name__.replace("_", "-") for _, verbs in GROUPS for verb in verbs]


def _fresh(*tokens: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "meshimplant_cli", *tokens], capture_output=True, text=True)


def test_every_verb_of_the_line_is_there() -> None:
    steps = "complete subtract extract separate smooth trim thickness repair check preview convert info demo"
    assert {*steps.split(), "design", "evaluate", "insertion", "cut"} <= set(VERBS)
    assert len(VERBS) == len(set(VERBS))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(cli: Callable, verb: str) -> None:
    answer = cli(verb, "--help")
    assert answer.code == 0
    assert answer.out.startswith(f"Usage: meshimplant {verb}")
    assert "Exit codes" in answer.out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom meshimplant_cli.main import run\nrun(['design', '--help'])\n"
        "print([m for m in ('numpy', 'scipy', 'trimesh', 'pyvista', 'nibabel') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.endswith("[]\n")
    assert _fresh("--help").returncode == 0


def test_version(cli: Callable) -> None:
    assert cli("--version").out.strip() == meshimplant.__version__


@pytest.mark.parametrize(
    ("tokens", "sentence"),
    [
        (["desing", "head.nrrd"], 'Unknown command "desing". Did you mean "design"?'),
        (["design", "head.nrrd"], "--output requires an argument"),
        (["design", "head.nrrd", "-o", "x", "--magic"], "Unknown option: --magic"),
        (["design", "head.nrrd", "-o", "x", "--method", "guess"], 'Invalid value "guess" for --method'),
        (["design", "head.nrrd", "-o", "x", "--seed", "one"], 'unable to convert "one" into int'),
        (
            ["design", "head.nrrd", "-o", "x", "--thickness-mm", "99"],
            "between 0.5 and 15, got 99",
        ),
        (["design", "h.nrrd", "-o", "x", "--clearance-mm", "-1"], "between 0 and 3, got -1"),
        (["design", "h.nrrd", "-o", "x", "--complete", "a", "--implant", "b"], "got both"),
        (["design", "h.nrrd", "-o", "x", "--level", "0.4"], "expected --level together with"),
        (["smooth", "a.stl", "-o", "b.stl", "--iterations", "0"], "Must be >= 1"),
        (["smooth", "a.stl", "-o", "b.doc"], "expected an output ending in .stl"),
        (["extract", "a.nrrd", "-o", "b.nrrd"], "expected an output ending in .stl"),
        (["thickness", "a.stl", "--target-mm", "4"], "expected -o together with"),
        (["thickness", "a.stl", "-o", "b.stl"], "expected -o together with"),
        (
            ["thickness", "a.stl", "-o", "b.stl", "--factors", "1", "1", "1"],
            "--factors and --centre-mm together",
        ),
        (["thickness", "a.stl", "-o", "b.stl", "--target-mm", "4", "--fraction", "0.5"], "got 2: choose one"),
        (["separate", "a.nrrd", "-o", "b.nrrd", "--bodies", "0"], "Must be >= 1"),
        (["trim", "a.stl", "--skull", "b.nrrd", "-o", "c.stl", "--bevel-deg", "50"], "Must be <= 45"),
        (["design", "h.nrrd", "-o", "x", "--bevel-deg", "50"], "bevel_deg to be a number between 0 and 45"),
        (["cut", "a.stl", "-o", "b.stl"], "expected one of --plane, --box and --curve, got none"),
        (
            ["cut", "a.stl", "-o", "b.stl", "--curve", "c.csv", "--box", *"000999"],
            "got box and curve: choose one",
        ),
        (["cut", "a.stl", "-o", "b.stl", "--plane", "0", "0", "0", "0", "1"], "--plane"),
        (
            ["cut", "a.stl", "-o", "b.stl", "--curve", "c.csv", "--keep", "above"],
            "--keep inside or outside with",
        ),
        (["cut", "a.stl", "-o", "b.stl", "--box", *"000999", "--keep", "left"], 'Invalid value "left"'),
        (["cut", "a.stl", "-o", "b.txt", "--box", *"000999"], "expected an output ending in .stl"),
        (["preview", "-o", "a.png"], "expected at least one mesh"),
        (["convert", "a.nrrd", "b.nii", "--smooth"], "for a mesh"),
    ],
)
def test_a_wrong_command_line_is_2_and_one_sentence(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = cli(*tokens)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("meshimplant: error: ")
    assert answer.err.count("\n") == 1
    assert sentence in answer.err
    assert list(tmp_path.iterdir()) == []


def test_no_verb_shows_the_help_and_is_2(cli: Callable) -> None:
    answer = cli()
    assert answer.code == 2
    assert "Usage: meshimplant COMMAND" in answer.out


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def info(file: Path, /, *, json: bool = False) -> None:  # noqa: ARG001
        raise error

    monkeypatch.setattr(main, "GROUPS", (("Verbs", (info,)),))


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (NoDefectError("no defect\nfound"), 1, "meshimplant: error: no defect found\n"),
        (exit_codes.UsageError("choose one"), 2, "meshimplant: error: choose one\n"),
        (MemoryError(), 1, "meshimplant: error: expected enough memory"),
        (
            ZeroDivisionError("oops"),
            1,
            "unexpected ZeroDivisionError: oops: run the command again with --debug",
        ),
        (KeyboardInterrupt(), 130, "meshimplant: stopped\n"),
    ],
)
def test_each_kind_of_error_has_its_code_and_sentence(
    cli: Callable, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, sentence: str
) -> None:
    _failing(monkeypatch, error)
    answer = cli("info", "x")
    assert answer.code == code
    assert sentence in answer.err
    assert "Traceback" not in answer.err


def test_debug_adds_the_traceback_and_keeps_the_code(cli: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    _failing(monkeypatch, NoDefectError("no defect"))
    answer = cli("info", "x", "--debug")
    assert answer.code == 1
    assert "Traceback (most recent call last)" in answer.err
    assert answer.err.endswith("meshimplant: error: no defect\n")


def test_a_refusal_names_its_findings_for_people_and_programs(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = Finding("input.flap", "error", "the flap is in place", 3.0, 1.0, "cm3", (1.0, 2.0, 3.0))
    _failing(monkeypatch, DesignRefused("refused: see the findings", [finding]))
    answer = cli("info", "x", "--json")
    assert answer.code == 1
    assert (
        "error input.flap: the flap is in place [3.00 cm3, limit 1.00 cm3] at (1.0, 2.0, 3.0) mm"
        in answer.err
    )
    result = json.loads(answer.out)["error"]
    assert result["type"] == "DesignRefused"
    assert result["findings"] == [finding.to_dict()]


def test_a_closed_pipe_ends_quietly() -> None:
    command = f"{sys.executable} -m meshimplant_cli design --help | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stdout.startswith("Usage: meshimplant design")
    assert done.stderr == ""


def test_endings_are_those_of_the_library() -> None:
    from meshimplant.io import meshes as mesh_files
    from meshimplant.io import volumes as volume_files

    assert volume_files.VOLUME_SUFFIXES == outputs.VOXEL_SUFFIXES
    assert volume_files.WRITABLE_VOLUME_SUFFIXES == outputs.WRITABLE_VOXEL_SUFFIXES
    assert set(mesh_files.MESH_SUFFIXES) == set(outputs.MESH_SUFFIXES)


@pytest.mark.parametrize(
    ("asked", "given"), [("1", ["1", "3"]), ("2,1", ["2", "3"]), ("", [None, "3"]), ("x", [None, "3"])]
)
def test_one_limit_of_threads_holds_for_every_library(
    monkeypatch: pytest.MonkeyPatch, asked: str, given: list[str | None]
) -> None:
    """A limit that is set for one library by its own name stays."""
    environment = {"OMP_NUM_THREADS": asked, "VTK_SMP_MAX_THREADS": "3"}
    monkeypatch.setattr(main.os, "environ", environment)
    monkeypatch.setattr(sys, "argv", ["meshimplant", "--version"])
    with pytest.raises(SystemExit):
        main.main()
    assert [environment.get(name) for name in ("IGL_NUM_THREADS", "VTK_SMP_MAX_THREADS")] == given
    assert environment.get("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS") == given[0]


def test_libigl_keeps_the_limit() -> None:
    code = (
        "import sys, time\nfrom meshimplant_cli.main import _limit_threads\n_limit_threads()\n"
        "import igl, numpy as np, trimesh\nball = trimesh.creation.icosphere(5)\n"
        "points = np.random.default_rng(0).normal(size=(20_000, 3))\n"
        "start = time.process_time(), time.thread_time()\n"
        "igl.point_mesh_squared_distance(points, np.array(ball.vertices), np.array(ball.faces, np.int64))\n"
        "print((time.thread_time() - start[1]) / (time.process_time() - start[0]))"
    )
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    alone.pop("IGL_NUM_THREADS", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=alone)
    assert float(done.stdout) > 0.9, "other threads worked as well"


def test_the_entry_point_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["meshimplant", "bogus"])
    with pytest.raises(SystemExit) as stopped:
        main.main()
    assert stopped.value.code == 2
