"""What a printer's file states beside the shapes, read by the reference implementation of the format."""

from __future__ import annotations

import zipfile
from types import SimpleNamespace

import lib3mf
import numpy as np
import pytest
import trimesh
from shapes import cap

from meshimplant.design.print_files import PrintLabels, write_fit, write_part
from meshimplant.errors import MeshError
from meshimplant.io.assemblies import write_assembly
from meshimplant.io.mesh_files.threemf import Look
from meshimplant.io.meshes import read_mesh
from meshimplant.preview.colour_scales import NO_VALUE, ColourScale
from meshimplant.spec.implant_spec import ImplantSpec

PART = cap(80, 4, 20, edge_mm=3).mesh
LABELS = PrintLabels("12-7", "PEEK", {"SkullFix <2021>": "CC BY-NC-SA 4.0: non-commercial"})


def _strict(path) -> lib3mf.Model:
    """Read a file with lib3mf; in strict mode, every warning is an error."""
    model = lib3mf.get_wrapper().CreateModel()
    reader = model.QueryReader("3mf")
    reader.SetStrictModeActive(True)
    reader.ReadFromFile(str(path))
    assert reader.GetWarningCount() == 0
    return model


def _objects(model: lib3mf.Model) -> dict:
    found, each = {}, model.GetMeshObjects()
    while each.MoveNext():
        mesh = each.GetCurrentMeshObject()
        found[mesh.GetName()] = mesh
    return found


def _metadata(model: lib3mf.Model) -> dict[str, str]:
    group = model.GetMetaDataGroup()
    entries = [group.GetMetaData(index) for index in range(group.GetMetaDataCount())]
    return {entry.GetName(): entry.GetValue() for entry in entries}


def test_lib3mf_reads_names_materials_numbers_metadata_and_picture(tmp_path) -> None:
    write_part(PART, tmp_path, labels=LABELS)
    model = _strict(tmp_path / "implant.3mf")
    (mesh,) = _objects(model).values()
    assert (mesh.GetName(), mesh.GetPartNumber()) == ("implant", "12-7-implant")
    assert mesh.IsManifoldAndOriented()
    assert (mesh.GetVertexCount(), mesh.GetTriangleCount()) == (len(PART.vertices), len(PART.faces))
    resource, index, found = mesh.GetObjectLevelProperty()
    assert found
    bases = model.GetBaseMaterialGroups()
    assert bases.MoveNext()
    base = bases.GetCurrentBaseMaterialGroup()
    assert base.GetUniqueResourceID() == resource
    assert base.GetName(index) == "PEEK"
    colour = base.GetDisplayColor(index)
    assert colour.Blue > colour.Red + 100
    stated = _metadata(model)
    assert stated["CaseLabel"] == "12-7"
    assert (stated["Frame"], stated["Material"]) == ("LPS", "PEEK")
    assert stated["LicenseTerms"] == "CC BY-NC-SA 4.0: non-commercial (SkullFix <2021>)"
    assert stated["Application"].startswith("meshimplant ")
    assert model.HasPackageThumbnailAttachment()
    with zipfile.ZipFile(tmp_path / "implant.3mf") as package:
        assert package.read("Metadata/thumbnail.png").startswith(b"\x89PNG")


@pytest.mark.parametrize("colour_by", ["thickness", "gap"])
def test_vertices_are_coloured_by_what_was_measured(tmp_path, colour_by) -> None:
    values = np.linspace(0, 6, len(PART.vertices))
    values[::7] = np.nan
    check = SimpleNamespace(thickness_mm=values, gap_mm=values)
    write_part(PART, tmp_path, labels=LABELS, check=check, spec=ImplantSpec(), colour_by=colour_by)
    model = _strict(tmp_path / "implant.3mf")
    (mesh,) = _objects(model).values()
    groups = model.GetColorGroups()
    assert groups.MoveNext()
    group = groups.GetCurrentColorGroup()
    expected = ColourScale.of_prescription(colour_by, values, asked_thickness_mm=4.0).colours(values)
    assert tuple(expected[0]) == NO_VALUE
    for row in range(0, len(PART.faces), 97):
        properties, corners = mesh.GetTriangleProperties(row), mesh.GetTriangle(row).Indices
        assert properties.ResourceID == group.GetUniqueResourceID()
        for corner, identifier in zip(corners, properties.PropertyIDs, strict=True):
            seen = group.GetColor(identifier)
            assert [seen.Red, seen.Green, seen.Blue] == np.rint(255 * expected[corner]).tolist()
    wanted = "thickness 3 to 5 mm" if colour_by == "thickness" else "gap 0 to 3 mm"
    assert _metadata(model)["Colours"] == wanted
    assert read_mesh(tmp_path / "implant.3mf").volume == pytest.approx(PART.volume, rel=1e-5)


def test_the_fit_is_skull_part_and_plates_in_their_places(tmp_path) -> None:
    skull = trimesh.creation.icosphere(subdivisions=3, radius=75)
    plates = [trimesh.creation.box((8, 3, 1)), trimesh.creation.box((8, 3, 1))]
    plates[1].apply_translation((20, 0, 80))
    write_fit(tmp_path / "fit.3mf", skull=skull, part=PART, plates=plates, labels=LABELS)
    objects = _objects(_strict(tmp_path / "fit.3mf"))
    assert list(objects) == ["skull", "implant", "plate-1", "plate-2"]
    for mesh, truth in zip(objects.values(), [skull, PART, *plates], strict=True):
        vertices = np.array([tuple(each.Coordinates) for each in mesh.GetVertices()])
        assert np.abs(vertices - truth.vertices).max() < 1e-4
    first = (tmp_path / "fit.3mf").read_bytes()
    write_fit(tmp_path / "again.3mf", skull=skull, part=PART, plates=plates, labels=LABELS)
    assert first == (tmp_path / "again.3mf").read_bytes()


def test_colours_that_do_not_match_the_vertices_are_refused(tmp_path) -> None:
    few = Look((1, 0, 0), "PEEK", vertex_colours=np.ones((3, 3)))
    with pytest.raises(MeshError, match="a colour for each vertex"):
        write_assembly({"a": PART}, tmp_path / "a.3mf", looks={"a": few})
    with pytest.raises(MeshError, match="got b with 0 vertices"):
        write_assembly({"a": PART}, tmp_path / "a.3mf", looks={"b": Look((1, 0, 0), "PEEK")})
