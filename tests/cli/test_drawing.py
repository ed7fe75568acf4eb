"""drawing on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shapes import cap

from meshimplant import write_features, write_mesh
from meshimplant.implant.features import Feature


def test_a_part_is_drawn_with_its_features(cli: Callable, tmp_path: Path) -> None:
    hole = Feature("drainage", "D1", (0.0, 0.0, 80.0), (0.0, 0.0, -1.0), 2.0, 4.0)
    write_features(tmp_path / "features.json", [hole])
    picture, part = tmp_path / "part.png", tmp_path / "implant.stl"
    write_mesh(cap(80.0, 4.0, 25.0, edge_mm=4.0).mesh, part)
    given = ("--features", tmp_path / "features.json", "--material", "PEEK")
    assert cli("drawing", part, "-o", picture, *given).code == 0
    with_hole = picture.read_bytes()
    assert with_hole.startswith(b"\x89PNG")
    assert cli("drawing", part, "-o", picture).code == 1
    assert cli("drawing", part, "-o", picture, "--force").code == 0
    assert picture.read_bytes() != with_hole
    assert cli("drawing", part, "-o", tmp_path / "part.svg").code != 0
    assert not (tmp_path / "part.svg").exists()
