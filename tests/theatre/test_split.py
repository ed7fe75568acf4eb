"""split: pieces of a known cap, their gap and lips, the order in which they go in, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import trimesh
from shapes import box, cap, joined, oblique, random_rotation, sphere

from meshimplant.check.check_solid import check_solid
from meshimplant.errors import InputError, MeshError
from meshimplant.mesh.convert import to_manifold
from meshimplant.mesh.rays import RayCaster
from meshimplant.theatre.split import Split, split

RADIUS_MM, WALL_MM, SHIFT_MM = 80.0, 4.0, (120, -250, 400)
#: Vertex, parietal, frontal and temporal place of the cap on a head.
PLACES = {
    "vertex": np.eye(3),
    "parietal": trimesh.transformations.rotation_matrix(np.radians(50), (0, 1, 0))[:3, :3],
    "frontal": trimesh.transformations.rotation_matrix(np.radians(70), (1, 0, 0))[:3, :3],
    "oblique": oblique() @ random_rotation(3),
}


def part(turn=None, half_angle_deg=34.0, thickness_mm=WALL_MM):
    turn = np.eye(3) if turn is None else turn
    body = cap(RADIUS_MM, thickness_mm, half_angle_deg, edge_mm=2.5)
    return body.moved(turn, SHIFT_MM).mesh


def gap_mm(pieces: Split) -> list[float]:
    solids = [to_manifold(piece) for piece in pieces.pieces]
    return [first.min_gap(second, 3.0) for first, second in pairwise(solids)]


def heights_at_the_top(piece):
    """Heights above the sphere's centre at which rays from above and from below first meet a piece."""
    heights = []
    for side in (1.0, -1.0):
        start = np.add(SHIFT_MM, (0.01, 0.02, side * 2 * RADIUS_MM))
        distance = RayCaster(piece).first([start], [(0, 0, -side)])[0][0]
        heights.append(side * (2 * RADIUS_MM - distance))
    return heights


@pytest.mark.parametrize(
    ("place", "joint"),
    [*((place, "stepped") for place in PLACES), ("oblique", "dovetail"), ("oblique", "plain")],
)
def test_two_solid_pieces_keep_their_gap_and_lose_only_it(place, joint):
    whole = part(PLACES[place])
    result = split(whole, joint=joint)
    assert not result.findings
    assert [check_solid(piece).findings for piece in result.pieces] == [(), ()]
    assert gap_mm(result) == [pytest.approx(0.2, abs=0.02)]
    # The gap is a sheet of 0.2 mm, as long as the part is wide, and longer where the joint winds.
    width = 2 * RADIUS_MM * np.sin(np.radians(34))
    lost = whole.volume - sum(piece.volume for piece in result.pieces)
    least = width * WALL_MM * 0.2
    assert least * 0.95 < lost < 3 * least


def test_the_pieces_of_a_plain_joint_are_halves():
    result = split(part(PLACES["oblique"]), joint="plain", gap_mm=0)
    first, second = (piece.volume for piece in result.pieces)
    assert first == pytest.approx(second, rel=2e-3)
    assert first + second == pytest.approx(part().volume, rel=1e-4)


def test_a_plane_puts_the_first_piece_below_it():
    whole = part()
    point = np.add(SHIFT_MM, (10, 0, RADIUS_MM))
    result = split(whole, point_mm=point, normal=(1, 0, 0), joint="plain")
    assert result.pieces[0].bounds[1, 0] == pytest.approx(point[0] - 0.1, abs=1e-6)
    assert result.pieces[1].bounds[0, 0] == pytest.approx(point[0] + 0.1, abs=1e-6)
    turned = split(whole, point_mm=point, normal=(-1, 0, 0), joint="plain")
    assert turned.pieces[0].bounds[0, 0] == pytest.approx(point[0] + 0.1, abs=1e-6)


def test_the_lips_of_a_step_overlap_by_4_mm_and_share_the_wall():
    whole = part()
    result = split(whole, point_mm=np.add(SHIFT_MM, (0, 0, RADIUS_MM)), normal=(1, 0, 0))
    first, second = result.pieces
    assert first.bounds[1, 0] - SHIFT_MM[0] == pytest.approx(2 - 0.1, abs=1e-6)
    assert second.bounds[0, 0] - SHIFT_MM[0] == pytest.approx(-2 + 0.1, abs=1e-6)
    assert result.lip_mm == pytest.approx(WALL_MM / 2 - 0.1, abs=0.1)
    middle = RADIUS_MM - WALL_MM / 2
    assert heights_at_the_top(first) == pytest.approx([middle - 0.1, RADIUS_MM - WALL_MM], abs=0.05)
    assert heights_at_the_top(second) == pytest.approx([RADIUS_MM, middle + 0.1], abs=0.05)


