"""The speed benchmark: errors of known bodies, tables of known records, and one tiny run of each chain."""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from benchmarks.run_speed import read_options, run_once, run_turns
from benchmarks.speed_errors import part_errors
from benchmarks.speed_inputs import NAMES, predict, prepare_input, write_input
from benchmarks.speed_meter import Meter
from benchmarks.speed_tables import fit_exponent, growth_table, speed_tables, spread
from shapes import cap, oblique, skull_with_hole

from meshimplant import craniectomy, read_volume, skull_phantom
from meshimplant.voxels.volume import Volume

GAP_DEG = float(np.degrees(0.8 / 79))


@pytest.fixture(scope="module")
def hole() -> tuple[Volume, Volume, Volume]:
    """Complete, defective and missing bone of a spherical skull, on an oblique grid."""
    complete, _, implant = skull_with_hole(80, 6, 30)
    whole = complete.mask(0.8, direction=oblique())
    missing = implant.mask(0.8, grid=whole)
    return whole.with_array(whole.array & (missing.array == 0)), whole, missing


def _errors(mesh: trimesh.Trimesh, hole: tuple[Volume, Volume, Volume]) -> Any:
    return part_errors(mesh, *hole, thickness_mm=4.0, clearance_mm=0.8)


def test_a_perfect_part_has_no_errors(hole) -> None:
    found = _errors(cap(80, 4, 30 - GAP_DEG).mesh, hole)
    assert abs(found.outer_bias_mm) < 0.05
    assert found.outer_p95_mm < 0.2
    assert found.outer_normal_deg < 5
    assert abs(found.gap_median_error_mm) < 0.1
    assert found.gap_p95_error_mm < 0.5
    assert abs(found.thickness_median_error_mm) < 0.02
    assert found.thickness_p95_error_mm < 0.1
    assert found.bone_inside_mm3 == 0
    assert found.solid


def test_each_fault_shows_as_its_own_error(hole) -> None:
    high = _errors(cap(80.5, 4, 30 - GAP_DEG).mesh, hole)
    assert high.outer_bias_mm == pytest.approx(0.5, abs=0.06)
    thin = _errors(cap(80, 3, 30 - GAP_DEG).mesh, hole)
    assert thin.thickness_median_error_mm == pytest.approx(-1, abs=0.02)
    small = _errors(cap(80, 4, 30 - 2 * GAP_DEG).mesh, hole)
    assert small.gap_median_error_mm == pytest.approx(0.8, abs=0.1)
    large = _errors(cap(80, 4, 32).mesh, hole)
    assert large.bone_inside_mm3 > 500
    part = cap(80, 4, 30 - GAP_DEG).mesh
    assert not _errors(trimesh.Trimesh(part.vertices, part.faces[1:], process=False), hole).solid


def test_the_prediction_misses_bone_everywhere_but_around_the_hole(hole) -> None:
    defective, complete, implant = hole
    predicted = predict(complete, implant)
    wrong = predicted.array != complete.array
    assert 0.005 < wrong.sum() / complete.array.sum() < 0.2
    centres = complete.to_mm(np.argwhere(wrong))
    angle = np.degrees(np.arccos(centres[:, 2] / np.linalg.norm(centres, axis=1)))
    assert angle.min() > 30 + np.degrees(5 / 80)
    assert np.array_equal(predict(complete, implant).array, predicted.array)
    assert np.any(wrong & (defective.array == 0)), "nothing that a subtraction leaves as debris"


def test_the_meter_tells_the_steps_apart(tmp_path: Path) -> None:
    meter = Meter()
    meter.begin("large")
    with mmap.mmap(-1, 1 << 27) as held:  # not an array: the heap may serve one from pages that it has kept
        held.write(bytes([1]) * len(held))
    meter.begin("small")
    meter.begin("large")
    meter.save(tmp_path, sizes={"large": 1})
    record = json.loads((tmp_path / "run.json").read_text())
    assert list(record["steps"]) == ["large", "small"]
    if record["resets"]:
        assert record["steps"]["large"]["peak_mb"] - record["steps"]["small"]["peak_mb"] > 100
    assert record["steps"]["large"]["wall_s"] > record["steps"]["small"]["wall_s"]
    assert record["cpu_s"] > 0


@pytest.mark.parametrize(("power", "above"), [(0.7, False), (1.0, False), (1.3, True), (2.0, True)])
def test_growth_beyond_n_log_n_is_named(power: float, above: bool) -> None:
    sizes = [13_000_000 * n for n in (1, 2, 4, 8)]
    records = [
        {"size": n, "steps": {"trim": {"cpu_s": (n / sizes[0]) ** power}, "read": {"cpu_s": 0.01}}}
        for n in sizes
    ]
    text = growth_table("voxels", records)
    assert f"{power:.2f} +- 0.00 | {power:.2f} |" in text
    assert text.endswith(f"Worse than n log n: {'trim' if above else 'none'}.")
    assert "| read | 0.01 | 0.01 | 0.01 | 0.01 | - | - | too short |" in text


