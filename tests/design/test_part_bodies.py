"""A part of several bodies: a file, an object and measures for each; a part of one stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
from shapes import cap, joined

from meshimplant.check.check_part import check_part
from meshimplant.design.part_bodies import measure_bodies
from meshimplant.design.print_files import PrintLabels, write_part
from meshimplant.io.meshes import read_mesh, write_mesh
from meshimplant.mesh.bodies import connected_meshes
from meshimplant.spec.implant_spec import ImplantSpec

SMALL = cap(80, 3, 12, edge_mm=2.5).moved(np.diag([-1.0, 1.0, -1.0])).mesh
LARGE = cap(80, 4, 20, edge_mm=2.5).mesh
LABELS = PrintLabels("", "PEEK", {})


def test_each_body_is_a_file_and_an_object_the_largest_first(tmp_path):
    write_part(joined(SMALL, LARGE), tmp_path, labels=LABELS)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("implant-1.stl", "implant-2.stl", "implant.3mf", "implant.stl"),
    ]
    volumes = [read_mesh(tmp_path / f"implant-{number}.stl").volume for number in (1, 2)]
    assert volumes == pytest.approx([LARGE.volume, SMALL.volume], rel=1e-5)
    objects = connected_meshes(read_mesh(tmp_path / "implant.3mf"))
    assert [each.volume for each in objects] == pytest.approx(volumes, rel=1e-5)


def test_each_body_has_measures_of_its_own():
    both = joined(SMALL, LARGE)
    measures = measure_bodies(both, check_part(both, spec=ImplantSpec(bodies=2), inside_mm=(0, 0, 0)))
    assert measures["body_volumes_mm3"] == pytest.approx([LARGE.volume, SMALL.volume])
    assert measures["body_thicknesses_median_mm"] == pytest.approx([4, 3], abs=0.05)
    assert measures["body_gaps_p95_mm"] == [None, None]
    np.testing.assert_allclose(measures["body_extents_mm"][1], np.ptp(SMALL.vertices, axis=0))


def test_a_part_of_one_body_has_the_files_it_had(tmp_path):
    write_part(LARGE, tmp_path, labels=LABELS)
    write_mesh(LARGE, tmp_path / "alone.stl")
    assert (tmp_path / "implant.stl").read_bytes() == (tmp_path / "alone.stl").read_bytes()
    assert sorted(path.name for path in tmp_path.glob("implant*")) == ["implant.3mf", "implant.stl"]
    assert measure_bodies(LARGE, check_part(LARGE)) == {}
