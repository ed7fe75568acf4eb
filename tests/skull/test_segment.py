"""read_skull and segment_bone: every kind of input becomes bone; anything else is refused."""

from __future__ import annotations

import zipfile
from functools import cache

import numpy as np
import pytest
import trimesh
from segmentations import write_seg

from meshimplant.errors import EmptyMaskError, FileReadError, GeometryError, InputError, MeshError
from meshimplant.io.meshes import write_mesh
from meshimplant.io.volumes import write_volume
from meshimplant.skull.ct_tissues import BONE_HU
from meshimplant.skull.segment import read_skull, segment_bone
from meshimplant.voxels.volume import Volume

CENTRE = np.array([-41.0, 212.0, 1033.0])
RADII = np.array([66.0, 84.0, 72.0])
SPACING = 2.0


def _grid(orientation: str = "LPS", spacing: float = SPACING) -> Volume:
    """An empty scan around CENTRE with room for table and jaw."""
    size = np.ceil(np.array([200, 260, 220]) / spacing).astype(int)
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = CENTRE - (100, 110, 125)
    return Volume(np.zeros(size, np.uint8), affine).reorient(orientation)


def _points(grid: Volume) -> np.ndarray:
    return grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1)) - CENTRE


def _depth(points: np.ndarray) -> np.ndarray:
    """Return the approximate depth of points under the outer skull, mm."""
    return (1 - np.linalg.norm(points / RADII, axis=-1)) * 74


def _shell(points: np.ndarray) -> np.ndarray:
    return (_depth(points) > 0) & (_depth(points) < 7)


def _ball(points: np.ndarray, offset, radius: float) -> np.ndarray:
    return np.linalg.norm(points - np.asarray(offset, float), axis=-1) < radius


@cache
def _head(orientation: str = "LPS") -> tuple[Volume, np.ndarray]:
    """A CT of a head with jaw on a table and in a head rest, with electrodes; and its bone."""
    grid = _grid(orientation)
    points = _points(grid)
    x, y, z = np.moveaxis(points, -1, 0)
    hounsfield = np.full(grid.shape, -1000.0)
    hounsfield[_depth(points) > -9] = 40
    jaw = (np.abs(x) < 30) & (np.abs(y + 20) < 12) & (z < -72.5) & (z > -84)
    bone = _shell(points) | jaw
    hounsfield[bone] = 1000
    hounsfield[_ball(points, (10, 5, 0), 3.5)] = 400  # calcified plexus
    rest = (np.abs(_depth(points) + 14) < 2.5) & (y > 20) & (np.abs(z) < 60)
    hounsfield[rest] = 600
    hounsfield[(y > 118) & (y < 124)] = 350  # table
    for side in (-1, 1):
        hounsfield[_ball(points, (side * 78, -20, 20), 3)] = 2000  # electrodes
    return grid.with_array(np.rint(hounsfield).astype(np.int16)), bone


def _save(volume: Volume, path):
    write_volume(volume, path)
    return path


# -- CT -> bone


@pytest.mark.parametrize("orientation", ["LPS", "RAS", "SLA"])
def test_bone_is_skull_and_jaw_and_nothing_else(orientation):
    ct, bone = _head(orientation)
    mask = segment_bone(ct)
    assert mask.array.dtype == np.uint8
    assert mask.same_grid(ct)
    np.testing.assert_array_equal(mask.array, bone)


def test_noise_and_blur_grow_bone_by_less_than_a_voxel_and_lose_none():
    from scipy.ndimage import binary_dilation, gaussian_filter

    ct, bone = _head()
    noisy = gaussian_filter(ct.array.astype(np.float32), 0.5)
    noisy += np.random.default_rng(0).normal(0, 40, ct.shape).astype(np.float32)
    mask = segment_bone(ct.with_array(noisy)).array != 0
    assert not (mask & ~binary_dilation(bone, np.ones((3, 3, 3)))).any()
    assert np.count_nonzero(bone & ~mask) < 0.001 * np.count_nonzero(bone)


def test_a_sunken_flap_is_kept_and_a_loose_plate_outside_is_removed():
    grid = _grid()
    points = _points(grid)
    hole = _ball(points, (55, 0, 45), 32)
    flap = _ball(points, (55, 0, 45), 22) & _shell(points + np.array([5.0, 0, 6]))
    plate = (np.abs(points[..., 0] + 85) < 4) & (np.abs(points[..., 1:]) < 25).all(axis=-1)
    skull = (_shell(points) & ~hole) | flap
    ct = grid.with_array(np.where(skull | plate, 900, -1000).astype(np.int16))
    np.testing.assert_array_equal(segment_bone(ct).array, skull)


