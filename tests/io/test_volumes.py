"""Volumes keep values and place in every format, and every fault of a header is reported."""

from __future__ import annotations

import gzip
import itertools
import struct

import nibabel
import numpy as np
import pytest

from meshimplant.errors import FileReadError, GeometryError, InputError, MeshImplantError, OutputError
from meshimplant.io.metaimage import write_metaimage
from meshimplant.io.volumes import read_volume, volume_suffix, write_volume
from meshimplant.voxels.volume import Volume

SUFFIXES = (".nrrd", ".nii", ".nii.gz", ".mha")
SPACING = np.array([0.45, 0.6, 1.25])
ORIGIN = np.array([-123.4, 250.6, 1031.7])


def _orientations() -> list[np.ndarray]:
    """Return the 48 assignments of three array axes to three patient axes."""
    return [
        np.eye(3)[:, list(axes)] * signs
        for axes in itertools.permutations(range(3))
        for signs in itertools.product((1, -1), repeat=3)
    ]


def _oblique() -> np.ndarray:
    a, b, c = np.radians([17.0, -24.0, 131.0])
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return z @ y @ x


def _volume(direction=None, dtype=np.int16, shape=(5, 6, 7)) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if direction is None else direction) * SPACING
    affine[:3, 3] = ORIGIN
    array = np.random.default_rng(0).integers(0, 100, shape)
    return Volume((array > 50 if dtype is bool else array).astype(dtype), affine)


# -- other programs' readers: array and LPS affine -----------------------------------------------------------


def _through_itk(path) -> tuple[np.ndarray, np.ndarray]:
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, affine


def _through_nibabel(path) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.load(path)
    return np.asarray(image.dataobj), np.diag([-1, -1, 1, 1]) @ image.affine


def _through_pynrrd(path) -> tuple[np.ndarray, np.ndarray]:
    nrrd = pytest.importorskip("nrrd")
    array, header = nrrd.read(str(path))
    assert header["space"] == "left-posterior-superior"
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = header["space directions"].T, header["space origin"]
    return array, affine


OTHER_READERS = [
    *((suffix, _through_itk) for suffix in SUFFIXES),
    (".nrrd", _through_pynrrd),
    (".nii", _through_nibabel),
    (".nii.gz", _through_nibabel),
]


# -- round trips ---------------------------------------------------------------------------------------------


def _all_directions() -> list[np.ndarray]:
    """Return the 48 orientations, and oblique ones of both handednesses."""
    return [*_orientations(), _oblique(), _oblique() @ np.diag([1.0, -1.0, 1.0])]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_48_orientations_and_oblique_ones_round_trip(tmp_path, suffix):
    path = tmp_path / f"volume{suffix}"
    for direction in _all_directions():
        volume = _volume(direction)
        write_volume(volume, path)
        back = read_volume(path)
        assert back.array.dtype == np.int16
        np.testing.assert_array_equal(back.array, volume.array)
        assert back.same_grid(volume, tolerance_mm=1e-3)


@pytest.mark.parametrize(("suffix", "read"), OTHER_READERS)
def test_other_programs_read_the_same_voxels_at_the_same_place(tmp_path, suffix, read):
    path = tmp_path / f"volume{suffix}"
    for direction in _all_directions():
        volume = _volume(direction)
        write_volume(volume, path)
        array, affine = read(path)
        assert array.dtype == np.int16
        np.testing.assert_array_equal(array, volume.array)
        assert Volume(array, affine).same_grid(volume, tolerance_mm=1e-3)


@pytest.mark.parametrize(
    ("suffix", "relative"), [(".nrrd", 0.0), (".mha", 1e-15), (".nii", 2.0**-24), (".nii.gz", 2.0**-24)]
)
def test_the_affine_is_kept_to_the_last_bit_that_the_format_holds(tmp_path, suffix, relative):
    for direction in _all_directions():
        volume = _volume(direction)
        write_volume(volume, tmp_path / f"v{suffix}")
        back = read_volume(tmp_path / f"v{suffix}")
        np.testing.assert_allclose(back.affine, volume.affine, rtol=relative, atol=1e-16 if relative else 0)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", ">i2", ">f4"])
