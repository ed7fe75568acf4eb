"""mould: pieces around a known cap, their cavity, walls, bores and how they come off; what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from shapes import box, cap, joined
from theatre_parts import CENTRE, RADIUS, WALL, part, turned_to

from meshimplant.check.check_solid import check_solid
from meshimplant.errors import InputError, MeshError, SpecError
from meshimplant.manufacture.mould import mould
from meshimplant.manufacture.pull import find_pull
from meshimplant.manufacture.release import collision
from meshimplant.mesh.convert import join_meshes, new_mesh, to_manifold
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.rays import RayCaster
from meshimplant.spec.mould_spec import MouldSpec

#: The parietal cap's axis: by symmetry the direction of pull.
AXIS = turned_to([1.0, 0.3, 0.6])[:, 2]
KINDS = ("springform", "two-part", "positive")


@pytest.fixture(scope="module")
def body():
    return part(edge_mm=4.0).mesh


@pytest.fixture(scope="module")
def moulds(body):
    return {kind: mould(body, MouldSpec(kind=kind, label="12-7")) for kind in KINDS}


@pytest.fixture(scope="module")
def plug_with_notch():
    """A plate of 40 mm with a ledge all around, 2 mm deep, whose lower side rises by 45 degrees."""
    profile = [(0, 0), (20, 0), (20, 3), (18, 5), (22, 5), (22, 8), (0, 8)]
    import manifold3d

    from meshimplant.mesh.convert import from_manifold

    return from_manifold(manifold3d.Manifold.revolve(manifold3d.CrossSection([profile]), 64))


def test_a_cap_is_pulled_along_its_axis_with_the_draft_of_its_radial_border(body):
    pull = find_pull(body)
    assert np.degrees(np.arccos(pull.direction @ AXIS)) < 1.5
    assert (pull.undercut_mm, pull.undercut_at_mm) == (0, None)
    assert find_pull(body, direction=AXIS).draft_deg == pytest.approx(30, abs=0.3)
    tilted = trimesh.transformations.rotation_matrix(np.radians(20), np.cross(AXIS, [0, 0, 1]))[:3, :3] @ AXIS
    assert find_pull(body, direction=tilted).draft_deg == pytest.approx(10, abs=0.6)


@pytest.mark.parametrize("kind", KINDS)
def test_each_piece_is_a_solid_with_a_flat_base_on_the_bed(moulds, kind):
    made = moulds[kind]
    assert made.findings == ()
    for name, piece in made.printed.items():
        assert check_solid(piece).findings == (), name
        assert piece.bounds[0, 2] == pytest.approx(0, abs=1e-6)
        flat = (np.abs(piece.triangles[:, :, 2]) < 1e-6).all(axis=1)
        assert piece.area_faces[flat].sum() > 500
        assert piece.volume == pytest.approx(made.measures["mould_volumes_mm3"][name], rel=1e-6)
        assert made.pieces[name].volume == pytest.approx(piece.volume, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_cavity_is_the_part(moulds, body, kind):
    made = moulds[kind]
    away = distances_mm(body.triangles_center, join_meshes(list(made.pieces.values())))
    assert np.percentile(away, 95) < 0.01
    assert made.measures["mould_deviation_p99_mm"] < 0.05
    if kind != "positive":
        assert made.measures["mould_wall_min_mm"] == pytest.approx(5, abs=0.01)
        assert made.measures["mould_cement_mm3"] > body.volume


@pytest.mark.parametrize("kind", ["springform", "two-part"])
def test_the_pieces_come_off_the_part_and_each_other_step_by_step(moulds, body, kind):
    pieces = {name: to_manifold(piece) for name, piece in moulds[kind].pieces.items()}
    solid, pull = to_manifold(body), moulds[kind].pull.direction
    left = [solid, *pieces.values()]
    for name in ("mould-inner", "mould-ring", "mould-outer"):
        if name not in pieces:
            continue
        left = [each for each in left if each is not pieces[name]]
        way = pull if name == "mould-outer" else -pull
        for moved in np.arange(0.5, 40.1, 0.5):
            there = pieces[name].translate((moved * way).tolist())
            assert sum((there ^ each).volume() for each in left) < 0.05, (name, moved)
        # The other way it is stopped.
        back = pieces[name].translate((-1.0 * way).tolist())
        assert sum((back ^ each).volume() for each in left) > 10


def test_a_two_part_mould_has_channel_vents_pins_and_a_groove(moulds):
    inner, outer = (to_manifold(moulds["two-part"].pieces[f"mould-{name}"]) for name in ("inner", "outer"))
    # Channel and four vents go through the inner half; the sockets end in it.
    assert (inner.genus(), outer.genus()) == (5, 0)
    gap = inner.min_gap(outer, 1.0)
    assert gap == pytest.approx(0, abs=1e-6)
    # The highest places of the bowl are the edge of its inner surface: the vents lie there.
    holes = moulds["two-part"].printed["mould-inner"].section([0, 0, 1], [0, 0, 0.5])
    loops = [loop for loop in holes.discrete if np.ptp(loop, axis=0).max() < 12]
    widths = sorted(float(np.ptp(loop, axis=0)[:2].max()) for loop in loops if np.ptp(loop, axis=0).max() < 9)
    assert sum(abs(width - 3) < 0.1 for width in widths) >= 4
    assert sum(abs(width - 8) < 0.15 for width in widths) == 1


def test_the_ring_ends_at_the_edge_of_the_inner_surface(moulds):
    ring = moulds["springform"].pieces["mould-ring"]
    local = (np.asarray(ring.vertices) - CENTRE) @ turned_to([1.0, 0.3, 0.6])
    edge = (RADIUS - WALL) * np.cos(np.radians(30))
    assert local[:, 2].min() == pytest.approx(edge, abs=0.1)


def test_the_cavity_is_larger_by_what_the_casting_shrinks(body):
    percent = {"shrinkage_l_percent": 1, "shrinkage_p_percent": 2, "shrinkage_s_percent": 4}
    made = mould(body, MouldSpec(kind="positive", **percent))
    grown = made.measures["mould_cement_mm3"] / body.volume
    assert grown == pytest.approx(1 / (0.99 * 0.98 * 0.96), rel=1e-6)


def test_a_ledge_is_refused_with_its_place_and_the_angle_that_is_missing(plug_with_notch):
    # The ledge's upper side, at 45 degrees, faces its lower side: neither half leaves the notch.
    pull = find_pull(plug_with_notch, direction=(0, 0, 1), inside_mm=(0, 0, -100))
    assert pull.undercut_mm == pytest.approx(2, abs=0.2)
    assert pull.undercut_deg == pytest.approx(45, abs=3)
    assert np.hypot(*pull.undercut_at_mm[:2]) == pytest.approx(19, abs=1.1)
    with pytest.raises(MeshError, match=r"grip behind themselves at \(.*: 4[5-9]\.\d degrees are missing"):
        mould(plug_with_notch, direction=(0, 0, 1), inside_mm=(0, 0, -100))


def test_too_little_draft_is_refused_unless_less_is_asked_for(body):
    tilted = trimesh.transformations.rotation_matrix(np.radians(25), np.cross(AXIS, [0, 0, 1]))[:3, :3] @ AXIS
    with pytest.raises(MeshError, match=r"got [45]\.\d at .* [34]\.\d degrees are missing"):
        mould(body, MouldSpec(kind="two-part", draft_deg=8), direction=tilted)


def test_a_mould_too_large_for_the_bed_says_by_how_much(body):
    made = mould(body, MouldSpec(kind="positive", bed_x_mm=60))
    (finding,) = made.findings
    assert (finding.code, finding.severity) == ("mould.bed", "warning")
    assert finding.value == pytest.approx(min(made.printed["mould-positive"].extents[:2]) - 60, abs=0.01)


def test_a_collision_is_found_and_contact_is_none():
    lid, pin = box((20, 20, 4), (0, 0, 10)).mesh, box((4, 4, 4), (0, 0, 6)).mesh
    assert collision(pin, lid, np.array([0, 0, -1.0])).area_mm2 == 0
    met = collision(pin, lid, np.array([0, 0, 1.0]))
    assert met.area_mm2 > 16
    assert np.abs(met.place_mm).max() < 12


def test_the_letters_are_cut_into_the_base(moulds):
    for piece in moulds["two-part"].printed.values():
        rays = RayCaster(piece)
        places = np.stack(np.meshgrid(np.arange(-25, 25, 0.4), np.arange(-12, 12, 0.4)), -1).reshape(-1, 2)
        start = np.column_stack([places, np.full(len(places), -5.0)])
        height = rays.first(start, np.broadcast_to([0, 0, 1.0], start.shape))[0] - 5
        assert (np.abs(height - 0.6) < 1e-3).sum() > 50


def test_the_same_part_gives_the_same_pieces(body, moulds):
    again = mould(body, MouldSpec(kind="positive", label="12-7"))
    for name, piece in again.pieces.items():
        np.testing.assert_array_equal(piece.vertices, moulds["positive"].pieces[name].vertices)


def test_what_cannot_be_moulded_is_refused(body):
    with pytest.raises(InputError, match="direction of pull"):
        mould(body, direction=(0, 0, 0))
    with pytest.raises(MeshError, match="one body without holes"):
        mould(joined(body, cap(60, 4, 20).mesh))
    opened = new_mesh(body.vertices, body.faces[1:])
    with pytest.raises(MeshError, match="closed"):
        mould(opened)
    with pytest.raises(SpecError, match="letters A to Z"):
        MouldSpec(label="Ä")
