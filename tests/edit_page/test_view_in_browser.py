"""The page of `view` in a real browser: what is drawn, and that nothing is fetched or fails."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trimesh
from browser import Visit, visit
from PIL import Image

from meshimplant.edit_page.page import Page, view
from meshimplant.preview.colour_scales import decode_srgb
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
pytest.importorskip("viser", reason="viser is not installed: pip install 'meshimplant[edit]'")


@pytest.fixture(scope="module")
def served(proud_part: trimesh.Trimesh, ball_head: Volume) -> Iterator[Page]:
    with view(proud_part, skull=ball_head, title="Case 7", asked_thickness_mm=6.0) as page:
        yield page


@pytest.fixture(scope="module")
def seen(chromium: Browser, served: Page) -> Iterator[Visit]:
    with visit(chromium, served, width=900, height=480) as seen:
        yield seen


def _picture(seen: Visit) -> np.ndarray:
    """Return the pixels left of the panel."""
    data = seen.page.screenshot(clip={"x": 0, "y": 0, "width": 500, "height": 480})
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)


def _teal(picture: np.ndarray) -> float:
    """Return the share of pixels in the colour of a plain part."""
    red, _, blue = np.moveaxis(picture, 2, 0)
    return float((blue - red > 60).mean())


def _wait(until: Callable[[], bool], timeout_s: float = 20.0) -> None:
    end = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_part_is_on_screen_and_nothing_is_fetched(seen: Visit, served: Page) -> None:
    _wait(lambda: _teal(_picture(seen)) > 0.08)
    port = served.server.guard.port
    assert seen.errors == []
    assert seen.requested
    assert all(f"//127.0.0.1:{port}/" in url or url.startswith("data:") for url in seen.requested)
    assert seen.page.get_by_text("Case 7").is_visible()


def test_buttons_turn_the_camera_to_the_sides(seen: Visit, served: Page) -> None:
    (client,) = served.server.viser.get_clients().values()
    for button, axis, sign in (("Left", 0, 1), ("Anterior", 1, -1), ("Superior", 2, 1), ("Inferior", 2, -1)):
        seen.page.get_by_role("button", name=button, exact=True).click()
        _wait(lambda axis=axis, sign=sign: _ahead(client)[axis] * sign < -0.999)
    assert _teal(_picture(seen)) < 0.08  # the part is on the left, seen from its border
    seen.page.get_by_role("button", name="Outer").click()
    _wait(lambda: _teal(_picture(seen)) > 0.08)


def _ahead(client: object) -> np.ndarray:
    ahead = client.camera.look_at - client.camera.position  # type: ignore[attr-defined]
    return ahead / np.linalg.norm(ahead)


def test_colours_follow_the_choice(seen: Visit, served: Page) -> None:
    plain = _picture(seen)
    served.panel.colouring.value = "Mirrored side"
    seen.page.wait_for_selector('[data-legend="deviation"]')
    assert served.queue.wait_idle(20)
    _wait(lambda: np.abs(_picture(seen) - plain).max() > 60)
    assert "Stands out of the head's other side" in seen.page.inner_text("[data-legend]")
    served.panel.colouring.value = "Plain"
    _wait(lambda: _teal(_picture(seen)) > 0.08)


def test_a_cut_and_a_plane_of_the_scan_are_drawn(seen: Visit, served: Page) -> None:
    panel = served.panel
    whole = _picture(seen)
    panel._cut.value = "Cut axial"
    assert served.queue.wait_idle(20)
    assert panel.view.skull_node is not None
    level_mm = panel._levels["Axial"].value
    assert panel.view.skull_node.vertices[:, 2].max() <= level_mm + 1e-3
    _wait(lambda: (np.abs(_picture(seen) - whole).max(axis=2) > 20).mean() > 0.05)
    panel._slices["Axial"].value = True
    panel._levels["Axial"].value = level_mm + 10
    assert served.queue.wait_idle(20)
    handle = served.server.viser.scene.get_handle_by_name("/slice/axial")
    assert handle is not None
    assert handle.position[2] == pytest.approx(level_mm + 10)
    panel._slices["Axial"].value = False
    panel._cut.value = "Whole"
    assert served.queue.wait_idle(20)
    assert served.server.viser.scene.get_handle_by_name("/slice/axial") is None


def test_labels_can_be_read_on_light_and_dark(seen: Visit, served: Page) -> None:
    for dark in (False, True):
        served.panel._dark.value = dark
        kind = "dark" if dark else "light"
        seen.page.wait_for_selector(f'html[data-mantine-color-scheme="{kind}"]')
        colour = seen.page.get_by_text("Colour by").evaluate("each => getComputedStyle(each).color")
        text = _luminance([int(each) for each in colour.removeprefix("rgb(").rstrip(")").split(",")])
        panel = _luminance([36, 36, 36] if dark else [255, 255, 255])
        low, high = sorted((text, panel))
        assert (high + 0.05) / (low + 0.05) > 7
    served.panel._dark.value = False
    assert seen.errors == []


def _luminance(colour: list[int]) -> float:
    """Return the relative luminance of sRGB, 0 to 255, as WCAG defines it."""
    return float(decode_srgb(np.array(colour) / 255) @ (0.2126, 0.7152, 0.0722))