def test_every_number_type_is_kept(tmp_path, suffix, dtype):
    volume = _volume(dtype=np.dtype(dtype))
    write_volume(volume, tmp_path / f"v{suffix}")
    back = read_volume(tmp_path / f"v{suffix}")
    assert back.array.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(back.array, volume.array)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bool_becomes_uint8_and_half_becomes_single(tmp_path, suffix):
    write_volume(_volume(dtype=bool), tmp_path / f"mask{suffix}")
    mask = read_volume(tmp_path / f"mask{suffix}")
    assert mask.array.dtype == np.uint8
    np.testing.assert_array_equal(mask.array, _volume(dtype=bool).array)
    write_volume(_volume(dtype=np.float16), tmp_path / f"half{suffix}")
    assert read_volume(tmp_path / f"half{suffix}").array.dtype == np.float32


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_strided_view_is_written_as_it_looks(tmp_path, suffix):
    volume = _volume().reorient("SAR").crop((1, 1, 1), (6, 5, 4))
    write_volume(volume, tmp_path / f"v{suffix}")
    back = read_volume(tmp_path / f"v{suffix}")
    np.testing.assert_array_equal(back.array, volume.array)
    assert back.same_grid(volume)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_volumes_give_equal_bytes(tmp_path, suffix):
    volume = _volume(_orientations()[7])
    negative_zeros = np.where(volume.affine == 0, -0.0, volume.affine)
    others = [
        volume,
        Volume(np.ascontiguousarray(volume.array), volume.affine),
        Volume(np.asfortranarray(volume.array), negative_zeros),
        Volume(volume.array.astype(">i2"), volume.affine),
    ]
    for n, other in enumerate(others):
        write_volume(other, tmp_path / f"{n}{suffix}")
    assert len({(tmp_path / f"{n}{suffix}").read_bytes() for n in range(len(others))}) == 1


def test_no_time_and_no_name_is_written(tmp_path):
    for suffix in SUFFIXES:
        write_volume(_volume(), tmp_path / f"Doe_Jane{suffix}")
        data = (tmp_path / f"Doe_Jane{suffix}").read_bytes()
        assert b"Doe" not in data
        stream = data[data.find(b"\x1f\x8b") :]
        if suffix in (".nrrd", ".nii.gz"):
            assert stream[3:8] == bytes(5)  # no file name, time 0


def test_the_header_of_nrrd(tmp_path):
    write_volume(_volume(dtype=bool), tmp_path / "v.nrrd")
    assert (tmp_path / "v.nrrd").read_bytes().split(b"\n\n")[0].decode().splitlines() == [
        "NRRD0004",
        "type: unsigned char",
        "dimension: 3",
        "space: left-posterior-superior",
        "sizes: 5 6 7",
        "space directions: (0.45000000000000001,0,0) (0,0.59999999999999998,0) (0,0,1.25)",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        "space origin: (-123.40000000000001,250.59999999999999,1031.7)",
    ]


@pytest.mark.parametrize(
    "read", [_through_itk, lambda path: (read_volume(path).array, read_volume(path).affine)]
)
@pytest.mark.parametrize("compressed", [True, False])
def test_metaimage_is_written_compressed_or_not(tmp_path, read, compressed):
    for direction in _all_directions():
        volume = _volume(direction)
        write_metaimage(volume.array, volume.affine, tmp_path / "v.mha", compressed=compressed)
        text = (tmp_path / "v.mha").read_bytes().split(b"LOCAL\n")[0].decode()
        assert f"CompressedData = {compressed}\n" in text
        array, affine = read(tmp_path / "v.mha")
        np.testing.assert_array_equal(array, volume.array)
        np.testing.assert_allclose(affine, volume.affine, rtol=1e-15, atol=1e-15)


