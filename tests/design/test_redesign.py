"""Saved designs: what is loaded is what was saved, and a change runs only what it touches."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analytic_head import AnalyticHead

from meshimplant.design.design import Design
from meshimplant.design.design_implant import design_implant
from meshimplant.design.redesign import redesign
from meshimplant.errors import FileReadError, InputError
from meshimplant.io.volumes import write_volume
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.mark_spec import MarkSpec
from meshimplant.spec.perforation_spec import PerforationSpec
from meshimplant.spec.region_spec import RegionSpec

HEAD = AnalyticHead((0.5, 0.2, 0.8), axes_mm=(50.0, 60.0, 56.0), half_angle_deg=27.0)
VOXEL_MM = 1.8
SPEC = ImplantSpec(fixation=FixationSpec(count=4))
HOLES = PerforationSpec(diameter_mm=1.5, spacing_mm=6, border_mm=4)
MESHES = [
    *("raw", "smoothed", "trimmed", "thinned", "ended", "bevelled", "cleared"),
    *("repaired", "simplified", "implant"),
]
#: The first step that a change of one field runs.
FIRST: dict[str, tuple[dict[str, Any], str]] = {
    "thickness": ({"thickness_mm": 3.5}, "thickness"),
    "thickness of another body": ({"thickness_mm": 5.0}, "deepen"),
    "smoothing": ({"smooth_iterations": 30}, "smooth"),
    "clearance": ({"clearance_mm": 1.0}, "trim"),
    "region of another clearance": (
        {"regions": (RegionSpec(points=((0, 0, 50),), radius_mm=5, clearance_mm=2.0),)},
        "trim",
    ),
    "region of another thickness": (
        {"regions": (RegionSpec(points=((0, 0, 50),), radius_mm=5, thickness_mm=3.0),)},
        "thickness",
    ),
    "region of another bevel": ({"regions": (RegionSpec(name="midline", bevel_deg=20.0),)}, "bevel"),
    "relief": ({"caudal_relief_mm": 2.0}, "border"),
    "bevel": ({"bevel_deg": 20.0}, "bevel"),
    "faces": ({"max_faces": 9_000}, "simplify"),
    "fixation": ({"fixation": FixationSpec(count=5)}, "fixation"),
    "text": ({"mark": MarkSpec(text="7", size_mm=3.0)}, "mark"),
    "holes": ({"perforation": HOLES}, "perforate"),
    "limit": ({"thickness_max_mm": 5.0}, "check"),
}
#: Changes that are compared with the whole line.
WHOLE: dict[str, dict[str, Any]] = {
    "shape": {"thickness_mm": 3.5, "clearance_mm": 1.0, "bevel_deg": 10.0, "fixation": None},
    "surgery": {
        "mark": MarkSpec(text="7", size_mm=3.0),
        "perforation": HOLES,
        "max_faces": 9_000,
        "fixation": None,
        "material": "titanium",
    },
}


class FirstStepError(Exception):
    """Ends a line at its first step."""


def designed(spec: ImplantSpec) -> Design:
    return design_implant(HEAD.mask(VOXEL_MM), spec=spec, complete=HEAD.mask(VOXEL_MM, whole=True))


def changed(values: dict[str, Any]) -> ImplantSpec:
    return ImplantSpec(**{**vars(SPEC), **values})


@pytest.fixture(scope="module")
def design() -> Design:
    return designed(SPEC)


@pytest.fixture(scope="module")
def case(design: Design, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("steps") / "case"
    design.save(folder)
    return folder


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a design but the report, which tells seconds."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("report.")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def without_seconds(design: Design) -> dict[str, Any]:
    report = {**design.report.to_dict(), "outputs": []}
    for step in report["steps"]:
        step["seconds"] = step["process_peak_mb"] = None
    return report


def test_what_is_loaded_is_what_was_saved(design, case):
    loaded = Design.load(case)
    for name in MESHES:
        was, now = getattr(design, name), getattr(loaded, name)
        assert np.array_equal(was.vertices, now.vertices), name
        assert np.array_equal(was.faces, now.faces), name
    pairs = [
        (getattr(design, name), getattr(loaded, name)) for name in ("skull", "missing", "reconstruction")
    ]
    pairs += [*zip(design.deepened, loaded.deepened, strict=True)]
    pairs += [*zip(design.separation.bodies, loaded.separation.bodies, strict=True)]
    for was, now in pairs:
        assert np.array_equal(was.array, now.array)
        assert np.array_equal(was.affine, now.affine)
        assert was.array.dtype == now.array.dtype
    assert loaded.bevelled is loaded.ended
    assert loaded.spec == design.spec
    assert loaded.features == design.features
    assert loaded.fixation.screws == design.fixation.screws
    assert without_seconds(loaded) == without_seconds(design)
    assert np.array_equal(loaded.check.gap_mm, design.check.gap_mm, equal_nan=True)


def test_a_loaded_design_writes_the_same_files(case, tmp_path):
    Design.load(case).save(tmp_path / "again")
    assert bytes_of(tmp_path / "again") == bytes_of(case)


@pytest.mark.parametrize("name", FIRST)
def test_a_change_runs_from_the_first_step_that_it_touches(case, name):
    def stop(step: str) -> None:
        raise FirstStepError(step)

    values, first = FIRST[name]
    with pytest.raises(FirstStepError, match=f"^{first}$"):
        redesign(case, changed(values), progress=stop)


@pytest.mark.parametrize("name", WHOLE)
def test_a_change_gives_the_bytes_of_the_whole_line(case, tmp_path, name):
    spec = changed(WHOLE[name] | ({"regions": regions(tmp_path)} if name == "shape" else {}))
    again, whole = redesign(case, spec), designed(spec)
    for mesh in MESHES:
        was, now = getattr(whole, mesh), getattr(again, mesh)
        assert np.array_equal(was.vertices, now.vertices), mesh
        assert np.array_equal(was.faces, now.faces), mesh
    assert without_seconds(again) == without_seconds(whole)
    if name == "surgery":
        again.save(tmp_path / "again")
        whole.save(tmp_path / "whole")
        assert bytes_of(tmp_path / "again") == bytes_of(tmp_path / "whole")
    else:
        require_regions(again, tmp_path)


def regions(folder: Path) -> tuple[RegionSpec, ...]:
    """Return a thinner region at the middle of the part, and one with more clearance, painted on the bone."""
    mask, axis, front = HEAD.mask(VOXEL_MM), HEAD.axis, np.array([0.0, -1.0, 0.0])
    aside = front - (front @ axis) * axis
    angle = np.radians(HEAD.half_angle_deg)
    ways = np.array([axis, np.cos(angle) * axis + np.sin(angle) * aside / np.linalg.norm(aside)])
    middle, edge = HEAD.radius_mm(ways)[:, None] * ways
    index = np.argwhere(mask.array)
    painted = np.zeros(mask.shape, np.uint8)
    painted[tuple(index[np.linalg.norm(mask.to_mm(index) - edge, axis=1) < 9].T)] = 3
    write_volume(mask.with_array(painted), folder / "painted.nrrd")
    return (
        RegionSpec(points=(tuple(middle.tolist()),), radius_mm=5, thickness_mm=2.5),
        RegionSpec(map=str(folder / "painted.nrrd"), label=3, clearance_mm=2.0),
    )


def require_regions(design: Design, folder: Path) -> None:
    """Require both regions in the part, and a folder that tells no path and can be designed from again."""
    assert design.check.measures["region_1_thickness_median_mm"] == pytest.approx(2.5, abs=0.1)
    assert design.check.measures["region_2_gap_median_mm"] == pytest.approx(2.0, abs=0.4)  # voxels of 1.8 mm
    design.save(folder / "case")
    again = ImplantSpec.read(folder / "case" / "spec.toml")
    assert (again.regions[1].map, again.regions[1].label) == (str(folder / "case" / "region-2.nrrd"), None)
    for name in ("report.json", "steps/steps.json", "spec.toml"):
        assert str(folder) not in (folder / "case" / name).read_text()
    ran: list[str] = []
    for spec in (again, Design.load(folder / "case").spec):
        assert np.array_equal(
            redesign(folder / "case", spec, progress=ran.append).implant.vertices, design.implant.vertices
        )
    assert ran == []


def test_a_design_can_be_saved_without_steps_and_is_then_not_loaded(design, case, tmp_path):
    folder = tmp_path / "case"
    shutil.copytree(case, folder)
    design.save(folder, steps=False, force=True)
    assert set(bytes_of(case)) - set(bytes_of(folder)) == {"steps/arrays.zip", "steps/steps.json"}
    with pytest.raises(FileReadError, match="got no folder steps there: run design again"):
        Design.load(folder)


@pytest.mark.parametrize("name", ["steps.json", "arrays.zip"])
def test_damaged_steps_are_refused(case, tmp_path, name):
    folder = tmp_path / "case"
    shutil.copytree(case, folder)
    data = bytearray((folder / "steps" / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "steps" / name).write_bytes(data)
    with pytest.raises(FileReadError, match=f"steps/{name} as design wrote it"):
        redesign(folder, SPEC)


def test_steps_of_another_program_or_version_are_refused(case, tmp_path):
    folder = tmp_path / "case"
    shutil.copytree(case, folder)
    facts = folder / "steps" / "steps.json"
    told = json.loads(facts.read_text())
    facts.write_text(json.dumps({**told, "schema_version": "9.0"}))
    with pytest.raises(FileReadError, match=r"expected steps of version 1.1, got 9.0"):
        Design.load(folder)
    facts.write_text("{}")
    with pytest.raises(FileReadError, match="got another file: move that folder away"):
        Design.load(folder)


def test_steps_of_someone_else_are_kept_under_another_name(design, case, tmp_path):
    folder = tmp_path / "case"
    shutil.copytree(case, folder)
    (folder / "steps" / "mine.txt").write_text("mine")
    design.save(folder, force=True)
    assert (folder / "earlier-steps" / "mine.txt").read_text() == "mine"
    assert sorted(path.name for path in (folder / "steps").iterdir()) == ["arrays.zip", "steps.json"]


def test_another_number_of_bodies_needs_the_shape_from_elsewhere(case):
    with pytest.raises(InputError, match="which is not kept: run design again"):
        redesign(case, changed({"bodies": 2}))


def test_other_versions_make_the_part_again_and_say_so(case, monkeypatch):
    ran: list[str] = []
    monkeypatch.setattr("meshimplant.design.redesign.installed_versions", lambda: {"numpy": "9"})
    again = redesign(case, changed({"fixation": None}), progress=ran.append)
    assert ran[0] == "deepen"
    (finding,) = [each for each in again.report.findings if each.code == "redesign.versions"]
    assert "numpy" in finding.message
    assert finding.severity == "warning"
