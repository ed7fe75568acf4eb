"""cases on files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def test_cases_lists_a_data_set_with_its_groups(cli: Callable, tmp_path: Path) -> None:
    for folder in ("complete_skull", "implant"):
        (tmp_path / folder).mkdir()
        for name in ("000", "001", "052"):
            (tmp_path / folder / f"{name}.nrrd").touch()
    result = cli("cases", tmp_path, "--json")
    assert result.code == 0
    assert result.json["groups"] == 2
    first = result.json["cases"][0]
    assert (first["name"], first["kind"], first["group"]) == ("000", "challenge", "skullfix-000")
    assert Path(first["complete"]) == tmp_path / "complete_skull" / "000.nrrd"
    assert "defective" not in first
    listed = cli("cases", tmp_path)
    assert "3 cases (3 of skullfix), 2 groups" in listed.out
    refused = cli("cases", tmp_path / "implant")
    assert refused.code == 1
    assert "expected the layout of SkullFix" in refused.err
    assert "got 000.nrrd, 001.nrrd, 052.nrrd" in refused.err