def test_reading_copies_nothing_it_need_not(tmp_path):
    write_volume(_volume(), tmp_path / "v.nrrd")
    array = read_volume(tmp_path / "v.nrrd").array
    assert array.flags.f_contiguous
    assert not array.flags.writeable
    assert not array.flags.owndata


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_detached_headers_of_itk_are_followed(tmp_path, suffix, compressed):
    sitk = pytest.importorskip("SimpleITK")
    image = sitk.GetImageFromArray(_volume().array.T.copy())
    image.SetSpacing(SPACING.tolist())
    image.SetOrigin(ORIGIN.tolist())
    sitk.WriteImage(image, str(tmp_path / f"v{suffix}"), compressed)
    back = read_volume(tmp_path / f"v{suffix}")
    np.testing.assert_array_equal(back.array, _volume().array)
    assert back.same_grid(_volume())
    for part in tmp_path.iterdir():
        if part.suffix != suffix:
            part.unlink()
    with pytest.raises(FileReadError, match="does not exist"):
        read_volume(tmp_path / f"v{suffix}")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_detached_headers_are_followed(tmp_path, suffix):
    write_volume(_volume(), tmp_path / f"whole{suffix}")
    head, mark, payload = (
        (tmp_path / f"whole{suffix}").read_bytes().partition(b"\n\n" if suffix == ".nrrd" else b"LOCAL\n")
    )
    (tmp_path / "v.part").write_bytes(payload)
    detached = tmp_path / {".nrrd": "v.nhdr", ".mha": "v.mhd"}[suffix]
    detached.write_bytes(head + (b"\ndata file: v.part\n" if suffix == ".nrrd" else b"v.part\n"))
    assert mark
    np.testing.assert_array_equal(read_volume(detached).array, _volume().array)
    (tmp_path / "v.part").unlink()
    with pytest.raises(FileReadError, match="does not exist"):
        read_volume(detached)


# -- NRRD headers --------------------------------------------------------------------------------------------

DIRECTIONS = "(0.5,0,0) (0,0.5,0) (0,0,1)"


def _nrrd(tmp_path, *, drop=(), data=None, encoding="raw", **fields):
    header = {
        "type": "uint8",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "2 3 4",
        "space directions": DIRECTIONS,
        "space origin": "(10,20,30)",
    }
    header |= {key.replace("_", " "): value for key, value in fields.items()}
    lines = [f"{key}: {value}" for key, value in header.items() if key not in drop]
    payload = np.arange(24, dtype=np.uint8).tobytes() if data is None else data
    path = tmp_path / "v.nrrd"
    path.write_bytes("\n".join(["NRRD0004", *lines, f"encoding: {encoding}", "", ""]).encode() + payload)
    return path


def test_nrrd_space_sets_the_signs(tmp_path):
    lps = read_volume(_nrrd(tmp_path))
    ras = read_volume(_nrrd(tmp_path, space="right-anterior-superior"))
    las = read_volume(_nrrd(tmp_path, space="LAS"))
    assert (lps.orientation, ras.orientation, las.orientation) == ("LPS", "RAS", "LAS")
    assert lps.affine[:3, 3].tolist() == [10, 20, 30]
    assert ras.affine[:3, 3].tolist() == [-10, -20, 30]
    assert las.affine[:3, 3].tolist() == [10, -20, 30]