def test_the_input_is_not_edited_and_the_threshold_is_inclusive():
    ct, bone = _head()
    before = ct.array.copy()
    flat = ct.with_array(np.where(bone, BONE_HU, -1000).astype(np.int16))
    np.testing.assert_array_equal(segment_bone(flat, threshold_hu=BONE_HU).array, bone)
    segment_bone(ct)
    np.testing.assert_array_equal(ct.array, before)


def test_values_that_are_not_hounsfield_units_need_a_threshold():
    ct, bone = _head()
    stored = ct.with_array((ct.array + 1024).astype(np.uint16))
    with pytest.raises(InputError, match=r"--values hu\+1024 if it is"):
        segment_bone(stored)
    np.testing.assert_array_equal(segment_bone(stored, threshold_hu=1224).array, bone)
    with pytest.raises(InputError, match="values -1000, 40"):
        segment_bone(ct.with_array(np.minimum(ct.array, 40)))


def test_a_threshold_above_all_bone_is_refused():
    with pytest.raises(EmptyMaskError, match="lower threshold_hu"):
        segment_bone(_head()[0], threshold_hu=5000)


# -- reading: what the file is


def test_a_ct_file_is_segmented_with_notes(tmp_path):
    ct, bone = _head()
    skull = read_skull(_save(ct, tmp_path / "ct.nii.gz"))
    assert skull.kind == "ct"
    np.testing.assert_array_equal(skull.mask.array, bone)
    assert "bone from 150 HU upwards, each edge at 0.58 of its height" in skull.notes[0]
    given = read_skull(tmp_path / "ct.nii.gz", threshold_hu=200)
    assert given.notes[0] == "bone from 200 HU upwards"
    assert any("left out" in note for note in skull.notes)
    assert skull.findings == ()


@pytest.mark.parametrize(
    ("dtype", "value"),
    [(np.uint8, 1), (np.uint8, 255), (np.int32, 1), (np.float32, 1.0), (np.float64, 0.4), (bool, True)],
)
def test_two_values_are_a_mask(tmp_path, dtype, value):
    grid = _grid()
    bone = _shell(_points(grid))
    array = np.zeros(grid.shape, dtype)
    array[bone] = value
    skull = read_skull(_save(grid.with_array(array), tmp_path / "mask.nrrd"), threshold_hu=300)
    assert (skull.kind, skull.notes, skull.mask.array.dtype) == ("mask", (), np.uint8)
    np.testing.assert_array_equal(skull.mask.array, bone)


def test_labels_count_together_or_alone(tmp_path):
    grid = _grid()
    points = _points(grid)
    bone, lower = _shell(points), points[..., 2] < 0
    labels = np.where(bone, np.where(lower, 7, 2), 0).astype(np.int16)
    path = _save(grid.with_array(labels), tmp_path / "labels.nrrd")
    np.testing.assert_array_equal(read_skull(path).mask.array, bone)
    assert read_skull(path).notes == ("labels 2, 7 together",)
    np.testing.assert_array_equal(read_skull(path, label=7).mask.array, bone & lower)
    with pytest.raises(EmptyMaskError, match="label 5"):
        read_skull(path, label=5)


def test_a_probability_is_cut_at_half(tmp_path):
    grid = _grid()
    points = _points(grid)
    field = np.clip(0.5 + np.minimum(_depth(points), 7 - _depth(points)) / 5, 0, 1).astype(np.float32)
    file = _save(grid.with_array(field), tmp_path / "p.nrrd")
    with pytest.raises(InputError, match="--values probability"):
        read_skull(file)  # the bone of a CT in a window looks the same
    skull = read_skull(file, values="probability")
    assert skull.kind == "mask"
    np.testing.assert_array_equal(skull.mask.array, field >= 0.5)
    assert "probability" in skull.notes[0]


