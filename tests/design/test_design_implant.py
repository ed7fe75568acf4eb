"""design_implant: the whole line on one small head, and what it leaves on disk."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from copy import copy
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import igl
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from shared_answers import found_anew

from meshimplant.datasets.craniectomy import Craniectomy, craniectomy
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.design.redesign import redesign
from meshimplant.errors import EmptyMaskError, InputError, MeshError, NoDefectError, OutputError
from meshimplant.evaluation.metrics import dice
from meshimplant.io.meshes import read_mesh
from meshimplant.io.volumes import read_volume, write_volume
from meshimplant.predictions.read_prediction import read_prediction
from meshimplant.report import SCHEMA_VERSION, Finding, Report
from meshimplant.skull.ct_tissues import CtTissues
from meshimplant.skull.segment import SkullInput
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

FILES = [
    "implant.3mf", "implant.stl", "preview.html", "preview.png",
    "reconstruction.nrrd", "report.html", "report.json", "slices.png", "spec.toml",
    "steps/arrays.zip", "steps/steps.json",
]  # fmt: skip
STEPS = [
    "complete",
    "subtract",
    "separate",
    "deepen",
    "extract",
    "smooth",
    "trim",
    "thickness",
    "border",
    "insertion",
    "repair",
    "simplify",
    "check",
]
NAME = "SMITH^JOHN"


@pytest.fixture(scope="session")
def head() -> Volume:
    return skull_phantom(spacing_mm=2.0, seed=4)


@pytest.fixture(scope="session")
def cut(head: Volume) -> Craniectomy:
    return craniectomy(head, kind="random", seed=1)


@pytest.fixture(scope="session")
def made(cut: Craniectomy) -> Design:
    return design_implant(cut.defective)


@pytest.fixture(scope="session")
def told() -> list[str]:
    """The steps that were reported while `given` was made."""
    return []


@pytest.fixture(scope="session")
def given(cut: Craniectomy, told: list[str]) -> Design:
    """Return the design with the missing bone given, which takes a fifth of the time of `made`."""
    return design_implant(cut.defective, implant=cut.truth, progress=told.append)


@pytest.fixture(scope="session")
def saved(made: Design, cut: Craniectomy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the design; its source is named after a patient."""
    folder = tmp_path_factory.mktemp("design")
    source = folder / f"{NAME}.nrrd"
    write_volume(cut.defective, source)
    made.save(folder / "part", sources={"defective": source})
    return folder / "part"


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def bone_inside(design: Design) -> int:
    """Count the bone voxels whose centre lies inside the part, by its winding number."""
    mesh, skull = design.implant, design.defective
    bone = skull.to_mm(np.argwhere(skull.array))
    low, high = mesh.bounds
    near = bone[((bone > low) & (bone < high)).all(axis=1)]
    assert len(near) > 500
    faces = np.ascontiguousarray(mesh.faces, np.int64)
    winding = igl.fast_winding_number(np.ascontiguousarray(mesh.vertices, float), faces, near)
    return int(np.count_nonzero(winding > 0.5))


# -- the part -------------------------------------------------------------------------------------------


def test_the_part_is_one_solid_that_passes_its_check(made) -> None:
    assert [f.code for f in made.report.findings if f.severity == "error"] == []
    assert made.report.passed
    assert made.check.passed
    assert made.implant.is_volume
    assert made.implant.body_count == 1
    assert made.implant.volume > 5_000


def test_no_bone_voxel_lies_inside_the_part(made) -> None:
    assert bone_inside(made) == 0


def test_it_is_as_thick_as_prescribed(made) -> None:
    thickness = made.check.thickness_mm[np.isfinite(made.check.thickness_mm)]
    assert np.median(thickness) == pytest.approx(ImplantSpec().thickness_mm, abs=0.3)


def test_it_fills_the_defect(made, cut) -> None:
    assert dice(made.reconstruction, cut.truth) >= 0.75
    assert made.reconstruction.same_grid(cut.defective)
    assert made.reconstruction.array.dtype == np.uint8
    assert not np.any(made.reconstruction.array & cut.defective.array)
    assert np.linalg.norm(made.implant.bounds.mean(axis=0) - cut.centre_mm) < 12


def test_steps_come_in_order_and_the_report_records_each(made) -> None:
    assert [step.name for step in made.report.steps] == STEPS
    assert all(step.seconds >= 0 for step in made.report.steps)
    volumes = {step.name: step.volume_after_mm3 for step in made.report.steps}
    kept = {
        "extract": made.raw,
        "smooth": made.smoothed,
        "trim": made.trimmed,
        "thickness": made.thinned,
        "border": made.ended,
        "insertion": made.cleared,
        "repair": made.repaired,
        "simplify": made.implant,
    }
    for name, mesh in kept.items():
        assert volumes[name] == pytest.approx(mesh.volume), name
    assert made.bevelled is made.ended is made.thinned
    (body,), (deepened,) = made.separation.bodies, made.deepened
    assert (deepened.array >= body.array).all()
    assert (deepened.array > 0).sum() > (body.array > 0).sum()
    assert made.report.spec == ImplantSpec().to_dict()
    assert made.report.method["name"] == "mixture"