def test_nrrd_units_are_honoured(tmp_path):
    volume = read_volume(_nrrd(tmp_path, space_units='"cm" "cm" "cm"'))
    assert volume.spacing_mm.tolist() == [5, 5, 10]
    assert volume.affine[:3, 3].tolist() == [100, 200, 300]
    with pytest.raises(GeometryError, match="millimetres"):
        read_volume(_nrrd(tmp_path, space_units='"inch" "inch" "inch"'))


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("bzip2", __import__("bz2").compress),
        ("ascii", lambda d: " ".join(map(str, d)).encode()),
    ],
)
def test_nrrd_encodings(tmp_path, encoding, pack):
    data = pack(bytes(range(24)))
    volume = read_volume(_nrrd(tmp_path, encoding=encoding, data=data))
    np.testing.assert_array_equal(volume.array, np.arange(24).reshape(2, 3, 4, order="F"))


def test_one_channel_is_dropped_and_several_are_refused(tmp_path):
    four = {"dimension": "4", "space_directions": f"none {DIRECTIONS}"}
    volume = read_volume(_nrrd(tmp_path, sizes="1 2 3 4", **four))
    np.testing.assert_array_equal(volume.array, np.arange(24).reshape(2, 3, 4, order="F"))
    last = read_volume(_nrrd(tmp_path, sizes="2 3 4 1", dimension="4", space_directions=f"{DIRECTIONS} none"))
    assert last.shape == (2, 3, 4)
    with pytest.raises(InputError, match="several channels"):
        read_volume(_nrrd(tmp_path, sizes="3 2 2 2", **four))


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"space_directions": "(0,0,0) (0,0.5,0) (0,0,1)"}, GeometryError, "voxel edges"),
        ({"space_directions": "(0.5,0,0) (0.2,0.5,0) (0,0,1)"}, GeometryError, "shear"),
        ({"space_directions": "(0.5,0,0) (0.5,0,0) (0,0,1)"}, GeometryError, "shear"),
        ({"space_directions": "(nan,0,0) (0,0.5,0) (0,0,1)"}, GeometryError, "finite"),
        ({"space_directions": "(0.0005,0,0) (0,0.0005,0) (0,0,0.001)"}, GeometryError, "unit"),
        ({"space_directions": "(0.5,0,0) (0,0.5,0)"}, GeometryError, "three axes"),
        ({"space_directions": "(0.5,0) (0,0.5) (0,0)"}, GeometryError, "three numbers"),
        ({"space": "scanner-xyz"}, GeometryError, "left and right would be a guess"),
        ({"drop": ("space",)}, GeometryError, "left and right would be a guess"),
        ({"drop": ("space directions",)}, GeometryError, "'space directions'"),
        ({"drop": ("space directions",), "spacings": "0.5 0.5 1"}, GeometryError, "'space directions'"),
        ({"drop": ("sizes",)}, FileReadError, "'sizes'"),
        ({"sizes": "0 3 4"}, FileReadError, "positive sizes"),
        ({"sizes": "2.5 3 4"}, FileReadError, "whole numbers"),
        ({"dimension": "4"}, FileReadError, "'dimension'"),
        ({"drop": ("dimension",)}, FileReadError, "'dimension'"),
        ({"Sizes": "2 3 4"}, FileReadError, "twice"),
        ({"type": "int16", "sizes": "2 3 2"}, FileReadError, "'endian'"),
        ({"type": "int16", "sizes": "2 3 2", "endian": "middle"}, FileReadError, "'endian'"),
        ({"sizes": "2 3 5"}, FileReadError, "truncated"),
        ({"sizes": "4 6", "dimension": "2", "drop": ("space directions",)}, InputError, "3-D"),
        ({"type": "block"}, InputError, "block"),
        ({"encoding": "gzip"}, FileReadError, "damaged"),
        ({"encoding": "gzip", "data": gzip.compress(bytes(24))[:-8]}, FileReadError, "truncated"),
        ({"encoding": "hex"}, InputError, "encoding"),
        ({"encoding": "ascii"}, FileReadError, "numbers"),
        ({"data_file": "LIST"}, InputError, "several"),
        ({"kinds": "domain domain time"}, GeometryError, "kind domain or space .*got time"),
        ({"spacings": "0.5 0.5 2"}, GeometryError, "one voxel size .*0.5 x 0.5 x 2 in 'spacings'"),
    ],
)
def test_faulty_nrrd_headers_are_named(tmp_path, fields, error, words):
    with pytest.raises(error, match=words) as caught:
        read_volume(_nrrd(tmp_path, **fields))
    assert "v.nrrd" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_grid_gives_the_place_only_where_the_file_has_none(tmp_path):
    grid = Volume(np.zeros((2, 3, 4), np.uint8), np.diag([0.7, 0.7, 0.7, 1]))
    path = _nrrd(tmp_path, drop=("space", "space directions", "space origin"))
    assert read_volume(path, grid=grid).same_grid(grid)
    with pytest.raises(GeometryError, match="guess"):
        read_volume(path, grid=grid.pad(1))
    assert not read_volume(_nrrd(tmp_path), grid=grid).same_grid(grid)


