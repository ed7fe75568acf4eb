"""lip on files: a part, a skull, and the part with its lip, which check then knows."""

from __future__ import annotations

import pytest
from analytic_head import AnalyticHead

from meshimplant import read_mesh, write_mesh, write_volume
from meshimplant.check.check_solid import check_solid


def test_a_part_gets_a_lip_and_check_knows_it(cli, tmp_path):
    head = AnalyticHead((0, 0, 1.0), half_angle_deg=17.0)
    part, skull, out = tmp_path / "part.stl", tmp_path / "skull.nrrd", tmp_path / "lipped.stl"
    write_mesh(head.part(edge_mm=2.0), part)
    write_volume(head.mask(1.2, around=head.part(edge_mm=4.0).vertices), skull)
    place = ("--skull", skull, "--inside-mm", 0, 0, 0)
    answer = cli("lip", part, *place, "-o", out, "--lip-mm", 3, "--lip-thickness-mm", 1.2, "--json")
    assert answer.code == 0
    assert answer.json["lip_width_mm"] == pytest.approx(3.0, abs=0.3)
    assert answer.json["lip_thickness_mm"] == pytest.approx(1.2, abs=0.1)
    assert answer.json["volume_after_mm3"] > answer.json["volume_before_mm3"]
    assert check_solid(read_mesh(out)).passed
    assert cli("lip", part, *place, "-o", tmp_path / "b.stl", "--lip-mm", 9).code == 2
