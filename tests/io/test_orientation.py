"""The user states an orientation only where the header states none, or two that contradict each other."""

from __future__ import annotations

from itertools import permutations, product

import nibabel
import numpy as np
import pytest

from meshimplant.errors import GeometryError, InputError
from meshimplant.io.orientation import checked_orientation
from meshimplant.io.volumes import load_volume, read_volume, write_volume
from meshimplant.voxels.volume import Volume

VOXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, order="F")
SPACING = (0.5, 0.75, 1.5)
ALL_48 = ["".join(letters) for axes in permutations(("LR", "AP", "SI")) for letters in product(*axes)]


def _nifti(path, *, qform=None, sform=None, codes=(1, 1)):
    """Write voxels with an affine (RAS) in each form, or with code 0 for none."""
    image = nibabel.Nifti1Image(VOXELS, None)
    image.header.set_zooms(SPACING)
    image.header.set_qform(qform, codes[0] if qform is not None else 0)
    image.header.set_sform(sform, codes[1] if sform is not None else 0)
    if qform is None:
        image.header["pixdim"][1:4] = SPACING
    image.header.set_xyzt_units("mm")
    nibabel.Nifti1Image(VOXELS, None, image.header).to_filename(path)
    raw = bytearray(path.read_bytes())
    raw[: len(image.header.binaryblock)] = image.header.binaryblock
    raw[108:112] = np.float32(352).tobytes()
    path.write_bytes(raw)
    return path


def _nrrd(path, *lines):
    head = ["NRRD0004", "type: uint8", "dimension: 3", "sizes: 2 3 4", "encoding: raw", *lines, "", ""]
    path.write_bytes("\n".join(head).encode() + VOXELS.tobytes(order="F"))
    return path


def _mha(path, *lines):
    head = [
        "NDims = 3",
        "DimSize = 2 3 4",
        "ElementType = MET_UCHAR",
        "ElementSpacing = 0.5 0.75 1.5",
        *lines,
    ]
    path.write_bytes("\n".join([*head, "ElementDataFile = LOCAL", ""]).encode() + VOXELS.tobytes(order="F"))
    return path


WITHOUT = {
    "a.nii": lambda path: _nifti(path),
    "spacings.nrrd": lambda path: _nrrd(path, "spacings: 0.5 0.75 1.5"),
    "space.nrrd": lambda path: _nrrd(
        path, "space dimension: 3", "space directions: (0,0.5,0) (0.75,0,0) (0,0,1.5)"
    ),
    "a.mha": lambda path: _mha(path),
    "unknown.mha": lambda path: _mha(path, "AnatomicalOrientation = ???"),
    "letters.mha": lambda path: _mha(path, "AnatomicalOrientation = LPI"),
}


def _codes(loaded) -> list[str]:
    return [finding.code for finding in loaded.findings]


@pytest.mark.parametrize("name", WITHOUT)
def test_a_header_without_orientation_needs_one_of_the_48(tmp_path, name):
    path = WITHOUT[name](tmp_path / name)
    with pytest.raises(GeometryError, match=r"left and right would be a guess.*--orientation.*RAS"):
        read_volume(path)
    for orientation in ALL_48:
        loaded = load_volume(path, orientation=orientation)
        assert loaded.volume.orientation == orientation
        np.testing.assert_allclose(loaded.volume.spacing_mm, SPACING)
        np.testing.assert_array_equal(loaded.volume.array, VOXELS)
        assert _codes(loaded) == ["input.stated_orientation"]


@pytest.mark.parametrize(
    ("name", "field"),
    [("a.nrrd", b"space origin: (0,0,0)"), ("a.mha", b"Offset = 0 0 0")],
)
def test_a_header_without_an_origin_is_put_at_0_with_a_warning(tmp_path, name, field):
    volume = Volume(VOXELS, np.diag([*SPACING, 1]))
    write_volume(volume, tmp_path / name)
    assert _codes(load_volume(tmp_path / name)) == []
    data = (tmp_path / name).read_bytes()
    assert data.count(field + b"\n") == 1
    (tmp_path / name).write_bytes(data.replace(field + b"\n", b""))
    loaded = load_volume(tmp_path / name)
    assert [(item.code, item.severity) for item in loaded.findings] == [("input.no_origin", "warning")]
    assert loaded.volume.same_grid(volume)


def test_the_letters_are_the_sides_to_which_the_axes_run(tmp_path):
    """Against a file of another program whose axes run to the right, the front and up."""
    path = _nifti(tmp_path / "a.nii", sform=np.diag([*SPACING, 1]))
    ras = read_volume(path)
    assert nibabel.aff2axcodes(nibabel.load(path).affine) == ("R", "A", "S")
    stated = read_volume(WITHOUT["a.nii"](tmp_path / "b.nii"), orientation="ras")
    np.testing.assert_allclose(stated.affine, ras.affine)
    assert stated.affine[0, 0] < 0  # LPS: x grows to the left


