"""The pages in a real browser: what is drawn, what the controls do, and that nothing is fetched or fails."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from meshimplant.preview.colour_scales import ColourScale
from meshimplant.preview.report_page import write_report_html
from meshimplant.preview.viewer_page import write_viewer
from meshimplant.report import Criterion, Finding, Report, Step
from meshimplant.spec.implant_spec import ImplantSpec

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 760, 480


@contextmanager
def _opened(chromium: Browser, path: Path, *, width: int = WIDTH) -> Iterator[Page]:
    """Open a file; when it is closed, it must not have logged anything, nor requested another file."""
    context = chromium.new_context(viewport={"width": width, "height": HEIGHT})
    page = context.new_page()
    logged: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: logged.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: logged.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    page.goto(path.as_uri())
    yield page
    context.close()
    assert logged == []
    assert [url for url in requested if not url.startswith("data:")] == [path.as_uri()]


@pytest.fixture(scope="module")
def viewer_file(case: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of the case."""
    path = tmp_path_factory.mktemp("browser") / "preview.html"
    write_viewer(path, **case, title="Case 7")
    return path


@pytest.fixture(scope="module")
def open_viewer(chromium: Browser, viewer_file: Path) -> Iterator[Page]:
    """Return the viewer, opened once for all tests."""
    with _opened(chromium, viewer_file) as page:
        page.wait_for_selector("html[data-ready]")
        page.add_style_tag(content=".plain-canvas :is(.edge, .scale-bar, .bar, #tip) { visibility: hidden; }")
        yield page


@pytest.fixture
def viewer(open_viewer: Page) -> Page:
    """Return the viewer with everything shown, the implant in one colour and facing the reader."""
    for box in ("#show-implant", "#show-skull"):
        open_viewer.check(box)
    open_viewer.fill("#opacity", "100")
    open_viewer.click("[data-mode=plain]")
    open_viewer.click("[data-view=facing]")
    return open_viewer


def _settle(page: Page) -> None:
    """Wait until the last change is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _picture(page: Page) -> np.ndarray:
    """Return the pixels (h, w, 3) of the canvas, without the labels over it."""
    page.evaluate("document.body.classList.add('plain-canvas')")
    _settle(page)
    image = page.locator("#view").screenshot()
    page.evaluate("document.body.classList.remove('plain-canvas')")
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"), int)


def _bone(picture: np.ndarray) -> np.ndarray:
    """Return which pixels (h, w) have the warm colour of bone; the background is neutral."""
    return picture[..., 0] - picture[..., 2] > 12


def _implant(picture: np.ndarray) -> np.ndarray:
    """Return which pixels (h, w) have the blue-green of the implant."""
    return picture[..., 2] - picture[..., 0] > 40


def _pick(page: Page, x: float, y: float) -> dict | None:
    """Return what the page finds under a point of the canvas."""
    return page.evaluate(f"window.meshimplantViewer.pickAt({x}, {y})")


def _pick_row(page: Page, y: float) -> list[tuple[int, dict]]:
    """Return what lies under every second pixel of a row, with the pixel's column."""
    pick = f"window.meshimplantViewer.pickAt(2 * i + 0.5, {y})"
    found = page.evaluate(f"Array.from({{length: {int(_canvas(page)['width']) // 2}}}, (_, i) => {pick})")
    return [(2 * i, picked) for i, picked in enumerate(found) if picked is not None]


def _canvas(page: Page) -> dict[str, float]:
    """Return place and size of the canvas: x, y, width, height."""
    box = page.locator("#view").bounding_box()
    assert box is not None
    return dict(box)


def _state(page: Page) -> dict:
    """Return the camera and what is shown."""
    return page.evaluate("window.meshimplantViewer.state")


