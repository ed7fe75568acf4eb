"""view: its address, its end, and what it refuses."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
import shapes

from meshimplant import write_mesh

pytest.importorskip("viser", reason="viser is not installed: pip install 'meshimplant[edit]'")


#: The command line, interruptible: a shell ignores Ctrl-C for what runs in the background.
MAIN = """
import signal
from meshimplant_cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
main()
"""


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "part.stl"
    write_mesh(shapes.cap(edge_mm=6.0).mesh, path)
    return path


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_page_is_served_until_it_is_stopped(part: Path, stop: signal.Signals) -> None:
    command = [sys.executable, "-c", MAIN, "view", str(part), "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            address = re.fullmatch(r"open (http://127\.0\.0\.1:\d+/\?token=[\w-]{32})\n", first)
            assert address is not None
            with urllib.request.urlopen(address[1], timeout=10) as answer:
                assert answer.status == 200
                assert "token" not in answer.url
            assert "works once" in process.stdout.readline()
            process.send_signal(stop)
            assert process.wait(30) == (0 if stop == signal.SIGINT else 143)
            assert process.stdout.read() == ("ended\n" if stop == signal.SIGINT else "")
        finally:
            process.kill()


def test_wrong_command_lines_are_refused(cli: Callable, case, part: Path) -> None:
    nothing = cli("view")
    assert nothing.code == 2
    assert "expected at least one mesh, scan or folder of a design" in nothing.err
    two = cli("view", case.defective, case.complete)
    assert two.code == 2
    assert "expected one skull, got defective.nrrd and complete.nrrd" in two.err
    assert cli("view", part.with_name("missing.stl")).code == 1


def test_without_viser_the_error_names_the_extra(
    cli: Callable, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    refused = cli("view", part)
    assert refused.code == 1
    assert "pip install 'meshimplant[edit]'" in refused.err