@pytest.mark.parametrize("orientation", ["", "RA", "RAR", "RAX", "RASL", "LRS", 7])
def test_another_word_is_refused(tmp_path, orientation):
    with pytest.raises(InputError, match="three letters"):
        checked_orientation(orientation)
    with pytest.raises(InputError, match="three letters"):
        read_volume(WITHOUT["a.nii"](tmp_path / "a.nii"), orientation=orientation)


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
def test_a_stated_orientation_never_replaces_that_of_the_header(tmp_path, suffix):
    volume = Volume(VOXELS, np.diag([*SPACING, 1]))
    write_volume(volume, tmp_path / f"v{suffix}")
    same = load_volume(tmp_path / f"v{suffix}", orientation="LPS")
    assert same.volume.same_grid(volume)
    assert same.findings == ()
    with pytest.raises(GeometryError, match=r"got RAS for v.*states LPS"):
        read_volume(tmp_path / f"v{suffix}", orientation="RAS")


def test_without_voxel_sizes_an_orientation_does_not_help(tmp_path):
    for lines in ((), ("space directions: (0.5,0,0) (0.2,0.75,0) (0,0,1.5)",)):
        path = _nrrd(tmp_path / "v.nrrd", *lines)
        with pytest.raises(GeometryError, match="orientation and voxel size"):
            read_volume(path, orientation="RAS")


# -- contradictions ------------------------------------------------------------------------------------------

RAS = np.diag([*SPACING, 1.0])
LAS = np.diag([-SPACING[0], *SPACING[1:], 1.0])
LPS = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])


def _turned(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(4)
    turn[:2, :2] = (c, -s), (s, c)
    return turn @ RAS


@pytest.mark.parametrize(("other", "letters"), [(LAS, "LAS"), (LPS, "LPS")])
@pytest.mark.parametrize("swap", [False, True])
def test_forms_that_contradict_each_other_are_refused_until_one_is_stated(tmp_path, other, letters, swap):
    qform, sform = (other, RAS) if swap else (RAS, other)
    path = _nifti(tmp_path / "v.nii", qform=qform, sform=sform)
    with pytest.raises(GeometryError, match=f"(RAS.*{letters}|{letters}.*RAS).*contradict.*--orientation"):
        read_volume(path)
    for orientation in (letters, "RAS"):
        loaded = load_volume(path, orientation=orientation)
        assert loaded.volume.orientation == orientation
        assert _codes(loaded) == ["input.header_contradiction"]
        assert "RAS" in loaded.findings[0].message
        assert letters in loaded.findings[0].message
    with pytest.raises(GeometryError, match="contradict"):
        read_volume(path, orientation="SAR")


def test_a_mirrored_way_to_a_template_is_refused_and_a_turned_one_is_not(tmp_path):
    mirrored = _nifti(tmp_path / "v.nii", qform=RAS, sform=LAS, codes=(1, 4))
    with pytest.raises(GeometryError, match="contradict"):
        read_volume(mirrored)
    loaded = load_volume(_nifti(tmp_path / "w.nii", qform=RAS, sform=LPS, codes=(1, 4)))
    assert loaded.volume.orientation == "RAS"
    assert loaded.findings == ()


@pytest.mark.parametrize(
    ("change", "apart_mm"),
    [
        (lambda a: a[:3, 3].__iadd__((0, 0, 2.5)), 2.5),
        (lambda a: a.__setitem__(..., _turned(8)), 2 * np.hypot(0.5, 1.5) * np.sin(np.radians(4))),
    ],
)
def test_forms_that_differ_a_little_are_a_warning(tmp_path, change, apart_mm):
    sform = RAS.copy()
    change(sform)
    (finding,) = load_volume(_nifti(tmp_path / "v.nii", qform=RAS, sform=sform)).findings
    assert (finding.code, finding.severity) == ("input.header_contradiction", "warning")
    assert finding.value == pytest.approx(apart_mm, rel=1e-3)


def test_rounding_is_no_contradiction(tmp_path):
    sform = _turned(8)
    sform[:3, 3] = (-81.2, 40.7, 1203.4)
    assert load_volume(_nifti(tmp_path / "v.nii", qform=sform, sform=sform)).findings == ()
    shifted = sform.copy()
    shifted[0, 3] += 0.05
    assert load_volume(_nifti(tmp_path / "v.nii", qform=sform, sform=shifted)).findings == ()


def test_two_voxel_sizes_are_refused(tmp_path):
    path = _nifti(tmp_path / "v.nii", qform=RAS, sform=RAS @ np.diag([1.05, 1, 1, 1]))
    with pytest.raises(GeometryError, match="one voxel size"):
        read_volume(path, orientation="RAS")


def test_letters_of_metaimage_that_fit_its_matrix_in_no_way_are_a_warning(tmp_path):
    origin = "Offset = 0 0 0"
    matrix = "TransformMatrix = -1 0 0 0 -1 0 0 0 1"  # to the right, to the front, up
    for letters in ("LPI", "RAS", "???"):
        path = _mha(tmp_path / "v.mha", origin, matrix, f"AnatomicalOrientation = {letters}")
        assert _codes(load_volume(path)) == []
    loaded = load_volume(_mha(tmp_path / "v.mha", origin, matrix, "AnatomicalOrientation = RPI"))
    assert _codes(loaded) == ["input.header_contradiction"]
    identity = load_volume(_mha(tmp_path / "v.mha", origin, "AnatomicalOrientation = RAI"))
    assert identity.volume.orientation == "LPS"
    assert identity.findings == ()
