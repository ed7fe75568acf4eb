"""sheet on files: plate, screws and stamps, the numbers, and exit codes."""

from __future__ import annotations

import pytest
from analytic_head import AnalyticHead

from meshimplant import read_features, read_mesh, write_mesh, write_volume


@pytest.fixture
def files(tmp_path):
    head = AnalyticHead((0, 0, 1.0), half_angle_deg=18.0)
    write_mesh(head.part(edge_mm=2.0), tmp_path / "part.stl")
    write_volume(head.mask(1.0, around=head.part(edge_mm=4.0).vertices), tmp_path / "skull.nrrd")
    return tmp_path / "part.stl", "--skull", tmp_path / "skull.nrrd"


def test_plate_screws_and_stamps_are_files(cli, files, tmp_path):
    answer = cli("sheet", *files, "-o", tmp_path / "sheet", "--stamps", "--screws", 5, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["verdict"] == "passed"
    assert answer.json["sheet_screws"] == 5
    names = {each.name for each in (tmp_path / "sheet").iterdir()}
    assert names == {
        *("sheet.stl", "screws.json", "screws.mrk.json", "screws.csv", "stamp-male.stl", "stamp-female.stl")
    }
    plate = read_mesh(tmp_path / "sheet" / "sheet.stl")
    assert plate.is_watertight
    assert plate.volume / 1000 * 4.43 == pytest.approx(answer.json["sheet_mass_g"], rel=1e-3)
    assert len(read_features(tmp_path / "sheet" / "screws.json")) == 5


def test_what_cannot_be_done_is_refused_and_nothing_is_written(cli, files, tmp_path):
    assert cli("sheet", *files, "-o", tmp_path / "sheet", "--screw-mm", 1.7).code == 2
    assert not (tmp_path / "sheet").exists()