# -- NIfTI headers -------------------------------------------------------------------------------------------


def _nifti(tmp_path, *, version=1, order="<", dim=(3, 2, 3, 4), data=None, datatype=2, **fields):
    """Write a hand-made header; its sform scales by 2, 3, 4 and shifts by 5, 6, 7, all RAS."""
    set_to = {
        "pixdim": (1, 2, 3, 4, 0, 0, 0, 0),
        "units": 2,
        "qform": 0,
        "sform": 1,
        "scale": (1, 0),
        "quaternion": (0, 0, 0, 5, 6, 7),
        "matrix": (2, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7),
    } | fields
    dim = tuple(dim) + (1,) * (8 - len(dim))
    data = np.arange(24, dtype=np.uint8).tobytes() if data is None else data
    put = lambda kind, at, *values: struct.pack_into(order + kind, header, at, *values)  # noqa: E731
    if version == 1:
        header = bytearray(352)
        put("i", 0, 348), put("8h", 40, *dim), put("2h", 70, datatype, 8), put("8f", 76, *set_to["pixdim"])
        put("3f", 108, 352, *set_to["scale"]), put("2h", 252, set_to["qform"], set_to["sform"])
        put("18f", 256, *set_to["quaternion"], *set_to["matrix"])
        header[123], header[344:348] = set_to["units"], b"n+1\0"
    else:
        header = bytearray(544)
        put("i", 0, 540), put("h", 12, datatype), put("8q", 16, *dim), put("8d", 104, *set_to["pixdim"])
        header[4:12] = b"n+2\0\r\n\032\n"
        put("q", 168, 544), put("2d", 176, *set_to["scale"]), put("2i", 344, set_to["qform"], set_to["sform"])
        put("18d", 352, *set_to["quaternion"], *set_to["matrix"]), put("i", 500, set_to["units"])
    path = tmp_path / "v.nii"
    path.write_bytes(bytes(header) + data)
    return path


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_versions_and_byte_orders(tmp_path, version, order):
    data = np.arange(24).astype(order + "i2").tobytes()
    volume = read_volume(_nifti(tmp_path, version=version, order=order, data=data, datatype=4))
    np.testing.assert_array_equal(volume.array, np.arange(24).reshape(2, 3, 4, order="F"))
    assert volume.orientation == "RAS"
    np.testing.assert_allclose(volume.affine, [[-2, 0, 0, -5], [0, -3, 0, -6], [0, 0, 4, 7], [0, 0, 0, 1]])


def test_nifti_metres_and_micrometres_become_millimetres(tmp_path):
    small = {"matrix": np.array((2, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7)) / 1000, "units": 1}
    np.testing.assert_allclose(read_volume(_nifti(tmp_path, **small)).spacing_mm, (2, 3, 4), rtol=1e-6)
    large = {"matrix": np.array((2, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7)) * 1000, "units": 3}
    np.testing.assert_allclose(read_volume(_nifti(tmp_path, **large)).affine[:3, 3], (-5, -6, 7), rtol=1e-6)
    with pytest.raises(GeometryError, match="unit"):
        read_volume(_nifti(tmp_path, units=1))
    with pytest.raises(GeometryError, match="xyzt_units"):
        read_volume(_nifti(tmp_path, units=5))