def test_its_triangles_are_well_shaped(made) -> None:
    assert made.report.measures["aspect_p99"] <= 10
    assert made.report.measures["faces"] <= ImplantSpec().max_faces


def test_a_bevel_makes_the_part_narrower_inside_only(given, cut) -> None:
    leaning = design_implant(cut.defective, implant=cut.truth, spec=ImplantSpec(bevel_deg=30))
    steps = {step.name: step.parameters for step in leaning.report.steps}
    assert list(steps) == [*STEPS[1:-4], "bevel", *STEPS[-4:]]
    assert steps["bevel"]["bevel_deg"] == leaning.report.spec["bevel_deg"] == 30
    assert [f.code for f in leaning.report.findings if f.severity == "error"] == []
    assert leaning.report.measures["penetration_mm"] == 0
    coverages = [design.report.measures["coverage_fraction"] for design in (given, leaning)]
    assert coverages[1] > coverages[0] - 0.02  # the outer edge stays, as far as voxels of 2 mm tell it
    narrowed = given.implant.volume - leaning.implant.volume
    wedge = 4**2 / 2 * np.tan(np.radians(30)) * 2 * np.sqrt(np.pi * given.implant.area / 2)
    assert wedge / 2 < narrowed < 2 * wedge


@pytest.fixture(scope="session")
def at_orbit(head: Volume) -> Design:
    orbit = craniectomy(head, kind="frontoorbital", seed=2)
    return design_implant(orbit.defective, implant=orbit.truth)


def test_what_blocks_the_path_is_removed_and_reported(at_orbit) -> None:
    part = at_orbit
    step = next(step for step in part.report.steps if step.name == "insertion")
    result = step.parameters
    assert result["penetration_before_mm"] > 0.05 >= result["penetration_mm"]
    assert 1 < result["removed_mm3"] == result["blocking_mm3"] < 0.02 * step.volume_before_mm3
    assert step.volume_after_mm3 == pytest.approx(step.volume_before_mm3 - result["removed_mm3"], abs=0.1)
    assert np.linalg.norm(result["directions"], axis=1) == pytest.approx(1)
    assert part.report.measures["insertion_direction"] == pytest.approx(result["directions"][0])
    assert part.report.measures["insertion_penetration_mm"] <= 0.05


def test_a_part_that_grew_inward_keeps_its_clearance(at_orbit) -> None:
    thick = ImplantSpec(thickness_mm=8.0, thickness_max_mm=12.0)
    part = redesign(at_orbit.kept, thick)
    assert "fit.gap_min" not in [finding.code for finding in part.report.findings]
    assert part.report.measures["nearest_bone_mm"] >= thick.clearance_mm - 0.15


@pytest.mark.usefixtures("given")
def test_progress_is_reported_before_each_step(told) -> None:
    assert told == STEPS[1:]


# -- what must not matter -------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", ["SRA", "RAS"])
def test_axis_order_does_not_change_the_part(given, cut, orientation) -> None:
    turned = cut.defective.reorient(orientation)
    other = design_implant(turned, implant=cut.truth)
    assert np.array_equal(other.implant.faces, given.implant.faces)
    assert np.abs(other.implant.vertices - given.implant.vertices).max() < 1e-9
    assert other.reconstruction.same_grid(turned)
    assert np.array_equal(other.reconstruction.array, given.reconstruction.reorient(orientation).array)


def test_two_runs_give_the_same_bytes(cut, saved, tmp_path: Path) -> None:
    with found_anew():
        again = design_implant(cut.defective)
    again.save(tmp_path / "part")
    for name in ("implant.stl", "implant.3mf", "reconstruction.nrrd", "spec.toml"):
        assert (tmp_path / "part" / name).read_bytes() == (saved / name).read_bytes(), name


# -- missing bone from elsewhere ------------------------------------------------------------------------


def as_probability(mask: Volume) -> Volume:
    return mask.with_array(gaussian_filter((mask.array > 0).astype(np.float32), 0.5))


