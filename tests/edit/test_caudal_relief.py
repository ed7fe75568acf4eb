"""The relief along the lower edge at the temple: made there only, and named by the check."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from free_parts import bone_of, disc, in_site, moved, on_map, part_of

from meshimplant.check.check_fit import check_fit
from meshimplant.edit.end_free_border import end_free_border
from meshimplant.errors import InputError
from meshimplant.implant.site import Site
from meshimplant.spec.implant_spec import ImplantSpec

#: Turns the dome to the patient's left: its pole to x, the map's y up.
TO_THE_LEFT = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
HEAD_MM = np.array([20.0, -30.0, 50.0])


@pytest.fixture(scope="module")
def temple() -> tuple[trimesh.Trimesh, Site]:
    """A part at the temple with bone all around."""
    return moved(part_of(disc), bone_of(everywhere=True), TO_THE_LEFT, HEAD_MM)


@pytest.fixture(scope="module")
def relieved(temple: tuple[trimesh.Trimesh, Site]) -> trimesh.Trimesh:
    mesh, site = temple
    return end_free_border(mesh, site, caudal_relief_mm=3.0).mesh


def _on_map(mesh: trimesh.Trimesh) -> tuple[np.ndarray, ...]:
    return on_map((np.asarray(mesh.vertices) - HEAD_MM) @ TO_THE_LEFT)


def test_the_lower_edge_is_kept_back_and_no_other(
    temple: tuple[trimesh.Trimesh, Site], relieved: trimesh.Trimesh
) -> None:
    before, after = _on_map(temple[0]), _on_map(relieved)
    lowest = [y[np.abs(x) < 5].min() for x, y, _ in (before, after)]
    assert lowest[1] - lowest[0] == pytest.approx(3.0, abs=0.4)
    assert relieved.is_volume
    upper = {tuple(v) for v in np.asarray(temple[0].vertices)[before[1] > 0]}
    assert upper <= {tuple(v) for v in np.asarray(relieved.vertices)}


def test_a_part_on_top_of_the_head_has_no_such_edge() -> None:
    part = part_of(disc)
    site = in_site(part, everywhere=True)
    assert end_free_border(part, site, caudal_relief_mm=3.0).mesh is part


def test_the_check_names_it_and_leaves_it_out_of_the_gap(
    temple: tuple[trimesh.Trimesh, Site], relieved: trimesh.Trimesh
) -> None:
    told = check_fit(relieved, temple[1], spec=ImplantSpec(caudal_relief_mm=3.0))
    untold = check_fit(relieved, temple[1])
    assert told.measures["gap_excludes"] == ["border.relief"]
    assert told.measures["gap_p95_mm"] < 2.0 < 2.5 < untold.measures["gap_p95_mm"]
    assert 20 < told.measures["border_relief_mm"] < 70
    assert untold.measures["border_relief_mm"] == 0
    (finding,) = (finding for finding in told.findings if finding.code == "border.relief")
    x, y, _ = on_map((np.array(finding.location_mm) - HEAD_MM) @ TO_THE_LEFT)
    assert finding.severity == "info"
    assert abs(x) < 8
    assert y < -20


@pytest.mark.parametrize("relief_mm", [-1.0, 10.5])
def test_a_relief_out_of_range_is_refused(temple: tuple[trimesh.Trimesh, Site], relief_mm: float) -> None:
    with pytest.raises(InputError, match="caudal relief of 0 to 10 mm"):
        end_free_border(*temple, caudal_relief_mm=relief_mm)
