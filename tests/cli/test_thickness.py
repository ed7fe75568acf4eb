"""thickness on files: measured, set in every way, and held to limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from defects import conical_defect
from scipy.spatial import cKDTree
from shapes import cap

from meshimplant import read_mesh, write_mesh, write_volume

SCREW = (0.0, 12.0, float(np.sqrt(60**2 - 12**2)))


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A 6 mm cap of radius 60 mm around +z."""
    path = tmp_path / "part.stl"
    write_mesh(cap(60, 6, 30).mesh, path)
    return path


def test_thickness_measures_and_sets_millimetres(cli: Callable, part: Path, tmp_path: Path) -> None:
    measured = cli("thickness", part, "--json")
    assert measured.code == 0
    assert measured.json["median_mm"] == pytest.approx(6, abs=0.05)
    assert measured.json["findings"] == []
    thin = cli("thickness", part, "-o", tmp_path / "thin.stl", "--target-mm", 3.5, "--json")
    assert thin.json["median_mm"] == pytest.approx(3.5, abs=0.1)
    half = cli("thickness", part, "-o", tmp_path / "half.stl", "--fraction", 0.5)
    label, value, unit = half.out.splitlines()[1].split()
    assert (label, float(value), unit) == ("median", pytest.approx(3, abs=0.1), "mm")
    assert cli("thickness", tmp_path / "half.stl", "--json").json["median_mm"] == pytest.approx(3, abs=0.1)
    assert read_mesh(tmp_path / "thin.stl").is_volume


def test_thickness_rescales_about_a_centre_and_refuses_inside_out(
    cli: Callable, part: Path, tmp_path: Path
) -> None:
    about = ("--factors", 1.02, 1.02, 1.02, "--centre-mm", 0, 0, 0, "--json")
    scaled = cli("thickness", part, "-o", tmp_path / "scaled.stl", *about)
    assert scaled.code == 0
    assert scaled.json["median_mm"] == pytest.approx(60 - 54 * 1.02, abs=0.05)
    far = ("--factors", 1.02, 1.02, 1.02, "--centre-mm", 0, 0, -300)
    refused = cli("thickness", part, "-o", tmp_path / "far.stl", *far)
    assert refused.code == 1
    assert refused.err.startswith("meshimplant: error: expected a wall")
    assert not (tmp_path / "far.stl").exists()


def test_half_of_the_skull_within_limits(cli: Callable, tmp_path: Path) -> None:
    write_mesh(cap(80, 5, 12.5).mesh, tmp_path / "part.stl")
    write_volume(
        conical_defect(half_angle_deg=14, around_mm=18).bone.mask((0.7, 0.7, 0.7)), tmp_path / "skull.nrrd"
    )
    half = (
        "--fraction",
        0.5,
        "--skull",
        tmp_path / "skull.nrrd",
        "--json",
        "--force",
        "-o",
        tmp_path / "half.stl",
    )
    result = cli("thickness", tmp_path / "part.stl", *half)
    assert result.code == 0
    assert result.json["median_mm"] == pytest.approx(3, abs=0.05)
    kept = cli("thickness", tmp_path / "part.stl", *half, "--min-mm", 3.6)
    assert kept.code == 0
    assert kept.json["median_mm"] == pytest.approx(3.6, abs=0.05)