def test_three_pieces_come_off_one_after_the_other():
    result = split(part(PLACES["parietal"]), pieces=3)
    assert len(result.pieces) == len(result.directions) == 3
    assert not result.findings
    assert gap_mm(result) == pytest.approx([0.2, 0.2], abs=0.02)
    solids = [to_manifold(piece) for piece in result.pieces]
    for number in (1, 2):
        before = solids[0] if number == 1 else solids[0] + solids[1]
        for moved in (0.0, 1.0, 5.0):
            there = solids[number].translate((moved * result.directions[number]).tolist())
            assert (before ^ there).volume() < 0.01
        # The other way it is stopped by the ledge beneath it.
        below = solids[number].translate((-1.0 * result.directions[number]).tolist())
        assert (before ^ below).volume() > 10


def test_a_curve_is_followed():
    along = np.linspace(-40, 40, 30)
    across = 6 * np.sin(along / 12)
    curve = np.stack([across, along, np.sqrt(RADIUS_MM**2 - across**2 - along**2)], axis=1) + SHIFT_MM
    result = split(part(), curve_mm=curve, joint="plain")
    for piece in result.pieces:
        local = np.asarray(piece.vertices) - SHIFT_MM
        outer = np.linalg.norm(local, axis=1) > RADIUS_MM - 0.05  # the walls run along one direction
        local = local[outer & (np.abs(local[:, 1]) < 38)]
        beside = local[:, 0] - np.interp(local[:, 1], along, across)
        near = np.abs(beside) < 1
        assert near.any()
        assert np.abs(beside[near]).min() == pytest.approx(0.1, abs=0.03)
        assert (np.sign(beside) == np.sign(np.median(beside))).all()


def test_a_piece_that_bone_stops_is_told_with_its_number():
    whole = part()
    step = np.array([30.0, 0.0, 0.0])
    ball = sphere(4.0, np.add(SHIFT_MM, (0, 0, RADIUS_MM + 8)) + step)
    result = split(whole, skull=ball.mask(1.0, margin_mm=30.0), inside_mm=SHIFT_MM)
    (finding,) = result.findings
    assert finding.code == "insertion.blocked"
    sides = [np.mean(piece.vertices, axis=0) @ step for piece in result.pieces]
    assert finding.message.startswith(f"Piece {int(np.argmax(sides)) + 1}:")


def test_a_thin_lip_is_a_warning_with_its_place():
    result = split(part(thickness_mm=2.0))
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("split.thin_lip", "warning")
    assert finding.value == pytest.approx(0.9, abs=0.1)
    outward = np.subtract(finding.location_mm, SHIFT_MM)
    assert np.linalg.norm(outward) > 50


def test_the_same_part_gives_the_same_pieces():
    first, second = (split(part(PLACES["oblique"]), joint="dovetail").pieces for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.vertices, other.vertices)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"pieces": 4}, InputError, "expected 2 pieces"),
        ({"point_mm": (0, 0, 0)}, InputError, "give both"),
        ({"normal": (0, 0, 1)}, InputError, "give both"),
        ({"point_mm": SHIFT_MM, "normal": (0, 0, 0)}, InputError, "normal with a length"),
        ({"point_mm": SHIFT_MM, "normal": (1, 0, np.nan)}, InputError, "three numbers"),
        ({"point_mm": (0, 0, 0), "normal": (1, 0, 0)}, MeshError, "misses"),
        ({"point_mm": np.add(SHIFT_MM, (0, 0, 79)), "normal": (0, 0, 1)}, MeshError, "leans by 90 degrees"),
        ({"curve_mm": [(0, 0, 0)]}, InputError, "two or more points"),
        ({"curve_mm": [(0, 0, 0), (1, 0, 0)]}, InputError, "draw it across"),
        ({"joint": "glued"}, InputError, "glued"),
        ({"gap_mm": 3}, InputError, "0 to 1 mm"),
    ],
)
def test_what_cannot_be_split_is_refused_with_the_reason(arguments, error, words):
    with pytest.raises(error, match=words):
        split(part(), **arguments)


def test_a_seam_that_cuts_off_a_third_piece_is_refused():
    # Two caps in one file: the plane leaves both of their halves on each side.
    two = joined(part(), cap(RADIUS_MM, WALL_MM, 15).moved(np.eye(3), np.add(SHIFT_MM, (0, 0, 30))).mesh)
    with pytest.raises(MeshError, match="a further one"):
        split(two, point_mm=np.add(SHIFT_MM, (0, 0, RADIUS_MM)), normal=(1, 0, 0), joint="plain")
    with pytest.raises(MeshError, match="33 mm or more for a dovetail"):
        split(part(half_angle_deg=8), joint="dovetail")


def test_a_crumb_that_belongs_to_no_piece_is_told():
    crumb = box((2, 2, 2), np.add(SHIFT_MM, (-8, 0, RADIUS_MM + 6))).mesh
    plane = {"point_mm": np.add(SHIFT_MM, (0, 0, RADIUS_MM)), "normal": (1, 0, 0)}
    assert split(part(), joint="plain", **plane).dropped_mm3 == 0
    assert split(joined(part(), crumb), joint="plain", **plane).dropped_mm3 == pytest.approx(8, rel=1e-3)


def test_an_open_mesh_is_refused():
    whole = part()
    whole.update_faces(np.arange(len(whole.faces)) != 5)
    with pytest.raises(MeshError, match="closed"):
        split(whole)
