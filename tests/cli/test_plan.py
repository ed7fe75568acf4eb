"""plan on files: the virtual defect, the part in it, the cut as a curve; refusals."""

from __future__ import annotations

import numpy as np
import pytest

from meshimplant import read_curve, read_mesh, read_volume, write_closed_curve
from meshimplant.head.columns import read_columns
from meshimplant.head.pose import fit_pose

HALF_DEG = 20.0


@pytest.fixture(scope="session")
def outline(case, tmp_path_factory):
    """Write a closed curve on the left side of the phantom."""
    skull = read_volume(case.complete)
    pose = fit_pose(skull)
    axis = np.array([0.75, 0.1, 0.65]) / np.linalg.norm([0.75, 0.1, 0.65])
    right = np.cross(axis, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    turn = np.arange(16)[:, None] * 2 * np.pi / 16
    polar = np.radians(HALF_DEG)
    ring = np.cos(polar) * axis + np.sin(polar) * (
        np.cos(turn) * right + np.sin(turn) * np.cross(axis, right)
    )
    directions = ring @ pose.axes
    outer = read_columns(skull, pose.centre_mm, directions).outer_mm
    path = tmp_path_factory.mktemp("outline") / "outline.mrk.json"
    write_closed_curve(path, pose.centre_mm + outer[:, None] * directions, name="outline")
    return path


def test_plan_writes_defect_part_and_cut(cli, case, outline, tmp_path):
    folder = tmp_path / "plan"
    answer = cli("plan", case.complete, "--curve", outline, "-o", folder, "--kerf-mm", 1.5, "--json")
    assert answer.code in (0, 3), answer.err
    measures = answer.json["measures"]
    assert measures["resection_kerf_mm"] == 1.5
    complete, defective = (
        read_volume(path).array != 0 for path in (case.complete, folder / "defective.nrrd")
    )
    assert not (defective & ~complete).any()
    lost_mm3 = float((complete & ~defective).sum() * 8)
    assert lost_mm3 == pytest.approx(measures["resection_removed_mm3"])
    assert measures["resection_flap_mm3"] < lost_mm3
    assert measures["penetration_mm"] < 0.05
    assert measures["gap_median_mm"] == pytest.approx(0.8, abs=0.3)  # voxels of 2 mm
    assert answer.json["fixation"]["style"] == "plates"
    part, cut = read_mesh(folder / "implant.stl"), read_curve(folder / "cut.mrk.json")
    assert np.linalg.norm(part.vertices.mean(axis=0) - cut.mean(axis=0)) < 12
    names = {each["name"] for each in answer.json["outputs"]}
    assert {"defective.nrrd", "cut.mrk.json", "implant.stl", "plates.stl", "spec.toml"} <= names
    assert {"template.stl", "template.png"} <= names
    template = read_mesh(folder / "template.stl")
    assert template.volume == pytest.approx(measures["template_volume_mm3"], rel=0.02)
    assert len(measures["template_sleeves"]) >= 3
    assert set(measures["template_sleeves"]) < {each["label"] for each in answer.json["fixation"]["screws"]}
    assert measures["template_lift_penetration_mm"] <= 0.05
    assert not (folder / "steps").exists()
    assert "kerf_mm = 1.5" in (folder / "spec.toml").read_text()


@pytest.mark.parametrize(("tokens", "code"), [(("--kerf-mm", 4), 2), (("--direction", 0, 0, 0), 1)])
def test_what_cannot_be_planned_is_refused_and_nothing_is_written(cli, case, outline, tmp_path, tokens, code):
    folder = tmp_path / "plan"
    assert cli("plan", case.complete, "--curve", outline, "-o", folder, *tokens).code == code
    assert not folder.exists()