@pytest.mark.parametrize(
    ("role", "form"),
    [("complete", as_probability), ("implant", lambda v: v)],
    ids=["complete probability", "implant mask"],
)
def test_a_completion_from_elsewhere_is_taken(head, cut, role, form) -> None:
    source = form(head if role == "complete" else cut.truth)
    design = design_implant(cut.defective, **{role: source})
    assert dice(design.reconstruction, cut.truth) > 0.93
    assert design.implant.is_volume
    assert design.implant.body_count == 1
    assert bone_inside(design) == 0
    assert design.completion is None
    assert design.report.method == {"name": "given", "asked": role}
    assert [step.name for step in design.report.steps] == STEPS[1:]


def test_a_prediction_carries_its_level(cut, tmp_path: Path) -> None:
    """A probability that is wrong at 0.5 and right at 0.95."""
    values = np.where(cut.truth.array > 0, 0.97, 0.9).astype(np.float32)
    write_volume(cut.truth.with_array(values), tmp_path / "network.nrrd")
    prediction = read_prediction(tmp_path / "network.nrrd", cut.defective, level=0.95, implant_only=True)
    assert prediction.level == 0.95
    design = design_implant(cut.defective, implant=prediction)
    assert dice(design.reconstruction, cut.truth) > 0.93
    assert design.report.steps[0].notes == ("prediction: voxels, surface at 0.95",)
    with pytest.raises(InputError, match="a prediction that has one"):
        design_implant(cut.defective, implant=prediction, level=0.5)


def test_a_skull_that_was_read_brings_its_findings_and_notes(cut) -> None:
    finding = Finding("input.gantry_tilt", "warning", "the gantry was tilted")
    tissues = CtTissues(-1000.0, 40.0, 800.0, 10.0, 150.0, True)
    skull = SkullInput(cut.defective, "ct", ("bone from 150 HU on",), (finding,), tissues)
    report = design_implant(skull, implant=cut.truth).report
    assert report.findings[0] == finding
    assert (report.steps[0].name, report.steps[0].parameters) == (
        "read",
        {"kind": "ct", **tissues.to_dict()},
    )
    assert report.steps[0].notes == ("bone from 150 HU on",)
    assert [step.name for step in report.steps[1:]] == STEPS[1:]


def test_files_give_the_part_that_their_contents_give(cut, given, tmp_path: Path) -> None:
    write_volume(cut.defective, tmp_path / "head.nrrd")
    write_volume(cut.truth, tmp_path / "truth.nrrd")
    read: list[str] = []
    paths = design_implant(tmp_path / "head.nrrd", implant=str(tmp_path / "truth.nrrd"), progress=read.append)
    assert np.array_equal(paths.implant.vertices, given.implant.vertices)
    assert read[0] == paths.report.steps[0].name == "read"
    assert paths.report.steps[0].notes[-1] == "prediction: a mask"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            lambda skull: (skull.array, {}),
            "expected the defective skull as a Volume or a SkullInput, got an array of",
        ),
        (lambda _: (None, {}), "got None"),
        (lambda _: ("head-of-nobody.nrrd", {}), "head-of-nobody.nrrd"),
        (lambda skull: (skull, {"complete": skull.array}), "got an array of"),
        (lambda skull: (skull, {"level": 0.4}), "together with complete= or implant="),
    ],
    ids=["array", "None", "no file", "array as a prediction", "level alone"],
)
def test_a_wrong_argument_is_one_sentence(cut, arguments, sentence: str) -> None:
    skull, options = arguments(cut.defective)
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        design_implant(skull, **options)
    assert "\n" not in str(caught.value)


def test_both_a_complete_skull_and_an_implant_are_refused(head, cut) -> None:
    with pytest.raises(InputError, match="got both"):
        design_implant(cut.defective, complete=head, implant=cut.truth)


def test_an_empty_mask_is_refused(cut) -> None:
    with pytest.raises(EmptyMaskError):
        design_implant(cut.defective.with_array(np.zeros_like(cut.defective.array)))


def test_a_complete_skull_is_refused(head) -> None:
    with pytest.raises(NoDefectError, match="no defect found"):
        design_implant(head, method="mirror")


# -- files ----------------------------------------------------------------------------------------------


def test_every_file_is_written_and_holds_the_design(made, saved) -> None:
    assert sorted(contents(saved)) == FILES
    part = read_mesh(saved / "implant.stl")
    assert part.is_volume
    assert part.volume == pytest.approx(made.implant.volume, rel=1e-4)
    assert part.bounds == pytest.approx(made.implant.bounds, abs=1e-3)
    back = read_volume(saved / "reconstruction.nrrd")
    assert back.same_grid(made.reconstruction)
    assert np.array_equal(back.array, made.reconstruction.array)
    assert ImplantSpec.read(saved / "spec.toml") == made.spec


