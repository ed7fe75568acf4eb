"""The prescription: every field in range, every unknown key refused, text and back."""

from __future__ import annotations

import json
import tomllib
from dataclasses import FrozenInstanceError

import pytest

from meshimplant.errors import FileReadError, SpecError
from meshimplant.spec.fixation_spec import FixationSpec
from meshimplant.spec.implant_spec import (
    MATERIALS_MIN_THICKNESS_MM,
    ImplantSpec,
    field_meanings,
    field_ranges,
)
from meshimplant.spec.mould_spec import MouldSpec
from meshimplant.spec.spec_table import without_none

RANGES = {name: limits for name, limits in field_ranges().items() if limits is not None}
UNSTATED = {name for name in RANGES if getattr(ImplantSpec(), name) is None}


def test_defaults_are_valid_and_lie_within_the_documented_ranges():
    spec = ImplantSpec()
    for name, (low, high) in RANGES.items():
        assert name in UNSTATED or low <= getattr(spec, name) <= high
    assert {"bodies", "border_radius_mm", "lip_mm"} == UNSTATED
    assert spec.part_count == 1
    assert spec.thickness_min_mm >= MATERIALS_MIN_THICKNESS_MM[spec.material]
    assert set(RANGES) | {"material", "process"} == set(field_meanings())


@pytest.mark.parametrize(("name", "low", "high"), [(name, *limits) for name, limits in RANGES.items()])
def test_each_limit_holds_and_just_beyond_is_refused(name, low, high):
    wide = {"thickness_min_mm": 0.3, "thickness_max_mm": 25.0, "thickness_mm": 1.0, "material": "titanium"}
    for value in (low, high):
        values = wide | {name: value}
        if name.startswith("thickness"):  # keep min <= thickness <= max
            values = {"thickness_min_mm": 0.3, "thickness_mm": value, "thickness_max_mm": 25.0}
            values |= {
                "thickness_mm": max(value, 0.5) if name == "thickness_min_mm" else min(value, 15.0)
            } | {name: value}
        assert getattr(ImplantSpec(**values), name) == value
    for value in (
        low - 0.01 if isinstance(low, float) else low - 1,
        high + 1,
        float("nan"),
        True,
        "4",
        *([] if name in UNSTATED else [None]),
    ):
        with pytest.raises(SpecError, match=name):
            ImplantSpec(**(wide | {name: value}))


@pytest.mark.parametrize(("least", "asked", "most"), [(4.5, 4.0, 6.0), (2.0, 7.0, 6.0), (5.0, 5.0, 4.0)])
def test_thickness_must_lie_between_its_limits(least, asked, most):
    with pytest.raises(SpecError, match="thickness_min_mm <= thickness_mm <= thickness_max_mm"):
        ImplantSpec(thickness_min_mm=least, thickness_mm=asked, thickness_max_mm=most)


@pytest.mark.parametrize("name", ["bodies", "max_faces", "smooth_iterations"])
def test_counts_are_whole_numbers(name):
    with pytest.raises(SpecError, match=f"{name} to be a whole number"):
        ImplantSpec(**{name: (getattr(ImplantSpec(), name) or 1) + 0.5})


def test_the_number_of_bodies_is_one_unless_stated_and_stays_unstated_in_a_file(tmp_path):
    assert (ImplantSpec().bodies, ImplantSpec().part_count, ImplantSpec(bodies=2).part_count) == (None, 1, 2)
    (tmp_path / "spec.toml").write_text(ImplantSpec().to_toml())
    assert ImplantSpec.read(tmp_path / "spec.toml").bodies is None


def test_unknown_materials_and_keys_are_refused_by_name():
    with pytest.raises(SpecError, match=r"PEEK.*got 'steel'"):
        ImplantSpec(material="steel")
    with pytest.raises(SpecError, match="material"):
        ImplantSpec(material=["PEEK"])
    with pytest.raises(SpecError, match="got colour, thicknes_mm"):
        ImplantSpec.from_dict({"thicknes_mm": 4, "colour": "white"})
    with pytest.raises(SpecError, match="got gap"):
        ImplantSpec().with_values(gap=1)


def test_with_values_replaces_what_is_given_checks_it_and_leaves_the_rest():
    spec = ImplantSpec(clearance_mm=0.5)
    changed = spec.with_values(thickness_mm=3.0, material=None)
    assert (changed.thickness_mm, changed.material, changed.clearance_mm) == (3.0, "PEEK", 0.5)
    assert spec == ImplantSpec(clearance_mm=0.5)
    with pytest.raises(SpecError, match="clearance_mm"):
        spec.with_values(clearance_mm=9)
    with pytest.raises(FrozenInstanceError):
        spec.thickness_mm = 5


def test_toml_and_json_files_come_back_as_they_were(tmp_path):
    spec = ImplantSpec(thickness_mm=3.5, thickness_max_mm=5.0, material="titanium", bodies=2)
    (tmp_path / "s.toml").write_text(spec.to_toml())
    (tmp_path / "s.json").write_text(json.dumps(spec.to_dict()))
    assert ImplantSpec.read(tmp_path / "s.toml") == spec == ImplantSpec.read(str(tmp_path / "s.json"))
    assert tomllib.loads(spec.to_toml()) == without_none(spec.to_dict())


def test_a_partial_file_takes_the_defaults_for_the_rest(tmp_path):
    (tmp_path / "s.toml").write_text("clearance_mm = 1\n")
    assert ImplantSpec.read(tmp_path / "s.toml") == ImplantSpec(clearance_mm=1)


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("no.toml", None, FileReadError, "does not exist"),
        ("s.toml", b"clearance_mm = ", FileReadError, "TOML or JSON"),
        ("s.json", b"{", FileReadError, "TOML or JSON"),
        ("s.toml", b"\xff\xfe\x00", FileReadError, "TOML or JSON"),
        ("s.json", b"[1]", SpecError, "a table"),
        ("s.toml", b"clearence_mm = 1", SpecError, "clearence_mm"),
        ("s.toml", b"clearance_mm = 99", SpecError, "clearance_mm"),
    ],
)
def test_broken_files_are_named(tmp_path, name, content, error, words):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=words):
        ImplantSpec.read(tmp_path / name)


def test_a_folder_is_not_a_spec(tmp_path):
    with pytest.raises(FileReadError):
        ImplantSpec.read(tmp_path)


def test_a_lip_needs_titanium_and_room():
    assert ImplantSpec(material="titanium", lip_mm=5.0, fixation=FixationSpec("tabs")).lip_thickness_mm == 1.0
    with pytest.raises(SpecError, match=r"material titanium with lip_mm, got PEEK"):
        ImplantSpec(lip_mm=5.0)
    for style in ("plates", "tangential"):
        with pytest.raises(SpecError, match=f"tabs with lip_mm, got {style}"):
            ImplantSpec(material="titanium", lip_mm=5.0, fixation=FixationSpec(style))
    with pytest.raises(SpecError, match="no mould with lip_mm"):
        ImplantSpec(material="titanium", lip_mm=5.0, mould=MouldSpec())