def test_a_threshold_turns_few_values_into_a_ct(tmp_path):
    grid = _grid()
    bone = _shell(_points(grid))
    levels = np.where(bone, 30, np.where(_depth(_points(grid)) > 0, 10, 0)).astype(np.uint8)
    skull = read_skull(_save(grid.with_array(levels), tmp_path / "ct.nrrd"), threshold_hu=20)
    assert skull.kind == "ct"
    np.testing.assert_array_equal(skull.mask.array, bone)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda p: np.zeros(p.shape[:3], np.uint8), EmptyMaskError, "without a single"),
        (lambda p: (_depth(p) > 0).astype(np.uint8), InputError, "deep"),
        (lambda p: np.where(_shell(p), 1, 2 * (_depth(p) > 0)).astype(np.uint8), InputError, "its label"),
        (lambda p: np.where(_shell(p), 1, -1).astype(np.int8), InputError, "inverted-mask"),
        (lambda p: np.where(_shell(p), 2, 1).astype(np.uint8), InputError, "inverted-mask"),
        (lambda p: np.clip(_depth(p) * 40, 0, 4000).astype(np.uint16), InputError, "Hounsfield"),
        (lambda p: _depth(p).astype(np.float32), InputError, "deep"),
    ],
)
def test_a_volume_that_is_neither_mask_nor_ct_is_refused(tmp_path, make, error, words):
    grid = _grid(spacing=3.0)
    path = _save(grid.with_array(make(_points(grid))), tmp_path / "v.nrrd")
    with pytest.raises(error, match=words):
        read_skull(path)


def test_missing_files_and_folders_without_dicom_are_refused(tmp_path):
    with pytest.raises(FileReadError, match="does not exist"):
        read_skull(tmp_path / "no.nrrd")
    with pytest.raises(FileReadError, match="does not exist"):
        read_skull(tmp_path / "no.stl")
    with pytest.raises(FileReadError, match="no DICOM file"):
        read_skull(tmp_path)


# -- reading: a surface


def _surface() -> trimesh.Trimesh:
    """The shell as two ellipsoids, the inner one turned inward."""
    ball = trimesh.creation.icosphere(subdivisions=5)
    outer = trimesh.Trimesh(ball.vertices * RADII + CENTRE, ball.faces, process=False)
    inner = trimesh.Trimesh(ball.vertices * (RADII - 7) + CENTRE, ball.faces[:, ::-1], process=False)
    return trimesh.util.concatenate([outer, inner])


@pytest.mark.parametrize("suffix", [".stl", ".ply"])
def test_a_closed_surface_becomes_its_voxels(tmp_path, suffix):
    surface = _surface()
    write_mesh(surface, tmp_path / f"s{suffix}")
    skull = read_skull(tmp_path / f"s{suffix}", spacing_mm=1.0)
    assert skull.kind == "mesh"
    assert np.count_nonzero(skull.mask.array) == pytest.approx(surface.volume, rel=2e-3)
    centre = skull.mask.to_mm(np.argwhere(skull.mask.array)).mean(axis=0)
    np.testing.assert_allclose(centre, CENTRE, atol=0.02)


def test_a_mesh_without_a_stated_frame_uses_the_given_one(tmp_path):
    (tmp_path / "s.stl").write_bytes(_surface().export(file_type="stl"))
    mask = read_skull(tmp_path / "s.stl", frame="RAS", spacing_mm=2.0).mask
    centre = mask.to_mm(np.argwhere(mask.array)).mean(axis=0)
    np.testing.assert_allclose(centre, CENTRE * (-1, -1, 1), atol=0.1)


def test_open_small_and_filled_surfaces_are_refused(tmp_path):
    surface = _surface()
    write_mesh(trimesh.Trimesh(surface.vertices, surface.faces[40:], process=False), tmp_path / "open.stl")
    with pytest.raises(MeshError, match="open edges"):
        read_skull(tmp_path / "open.stl")
    write_mesh(trimesh.Trimesh(surface.vertices / 10, surface.faces, process=False), tmp_path / "cm.stl")
    with pytest.raises(GeometryError, match="centimetres"):
        read_skull(tmp_path / "cm.stl")
    filled = surface.split(only_watertight=True)[0]
    write_mesh(filled, tmp_path / "filled.stl")
    with pytest.raises(InputError, match="deep"):
        read_skull(tmp_path / "filled.stl", spacing_mm=2.0)


# -- what a person should know


def test_metal_is_reported_where_it_is(tmp_path):
    ct, _ = _head()
    array, metal = ct.array.copy(), _ball(_points(ct), (0, -80, 0), 4)
    array[metal] = 3071
    skull = read_skull(_save(ct.with_array(array), tmp_path / "ct.nrrd"))
    (finding,) = skull.findings
    assert finding.code == "input.metal"
    np.testing.assert_allclose(finding.location_mm, CENTRE + np.array([0, -80, 0]), atol=1.1)
    assert finding.value == pytest.approx(np.count_nonzero(metal) * SPACING**3)


