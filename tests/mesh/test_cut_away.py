"""Cutting leaves vertices away from the cut unchanged; volumes are those of the bodies."""

from __future__ import annotations

import numpy as np
import trimesh

from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.cut_away import _among, cut_away


def test_points_are_matched_only_if_equal_to_the_last_bit() -> None:
    known = np.random.default_rng(0).normal(size=(20_000, 3))
    known[0], known[1] = (0.0, -0.0, 1.0), known[2]
    nudged = known[5:8].copy()
    nudged[range(3), range(3)] = np.nextafter(nudged[range(3), range(3)], 9)
    swapped = known[9:10, ::-1]
    asked = np.concatenate([known[::-1], [[-0.0, 0.0, 1.0]], nudged, swapped, [[0.0, 0.0, 0.0]]])
    found = _among(asked, known)
    assert found[: len(known) + 1].all()
    assert not found[len(known) + 1 :].any()
    assert not _among(asked, np.empty((0, 3))).any()
    assert len(_among(np.empty((0, 3)), known)) == 0


def test_vertices_away_from_the_cut_are_unchanged_to_the_last_bit() -> None:
    body = trimesh.creation.icosphere(subdivisions=4, radius=10.0)
    tool = trimesh.creation.box((4.0, 40.0, 40.0))
    tool.apply_translation((9.5, 0.3, 0.2))
    cut = cut_away(body, tool).mesh
    kept = {tuple(point) for point in np.asarray(body.vertices) if point[0] < 7.4}
    assert kept <= {tuple(point) for point in np.asarray(cut.vertices)}
    assert enclosed_mm3(cut) < enclosed_mm3(body)


def test_the_enclosed_volume_is_that_of_the_body_and_negative_if_wound_inward() -> None:
    box = trimesh.creation.box((2.0, 3.0, 4.0))
    box.apply_translation((1000.0, -500.0, 70.0))
    assert abs(enclosed_mm3(box) - 24) < 1e-9
    box.invert()
    assert abs(enclosed_mm3(box) + 24) < 1e-9
