"""One verdict and one number for one thing: terminal, JSON, report page, viewer and picture agree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapes import skull_with_hole

from meshimplant import write_mesh, write_volume
from meshimplant.preview.sheet_canvas import SheetCanvas, to_font_letters
from meshimplant.preview.write_previews import write_previews
from meshimplant.runtime.value_text import in_unit, label_and_unit, shown, with_unit

#: The measures that the picture states.
PICTURED = ("volume_mm3", "extents_mm", "thickness_median_mm", "gap_median_mm")
PICTURED_RANGES = ("thickness", "gap")


@pytest.fixture
def written_words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that is drawn into a picture."""
    words: list[str] = []
    plain = SheetCanvas.text

    def record(sheet: SheetCanvas, position: Any, text: str, **more: Any) -> None:
        words.append(text)
        plain(sheet, position, text, **more)

    monkeypatch.setattr(SheetCanvas, "text", record)
    monkeypatch.setattr("meshimplant.design.write_design.write_previews", write_previews)  # drawn anew
    return words


def _page_rows(page: str) -> dict[str, str]:
    """Return the value of each measure on the report page, by its label and unit."""
    cells = re.findall(r'<td>([^<]*)</td><td class="n">([^<]*)</td><td class="u">([^<]*)</td>', page)
    rows: dict[str, str] = {}
    for name, value, unit in cells:
        rows.setdefault(f"{unescape(name).lower()}|{unescape(unit)}", unescape(value))
    return rows


def _terminal_rows(text: str) -> dict[str, str]:
    """Return the value of each measure in the terminal, by its label."""
    lines = (re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in text.splitlines())
    return {parts[0]: parts[1] for parts in lines if len(parts) == 2}


@pytest.mark.parametrize("material", ["PEEK", "PMMA"])  # as thin as this, PMMA fails
def test_a_design_says_the_same_everywhere(
    cli: Callable, case, tmp_path: Path, written_words: list[str], material: str
) -> None:
    made = ("design", case.defective, "-o", tmp_path / "part", "--implant", case.truth)
    result = cli(*made, "--thickness-mm", 2.5, "--material", material)
    report = json.loads((tmp_path / "part" / "report.json").read_text())
    page, viewer = ((tmp_path / "part" / name).read_text() for name in ("report.html", "preview.html"))
    verdict, measures = report["verdict"], report["measures"]
    assert (verdict == "failed") is (material == "PMMA")
    assert result.code == (3 if verdict == "failed" else 0)
    assert result.out.splitlines()[0] == f"part: {verdict}"
    assert f"<strong>{verdict}</strong>" in page
    assert re.search(rf'<strong class="verdict \w+">{verdict}</strong>', viewer)
    assert written_words.count(verdict) == 1
    rows, terminal = _page_rows(page), _terminal_rows(result.out)
    compared = 0
    for name, value in measures.items():
        label, unit = label_and_unit(name)
        text = in_unit(value, unit)
        if isinstance(value, int | float | list):
            assert rows[f"{label.lower()}|{unit}"] == text, name
        if label in terminal and label != "penetration":  # two rows, in mm and mm3
            assert terminal[label].startswith(text.replace("\u202f", " ")), name
            compared += 1
    assert compared > 15
    drawn = " ".join(map(to_font_letters, written_words))
    for name in PICTURED:
        assert to_font_letters(with_unit(measures[name], name.rpartition("_")[2])) in drawn, name
    for name in PICTURED_RANGES:
        low, high = (shown(measures[f"{name}_{end}_mm"]) for end in ("p5", "p95"))
        assert f"{name} {low}-{high} mm (p5-p95)" in drawn


def test_criteria_state_the_numbers_of_the_measures(cli: Callable, case, designed: Path) -> None:
    part = ("check", designed / "implant.stl", "--skull", case.defective)
    result, said = cli(*part, "--json").json, cli(*part).out
    measures = result["measures"]
    reasons = " ".join(criterion["reason"] for criterion in result["criteria"])
    for name in (
        *("gap_p95_mm", "thickness_median_mm", "thickness_min_mm", "bone_thickness_median_mm"),
        *("step_median_mm", "step_p95_mm", "border_angle_median_deg", "border_angle_p95_deg"),
    ):
        assert shown(measures[name]) in reasons, name
    assert with_unit(measures["coverage_fraction"], "fraction") in reasons
    assert all(criterion["reason"] in said for criterion in result["criteria"])


def test_warnings_pass_unless_strict(cli: Callable, case, designed: Path, tmp_path: Path) -> None:
    (tmp_path / "thinner.toml").write_text("thickness_mm = 3.5\n")
    part = ("check", designed / "implant.stl", "--skull", case.defective)
    warned = (*part, "--spec", tmp_path / "thinner.toml")
    assert cli(*warned).code == 0
    assert cli(*warned).out.startswith("implant.stl: passed with warnings\n")
    assert cli(*warned, "--json").json["verdict"] == "passed with warnings"
    assert cli(*warned, "--strict").code == 3


def test_a_part_without_findings_is_not_failed_by_strict(cli: Callable, tmp_path: Path) -> None:
    _, defective, implant = skull_with_hole(60, 6, 30)
    write_mesh(implant.mesh, tmp_path / "part.stl")
    write_volume(defective.mask(0.8), tmp_path / "skull.nrrd")
    (tmp_path / "six.toml").write_text("thickness_mm = 6\n")
    alone = cli("check", tmp_path / "part.stl", "--spec", tmp_path / "six.toml", "--strict")
    assert alone.out.startswith("part.stl: passed\n")
    assert alone.code == 0
    fitted = cli("check", tmp_path / "part.stl", "--skull", tmp_path / "skull.nrrd", "--strict", "--json")
    assert fitted.code == 3
    assert np.isfinite(fitted.json["measures"]["gap_median_mm"])
