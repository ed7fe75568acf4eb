"""separate picks the right body out of the debris, with its border intact."""

from __future__ import annotations

import numpy as np
import pytest
from debris import Littered, litter, littered_implant
from scipy import ndimage
from shapes import box, cap, capsule, difference, joined, oblique, random_rotation, sphere, union

from meshimplant.errors import EmptyMaskError, GeometryError, InputError, MeshError
from meshimplant.io.volumes import read_volume
from meshimplant.line.extract import extract
from meshimplant.line.separate import separate
from meshimplant.line.separate_voxels import _component_with
from meshimplant.voxels.grid import bounding_box
from meshimplant.voxels.volume import Volume


@pytest.mark.parametrize("seed", range(20))
def test_twenty_of_twenty_implants_are_separated_from_debris(seed) -> None:
    _assert_separated(littered_implant(seed))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["001", "005", "010", "022"])
def test_a_real_implant_is_separated_from_debris(data_folder, name) -> None:
    implant = read_volume(data_folder / "skullfix" / "implant" / f"{name}.nrrd")
    start, stop = bounding_box(implant.array > 0)
    margin = np.ceil(18 / implant.spacing_mm).astype(int)
    implant = implant.crop(start - margin, stop + margin)
    truth = implant.with_array(implant.array > 0)
    mesh = extract(implant)
    for seed in (0, 1):
        _assert_separated(litter(truth, mesh, np.random.default_rng(seed)))


def test_a_neck_that_cuts_into_the_core_does_not_change_the_choice() -> None:
    body = box((20, 20, 6)).mask(0.5).array > 0
    core = ndimage.binary_erosion(body, iterations=4)
    cut = body.copy()
    cut[tuple(np.argwhere(core)[0])] = False
    assert np.array_equal(_component_with(cut, core), cut)


def _assert_separated(case: Littered) -> None:
    found = separate(case.volume)
    kept = found.bodies[0].array > 0
    voxel = case.volume.voxel_volume_mm3
    assert (kept & ~case.truth).sum() * voxel <= 10
    assert (case.truth & ~kept).sum() <= 0.01 * case.truth.sum()
    listed = sum(piece.volume_mm3 for piece in found.removed)
    assert listed == pytest.approx(((case.volume.array > 0) & ~kept).sum() * voxel, rel=1e-6)


@pytest.mark.parametrize("seed", [1, 6])
def test_the_implant_of_a_mesh_is_separated_from_debris(seed) -> None:
    case = littered_implant(seed)
    truth = extract(Volume(case.truth, case.volume.affine))
    found = separate(extract(case.volume))
    assert found.bodies[0].is_watertight
    assert found.bodies[0].volume == pytest.approx(truth.volume, rel=0.01)
    assert any(piece.bridged for piece in found.removed)


def test_thin_bone_in_the_opening_is_kept_and_a_film_on_the_bone_is_not() -> None:
    plate, wing = box((40, 40, 6)), box((20, 30, 1), (29, 0, 0))
    film, bone = box((30, 20, 1), (0, 29, 0)), box((40, 20, 6), (0, 32, 3.5))
    skull = union(bone, box((4, 80, 20), (50, 0, 0)))
    grid = box((120, 100, 40)).grid(0.5)
    masks = [part.mask(0.5, grid=grid).array > 0 for part in (plate, wing, film, skull)]
    whole = grid.with_array((masks[0] | masks[1] | masks[2]) & ~masks[3])
    body = whole.crop((5, 5, 5), np.subtract(whole.shape, 5))
    inner = tuple(slice(5, -5) for _ in range(3))
    wing_voxels, film_voxels = ((one & ~masks[0])[inner] for one in masks[1:3])
    for given, wing_left in ((None, 0.0), (grid.with_array(masks[3]), 1.0)):
        found = separate(body, skull=given)
        kept = found.bodies[0].array > 0
        assert kept[wing_voxels].mean() == pytest.approx(wing_left, abs=0.1)
        assert kept[film_voxels].mean() < 0.2
        assert sum(piece.volume_mm3 for piece in found.removed) == pytest.approx(
            (body.array & ~kept).sum() * body.voxel_volume_mm3
        )


