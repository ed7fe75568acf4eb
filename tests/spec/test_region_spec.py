"""The tables of regions: one kind of place each, something prescribed there, no step in the wall."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from meshimplant.errors import SpecError
from meshimplant.spec.edits import changed_spec
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.spec.region_spec import RegionSpec, blends_mm

PLACE = ((10.0, -20.0, 70.5),)
POINT = RegionSpec(points=PLACE, radius_mm=5, thickness_mm=5.0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"thickness_mm": 3}, "one of name, points and map, got none of them"),
        ({"name": "temporal", "map": "a.nrrd", "thickness_mm": 3}, "got name and map"),
        ({"name": "temporal"}, "set one of thickness_mm, clearance_mm, bevel_deg, got none"),
        ({"name": "occipital", "thickness_mm": 3}, r"regions\.name to be one of temporal, frontal, midline"),
        ({"points": [[1, 2, 3]], "thickness_mm": 3}, r"regions\.radius_mm with points, got none"),
        ({"points": [[1, 2]], "radius_mm": 5, "thickness_mm": 3}, r"regions\.points to be at least 1 points"),
        (
            {"points": [[1, 2, float("nan")]], "radius_mm": 5, "thickness_mm": 3},
            r"regions\.points to be at least 1 points",
        ),
        ({"points": [], "radius_mm": 5, "thickness_mm": 3}, r"regions\.points to be at least 1 points"),
        ({"points": "abc", "radius_mm": 5, "thickness_mm": 3}, r"regions\.points to be at least 1 points"),
        (
            {"name": "frontal", "radius_mm": 5, "thickness_mm": 3},
            "radius_mm with points only, got it with name",
        ),
        ({"points": [[1, 2, 3]], "radius_mm": 5, "label": 2, "bevel_deg": 3}, "label with map only"),
        ({"name": "frontal", "clearance_mm": 9}, r"regions\.clearance_mm to be a number between 0 and 3"),
        ({"name": "frontal", "clearence_mm": 1}, r"fields of \[regions\].*got clearence_mm"),
    ],
)
def test_a_region_is_one_kind_of_place_with_something_prescribed(values, words):
    with pytest.raises(SpecError, match=words) as raised:
        ImplantSpec.from_dict({"regions": [{"name": "midline", "bevel_deg": 5}, values]})
    assert "number 2" in str(raised.value)


@pytest.mark.parametrize("value", [{"name": "frontal"}, "frontal", ["frontal"], None, [POINT]])
def test_regions_are_a_list_of_tables(value):
    with pytest.raises(SpecError, match=r"regions to be a list of tables, written as \[\[regions\]\]"):
        ImplantSpec(regions=value)


def test_toml_and_json_come_back_as_they_were_in_their_order(tmp_path):
    named = RegionSpec(name="temporal", thickness_mm=2.5, clearance_mm=1.5, blend_mm=12.0)
    spec = ImplantSpec(regions=(POINT, named))
    (tmp_path / "s.toml").write_text(spec.to_toml())
    (tmp_path / "s.json").write_text(json.dumps(spec.to_dict()))
    assert ImplantSpec.read(tmp_path / "s.toml") == spec == ImplantSpec.read(tmp_path / "s.json")
    read = tomllib.loads(spec.to_toml())["regions"]
    assert read[0] == {"points": [[10.0, -20.0, 70.5]], "radius_mm": 5, "thickness_mm": 5.0}
    assert read[1]["name"] == "temporal"
    assert "regions" not in ImplantSpec().to_toml()
    assert ImplantSpec().to_dict()["regions"] == []


def test_a_map_is_found_beside_the_prescription(tmp_path):
    (tmp_path / "s.toml").write_text('[[regions]]\nmap = "paint/scalp.nrrd"\nthickness_mm = 3\n')
    (region,) = ImplantSpec.read(tmp_path / "s.toml").regions
    assert Path(region.map) == tmp_path / "paint" / "scalp.nrrd"


def test_the_thickness_of_a_region_keeps_the_limits_of_the_prescription():
    with pytest.raises(SpecError, match=r"2 <= 7 <= 6 \(in \[\[regions\]\] number 1\)"):
        ImplantSpec(regions=(RegionSpec(name="frontal", thickness_mm=7.0),))


def test_the_wall_rises_by_less_than_23_degrees_around_a_region():
    thick = RegionSpec(name="frontal", thickness_mm=6.0)
    thin = RegionSpec(name="temporal", thickness_mm=2.0)
    assert blends_mm(4.0, (RegionSpec(name="midline", clearance_mm=2.0), POINT)) == [8.0, 8.0]
    # Steepest slope of a smooth step over d mm: 1.5 x change / d.
    assert blends_mm(3.0, (thick, thin)) == pytest.approx([1.5 * 3 / 0.43, 1.5 * 4 / 0.43])
    with pytest.raises(SpecError, match=r"blend_mm of at least 7\.0 mm.*5 mm beside 3 mm.*number 1"):
        ImplantSpec(thickness_mm=3, regions=(POINT.with_values(blend_mm=5.0),))
    assert ImplantSpec(thickness_mm=3, regions=(POINT.with_values(blend_mm=7.0),)).regions[0].blend_mm == 7


def test_an_edit_sets_regions_but_brings_no_map_of_its_own():
    values = {"regions": [POINT.to_dict(), {"map": "region-1.nrrd", "clearance_mm": 2.0}]}
    changed = changed_spec(ImplantSpec(), values)
    assert [region.kind for region in changed.regions] == ["points", "map"]
    values["regions"][1]["map"] = "/home/someone/paint.nrrd"
    with pytest.raises(SpecError, match=r"a map that the design has, such as region-1\.nrrd.*--spec"):
        changed_spec(ImplantSpec(), values)
