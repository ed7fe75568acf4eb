"""write_previews writes the same bytes as render_preview and write_viewer, from one lit scene."""

from __future__ import annotations

from pathlib import Path

import pytest
import trimesh

from meshimplant.errors import InputError, MeshError
from meshimplant.mesh.rays import RayCaster
from meshimplant.preview.render_preview import render_preview
from meshimplant.preview.viewer_page import write_viewer
from meshimplant.preview.write_previews import write_previews


@pytest.mark.parametrize("with_skull", [True, False])
def test_the_bytes_are_those_of_each_function_alone(case: dict, tmp_path: Path, with_skull) -> None:
    shown = case if with_skull else {**case, "skull": None}
    write_previews(tmp_path / "both.png", tmp_path / "both.html", **shown, title="Case")
    render_preview(tmp_path / "one.png", **shown, title="Case")
    write_viewer(tmp_path / "one.html", **shown, title="Case")
    assert (tmp_path / "both.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert (tmp_path / "both.html").read_bytes() == (tmp_path / "one.html").read_bytes()


def test_light_is_computed_once_for_each_scene(case: dict, tmp_path: Path, monkeypatch) -> None:
    made: list[trimesh.Trimesh] = []
    start = RayCaster.__init__
    monkeypatch.setattr(RayCaster, "__init__", lambda self, mesh: (made.append(mesh), start(self, mesh))[1])
    write_previews(tmp_path / "both.png", tmp_path / "both.html", **case)
    assert len(made) == 2


def test_bad_input_is_refused_before_anything_is_written(case: dict, tmp_path: Path) -> None:
    both = tmp_path / "both.png", tmp_path / "both.html"
    with pytest.raises(InputError, match="one value per vertex"):
        write_previews(*both, implant=case["implant"], gap_mm=[1.0])
    with pytest.raises(MeshError, match="the skull"):
        write_previews(*both, implant=case["implant"], skull=trimesh.Trimesh())
    assert not list(tmp_path.iterdir())