def test_a_skull_that_does_not_match_the_body_is_refused() -> None:
    body = box((20, 20, 6)).mask(0.5)
    beside = body.affine.copy()
    beside[:3, 3] += 0.2
    with pytest.raises(GeometryError, match="one grid"):
        separate(body, skull=Volume(np.zeros(body.shape, np.uint8), beside))
    with pytest.raises(InputError, match="no skull with a mesh"):
        separate(extract(body), skull=body)  # type: ignore[call-overload]


def test_removed_pieces_are_listed_with_volume_centre_and_connection() -> None:
    plate = box((40, 40, 6))
    ball, loose = sphere(4, (0, 0, 12)), sphere(3, (0, 30, 0))
    grid = box((80, 80, 40)).grid(0.5)
    parts = union(union(plate, union(ball, capsule((0, 0, 0), (0, 0, 12), 0.4))), loose)
    found = separate(parts.mask(0.5, grid=grid))
    bridged, apart = sorted(found.removed, key=lambda piece: -piece.volume_mm3)[:2]
    assert bridged.bridged
    assert not apart.bridged
    assert bridged.centre_mm == pytest.approx((0, 0, 12), abs=0.5)
    assert apart.centre_mm == pytest.approx((0, 30, 0), abs=0.5)
    assert apart.volume_mm3 == pytest.approx(loose.volume_mm3, rel=0.05)


def test_an_implant_without_debris_is_unchanged() -> None:
    for direction in (np.eye(3), oblique(), -np.eye(3)):
        mask = cap(80, 4, 25).mask((0.5, 0.5, 0.8), direction=direction)
        found = separate(mask)
        assert np.array_equal(found.bodies[0].array, mask.array)
        assert found.bodies[0].array.dtype == mask.array.dtype
        assert found.removed == ()


def test_a_field_keeps_its_surface_between_voxels() -> None:
    body = cap(60, 6, 30).moved(random_rotation(2), (40, -90, 200))
    littered = union(body, sphere(5, body.centre_mm + (0, 0, 30), subdivisions=1))
    field = littered.field(0.8, margin_mm=12)
    found = separate(field)
    mesh = extract(found.bodies[0])
    assert np.abs(body.distance(mesh.vertices)).max() < 0.8
    assert np.median(np.abs(body.distance(mesh.vertices))) < 0.01
    assert mesh.volume == pytest.approx(body.volume_mm3, rel=0.01)
    same = found.bodies[0].array > 0
    assert np.array_equal(found.bodies[0].array[same], field.array[same])


def test_a_film_of_misfit_is_cut_where_it_leaves_the_implant() -> None:
    implant = cap(70, 6, 25)
    film = cap(70.8, 0.8, 60)
    grid = film.grid(0.6)
    truth = implant.mask(0.6, grid=grid).array > 0
    found = separate(union(implant, film).mask(0.6, grid=grid))
    kept = found.bodies[0].array > 0
    assert (kept & ~ndimage.binary_dilation(truth, iterations=4)).sum() == 0
    assert (truth & ~kept).sum() <= 0.01 * truth.sum()


def test_two_defects_give_two_bodies_on_request() -> None:
    first, second = sphere(9, (-25, 0, 0)), box((20, 20, 5), (25, 0, 0))
    litter = sphere(4, (0, 25, 0))
    found = separate(union(union(first, second), litter).mask(0.7), bodies=2)
    volumes = [body.array.sum() * body.voxel_volume_mm3 for body in found.bodies]
    assert sorted(volumes) == pytest.approx([second.volume_mm3, first.volume_mm3], rel=0.08)
    assert len(found.removed) == 1


def test_a_thick_implant_beats_a_wider_thin_film() -> None:
    implant, film = box((30, 30, 6), (0, 0, 20)), box((90, 90, 1.4))
    kept = separate(union(implant, film).mask(0.7)).bodies[0]
    assert kept.array.sum() * kept.voxel_volume_mm3 == pytest.approx(implant.volume_mm3, rel=0.12)


