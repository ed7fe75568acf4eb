"""redesign: another thickness in place, into a new folder, and what cannot be continued."""

from __future__ import annotations

import shutil

import pytest

from meshimplant.spec.implant_spec import ImplantSpec


@pytest.mark.usefixtures("case")
def test_redesign_changes_the_prescription_and_leaves_the_case(cli, designed, contents, tmp_path):
    before = contents(designed)
    answer = cli("redesign", designed, "-o", tmp_path / "new", "--thickness-mm", 3.5, "--json")
    assert answer.code in (0, 3)
    assert answer.json["spec"]["thickness_mm"] == 3.5
    assert answer.json["measures"]["thickness_median_mm"] == pytest.approx(3.5, abs=0.1)
    assert next(step["name"] for step in answer.json["steps"] if step["seconds"] > 0) == "thickness"
    assert ImplantSpec.read(tmp_path / "new" / "spec.toml") == ImplantSpec(thickness_mm=3.5)
    assert contents(designed) == before


def test_redesign_without_steps_is_an_error(cli, designed, tmp_path):
    folder = tmp_path / "case"
    shutil.copytree(designed, folder, ignore=shutil.ignore_patterns("steps"))
    answer = cli("redesign", folder, "--thickness-mm", 3)
    assert answer.code == 1
    assert "run design again, without --no-steps" in answer.err
