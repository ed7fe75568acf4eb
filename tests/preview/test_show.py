"""show: the scene holds the part, its values and the skull. Nothing is rendered, for want of OpenGL in CI."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import trimesh

import meshimplant
from meshimplant.errors import InputError, MeshError
from meshimplant.preview.colour_scales import NO_VALUE, ColourScale
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume


def _mesh_of(plotter, name: str):
    return plotter.actors[name].mapper.dataset


def test_a_design_is_shown_with_its_skull_and_both_maps(case: dict) -> None:
    block = np.zeros((40, 40, 40), np.uint8)
    block[5:35, 5:35, 5:35] = 1
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = case["skull"].bounds.mean(axis=0) - 80
    design = SimpleNamespace(
        implant=case["implant"],
        skull=Volume(block, affine),
        spec=ImplantSpec(),
        check=SimpleNamespace(thickness_mm=case["thickness_mm"], gap_mm=case["gap_mm"]),
    )
    plotter = meshimplant.show(design, show=False, off_screen=True, colour_by="gap", skull_opacity=0.4)
    part = _mesh_of(plotter, "implant")
    assert np.array_equal(part.points, case["implant"].vertices)
    assert np.array_equal(part.point_data["thickness_mm"], case["thickness_mm"])
    assert np.array_equal(part.point_data["gap_mm"], case["gap_mm"], equal_nan=True)
    mapper, scale = plotter.actors["implant"].mapper, ColourScale.of_prescription("gap", case["gap_mm"])
    assert mapper.scalar_range == (scale.low, scale.high)
    assert mapper.lookup_table.nan_color.float_rgb == pytest.approx(NO_VALUE, abs=1 / 255)
    colours = mapper.lookup_table.values[:, :3] / 255
    assert np.abs(colours - scale.table).max() < 1 / 255
    assert list(plotter.scalar_bars.keys()) == ["Gap to bone, mm"]
    assert plotter.actors["skull"].prop.opacity == 0.4
    middle = np.reshape(_mesh_of(plotter, "skull").bounds, (3, 2)).mean(axis=1)
    assert middle == pytest.approx(affine[:3, 3] + 4 * 19.5, abs=0.1)
    plotter.close()


def test_the_camera_faces_the_outer_side(case: dict) -> None:
    plotter = meshimplant.show(case["implant"], skull=case["skull"], show=False, off_screen=True)
    camera = plotter.camera
    towards = np.subtract(camera.position, camera.focal_point)
    assert towards / np.linalg.norm(towards) @ (
        np.array([0.5, -0.3, 0.7]) / np.linalg.norm([0.5, -0.3, 0.7])
    ) == pytest.approx(1, abs=1e-3)
    assert camera.parallel_projection
    assert camera.focal_point == pytest.approx(tuple(case["implant"].bounds.mean(axis=0)))
    assert "thickness_mm" not in _mesh_of(plotter, "implant").point_data
    assert set(plotter.actors) >= {"implant", "skull"}
    plotter.close()


def test_wrong_input_is_refused_before_a_window_opens(case: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyvista

    monkeypatch.setattr(pyvista, "Plotter", lambda **_: pytest.fail("opened a window"))
    with pytest.raises(InputError, match="values of gap to colour by"):
        meshimplant.show(case["implant"], colour_by="gap")
    with pytest.raises(InputError, match="one value per vertex"):
        meshimplant.show(case["implant"], gap_mm=[1.0])
    with pytest.raises(InputError, match="skull_opacity between 0 and 1, got 2"):
        meshimplant.show(case["implant"], skull_opacity=2)
    with pytest.raises(MeshError, match="the skull to have faces"):
        meshimplant.show(case["implant"], skull=trimesh.Trimesh())


def test_pyvista_meshes_go_both_ways(case: dict) -> None:
    surface = meshimplant.to_pyvista(case["implant"])
    assert surface.n_cells == len(case["implant"].faces)
    again = meshimplant.from_pyvista(surface)
    assert np.array_equal(again.vertices, case["implant"].vertices)
    assert np.array_equal(again.faces, case["implant"].faces)