def test_near_mm_favours_the_body_close_to_it() -> None:
    small, large = sphere(8, (-40, 0, 0)), sphere(10, (40, 0, 0))
    mask = union(small, large).mask(0.8)
    assert extract(separate(mask).bodies[0]).center_mass[0] == pytest.approx(40, abs=0.5)
    assert extract(separate(mask, near_mm=(-40, 0, 0)).bodies[0]).center_mass[0] == pytest.approx(
        -40, abs=0.5
    )
    mesh = joined(small.mesh, large.mesh)
    assert separate(mesh).bodies[0].center_mass[0] == pytest.approx(40, abs=0.5)
    assert separate(mesh, near_mm=(-40, 0, 0)).bodies[0].center_mass[0] == pytest.approx(-40, abs=0.5)


def test_a_clean_surface_of_a_mesh_keeps_its_triangles() -> None:
    kept, debris = cap(60, 6, 25).mesh, sphere(4, (0, 0, 90), subdivisions=2).mesh
    found = separate(joined(debris, kept))
    assert np.array_equal(found.bodies[0].triangles, kept.triangles)
    assert found.removed[0].volume_mm3 == pytest.approx(debris.volume)
    assert not found.removed[0].bridged


def test_thin_zones_do_not_split_an_implant() -> None:
    halves = union(box((30, 30, 6), (-20, 0, 0)), box((30, 30, 6), (20, 0, 0)))
    whole = union(halves, box((30, 30, 2.4)))
    mask = whole.mask(0.6)
    kept = separate(mask).bodies[0]
    assert (kept.array > 0).sum() >= 0.99 * (mask.array > 0).sum()


@pytest.mark.parametrize("kind", ["mask", "field"])
def test_closed_cavities_are_filled(kind) -> None:
    hollow = difference(box((30, 30, 12)), sphere(3))
    volume = hollow.mask(0.7) if kind == "mask" else hollow.field(0.7)
    mesh = extract(separate(volume).bodies[0])
    assert len(mesh.split(only_watertight=False)) == 1
    assert mesh.volume == pytest.approx(30 * 30 * 12, rel=0.07)


def test_asking_for_too_many_bodies_is_refused() -> None:
    with pytest.raises(MeshError, match="expected at least 2 separate bodies, got 1"):
        separate(sphere(8).mask(1.0), bodies=2)
    with pytest.raises(MeshError, match="expected at least 2 separate bodies, got 1"):
        separate(sphere(8).mesh, bodies=2)


def test_an_empty_body_is_refused() -> None:
    with pytest.raises(EmptyMaskError):
        separate(Volume(np.zeros((4, 4, 4), np.uint8), np.eye(4)))


@pytest.mark.parametrize("turn", [None, random_rotation(4)])
def test_air_around_the_grid_does_not_change_the_result_by_a_bit(turn) -> None:
    """Distances to the kept body are computed in a box around it, and equal those on any larger grid."""
    case = union(cap(80.0, 6.0, 25.0), cap(86.5, 1.2, 60.0)).moved(turn, np.array([40.0, -90.0, 120.0]))
    field = case.field((0.8, 0.8, 1.1), direction=oblique(), margin_mm=6)
    wide = np.full(np.array(field.shape) + (14, 30, 22), field.array.min(), np.float32)
    wide[7:-7, 15:-15, 11:-11] = field.array
    affine = field.affine.copy()
    affine[:3, 3] = field.to_mm((-7, -15, -11))
    near, far = separate(field), separate(Volume(wide, affine))
    kept = far.bodies[0].array[7:-7, 15:-15, 11:-11]
    assert np.array_equal(kept, near.bodies[0].array)
    assert [piece.volume_mm3 for piece in far.removed] == [piece.volume_mm3 for piece in near.removed]
    assert [piece.bridged for piece in far.removed] == [piece.bridged for piece in near.removed]