def test_n_log_n_is_at_its_own_limit() -> None:
    sizes = np.array([5e4, 1e5, 2e5, 1e6])
    power, error, limit = fit_exponent(sizes, sizes * np.log(sizes) * 1e-6)
    assert power == pytest.approx(limit)
    assert 1.05 < limit < 1.15
    assert error < 0.01


def test_a_step_is_fitted_to_the_size_that_it_began_with() -> None:
    records = [
        {"size": n, "sizes": {"check": n**2}, "steps": {"check": {"cpu_s": n**2 / 100}}} for n in (10, 20, 40)
    ]
    assert "1.00 +- 0.00" in growth_table("faces", records)


def _record(chain: str, run: int, seconds: float, **changes: Any) -> dict[str, Any]:
    step = {"wall_s": seconds, "cpu_s": seconds / 2, "peak_mb": 100 * seconds}
    errors = dict.fromkeys(
        ("outer_bias_mm", "outer_rms_mm", "outer_p95_mm", "outer_normal_deg", "gap_median_error_mm",
         "gap_p95_error_mm", "thickness_median_error_mm", "thickness_p95_error_mm", "bone_inside_mm3"), 0.25
    )  # fmt: skip
    return {
        "input": "sample", "chain": chain, "run": run, "shape": [100, 100, 100], "load": 0.5, "failed": "",
        "steps": {"trim": step, "repair": step}, "wall_s": 2 * seconds + 1, "cpu_s": seconds, "sha256": chain,
        "errors": {**errors, "solid": chain != "naive", "faces": 1000},
    } | changes  # fmt: skip


def test_the_table_compares_turn_by_turn_and_tells_failures() -> None:
    records = [_record("given", 0, 1.0), _record("naive", 0, 4.0), _record("given", 1, 2.0)]
    records += [
        _record("naive", 1, 20.0, sha256="other"),
        _record("free", 0, 0.0, failed="exit code 1: no defect"),
    ]
    text = speed_tables(records)
    assert "| trim | 1.50 | 12.00 | 7 x (4 to 10) |" in text
    assert "| mask to checked solid | 3.00 | 24.00 | 7 x (4 to 10) |" in text
    assert "| **total** | 4.00 | 25.00 | 5.6 x (3 to 8.2) |" in text
    assert "Failed: free, run 0: exit code 1: no defect" in text
    assert "Peak as a multiple of the volume as uint8 (1 MB): given 157.3, naive 1258.3." in text
    assert "| sample | given | 0.25, 0.25, 0.25 | 0.25 |" in text
    assert "| yes | 1000 | yes |" in text
    assert "| NO | 1000 | NO |" in text
    assert spread([]) == "-"


def test_a_run_that_fails_is_told_and_not_raised(tmp_path: Path) -> None:
    record = run_once("speed_chains.py", ["given", str(tmp_path / "nothing")], tmp_path / "part", limit_s=100)
    assert record["failed"].startswith("exit code 1: ")
    assert "speed_chains" in run_once("speed_chains.py", [], tmp_path, limit_s=100)["failed"]
    assert run_once("speed_chains.py", ["free", "x"], tmp_path, limit_s=0.01)["failed"] == "stopped after 0 s"


def test_an_unknown_case_or_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="expected --data"):
        prepare_input("skullfix", tmp_path / "case", data=None, case="001")
    with pytest.raises(SystemExit):
        read_options(["-o", str(tmp_path), "--chains", "given,magic"])


@pytest.mark.slow
def test_both_chains_make_a_part_of_the_same_files(tmp_path: Path) -> None:
    complete = skull_phantom(spacing_mm=2.0)
    truth = craniectomy(complete, kind="random", seed=3).truth
    folder = tmp_path / "inputs" / "tiny"
    write_input(folder, complete, truth)
    assert sorted(path.stem for path in folder.iterdir()) == sorted(NAMES)
    assert not np.any(read_volume(folder / "defective.nrrd").array & truth.array)
    options = read_options(["-o", str(tmp_path), "--runs", "1", "--chains", "given,naive"])
    records = run_turns(options, {"tiny": complete.shape}, tmp_path / "speed.jsonl")
    assert [(record["chain"], record["failed"]) for record in records] == [("given", ""), ("naive", "")]
    common = "start import read subtract separate extract smooth trim thickness repair check write"
    for record in records:
        assert set(record["steps"]) >= set(common.split())
        assert sum(step["wall_s"] for step in record["steps"].values()) == pytest.approx(
            record["wall_s"], rel=0.01
        )
        assert record["errors"]["outer_p95_mm"] < 2.5
    assert records[0]["errors"]["solid"]
    assert "| thickness |" in speed_tables(records)
    assert len((tmp_path / "speed.jsonl").read_text().splitlines()) == 2