@pytest.mark.parametrize("ending", ["csv", "mrk.json"])
def test_bosses_stand_at_the_points_of_a_file(cli: Callable, part: Path, tmp_path: Path, ending: str) -> None:
    """The markups are of 3D Slicer in RAS."""
    points = tmp_path / f"screws.{ending}"
    if ending == "csv":
        points.write_text(",".join(map(str, SCREW)))
    else:
        control = {"position": [-SCREW[0], -SCREW[1], SCREW[2]], "positionStatus": "defined"}
        markup = {"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": [control]}
        points.write_text(json.dumps({"markups": [markup]}))
    boss = ("--fixation", points, "--fixation-thickness-mm", 5, "--fixation-radius-mm", 4)
    written = ("--write-map", tmp_path / "map.npy", "-o", tmp_path / "boss.stl")
    result = cli("thickness", part, "--target-mm", 3, *boss, *written, "--json")
    assert result.code == 0
    assert result.json["median_mm"] == pytest.approx(3, abs=0.1)
    rows = np.load(tmp_path / "map.npy")
    mesh = read_mesh(tmp_path / "boss.stl")
    assert len(rows) == len(mesh.vertices)
    assert cKDTree(mesh.vertices).query(rows[:, :3])[0].max() < 1e-4
    plateau = np.linalg.norm(rows[:, :3] - SCREW, axis=1) < 3
    assert plateau.sum() > 8
    np.testing.assert_allclose(rows[plateau, 3], 5, atol=0.15)
    only = cli(
        "thickness", part, *boss[:2], "--fixation-thickness-mm", 8, "-o", tmp_path / "own.stl", "--json"
    )
    assert only.code == 0, only.err
    assert only.json["median_mm"] == pytest.approx(6, abs=0.1)


def test_a_written_map_makes_another_part_as_thick(cli: Callable, part: Path, tmp_path: Path) -> None:
    wedge = ("-o", tmp_path / "fade.stl", "--target-mm", 3, "--feather-mm", 9, "--rim-mm", 5)
    first = cli("thickness", part, *wedge, "--write-map", tmp_path / "map.csv", "--json")
    again = ("-o", tmp_path / "again.stl", "--map", tmp_path / "map.csv", "--json")
    second = cli("thickness", part, *again)
    assert second.code == 0
    for name in ("median_mm", "p5_mm", "p95_mm"):
        assert second.json[name] == pytest.approx(first.json[name], abs=0.1)
    assert second.json["p95_mm"] > 3.3