def test_the_qform_gives_the_place_where_the_sform_does_not(tmp_path):
    half = np.sqrt(0.5)  # 90 degrees about z: i runs to anterior, j to the left
    quarter_turn = {"qform": 1, "quaternion": (0, 0, half, 5, 6, 7)}
    expected = np.array([[0, 3, 0, -5], [-2, 0, 0, -6], [0, 0, 4, 7], [0, 0, 0, 1]])
    for sform in (0, 4):  # none, or one that leads to a template
        volume = read_volume(_nifti(tmp_path, sform=sform, **quarter_turn))
        np.testing.assert_allclose(volume.affine, expected, atol=1e-6)
    mirrored = read_volume(_nifti(tmp_path, sform=0, pixdim=(-1, 2, 3, 4, 0, 0, 0, 0), **quarter_turn))
    assert mirrored.orientation == "ALI"
    assert volume.orientation == "ALS"


def test_half_turns_of_the_qform_are_exact_to_its_single_precision(tmp_path):
    """The fourth number of the quaternion is 0, regardless of the rounding of the other three."""
    for axis in np.random.default_rng(0).normal(size=(50, 3)):
        axis /= np.linalg.norm(axis)
        path = _nifti(tmp_path, sform=0, qform=1, quaternion=(*axis, 0, 0, 0))
        half_turn = (2 * np.outer(axis, axis) - np.eye(3)) * (2, 3, 4)
        np.testing.assert_allclose(read_volume(path).affine[:3, :3] * [[-1], [-1], [1]], half_turn, atol=2e-6)


def test_an_undefined_handedness_of_the_qform_is_positive(tmp_path):
    turn = {"sform": 0, "qform": 1, "quaternion": (0, 0, 0, 5, 6, 7)}
    assert read_volume(_nifti(tmp_path, pixdim=(0, 2, 3, 4, 0, 0, 0, 0), **turn)).orientation == "RAS"


def test_the_nifti_intensity_scale_is_applied(tmp_path):
    hounsfield = read_volume(_nifti(tmp_path, scale=(2, -1024)))
    assert hounsfield.array.dtype == np.int16
    np.testing.assert_array_equal(hounsfield.array.ravel(order="F"), np.arange(24) * 2 - 1024)
    fraction = read_volume(_nifti(tmp_path, scale=(0.25, 0)))
    assert fraction.array.dtype == np.float32
    np.testing.assert_array_equal(fraction.array.ravel(order="F"), np.arange(24) * 0.25)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"sform": 0}, GeometryError, "qform or sform.*--orientation"),
        ({"sform": 0, "pixdim": (1, 0, 3, 4, 0, 0, 0, 0)}, GeometryError, "orientation and voxel size"),
        ({"matrix": (2, 1, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7)}, GeometryError, "shear"),
        ({"matrix": (0, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7)}, GeometryError, "voxel edges"),
        ({"sform": 0, "qform": 1, "pixdim": (1, 2, 0, 4, 0, 0, 0, 0)}, GeometryError, "above 0"),
        ({"sform": 0, "qform": 1, "quaternion": (0.9, 0.9, 0, 5, 6, 7)}, GeometryError, "unit quaternion"),
        ({"dim": (4, 2, 3, 2, 2)}, InputError, "several channels"),
        ({"dim": (3, 2, -3, 4)}, FileReadError, "positive sizes"),
        ({"dim": (2, 4, 6)}, InputError, "3-D"),
        ({"dim": (0,)}, FileReadError, "dimensions"),
        ({"datatype": 128}, InputError, "type 128"),
        ({"datatype": 1536}, InputError, "type 1536"),
        ({"datatype": 9999}, InputError, "type 9999"),
        ({"datatype": 16}, FileReadError, "truncated"),
        ({"data": np.full(24, np.nan, "f4").tobytes(), "datatype": 16}, InputError, "NaN"),
    ],
)
def test_faulty_nifti_headers_are_named(tmp_path, fields, error, words):
    with pytest.raises(error, match=words) as caught:
        read_volume(_nifti(tmp_path, **fields))
    assert "v.nii" in str(caught.value)


