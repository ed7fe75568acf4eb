"""The benchmark's own measurements and tables, on bodies and records whose answers are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.run_skullfix import bone_inside_mm3, find_cases
from benchmarks.skullfix_tables import table
from shapes import cap, oblique, shell, sphere


def test_bone_inside_is_the_overlap_of_mesh_and_mask() -> None:
    bone = sphere(10, (3, 0, 0)).mask((0.5, 0.6, 0.7), direction=oblique())
    lens_mm3 = np.pi * (20 - 3) ** 2 * (3**2 + 4 * 3 * 10) / (12 * 3)
    assert bone_inside_mm3(sphere(10).mesh, bone) == pytest.approx(lens_mm3, rel=0.01)
    assert bone_inside_mm3(sphere(10, (-40, 0, 0)).mesh.copy(), sphere(10).mask(1.0, margin_mm=45)) == 0


def test_an_implant_in_its_hole_holds_no_bone() -> None:
    bone = shell(60, 6).mask(1.0)
    hole = bone.with_array(bone.array & (cap(60, 6, 30).mask(1.0, grid=bone).array == 0))
    part = cap(59.4, 4, 27).mesh
    assert bone_inside_mm3(part, hole) == 0
    assert bone_inside_mm3(part, bone) > 0.8 * part.volume


def _record(case: str, *, truth: bool = True, **changes: Any) -> dict[str, Any]:
    good = {
        "case": case, "truth": truth, "exit_code": 0, "seconds": 30.0, "peak_gb": 1.5, "words": "",
        "closed": True, "wound": True, "volume_mm3": 9e3, "bodies": 1, "bone_inside_mm3": 0.0, "errors": [],
        "metrics": {"dice": 0.9, "border_dice": 0.92, "hausdorff95_mm": 1.2},
        "measures": {
            "gap_median_mm": 0.9, "gap_p95_mm": 1.0, "thickness_median_mm": 4.01, "thickness_p5_mm": 3.9,
            "thickness_p95_mm": 4.1, "coverage_fraction": 0.99, "outside_fraction": 0.0,
            "step_median_mm": 0.1, "step_p95_mm": 0.5, "inward_protrusion_mm": 0.0,
        },
        "spec": {"clearance_mm": 0.8, "thickness_mm": 4.0}, "insertion_mm": 0.0,
    }  # fmt: skip
    return good | changes


def test_the_table_counts_every_failure_and_names_it() -> None:
    refused = {
        "case": "002",
        "truth": True,
        "exit_code": 1,
        "seconds": 9.0,
        "peak_gb": 1.0,
        "words": "no defect",
    }
    worse = {"dice": 0.6, "border_dice": 0.7, "hausdorff95_mm": 4.0}
    text = table(
        [
            _record("000"),
            _record("001", metrics=worse, exit_code=3, errors=["fit.penetration"], bone_inside_mm3=2.5),
            refused,
            _record("test-100", truth=False, bodies=2, seconds=400.0),
        ]
    )
    assert "| training defects | 3 | 1 | 2 of 2 written | 1 of 2 |" in text
    assert "| test skulls | 1 | 1 | 0 of 1 written | 1 of 1 | median 400, worst 400 |" in text
    assert "| dice | all, 3 | 0.500 | 0.600 | 0.000 (`002`) |" in text
    assert "| hausdorff95_mm | all, 3 | 2.600 | 2.600 | 4.000 (`001`) |" in text
    assert "held out" not in text
    assert "| dice | held out for validation, 1 | 0.900 |" in table([_record("003"), _record("000")])
    assert "`001`: exit code 3, fit.penetration, 2.50 mm3 of bone inside" in text
    assert "`002`: exit code 1, no defect" in text
    assert "`test-100`: closed True, wound True, 2 bodies" in text


def test_the_table_holds_every_part_to_every_bar() -> None:
    loose = _record("001")["measures"] | {"gap_median_mm": 0.5, "coverage_fraction": 0.9, "step_p95_mm": None}
    text = table([_record("000"), _record("001", measures=loose, insertion_mm=0.2)])
    assert "| median gap, error against the clearance | <= 0.15 mm | 1 of 2 | 0.20 | 0.30 (`001`) |" in text
    assert "| opening covered | >= 95 % | 1 of 2 | 94.50 | 90.00 (`001`) |" in text
    assert "| step at the border, p95 | <= 0.8 mm | 1 of 2 | inf | inf (`001`) |" in text
    assert "| depth in bone along the insertion path | <= 0.05 mm | 1 of 2 | 0.10 | 0.20 (`001`) |" in text
    assert "| thickness, p5 to p95 | <= 0.6 mm | 2 of 2 |" in text


def test_cases_are_found_by_name_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    for name in ("complete_skull/000", "implant/000", "test_defective/100"):
        (tmp_path / "skullfix" / name).with_suffix(".nrrd").parent.mkdir(parents=True)
        (tmp_path / "skullfix" / name).with_suffix(".nrrd").touch()
    assert [(case.name, case.truth is None) for case in find_cases(tmp_path)] == [
        ("000", False),
        ("test-100", True),
    ]
    with pytest.raises(SystemExit, match="expected skullfix"):
        find_cases(tmp_path / "skullfix")