def test_implant_and_skull_are_drawn(viewer: Page) -> None:
    picture = _picture(viewer)
    height, width = picture.shape[:2]
    assert _implant(picture)[height // 2 - 20 : height // 2 + 20, width // 2 - 20 : width // 2 + 20].all()
    assert 0.1 < _implant(picture).mean() < 0.6
    assert _bone(picture).mean() > 0.1


def test_each_layer_can_be_hidden(viewer: Page) -> None:
    both = _picture(viewer)
    viewer.uncheck("#show-skull")
    implant_only = _picture(viewer)
    assert not _bone(implant_only).any()
    assert _implant(implant_only)[_implant(both)].mean() > 0.99
    viewer.uncheck("#show-implant")
    empty = _picture(viewer)
    assert not (_implant(empty) | _bone(empty)).any()
    viewer.check("#show-skull")
    skull_only = _picture(viewer)
    assert not _implant(skull_only).any()
    assert _bone(skull_only).mean() > 0.1
    viewer.check("#show-implant")
    assert np.abs(_picture(viewer) - both).max() <= 2  # the background is dithered


def test_the_implant_shows_through_a_transparent_skull(viewer: Page) -> None:
    viewer.click("[data-view=inner]")
    assert not _implant(_picture(viewer)).any()
    viewer.fill("#opacity", "30")
    through = _picture(viewer)
    assert (through[..., 2] - through[..., 0] > 15).mean() > 0.1
    viewer.fill("#opacity", "0")
    assert not _bone(_picture(viewer)).any()


@pytest.mark.parametrize("name", ["thickness", "gap"])
def test_each_map_has_the_colours_of_its_scale(viewer: Page, case: dict, name: str) -> None:
    viewer.click(f"[data-mode={name}]")
    viewer.click("[data-view=inner]")
    viewer.uncheck("#show-skull")
    picture = _picture(viewer)
    assert viewer.locator("[data-bar]:visible").count() == 1
    assert viewer.locator(f'[data-bar="{name}"]').is_visible()
    row = int(_canvas(viewer)["height"] / 2)
    measured = [(column, at[name]) for column, at in _pick_row(viewer, row + 0.5) if at[name] is not None]
    assert len(measured) > 5
    drawn = np.array([picture[row, column] for column, _ in measured], float)
    expected = ColourScale.of_prescription(name, case[f"{name}_mm"]).colours([value for _, value in measured])
    hues = [colours / np.linalg.norm(colours, axis=1, keepdims=True) for colours in (drawn, expected)]
    assert np.median(np.linalg.norm(hues[0] - hues[1], axis=1)) < 0.12


def test_the_pointer_reads_true_coordinates_and_values(viewer: Page, case: dict) -> None:
    implant, centre = case["implant"], case["skull"].bounds.mean(axis=0)
    box = _canvas(viewer)
    for x, y in ((0.5, 0.5), (0.45, 0.6), (0.55, 0.45)):
        picked = _pick(viewer, x * box["width"], y * box["height"])
        assert picked is not None
        assert picked["object"] == 1
        position_mm = np.array(picked["position_mm"])
        nearest = int(np.argmin(np.linalg.norm(implant.vertices - position_mm, axis=1)))
        radii_mm = np.linalg.norm(np.array([position_mm, implant.vertices[nearest]]) - centre, axis=1)
        assert radii_mm[0] == pytest.approx(radii_mm[1], abs=0.15)
        around = case["thickness_mm"][np.unique(implant.faces[(implant.faces == nearest).any(axis=1)])]
        assert around.min() - 0.01 <= picked["thickness"] <= around.max() + 0.01
    assert _pick(viewer, 3, 3) is None


def test_hovering_shows_the_values(viewer: Page) -> None:
    box = _canvas(viewer)
    viewer.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    viewer.wait_for_selector("#tip:visible")
    lines = viewer.locator("#tip div").all_inner_texts()
    assert lines[0] == "Implant"
    assert 3.5 <= float(lines[1].removeprefix("Thickness ").removesuffix(" mm")) <= 4.5
    assert lines[-1].startswith("L ")


def test_a_drag_rotates_the_scene_with_the_hand(viewer: Page) -> None:
    viewer.click("[data-view=anterior]")
    before = _picture(viewer)
    box = _canvas(viewer)
    picked = _pick(viewer, box["width"] / 2, box["height"] / 2)
    assert picked is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    viewer.mouse.move(x, y)
    viewer.mouse.down()
    viewer.mouse.move(x + 30, y + 18, steps=3)
    viewer.mouse.up()
    assert (np.abs(_picture(viewer) - before).max(axis=2) > 8).mean() > 0.005
    state = _state(viewer)
    axes = np.array([state["right"], state["up"]])
    assert np.allclose(axes @ axes.T, np.eye(2), atol=1e-6)
    assert state["view"] is None
    origin = viewer.evaluate("JSON.parse(document.getElementById('data').textContent).centre_mm")
    right_mm, up_mm = axes @ (np.array(picked["position_mm"]) - origin - state["centre"])
    assert right_mm > 10  # the point that was in the middle follows the pointer
    assert up_mm < -6


def test_the_wheel_zooms_about_the_pointer_and_a_shifted_drag_moves(viewer: Page) -> None:
    box = _canvas(viewer)
    x, y = box["width"] / 2 + 40, box["height"] / 2
    before, size = _pick(viewer, x, y), _state(viewer)["mmPerPixel"]
    assert before is not None
    viewer.mouse.move(box["x"] + x, box["y"] + y)
    viewer.mouse.wheel(0, -240)
    viewer.wait_for_function(f"window.meshimplantViewer.state.mmPerPixel < {0.9 * size}")
    zoomed = _pick(viewer, x, y)
    assert zoomed is not None
    assert zoomed["position_mm"] == pytest.approx(before["position_mm"], abs=0.3)
    viewer.keyboard.down("Shift")
    viewer.mouse.down()
    viewer.mouse.move(box["x"] + x - 30, box["y"] + y + 20, steps=3)
    viewer.mouse.up()
    viewer.keyboard.up("Shift")
    moved = _pick(viewer, x - 30, y + 20)
    assert moved is not None
    assert moved["position_mm"] == pytest.approx(before["position_mm"], abs=0.3)


def test_views_have_their_letters_at_the_edges(viewer: Page) -> None:
    expected = {
        "anterior": "RLSI",
        "posterior": "LRSI",
        "left": "APSI",
        "right": "PASI",
        "superior": "LRAP",
        "inferior": "RLAP",
    }
    for name, letters in expected.items():
        viewer.keyboard.press(name[0])
        _settle(viewer)
        assert viewer.get_attribute(f"[data-view={name}]", "aria-pressed") == "true"
        edges = [viewer.inner_text(f"#edge-{edge}") for edge in ("left", "right", "top", "bottom")]
        assert "".join(edges) == letters


def test_the_scale_bar_is_true(viewer: Page) -> None:
    _settle(viewer)
    length_mm = float(viewer.inner_text("#scale-bar-text").removesuffix(" mm"))
    box = viewer.locator("#scale-bar").bounding_box()
    assert box is not None
    mm_per_px = _state(viewer)["mmPerPixel"]
    assert box["width"] * mm_per_px == pytest.approx(length_mm, abs=4.5 * mm_per_px)


def test_an_implant_alone_is_drawn_too(chromium: Browser, case: dict, tmp_path: Path) -> None:
    write_viewer(tmp_path / "bare.html", implant=case["implant"])
    with _opened(chromium, tmp_path / "bare.html") as page:
        page.wait_for_selector("html[data-ready]")
        assert _implant(_picture(page)).mean() > 0.1


def test_without_webgl_the_page_says_so(chromium: Browser, viewer_file: Path) -> None:
    context = chromium.new_context()
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(viewer_file.as_uri())
    assert page.locator("#nogl").is_visible()
    context.close()


def _report() -> Report:
    return Report(
        method={
            "name": "template",
            "asked": "auto",
            "reason": "the other side is intact " * 8,
            "rms_mm": 1.2,
        },
        spec=ImplantSpec().to_dict(),
        steps=[Step("insertion", {"direction": [0.1, 0.2, 0.97]}, 0.9, 41234.2, 38100.1, ("a remark",))],
        measures={
            "volume_mm3": 24100.3,
            "thickness_median_mm": 4.02,
            "border_angle_p95_deg": 8.4,
            "bodies": 1,
        },
        findings=[Finding("thickness.too_thin", "error", "Too thin.", 1.7, 2.0, "mm", (12.0, -40.3, 88.8))],
        criteria=[Criterion("false positive area", 0.75, "1 none, 0.75 minimal " * 3, ("a",), "5 % of it")],
        outputs=[{"name": "reconstruction.nrrd", "sha256": "cd" * 32}],
        versions={"connected-components-3d": "4.1.1"},
    )


@pytest.mark.parametrize("width", [500, 1280])
def test_the_report_is_readable_at_any_width(chromium: Browser, tmp_path: Path, width: int) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1600, 900), (0, 128, 128)).save(buffer, "PNG")
    write_report_html(_report(), tmp_path / "report.html", preview_png=buffer.getvalue())
    with _opened(chromium, tmp_path / "report.html", width=width) as page:
        assert page.inner_text(".verdict strong") == "failed"
        pixels = np.asarray(Image.open(io.BytesIO(page.locator("img").screenshot())).convert("RGB"), int)
        assert (pixels[pixels.shape[0] // 2, pixels.shape[1] // 2] == (0, 128, 128)).all()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        lines = page.evaluate(
            "[...document.querySelectorAll('td.u, td.w, td.n')].filter((cell) => cell.textContent)"
            ".map((cell) => { const range = document.createRange(); range.selectNodeContents(cell);"
            " return range.getBoundingClientRect().height / parseFloat(getComputedStyle(cell).lineHeight); })"
        )
        assert len(lines) > 20
        assert max(lines) < 1.6  # no number, unit or name is broken over two lines


@pytest.mark.parametrize("width", [420, 1200, 1400])
def test_no_word_of_the_report_is_broken(chromium: Browser, tmp_path: Path, width: int) -> None:
    """Unfold every table: each word of a cell but a hash lies on one line."""
    write_report_html(_report(), tmp_path / "report.html")
    with _opened(chromium, tmp_path / "report.html", width=width) as page:
        assert page.locator("details[open]").count() == 0
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        broken, words = page.evaluate(
            """() => {
              const walker = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
              const broken = []; let words = 0;
              while (walker.nextNode()) {
                const node = walker.currentNode;
                if (node.parentElement.closest('code')) continue;
                for (const match of node.data.matchAll(/[^\\s-]+/g)) {
                  const range = document.createRange();
                  range.setStart(node, match.index); range.setEnd(node, match.index + match[0].length);
                  words += 1;
                  if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1)
                    broken.push(match[0]);
                }
              }
              return [broken, words];
            }"""
        )
        assert words > 150
        assert broken == []


def test_the_printed_report_has_at_most_two_pages_while_its_tables_are_folded(
    chromium: Browser, tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1600, 930), (0, 128, 128)).save(buffer, "PNG")
    pictures = {"preview_png": buffer.getvalue(), "slices_png": buffer.getvalue()}
    write_report_html(_report(), tmp_path / "report.html", **pictures)
    with _opened(chromium, tmp_path / "report.html") as page:
        printed = page.pdf(prefer_css_page_size=True)
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", printed)) <= 2
