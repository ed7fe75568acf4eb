"""round-border on files."""

from __future__ import annotations

from theatre_parts import part

from meshimplant import read_mesh, write_mesh


def test_the_border_is_rounded(cli, tmp_path):
    stl, out = tmp_path / "part.stl", tmp_path / "rounded.stl"
    write_mesh(part(edge_mm=3.0, angle=15.0).mesh, stl)
    answer = cli("round-border", stl, "-o", out, "--radius-mm", 0.6, "--json")
    assert answer.code == 0
    assert abs(answer.json["border_radius_median_mm"] - 0.6) < 0.03
    assert answer.json["volume_after_mm3"] < answer.json["volume_before_mm3"]
    assert answer.json["findings"] == []
    assert read_mesh(out).is_watertight
    assert cli("round-border", stl, "-o", tmp_path / "b.stl", "--radius-mm", 3).code == 2
