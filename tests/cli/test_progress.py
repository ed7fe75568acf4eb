"""Progress: a line per step with its seconds on a terminal, nothing in a pipe; and what a start imports."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import redirect_stderr
from pathlib import Path

import pytest

from meshimplant_cli.terminal import working

SAMPLES = Path(__file__).resolve().parents[2] / "sample_meshes"


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def _left(terminal: Terminal) -> list[str]:
    """Return the lines that stay on the terminal: those after the last erasure, without colours."""
    last = terminal.getvalue().rpartition("\x1b[2K")[2]
    return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]", "", last).splitlines()


def test_each_step_gets_a_line_with_its_seconds(terminal: Terminal) -> None:
    with redirect_stderr(terminal), working("read") as tell:
        tell("smooth")
        tell("trim")
    found = _left(terminal)
    assert len(found) == 3
    for line, name in zip(found, ("read", "smooth", "trim"), strict=True):
        assert re.fullmatch(rf"  {name}\s+\d+\.\d s", line)


def test_a_step_that_fails_keeps_its_line_without_an_end(terminal: Terminal) -> None:
    def fail() -> None:
        with redirect_stderr(terminal), working("read") as tell:
            tell("smooth")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    first, second = _left(terminal)
    assert re.fullmatch(r"  read\s+\d+\.\d s", first)
    assert re.fullmatch(r"[^ ] smooth\s+\d+\.\d s", second)


def test_work_of_one_step_leaves_no_line(terminal: Terminal) -> None:
    with redirect_stderr(terminal), working("checking"):
        pass
    assert "checking" in terminal.getvalue()
    assert _left(terminal) == []


def test_a_pipe_hears_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with working("read") as tell:
        tell("smooth")
    assert capsys.readouterr().err == ""


def test_json_holds_seconds_and_peak_memory_of_every_step(given) -> None:
    result = given.answer
    assert result.err == ""
    steps = result.json["steps"]
    assert [steps[0]["name"], steps[-1]["name"]] == ["read", "write"]
    assert all(step["seconds"] > 0 for step in steps)
    peaks = [step["process_peak_mb"] for step in steps if step["process_peak_mb"] is not None]
    assert peaks == sorted(peaks)
    assert peaks[0] > 10


def _loaded(*tokens: object) -> set[str]:
    """Return the top-level and second-level modules that a command line has loaded when it ends."""
    code = (
        "import sys\nfrom meshimplant_cli.main import run\n"
        f"assert run({[str(token) for token in tokens]!r}) in (0, 2)\n"
        "print('LOADED', *{'.'.join(name.split('.')[:2]) for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    return set(done.stdout.rpartition("LOADED")[2].split())


LIBRARIES = {
    "numpy",
    "scipy",
    "trimesh",
    "networkx",
    "pyvista",
    "vtkmodules",
    "nibabel",
    "gdcm",
    "skimage",
    "pydicom",
    "igl",
    "edt",
}

#: Modules of the library that the help reads: names, ranges and descriptions, without numpy.
LIGHT_MODULES = {
    "meshimplant.complete",
    "meshimplant.complete.methods",
    "meshimplant.datasets",
    "meshimplant.datasets.kinds",
    "meshimplant.errors",
    "meshimplant.runtime",
    "meshimplant.runtime.printable",
    "meshimplant.spec",
    "meshimplant.version",
    "meshimplant.values",
    "meshimplant.values.value_words",
}


@pytest.mark.parametrize(
    "tokens", [["--help"], ["--version"], ["design", "--help"], ["design"], ["desing"], []], ids=str
)
def test_help_and_wrong_lines_load_no_library(tokens: list[str]) -> None:
    loaded = _loaded(*tokens)
    assert loaded & LIBRARIES == set()
    assert {name for name in loaded if name.startswith("meshimplant.")} <= LIGHT_MODULES


def test_info_on_voxels_loads_no_pictures() -> None:
    """The skull in the file is looked for, which takes what the line takes."""
    loaded = _loaded("info", SAMPLES / "defective.nrrd")
    assert loaded & {"pyvista", "vtkmodules", "skimage", "nibabel"} == set()


def test_info_on_a_mesh_loads_what_trimesh_does_and_no_more() -> None:
    loaded = _loaded("info", SAMPLES / "implant.stl")
    assert loaded & LIBRARIES <= {"numpy", "scipy", "trimesh", "networkx"}


def test_the_line_loads_pictures_and_file_formats_only_to_use_them() -> None:
    code = "import sys; from meshimplant import design_implant; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    later = {"pyvista", "vtkmodules", "nibabel", "gdcm", "pydicom", "jinja2", "skimage"}
    assert set(done.stdout.split()) & later == set()