def test_one_time_point_of_nifti_is_dropped(tmp_path):
    assert read_volume(_nifti(tmp_path, dim=(5, 2, 3, 4, 1, 1))).shape == (2, 3, 4)


# -- MetaImage headers ---------------------------------------------------------------------------------------


def _mha(tmp_path, *, drop=(), **fields):
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "10 20 30",
        "ElementSpacing": "0.5 0.6 1",
        "DimSize": "2 3 4",
        "ElementType": "MET_UCHAR",
    } | fields
    lines = [f"{key} = {value}" for key, value in header.items() if key not in drop]
    path = tmp_path / "v.mha"
    path.write_bytes("\n".join([*lines, "ElementDataFile = LOCAL", ""]).encode() + bytes(range(24)))
    return path


def test_mha_reads_as_itk_defines_it(tmp_path):
    path = _mha(tmp_path, TransformMatrix="0 1 0 0 0 1 -1 0 0")
    volume, (array, affine) = read_volume(path), _through_itk(path)
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, affine)
    assert volume.orientation == "PSR"
    assert read_volume(_mha(tmp_path, DistanceUnits="cm")).spacing_mm.tolist() == [5, 6, 10]


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"ElementSpacing": "0 0.6 1"}, GeometryError, "voxel edges"),
        ({"ElementSpacing": "0.5 0.6 -1"}, GeometryError, "positive voxel edges"),
        ({"ObjectType": "Tube"}, FileReadError, "ObjectType 'Tube'"),
        ({"NDims": "2"}, FileReadError, "NDims '2' and 3 sizes"),
        ({"ElementToIntensityFunctionSlope": "2"}, InputError, "export it with the values themselves"),
        ({"drop": ("ElementSpacing",)}, GeometryError, "ElementSpacing"),
        ({"drop": ("TransformMatrix",)}, GeometryError, "TransformMatrix.*--orientation"),
        ({"TransformMatrix": "1 0 0 0.3 0.9 0 0 0 1"}, GeometryError, "shear"),
        ({"TransformMatrix": "1 0 0 1"}, GeometryError, "9 matrix entries"),
        ({"Offset": "1 two 3"}, FileReadError, "'Offset'"),
        ({"DistanceUnits": "parsec"}, GeometryError, "parsec"),
        ({"ElementNumberOfChannels": "3", "DimSize": "2 2 2"}, InputError, "several channels"),
        ({"ElementType": "MET_STRING"}, InputError, "MET_STRING"),
        ({"BinaryData": "False"}, InputError, "text"),
        ({"DimSize ": "2 3 4"}, FileReadError, "twice"),
        ({"DimSize": "2 3 5"}, FileReadError, "truncated"),
        ({"CompressedData": "True"}, FileReadError, "damaged"),
    ],
)
def test_faulty_mha_headers_are_named(tmp_path, fields, error, words):
    with pytest.raises(error, match=words) as caught:
        read_volume(_mha(tmp_path, **fields))
    assert "v.mha" in str(caught.value)