@pytest.mark.parametrize("orientation", ["LPS", "RAI", "SPR"])
def test_a_cut_vertex_is_reported_where_it_is_and_a_cut_neck_is_not(tmp_path, orientation):
    grid = _grid()
    bone = grid.with_array(_shell(_points(grid)).astype(np.uint8))
    top = int(bone.to_index(CENTRE + np.array([0, 0, 60]))[2])
    cut = bone.crop((0, 0, 0), (999, 999, top)).reorient(orientation)
    (finding,) = read_skull(_save(cut, tmp_path / "m.nrrd")).findings
    assert finding.code == "input.cut_off"
    assert "upper" in finding.message
    np.testing.assert_allclose(finding.location_mm, (*CENTRE[:2], bone.to_mm((0, 0, top - 1))[2]), atol=1e-6)
    neck = bone.crop((0, 0, int(bone.to_index(CENTRE - (0, 0, 40))[2])), (999, 999, 999)).reorient(
        orientation
    )
    assert read_skull(_save(neck, tmp_path / "n.nrrd")).findings == ()


# -- real heads


@pytest.mark.realdata
def test_a_real_dicom_series_loses_its_head_rest_and_keeps_its_symmetry(data_folder, tmp_path):
    with zipfile.ZipFile(data_folder / "ct" / "human_head_ge_tilt_variable_spacing_dicom.zip") as archive:
        archive.extractall(tmp_path)
    skull = read_skull(tmp_path)
    codes = {finding.code for finding in skull.findings}
    assert codes == {
        *("input.gantry_tilt", "input.uneven_slices", "input.thick_slices"),
        *("input.alternating_slices", "input.interpolated_slices", "input.cut_off"),
    }
    mask = skull.mask
    points = mask.to_mm(np.argwhere(mask.array)[::50])
    assert 340 < np.count_nonzero(mask.array) * mask.voxel_volume_mm3 / 1000 < 450
    assert np.ptp(points[:, 0]) < 165  # with the head rest: 205 mm
    sides = np.percentile(points[:, 0], [1, 50, 99])
    assert sides[0] + sides[2] == pytest.approx(2 * sides[1], abs=6)


@pytest.mark.realdata
def test_kinds_of_real_volumes_are_recognised(data_folder):
    cast = read_skull(data_folder / "fixtures" / "plastic_skull_ct_2mm.nii.gz")
    closed = read_skull(data_folder / "fixtures" / "plastic_skull_bone_1mm_closed.nrrd")
    assert (cast.kind, closed.kind) == ("ct", "mask")
    placed = closed.mask.resample_to(cast.mask, order=0).array > 0
    assert (
        2 * np.count_nonzero(placed & (cast.mask.array > 0)) / (placed.sum() + cast.mask.array.sum()) > 0.85
    )
    with pytest.raises(InputError, match="--threshold-hu"):
        read_skull(data_folder / "ct" / "vtk_headsq_quarter.nrrd")
    assert read_skull(data_folder / "ct" / "vtk_headsq_quarter.nrrd", threshold_hu=1150).kind == "ct"
    with pytest.raises(InputError, match="deep"):
        read_skull(data_folder / "seg" / "colin27_tissues_1mm.nrrd")
    assert read_skull(data_folder / "seg" / "colin27_tissues_1mm.nrrd", label=2).kind == "mask"
    with pytest.raises(MeshError, match="open edges"):
        read_skull(data_folder / "mesh" / "human_skull_arothron.ply")


def test_a_segment_is_read_as_the_skull_and_only_voxels_have_segments(tmp_path):
    ct, _ = _head()
    shell = _shell(_points(ct))
    write_seg(tmp_path / "s.dcm", {"skin": ~shell, "Bone": shell}, ct)
    read = read_skull(tmp_path / "s.dcm", segment="bone")
    assert read.kind == "mask"
    assert read.mask.array.sum() == shell.sum()
    assert "input.segment" in [finding.code for finding in read.findings]
    with pytest.raises(InputError, match=r"1 'skin', 2 'Bone'.*--segment"):
        read_skull(tmp_path / "s.dcm")
    (tmp_path / "skull.stl").write_bytes(b"x")
    with pytest.raises(InputError, match="--segment"):
        read_skull(tmp_path / "skull.stl", segment="bone")
