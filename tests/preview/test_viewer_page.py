"""The interactive page: complete in itself, and true to the numbers it was given."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh

from meshimplant.errors import InputError, MeshError, OutputError
from meshimplant.preview.viewer_page import write_viewer


def _data(page: str) -> dict:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    return json.loads(block[1])


def _array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def _vertices(mesh: dict) -> np.ndarray:
    return _array(mesh["positions"], "<u2").reshape(-1, 3) * np.array(mesh["step_mm"]) + mesh["low_mm"]


@pytest.fixture(scope="module")
def wide(case: dict) -> dict:
    """Return the case with values that are hard to hold: below zero, and above 55 mm."""
    count = len(case["implant"].vertices)
    gap = np.where(np.arange(count) % 3 == 0, np.nan, np.linspace(-0.2, 1.1, count))
    return {**case, "thickness_mm": np.linspace(3.5, 70.0, count), "gap_mm": gap}


@pytest.fixture(scope="module")
def page(wide: dict, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the text of the page."""
    path = tmp_path_factory.mktemp("viewer") / "preview.html"
    write_viewer(path, **wide, title='<script>alert("1")</script> & Co')
    return path.read_text(encoding="utf-8")


def test_nothing_is_fetched(page: str) -> None:
    assert not re.search(
        r"https?:|//[a-z]+\.|\bsrc\s*=|\bhref\s*=|@import|url\(|fetch\(|XMLHttp|WebSocket", page
    )
    assert "default-src 'none'" in page


def test_title_is_escaped(page: str) -> None:
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; Co") == 2


def test_meshes_come_back_in_place(page: str, wide: dict) -> None:
    data = _data(page)
    for name in ("implant", "skull"):
        assert np.abs(_vertices(data[name]) - wide[name].vertices).max() < 0.002
        faces = _array(data[name]["faces"], "<u4").reshape(-1, 3)
        assert np.array_equal(faces, wide[name].faces)
        assert len(_array(data[name]["light"], "u1")) == len(wide[name].vertices)


def test_values_come_back_to_the_micrometre(page: str, wide: dict) -> None:
    stored = _array(_data(page)["implant"]["gap"], "<u2")
    gap = wide["gap_mm"]
    assert np.array_equal(stored == 65535, np.isnan(gap))
    known = np.isfinite(gap)
    assert np.abs(stored[known] / 1000 - 10 - gap[known]).max() <= 5.1e-4
    assert gap[known].min() < 0  # overlap stays negative
    thickness = _array(_data(page)["implant"]["thickness"], "<u2")
    assert thickness.max() == 65_000  # farther than a file can say
    assert np.abs(thickness / 1000 - 10 - np.minimum(wide["thickness_mm"], 55)).max() <= 5.1e-4


def test_views_of_the_page_are_anatomical(page: str) -> None:
    views = _data(page)["views"]
    assert views["anterior"]["right"] == [1, 0, 0]
    assert views["posterior"]["right"] == [-1, 0, 0]
    assert views["left"]["right"] == [0, 1, 0]
    assert views["right"]["right"] == [0, -1, 0]
    assert views["superior"]["right"] == [-1, 0, 0]
    assert views["superior"]["up"] == [0, -1, 0]
    assert views["inferior"]["right"] == [1, 0, 0]


def test_page_is_the_same_each_time(wide: dict, page: str, tmp_path: Path) -> None:
    write_viewer(tmp_path / "again.html", **wide, title='<script>alert("1")</script> & Co')
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_without_skull_and_maps(case: dict, tmp_path: Path) -> None:
    write_viewer(tmp_path / "bare.html", implant=case["implant"])
    text = (tmp_path / "bare.html").read_text(encoding="utf-8")
    data = _data(text)
    assert data["skull"] is None
    assert data["scales"] == {}
    assert 'id="show-skull"' not in text
    assert 'data-mode="thickness"' not in text


def test_a_heavy_skull_is_thinned_and_the_file_stays_small(case: dict, tmp_path: Path) -> None:
    skull = trimesh.creation.icosphere(subdivisions=7, radius=80.0)
    skull.apply_translation(case["skull"].bounds.mean(axis=0))
    path = tmp_path / "heavy.html"
    write_viewer(path, **{**case, "skull": skull})
    assert path.stat().st_size < 6e6
    shown = _data(path.read_text(encoding="utf-8"))["skull"]
    assert len(_array(shown["faces"], "<u4")) // 3 <= 121_000
    radius = np.linalg.norm(_vertices(shown) - case["skull"].bounds.mean(axis=0), axis=1)
    assert np.abs(radius - 80).max() < 0.3


def test_wrong_values_meshes_and_places_are_refused(case: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gap_mm with one value per vertex"):
        write_viewer(tmp_path / "a.html", implant=case["implant"], gap_mm=[1.0])
    with pytest.raises(MeshError, match="the implant to have faces"):
        write_viewer(tmp_path / "a.html", implant=trimesh.Trimesh())
    with pytest.raises(OutputError):
        write_viewer(tmp_path / "missing" / "a.html", implant=case["implant"])
    assert list(tmp_path.iterdir()) == []


def _script(page: str) -> str:
    """Return the program of the page."""
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[-1]


def test_the_script_refers_only_to_what_the_page_holds(page: str) -> None:
    """A twin of tests/preview/test_pages_in_browser.py for machines without a browser."""
    script, data = _script(page), _data(page)
    ids = set(re.findall(r'\bid="([\w-]+)"', page))
    used = set(re.findall(r'(?:getElementById|element)\("([\w-]+)"\)', script))
    assert len(used) > 8
    assert used <= ids
    keys = set(re.findall(r"\bdata\.(\w+)", script))
    assert len(keys) > 6
    assert keys <= set(data)
    mesh_keys = set(re.findall(r"\bmesh\.(\w+)", script)) - {"array", "count", "object"}
    assert {"positions", "faces", "light"} <= mesh_keys <= set(data["implant"])
    buttons = set(re.findall(r'data-view="(\w+)"', page))
    assert buttons == set(data["views"])
    assert set(re.findall(r'showView\("(\w+)"\)', script)) <= buttons


def test_the_script_is_well_formed(page: str) -> None:
    script = _script(page)
    bare = re.sub(r"//[^\n]*", "", script)
    bare = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', bare)
    open_brackets: list[str] = []
    for sign in re.findall(r"[()\[\]{}]", bare):
        if sign in "([{":
            open_brackets.append(sign)
        else:
            assert open_brackets.pop() + sign in ("()", "[]", "{}")
    assert open_brackets == []
    assert bare.count("`") % 2 == 0
    uniforms = set(re.findall(r"\bat\.(\w+)", script)) - {"x"}
    declared = " ".join(re.findall(r"uniform [^;]+;", script))
    assert len(uniforms) > 8
    assert all(re.search(rf"\b{name}\b", declared) for name in uniforms)