# -- files that are not what they should be ------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0.005, 0.3, 0.97])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    path = tmp_path / f"v{suffix}"
    write_volume(_volume(dtype=np.int32, shape=(40, 41, 42)), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(FileReadError):
        read_volume(path)


@pytest.mark.parametrize("suffix", [*SUFFIXES, ".nhdr", ".mhd"])
@pytest.mark.parametrize("content", [b"", b"\0" * 999, b"solid not a volume\n" * 40])
def test_empty_and_foreign_content_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"v{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileReadError, match=f"v{suffix}"):
        read_volume(path)


def test_a_damaged_stream_is_refused(tmp_path):
    path = tmp_path / "v.nii.gz"
    write_volume(_volume(shape=(40, 41, 42)), path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(FileReadError):
        read_volume(path)


def test_misnamed_compression_is_read_by_content(tmp_path):
    write_volume(_volume(), tmp_path / "v.nii.gz")
    (tmp_path / "v.nii").write_bytes((tmp_path / "v.nii.gz").read_bytes())
    np.testing.assert_array_equal(read_volume(tmp_path / "v.nii").array, _volume().array)


def test_missing_foreign_and_misplaced_paths_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "v.nrrd").mkdir()
    for name, words in [("no.nrrd", "does not exist"), ("notes.txt", "ending in"), ("v.nrrd", "DICOM")]:
        with pytest.raises(FileReadError, match=words):
            read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["v.stl", "v.nhdr", "v.mhd", "v", "missing/v.nrrd"])
def test_unwritable_volumes_are_refused(tmp_path, name):
    with pytest.raises(OutputError):
        write_volume(_volume(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    with pytest.raises(OutputError, match="32767"):
        write_volume(_volume(shape=(1, 32768, 1), dtype=np.uint8), tmp_path / "v.nii")
    with pytest.raises(OutputError, match="64 bits"):
        write_volume(_volume(dtype=np.longdouble), tmp_path / "v.nrrd")
    assert list(tmp_path.iterdir()) == []


def test_suffixes_are_recognised_whatever_their_case():
    assert volume_suffix("a.b.NII.GZ") == ".nii.gz"
    assert volume_suffix("a.gz") is None


@pytest.mark.parametrize("suffix", [".nrrd", ".nii", ".mha"])
def test_every_reading_error_is_ours(tmp_path, suffix):
    """No damage to the first 400 bytes may escape as a foreign exception; some is found, some harmless."""
    rng = np.random.default_rng(1)
    path = tmp_path / f"v{suffix}"
    write_volume(_volume(), path)
    good, refused, kept = path.read_bytes(), 0, 0
    for _ in range(150):
        bad = bytearray(good)
        for at in rng.integers(0, min(400, len(bad)), 3):
            bad[at] = rng.integers(0, 256)
        path.write_bytes(bytes(bad))
        try:
            volume = read_volume(path)
        except MeshImplantError:
            refused += 1
        else:
            kept += volume.shape == (5, 6, 7)
    assert refused >= 20
    assert kept >= 1


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
def test_no_damage_to_compressed_voxels_passes(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    write_volume(_volume(shape=(20, 21, 22)), path)
    good = path.read_bytes()
    start = good.index(b"LOCAL\n") + 6 if suffix == ".mha" else good.index(b"\x1f\x8b") + 10
    rng = np.random.default_rng(2)
    for at in rng.integers(start, len(good), 100):
        bad = bytearray(good)
        bad[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(bad))
        try:
            volume = read_volume(path)
        except MeshImplantError:
            continue
        np.testing.assert_array_equal(volume.array, _volume(shape=(20, 21, 22)).array)


@pytest.mark.realdata
def test_real_volumes_read_as_other_programs_read_them(data_folder):
    for name, read in [
        ("skullfix/complete_skull/000.nrrd", _through_pynrrd),
        ("skullfix/complete_skull/000.nrrd", _through_itk),
        ("fixtures/plastic_skull_ct_2mm.nii.gz", _through_nibabel),
        ("fixtures/plastic_skull_ct_2mm.nii.gz", _through_itk),
    ]:
        volume, (array, affine) = read_volume(data_folder / name), read(data_folder / name)
        np.testing.assert_array_equal(volume.array, array)
        assert volume.same_grid(Volume(array, affine))