def test_every_place_beyond_a_limit_is_reported(cli: Callable, tmp_path: Path) -> None:
    mesh = cap(60, 6, 30, edge_mm=1.0).mesh
    inner = np.linalg.norm(mesh.vertices, axis=1) < 54.5
    pits = np.array([[15.0, 0, 51.9], [-15.0, 0, 51.9]])
    for pit, deep in zip(pits, (3.5, 3.0), strict=True):
        weight = np.exp(-(np.linalg.norm(mesh.vertices - pit, axis=1) ** 2) / 40)
        mesh.vertices[inner] *= 1 + (weight[inner] * deep / 54)[:, None]
    write_mesh(mesh, tmp_path / "pitted.stl")
    result = cli("thickness", tmp_path / "pitted.stl", "--min-mm", 4, "--json")
    assert result.code == 3
    findings = result.json["findings"]
    assert [finding["code"] for finding in findings] == ["thickness.too_thin"] * 2
    assert [finding["value"] for finding in findings] == pytest.approx([2.5, 3.0], abs=0.15)
    assert {(finding["limit"], finding["unit"], finding["severity"]) for finding in findings} == {
        (4, "mm", "error")
    }
    for finding, pit in zip(findings, pits, strict=True):
        assert np.linalg.norm(np.array(finding["location_mm"]) - pit / 54 * 60) < 2
    (tmp_path / "spec.toml").write_text("thickness_mm = 5\nthickness_max_mm = 5.5\n")
    thick = cli("thickness", tmp_path / "pitted.stl", "--spec", tmp_path / "spec.toml")
    assert thick.code == 0
    assert "pitted.stl: passed with warnings" in thick.out
    strict = cli("thickness", tmp_path / "pitted.stl", "--spec", tmp_path / "spec.toml", "--strict")
    assert strict.code == 3
    assert "warning thickness.too_thick" in thick.out
    assert "mm2" in thick.out
    assert "limit 5.50 mm] at (" in thick.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target-mm", "3", "--fraction", "0.5", "-o", "b.stl"], "got 2: choose one"),
        (["--map", "m.npy", "--target-mm", "3", "-o", "b.stl"], "got 2: choose one"),
        (["--fraction", "2.5", "-o", "b.stl"], "fraction"),
        (
            ["--skull", "s.nrrd", "--target-mm", "3", "-o", "b.stl"],
            "expected --fraction or --clearance-mm with --skull",
        ),
        (["--feather-mm", "-1", "--target-mm", "3", "-o", "b.stl"], "feather-mm"),
        (["--feather-mm", "5", "-o", "b.stl"], "--map with --feather-mm"),
        (["--rim-mm", "2", "--target-mm", "3", "-o", "b.stl"], "expected --feather-mm with --rim-mm"),
        (["--fixation", "p.csv", "-o", "b.stl"], "expected --fixation-thickness-mm with --fixation"),
        (["--fixation-thickness-mm", "5", "--target-mm", "3", "-o", "b.stl"], "expected --fixation with"),
        (["--fixation", "p.csv", "--fixation-thickness-mm", "5"], "expected -o together with"),
        (["--min-mm", "5", "--max-mm", "4"], "expected --min-mm to be at most --max-mm"),
        (["--target-mm", "3", "--min-mm", "4", "-o", "b.stl"], "expected --target-mm within"),
        (["--write-map", "map.txt"], "output ending in .npy .csv"),
        (
            ["--factors", "1", "1", "1", "--centre-mm", "0", "0", "0", "--fixation", "p.csv", "-o", "b.stl"]
            + ["--fixation-thickness-mm", "5"],
            "expected --fixation without --factors",
        ),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(
    cli: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("thickness", "a.stl", *options)
    assert result.code == 2
    assert words in result.err
    assert not list(tmp_path.iterdir())


def test_wrong_files_are_named_and_nothing_is_written(cli: Callable, part: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "short.npy", np.full(7, 3.0))
    np.save(tmp_path / "nan.npy", np.full(len(read_mesh(part).vertices), np.nan))
    (tmp_path / "off.csv").write_text("0,0,90\n")
    boss = ("--target-mm", 3, "--fixation-thickness-mm", 5)
    for options, words in (
        (("--map", tmp_path / "short.npy"), "short.npy, got 7"),
        (("--map", tmp_path / "nan.npy"), "nan at all"),
        (("--fixation", tmp_path / "off.csv", *boss), "30.0 mm off"),
    ):
        result = cli("thickness", part, "-o", tmp_path / "out.stl", *options)
        assert result.code == 1
        assert words in result.err
        assert not (tmp_path / "out.stl").exists()


def test_a_prescription_sets_its_thickness_by_region(cli: Callable, part: Path, tmp_path: Path) -> None:
    spec = tmp_path / "s.toml"
    region = "[[regions]]\npoints = [[0, 0, 60]]\nradius_mm = 6\nthickness_mm = 4.5\n"
    spec.write_text(f"thickness_mm = 3\n{region}")
    where = ("--spec", spec, "--inside-mm", 0, 0, 0)
    result = cli("thickness", part, "-o", tmp_path / "out.stl", *where, "--json")
    assert result.code == 0
    assert result.json["findings"] == []
    assert result.json["median_mm"] == pytest.approx(3, abs=0.1)
    assert result.json["region_1_thickness_median_mm"] == pytest.approx(4.5, abs=0.1)
    # An option replaces the thickness around; without -o the part is held against its prescription.
    other = cli("thickness", part, "-o", tmp_path / "four.stl", *where, "--target-mm", 4, "--json")
    assert other.json["p5_mm"] == pytest.approx(4, abs=0.1)
    assert other.json["region_1_thickness_median_mm"] == pytest.approx(4.5, abs=0.1)
    (finding,) = cli("thickness", part, *where, "--json").json["findings"]
    assert (finding["code"], finding["limit"]) == ("thickness.region", 4.5)
    assert cli("thickness", part, "-o", tmp_path / "no.stl", "--spec", spec).code == 1
