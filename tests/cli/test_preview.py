"""preview on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from shapes import sphere

from meshimplant import write_mesh


@pytest.mark.parametrize("ending", ["png", "html"])
def test_preview_draws_several_parts_with_the_skull(
    cli: Callable, case, designed: Path, tmp_path: Path, ending: str
) -> None:
    write_mesh(sphere(5, (0, 0, 60)).mesh, tmp_path / "ball.stl")
    picture = tmp_path / f"part.{ending}"
    parts = (designed / "implant.stl", tmp_path / "ball.stl")
    result = cli("preview", *parts, "-o", picture, "--skull", case.defective, "--title", "Two & parts")
    assert result.code == 0
    assert picture.stat().st_size > 20_000
    start = picture.read_bytes()[:200].lstrip()
    assert start.startswith(b"\x89PNG") or start.lower().startswith(b"<!doctype html")
    assert cli("preview", *parts, "-o", picture).code == 1
    assert cli("preview", parts[0], "-o", picture, "--force").code == 0
