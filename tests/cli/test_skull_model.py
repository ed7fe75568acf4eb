"""skull-model on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from meshimplant import read_mesh


def test_the_skull_is_written_alone_or_with_its_part(
    cli: Callable, case, designed: Path, tmp_path: Path
) -> None:
    answer = cli("skull-model", case.defective, "-o", tmp_path / "skull.stl", "--cut-mm", 20, "--json")
    assert answer.code == 0, answer.err
    skull = read_mesh(tmp_path / "skull.stl")
    assert answer.json["volume_mm3"] == pytest.approx(skull.volume, rel=1e-4)
    part = designed / "implant.stl"
    fit = ("--part", part, "-o", tmp_path / "fit.3mf", "--cut-mm", 20, "--json")
    assert cli("skull-model", case.defective, *fit).code == 0
    both = skull.volume + read_mesh(part).volume
    assert read_mesh(tmp_path / "fit.3mf").volume == pytest.approx(both, rel=1e-4)


def test_options_that_do_not_fit_are_usage_errors(
    cli: Callable, case, designed: Path, tmp_path: Path
) -> None:
    part = designed / "implant.stl"
    stl = cli("skull-model", case.defective, "--part", part, "-o", tmp_path / "fit.stl")
    assert (stl.code, "in .3mf with --part" in stl.err) == (2, True)
    alone = cli("skull-model", case.defective, "--plates", part, "-o", tmp_path / "fit.3mf")
    assert (alone.code, "--plates with --part" in alone.err) == (2, True)
