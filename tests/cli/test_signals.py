"""A run that is asked to end leaves nothing unfinished."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

#: A verb that writes half of a folder and then works for long.
_RUN = """
import signal, sys, time
from pathlib import Path
import meshimplant_cli.main as command_line
from meshimplant.io.atomic import atomic_folder
from meshimplant_cli.outputs import free_folder

def work(tokens):
    output = Path(tokens[0])
    with free_folder(output, force=True), atomic_folder(output, force=True) as folder:
        (folder / "part").write_text("half")
        print("writing", flush=True)
        time.sleep(60)

command_line.build_app = lambda: work
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in the background
command_line.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_removes_what_is_unfinished(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    case = tmp_path / "case"
    case.mkdir()
    (case / "part").write_text("old")
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, case], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "writing\n"
        run.send_signal(sent)
        _, err = run.communicate(timeout=30)
    assert run.returncode == code
    assert err == "meshimplant: stopped\n"
    assert [path.name for path in tmp_path.rglob("*")] == ["case", "part"]
    assert (case / "part").read_text() == "old"