def test_the_report_parses_and_its_hashes_are_those_of_the_files(saved) -> None:
    report = json.loads((saved / "report.json").read_text(encoding="utf-8"))
    assert report["schema_version"] == SCHEMA_VERSION
    assert [rated["score"] is not None for rated in report["criteria"]["rated"]] == [True] * 8
    assert report["passed"] is True
    source = saved.parent / f"{NAME}.nrrd"
    assert report["inputs"] == [
        {"name": "defective", "sha256": hashlib.sha256(source.read_bytes()).hexdigest()}
    ]
    hashes = {entry["name"]: entry["sha256"] for entry in report["outputs"]}
    assert sorted(hashes) == sorted(set(FILES) - {"report.json", "report.html"})
    for name, sha256 in hashes.items():
        assert hashlib.sha256((saved / name).read_bytes()).hexdigest() == sha256


def test_no_file_names_the_patient_or_a_path(saved) -> None:
    whole = contents(saved)
    with ZipFile(saved / "implant.3mf") as packed:
        whole |= {f"3mf/{name}": packed.read(name) for name in packed.namelist()}
    assert {*FILES, "3mf/3D/3dmodel.model"} <= set(whole)
    hidden = [NAME, "SMITH", "JOHN", str(saved.parent), saved.parent.name, str(Path.home())]
    for name, data in whole.items():
        words = re.sub(
            rb"[A-Za-z0-9+/]{200,}={0,2}", b"", data
        )  # packed pictures hold any four letters sooner or later
        for word in hidden:
            assert word.encode() not in words, f"{word} in {name}"


def test_where_methods_differ_their_distance_is_written_as_a_map(made, saved, tmp_path: Path) -> None:
    assert made.completion is not None
    apart = made.completion.disagreement
    assert apart is not None
    assert apart.p95_mm < 3
    assert not (saved / "disagreement.csv").exists()
    differing = replace(apart, distance_mm=apart.distance_mm + 3)
    other = copy(made)
    other.maps = {"disagreement": differing}
    other.save(tmp_path / "part")
    rows = np.loadtxt(tmp_path / "part" / "disagreement.csv", delimiter=",", skiprows=1)
    assert rows[:, :3] == pytest.approx(differing.points_mm, abs=1e-5)
    assert rows[:, 3] == pytest.approx(differing.distance_mm, abs=1e-5)


def test_a_second_save_is_refused_and_changes_nothing(made, saved) -> None:
    before, beside = contents(saved), sorted(saved.parent.iterdir())
    with pytest.raises(OutputError, match="holds files"):
        made.save(saved)
    assert contents(saved) == before
    assert sorted(saved.parent.iterdir()) == beside


def test_force_replaces_the_files_and_leaves_others(made, tmp_path: Path) -> None:
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    (folder / "implant.stl").write_text("old")
    made.save(folder, force=True)
    assert sorted(contents(folder)) == sorted([*FILES, "notes.txt", "earlier-implant.stl"])
    assert (folder / "earlier-implant.stl").read_text() == "old"
    assert (folder / "notes.txt").read_text() == "mine"
    assert read_mesh(folder / "implant.stl").is_volume


def test_a_picture_that_fails_is_a_warning_and_the_skull_is_written_if_asked(
    made, saved, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "part"
    shutil.copytree(saved, folder)
    again = replace(made, report=Report(measures=dict(made.report.measures)))

    def fail(*_given: object, **_named: object) -> None:
        raise ValueError("no colours")

    monkeypatch.setattr("meshimplant.design.write_design.write_previews", fail)
    again.save(folder, force=True, skull_model=True)
    assert sorted(contents(folder)) == sorted(
        {*FILES, "skull.stl", "fit.3mf"} - {"preview.png", "preview.html"}
    )
    assert read_mesh(folder / "skull.stl").is_volume
    written = json.loads((folder / "report.json").read_text())
    assert "skull.stl" in [output["name"] for output in written["outputs"]]
    assert max(written["measures"]["skull_model_extents_mm"]) > 100
    (finding,) = again.report.findings
    assert (finding.code, finding.severity) == ("preview.missing", "warning")
    assert "no colours" in finding.message
    assert written["findings"][0]["code"] == "preview.missing"


def test_slices_that_cannot_be_drawn_are_a_warning(made, tmp_path, monkeypatch) -> None:
    again = replace(made, report=Report(measures=dict(made.report.measures)))

    def fail(**_named: object) -> None:
        raise MeshError("no plane")

    monkeypatch.setattr("meshimplant.preview.scan_slices.draw_slices", fail)
    again.save(tmp_path / "part")
    assert sorted(contents(tmp_path / "part")) == sorted(set(FILES) - {"slices.png"})
    (finding,) = [each for each in again.report.findings if each.code == "slices.missing"]
    assert (finding.severity, "no plane" in finding.message) == ("warning", True)
