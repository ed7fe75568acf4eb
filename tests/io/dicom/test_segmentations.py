"""A segment of a DICOM SEG, an RTSTRUCT or a .seg.nrrd is read where it is, and never another one."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid
from segmentations import PLANTED, write_ct, write_rtstruct, write_seg

from meshimplant.errors import EmptyMaskError, FileReadError, GeometryError, InputError, MeshImplantError
from meshimplant.io.dicom.seg import seg_volume
from meshimplant.io.volumes import load_volume, read_volume
from meshimplant.voxels.volume import Volume


def _grid(shape=(21, 18, 15)) -> Volume:
    """Return an oblique grid of anisotropic voxels far from the origin; 21 x 18 bits fill no whole byte."""
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) @ np.array(
        [[1, 0, 0], [0, 0.96, -0.28], [0, 0.28, 0.96]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * (0.8, 1.1, 2.0)
    affine[:3, 3] = (-31, 212, 905)
    return Volume(np.zeros(shape, np.uint8), affine)


GRID = _grid()


def _ball(centre, radius: float) -> np.ndarray:
    away = GRID.to_mm(np.moveaxis(np.indices(GRID.shape), 0, -1)) - GRID.to_mm(centre)
    return np.linalg.norm(away, axis=-1) < radius


BONE, FLAP = _ball((9, 9, 6), 7.5), _ball((12, 8, 7), 4.0)
SEGMENTS = {"Skin": _ball((5, 5, 5), 3.0), "Bone": BONE, "bone flap": FLAP}


def _same_where_known(volume: Volume, mask: np.ndarray) -> None:
    """Check a mask on a part of `GRID`: its voxels are those of the truth, and it misses none."""
    assert volume.shares_voxels_with(GRID)
    whole = volume.paste_into(GRID.grid)
    np.testing.assert_array_equal(whole.array, mask)


# -- DICOM SEG -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP", "FRACTIONAL"])
@pytest.mark.parametrize("leave_out_empty", [True, False])
def test_a_segment_of_a_seg_is_read_by_name_and_by_number(tmp_path, kind, leave_out_empty):
    segments = dict(SEGMENTS)
    if kind == "LABELMAP":  # its segments do not overlap
        segments = {"Skin": SEGMENTS["Skin"] & ~BONE, "Bone": BONE & ~FLAP, "bone flap": FLAP}
    write_seg(tmp_path / "s.dcm", segments, GRID, kind=kind, leave_out_empty=leave_out_empty)
    for wanted, name in (("bone", "Bone"), ("BONE FLAP", "bone flap"), ("1", "Skin"), (2, "Bone")):
        loaded = load_volume(tmp_path / "s.dcm", segment=wanted)
        _same_where_known(loaded.volume, segments[name])
        assert [finding.code for finding in loaded.findings] == ["input.segment"]
        assert not loaded.is_ct


def test_slices_without_a_frame_are_empty(tmp_path):
    """A body in two parts, with four slices between them that the file leaves out."""
    parts = np.zeros(GRID.shape, bool)
    parts[4:9, 4:9, 2:4] = parts[6:12, 5:9, 8:11] = True
    write_seg(tmp_path / "s.dcm", {"parts": parts}, GRID)
    _same_where_known(read_volume(tmp_path / "s.dcm"), parts)


def test_bits_are_unpacked_as_pydicom_does(tmp_path):
    write_seg(tmp_path / "s.dcm", SEGMENTS, GRID)
    dataset = pydicom.dcmread(tmp_path / "s.dcm")
    assert dataset.Rows * dataset.Columns % 8
    by_pydicom = dataset.pixel_array.sum()
    ours = sum(int(seg_volume(dataset, number)[0].array.sum()) for number in (1, 2, 3))
    assert ours == by_pydicom


def test_a_fractional_segment_keeps_its_probabilities(tmp_path):
    field = np.where(BONE, 0.75, 0.0)
    field[FLAP] = 0.25
    write_seg(tmp_path / "s.dcm", {"bone": field}, GRID, kind="FRACTIONAL", leave_out_empty=False)
    volume = read_volume(tmp_path / "s.dcm")
    assert volume.array.dtype == np.float32
    np.testing.assert_allclose(volume.array, field, atol=1e-6)


def test_a_tilted_seg_is_resampled_as_a_ct_is(tmp_path):
    places = GRID.to_mm([(0, 0, k) for k in range(GRID.shape[2])])
    tilted = places + np.arange(len(places))[:, None] * 0.4 * (GRID.affine[:3, 1] / 1.1)
    write_seg(tmp_path / "s.dcm", {"bone": BONE}, GRID, positions_mm=tilted, leave_out_empty=False)
    loaded = load_volume(tmp_path / "s.dcm")
    assert "input.gantry_tilt" in [finding.code for finding in loaded.findings]
    index = np.argwhere(BONE)
    moved = GRID.to_mm(index) + (tilted - places)[index[:, 2]]
    centre = loaded.volume.to_mm(np.argwhere(loaded.volume.array)).mean(axis=0)
    np.testing.assert_allclose(centre, moved.mean(axis=0), atol=0.1)


@pytest.mark.parametrize("wanted", [None, "brain", "4", "flap"])
def test_the_segments_are_listed_unless_one_is_chosen(tmp_path, wanted):
    write_seg(tmp_path / "s.dcm", SEGMENTS, GRID)
    with pytest.raises(InputError, match=r"1 'Skin', 2 'Bone', 3 'bone flap'.*--segment") as caught:
        read_volume(tmp_path / "s.dcm", segment=wanted)
    assert PLANTED not in str(caught.value)


def test_a_repeated_name_needs_the_number(tmp_path):
    twice = {"bone": BONE, "Bone": FLAP}
    write_seg(tmp_path / "s.dcm", twice, GRID)
    with pytest.raises(InputError, match="got 2 among"):
        read_volume(tmp_path / "s.dcm", segment="bone")
    _same_where_known(read_volume(tmp_path / "s.dcm", segment=2), FLAP)


def test_an_empty_segment_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "s.dcm"
    write_seg(path, {"none": np.zeros_like(BONE), "bone": BONE}, GRID)
    with pytest.raises(EmptyMaskError):
        read_volume(path, segment="none")
    whole = pydicom.dcmread(path)
    whole.PixelData = whole.PixelData[: len(whole.PixelData) // 4 * 2]
    whole.save_as(path)
    with pytest.raises(FileReadError, match="truncated"):
        read_volume(path, segment="bone")
    del whole.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence
    whole.save_as(path)
    with pytest.raises(FileReadError, match="PlanePositionSequence"):
        read_volume(path, segment="bone")


def test_a_ct_is_read_before_a_segmentation_beside_it(tmp_path):
    ct = GRID.with_array(np.where(BONE, 900, -1000).astype(np.int16))
    write_ct(tmp_path / "study", ct, generate_uid())
    write_seg(tmp_path / "study" / "s.dcm", SEGMENTS, GRID)
    loaded = load_volume(tmp_path / "study")
    assert loaded.is_ct
    (finding,) = [f for f in loaded.findings if f.code == "input.segmentation_left_out"]
    assert "--segment" in finding.message
    _same_where_known(load_volume(tmp_path / "study", segment="bone").volume, BONE)
    with pytest.raises(InputError, match="segment or a series"):
        read_volume(tmp_path / "study", segment="bone", series=1)


def test_a_seg_comes_back_on_the_whole_ct_on_which_it_was_drawn(tmp_path):
    ct = GRID.with_array(np.zeros(GRID.shape, np.int16))
    series = generate_uid()
    write_ct(tmp_path, ct, series)
    write_seg(tmp_path / "s.dcm", SEGMENTS, GRID, series=series)
    for path in (tmp_path, tmp_path / "s.dcm"):
        volume = read_volume(path, segment="bone flap")
        assert volume.same_grid(read_volume(tmp_path, series=series))
        np.testing.assert_array_equal(volume.array, FLAP)


def test_a_folder_of_one_segmentation_needs_no_choice(tmp_path):
    (tmp_path / "study").mkdir()
    write_seg(tmp_path / "study" / "s.dcm", {"bone": BONE}, GRID)
    _same_where_known(read_volume(tmp_path / "study"), BONE)


def test_a_study_without_segmentation_and_a_mask_have_no_segments(tmp_path):
    write_ct(tmp_path / "study", GRID.with_array(np.zeros(GRID.shape, np.int16)), generate_uid())
    with pytest.raises(FileReadError, match="got none"):
        read_volume(tmp_path / "study", segment="bone")
    (tmp_path / "v.nii").write_bytes(b"x")
    with pytest.raises(InputError, match="--label"):
        read_volume(tmp_path / "v.nii", segment="bone")


# -- RTSTRUCT ------------------------------------------------------------------------------------------------

CT_GRID = Volume(np.zeros((40, 36, 12), np.int16), GRID.affine)


def _square(k: float, low, high) -> np.ndarray:
    """Return the corners of a rectangle in slice k of the CT, from voxel corner to voxel corner."""
    (a, b), (c, d) = np.subtract(low, 0.5), np.add(high, 0.5)
    return CT_GRID.to_mm([(a, b, k), (c, b, k), (c, d, k), (a, d, k)])


def _study(tmp_path, regions, *, name="study"):
    series = generate_uid()
    write_ct(tmp_path / name, CT_GRID, series)
    write_rtstruct(tmp_path / name / "contours.dcm", regions, series)
    return tmp_path / name


def _frame(slices) -> np.ndarray:
    """Return a frame (a square with a square hole) in some slices of the CT."""
    mask = np.zeros(CT_GRID.shape, np.uint8)
    mask[5:30, 6:28, slices] = 1
    mask[10:20, 10:22, slices] = 0
    return mask


def test_contours_within_contours_are_holes(tmp_path):
    slices = list(range(2, 9))
    contours = [_square(k, (5, 6), (29, 27)) for k in slices]
    contours += [_square(k, (10, 10), (19, 21))[::-1] for k in slices]  # wound the other way
    study = _study(tmp_path, {"skull": contours})
    for path in (study / "contours.dcm", study):
        loaded = load_volume(path, segment="Skull")
        assert loaded.volume.same_grid(CT_GRID)
        np.testing.assert_array_equal(loaded.volume.array, _frame(slices))
        assert [finding.code for finding in loaded.findings] == ["input.segment"]


def test_a_keyhole_contour_leaves_its_hole_open(tmp_path):
    contours = []
    for k in range(2, 9):
        outer, inner = _square(k, (5, 6), (29, 27)), _square(k, (10, 10), (19, 21))
        contours.append(np.vstack([outer, outer[:1], inner[[0, 3, 2, 1]], inner[:1], outer[:1]]))
    study = _study(tmp_path, {"skull": contours})
    np.testing.assert_array_equal(read_volume(study, segment=1).array, _frame(range(2, 9)))


def test_a_repeated_contour_counts_once(tmp_path):
    contours = [_square(k, (5, 6), (29, 27)) for k in range(2, 9)] * 2
    study = _study(tmp_path, {"skull": contours})
    assert read_volume(study, segment=1).array.sum() == 25 * 22 * 7


@pytest.mark.parametrize("step", [0.5, 1.0, 2.0, 1.25])
def test_contours_between_the_slices_give_the_cone_that_they_outline(tmp_path, step):
    """Squares that grow with height: each slice is as wide as the cone at its height, to a voxel."""
    places = np.arange(1.25, 10.3, step) if step != 1.0 else np.arange(2, 10.0)
    contours = [_square(k, (20 - k, 18 - k), (20 + k, 18 + k)) for k in places]
    loaded = load_volume(_study(tmp_path, {"cone": contours}), segment="cone")
    for k in range(3, 9):
        wide = loaded.volume.array[:, 18, k].sum()
        assert abs(wide - (2 * k + 1)) <= 1
    codes = [finding.code for finding in loaded.findings]
    assert ("input.contours_interpolated" in codes) == (step != 1.0)
    assert "input.contour_gaps" not in codes


def test_slices_without_contours_are_not_bridged_and_said(tmp_path):
    slices = [1, 2, 3, 7, 8, 9]
    study = _study(tmp_path, {"teeth": [_square(k, (5, 6), (29, 27)) for k in slices]})
    loaded = load_volume(study, segment=1)
    assert np.flatnonzero(loaded.volume.array.any(axis=(0, 1))).tolist() == slices
    assert "input.contour_gaps" in [finding.code for finding in loaded.findings]


def test_contours_that_overlap_partly_or_leave_the_ct_are_warnings(tmp_path):
    crossing = [
        _square(k, low, high) for k in (2, 3, 4) for low, high in (((5, 6), (20, 20)), ((12, 12), (30, 30)))
    ]
    outside = [_square(k, (5, 6), (60, 20)) for k in (2, 3, 4)]
    study = _study(tmp_path, {"crossing": crossing, "outside": outside})
    for name in ("crossing", "outside"):
        codes = {finding.code: finding.severity for finding in load_volume(study, segment=name).findings}
        expected = "input.overlapping_contours" if name == "crossing" else "input.contours_outside"
        assert codes[expected] == "warning"
    far = [contour + 900 for contour in outside]
    with pytest.raises(GeometryError, match="all of them outside"):
        read_volume(_study(tmp_path, {"far": far}, name="far"), segment="far")


def test_contours_without_their_ct_need_a_grid(tmp_path):
    contours = [_square(k, (5, 6), (29, 27)) for k in range(2, 9)]
    write_rtstruct(tmp_path / "contours.dcm", {"skull": contours}, generate_uid())
    with pytest.raises(GeometryError, match="same folder"):
        read_volume(tmp_path / "contours.dcm")
    for orientation in ("LPS", "SRA"):
        grid = CT_GRID.reorient(orientation)
        volume = read_volume(tmp_path / "contours.dcm", grid=grid)
        assert volume.same_grid(grid)
        assert volume.array.sum() == 25 * 22 * 7
    across = Volume(np.zeros((60, 60, 60), np.uint8), np.diag([1.0, 1, 1, 1]))
    with pytest.raises(GeometryError, match="planes of the CT's slices"):
        read_volume(tmp_path / "contours.dcm", grid=across)


def test_a_tilted_ct_takes_its_contours(tmp_path):
    """The CT is resampled to an upright grid; contours keep their places in the patient."""
    contours = [_square(k, (5, 6), (29, 27)) for k in range(2, 9)]
    study = _study(tmp_path, {"skull": contours})
    for path in sorted(study.glob("ct*.dcm")):
        file = pydicom.dcmread(path)
        shift = int(path.stem[2:]) * 0.3 * CT_GRID.affine[:3, 1]
        file.ImagePositionPatient = [f"{v:.6f}" for v in np.array(file.ImagePositionPatient, float) + shift]
        file.save_as(path)
    loaded = load_volume(study, segment=1)
    centre = loaded.volume.to_mm(np.argwhere(loaded.volume.array)).mean(axis=0)
    np.testing.assert_allclose(centre, np.concatenate(contours).mean(axis=0), atol=0.05)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_every_error_of_a_truncated_segmentation_is_ours(tmp_path, share):
    contours = [_square(k, (5, 6), (29, 27)) for k in range(2, 9)]
    write_rtstruct(tmp_path / "a.dcm", {"skull": contours}, generate_uid())
    write_seg(tmp_path / "b.dcm", SEGMENTS, GRID)
    for name in ("a.dcm", "b.dcm"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: int(len(data) * share)])
        with pytest.raises(MeshImplantError):
            read_volume(tmp_path / name, segment="bone", grid=CT_GRID)


def test_contours_lost_at_the_end_of_a_file_are_noticed(tmp_path):
    """Cut anywhere: pydicom reads what is left, and says nothing."""
    contours = [_square(k, (5, 6), (29, 27)) for k in range(2, 9)]
    path = tmp_path / "a.dcm"
    write_rtstruct(path, {"skull": contours}, generate_uid())
    data = path.read_bytes()
    for cut in range(2, 500, 14):
        path.write_bytes(data[:-cut])
        with pytest.raises(FileReadError):
            read_volume(path, grid=CT_GRID)


# -- .seg.nrrd -----------------------------------------------------------------------------------------------

SLICER = np.zeros((6, 7, 8), np.uint8)
A, B, C = SLICER.copy(), SLICER.copy(), SLICER.copy()
A[1:4, 2:5, 3:6], B[2:5, 1:6, 2:4], C[0, 0, 0] = 1, 1, 1


def _seg_nrrd(path, layers: list[np.ndarray], entries: list[tuple[str, int, int]], *more: str):
    """Write layers of labels, first axis fastest, with (name, label value, layer) of each segment."""
    several = len(layers) > 1
    sizes = "6 7 8" if not several else f"{len(layers)} 6 7 8"
    directions = "(0.5,0,0) (0,0.6,0) (0,0,0.7)"
    head = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {3 + several}",
        "space: left-posterior-superior",
        f"sizes: {sizes}",
        f"space directions: {'none ' * several}{directions}",
        "encoding: raw",
        "space origin: (10,-20,30)",
    ]
    for n, (name, label, layer) in enumerate(entries):
        head += [f"Segment{n}_Name:={name}", f"Segment{n}_LabelValue:={label}", f"Segment{n}_Layer:={layer}"]
    head += [*more, "", ""]
    array = np.array(layers) if several else layers[0]
    path.write_bytes("\n".join(head).encode() + array.tobytes(order="F"))
    return path


def test_overlapping_layers_of_slicer_are_told_apart(tmp_path):
    layers = [A + 2 * (C & ~A), B]
    path = _seg_nrrd(tmp_path / "s.seg.nrrd", layers, [("Bone", 1, 0), ("dot", 2, 0), ("Bone flap", 1, 1)])
    for wanted, mask in (("bone", A), ("DOT", C & ~A), ("bone flap", B), (3, B)):
        loaded = load_volume(path, segment=wanted)
        np.testing.assert_array_equal(loaded.volume.array, mask)
        np.testing.assert_allclose(loaded.volume.affine[:3, 3], (10, -20, 30))
    with pytest.raises(InputError, match=r"1 'Bone', 2 'dot', 3 'Bone flap'.*--segment"):
        read_volume(path)


def test_one_layer_of_labels_is_a_map_until_a_segment_is_chosen(tmp_path):
    labels = 5 * A + 7 * (B & ~A)
    path = _seg_nrrd(tmp_path / "s.nrrd", [labels], [("skull", 5, 0), ("brain", 7, 0)])
    loaded = load_volume(path)
    np.testing.assert_array_equal(loaded.volume.array, labels)
    assert [segment.name for segment in loaded.segments] == ["skull", "brain"]
    np.testing.assert_array_equal(read_volume(path, segment="Brain").array, B & ~A)
    np.testing.assert_array_equal(read_volume(path, segment=5).array, A)


def test_a_single_segment_of_slicer_needs_no_choice(tmp_path):
    path = _seg_nrrd(tmp_path / "s.seg.nrrd", [3 * A], [("skull", 3, 0)])
    loaded = load_volume(path)
    np.testing.assert_array_equal(loaded.volume.array, A)
    assert [finding.code for finding in loaded.findings] == ["input.segment"]


def test_the_box_around_the_segments_is_put_back_into_the_reference_image(tmp_path):
    matrix = ";".join("0" * 16)
    path = _seg_nrrd(
        tmp_path / "s.seg.nrrd",
        [A],
        [("skull", 1, 0)],
        "Segmentation_ReferenceImageExtentOffset:=3 4 5",
        "Segmentation_ConversionParameters:=Smoothing factor|0.5|x&"
        f"Reference image geometry|{matrix};0;19;0;29;0;39;|y",
    )
    volume = read_volume(path)
    assert volume.shape == (20, 30, 40)
    np.testing.assert_array_equal(volume.array[3:9, 4:11, 5:13], A)
    assert volume.array.sum() == A.sum()
    np.testing.assert_allclose(volume.to_mm((3, 4, 5)), (10, -20, 30))


def test_a_layer_that_is_not_there_is_refused(tmp_path):
    path = _seg_nrrd(tmp_path / "s.seg.nrrd", [A, B], [("a", 1, 0), ("b", 1, 2)])
    with pytest.raises(FileReadError, match="layer 2"):
        read_volume(path, segment="b")


#: What Slicer 5 writes beside name, label and layer.
SLICER_ENTRIES = (
    "Segment0_Color:=0.501961 0.682353 0.501961",
    "Segment0_Extent:=1 3 2 4 3 5",
    "Segment0_ID:=Segment_1",
    "Segment0_NameAutoGenerated:=1",
    "Segment0_Tags:=Segmentation.Status:inprogress|TerminologyEntry:Segmentation category and type - 3D "
    "Slicer General Anatomy list~SCT^85756007^Tissue~SCT^272673000^Bone~^^~Anatomic codes~^^~^^|",
    "Segmentation_ContainedRepresentationNames:=Binary labelmap|Closed surface|",
    "Segmentation_SourceRepresentation:=Binary labelmap",
)


def test_the_entries_of_slicer_change_nothing(tmp_path):
    path = _seg_nrrd(tmp_path / "s.seg.nrrd", [A, B], [("a", 1, 0), ("b", 1, 1)], *SLICER_ENTRIES)
    np.testing.assert_array_equal(read_volume(path, segment="a").array, A)
    np.testing.assert_array_equal(read_volume(path, segment="b").array, B)


def test_channels_of_an_old_file_without_layers_are_its_segments(tmp_path):
    path = _seg_nrrd(tmp_path / "s.seg.nrrd", [A, B], [("a", 1, 0), ("b", 1, 1)])
    lines = [line for line in path.read_bytes().split(b"\n") if b"_Layer:=" not in line]
    path.write_bytes(b"\n".join(line for line in lines if b"_LabelValue:=" not in line))
    np.testing.assert_array_equal(read_volume(path, segment="a").array, A)
    np.testing.assert_array_equal(read_volume(path, segment="b").array, B)
    with pytest.raises(InputError, match=r"1 'a', 2 'b'.*--segment"):
        read_volume(path)


def test_segments_in_one_place_and_fractions_are_refused(tmp_path):
    path = _seg_nrrd(tmp_path / "s.seg.nrrd", [A], [("a", 1, 0), ("b", 1, 0)])
    with pytest.raises(FileReadError, match="two that share both"):
        read_volume(path, segment="a")
    fractional = "Segmentation_MasterRepresentation:=Fractional labelmap"
    with pytest.raises(FileReadError, match=r"binary labels.*'Fractional labelmap'"):
        read_volume(_seg_nrrd(tmp_path / "f.seg.nrrd", [108 * A], [("a", 1, 0)], fractional))


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR", "CLOSEDPLANAR_XOR"])
def test_regions_with_holes_are_read_one_by_one(tmp_path, kind):
    """Two regions on one slice set; the first has a hole as a contour of its own."""
    grid = Volume(np.zeros((30, 30, 4), np.int16), np.diag([1.0, 1, 2, 1]))
    series = generate_uid()
    write_ct(tmp_path / "study", grid, series)

    def square(low, high, k):
        corners = np.array([(low, low), (high, low), (high, high), (low, high)]) - 0.5
        return grid.to_mm(np.c_[corners, np.full(4, k)])

    outer, hole, other = ([square(*ends, k) for k in range(4)] for ends in ((5, 20), (10, 15), (22, 26)))
    regions = {"skull": [*outer, *hole], "plate": other}
    write_rtstruct(tmp_path / "study" / "rt.dcm", regions, series)
    file = pydicom.dcmread(tmp_path / "study" / "rt.dcm")
    for region in file.ROIContourSequence:
        for contour in region.ContourSequence:
            contour.ContourGeometricType = kind
    file.save_as(tmp_path / "study" / "rt.dcm")
    assert read_volume(tmp_path / "study", segment="skull").array.sum() == 4 * (15**2 - 5**2)
    assert read_volume(tmp_path / "study", segment="plate").array.sum() == 4 * 4**2
