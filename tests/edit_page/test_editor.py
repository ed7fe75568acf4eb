"""The page of `edit`: changes, undo, tools and a kill; and in a real browser what a user does and sees."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from browser import Visit, visit
from PIL import Image
from small_design import small_design

from meshimplant.edit_log.edit_session import EditSession
from meshimplant.edit_page.editor import EditPage
from meshimplant.mesh.rays import RayCaster
from meshimplant.spec.edits import Edit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

pytest.importorskip("viser", reason="viser is not installed: pip install 'meshimplant[edit]'")

SIZE = {"width": 900, "height": 600}
MIDDLE = (257, 300)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untouched") / "case"
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_write_previews", "_write_slices", "_write_drawing"):
            patch.setattr(f"meshimplant.design.write_design.{name}", lambda *_given, **_named: None)
        small_design().save(folder)
    return folder


@pytest.fixture(scope="module")
def served(
    chromium: Browser, untouched: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EditPage]:
    del chromium  # without a browser nothing is designed
    folder = tmp_path_factory.mktemp("served") / "case"
    shutil.copytree(untouched, folder)
    session = EditSession.open(folder)
    with EditPage(session, title="Case 7") as page:
        yield page
    session._release()  # what was not saved need not be


@pytest.fixture(scope="module")
def seen(chromium: Browser, served: EditPage) -> Iterator[Visit]:
    with visit(chromium, served, **SIZE) as seen:
        yield seen


def _picture(page: Page) -> np.ndarray:
    data = page.screenshot(clip={"x": 0, "y": 0, "width": 500, "height": 600})
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int)


def _wait(until: Callable[[], bool], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)


def _number(page: Page, label: str) -> Locator:
    row = page.get_by_text(label, exact=True).locator("xpath=ancestor::div[.//input][1]")
    return row.locator("input.mantine-NumberInput-input")


def _set_thickness(page: Page, value: str) -> None:
    page.get_by_role("tab", name="Part").click()
    _number(page, "Thickness, mm").fill(value)
    page.get_by_text("Not applied yet: Thickness").wait_for()
    page.get_by_role("button", name="Apply", exact=True).first.click()


def _told(page: Page) -> str:
    return page.inner_text("[data-told]")


def _done(served: EditPage) -> str:
    """Wait for the page, and return what it tells."""
    assert served.queue.wait_idle(120)
    return served._status.content


def test_the_prescription_is_applied_from_its_controls_and_taken_back(served: EditPage) -> None:
    session, before = served.session, served.session.hash
    served.prescription._controls["clearance_mm"].set(1.0)
    assert served.queue.wait_idle(20)
    assert "Clearance 0.8 to 1 mm" in served._pending.content
    assert not served.apply.disabled
    served._apply_prescription()
    served._apply_prescription()  # while it works, it starts nothing else
    assert "Clearance 0.8 to 1 mm: done in" in _done(served)
    assert [line.edit.parameters for line in session.log] == [{"clearance_mm": 1.0}]
    assert session.design.spec.clearance_mm == 1.0
    assert session.hash in served._status.content
    assert served.panel.view.scene.parts[0].mesh is session.design.implant
    assert "<s>" not in served.log._lines.content
    served.do("Undo")
    assert "undo: done" in _done(served)
    assert session.hash == before
    assert served.prescription.changes(session.design.spec) == {}
    assert "<s>set clearance_mm 1.0</s>" in served.log._lines.content
    assert "As the part is." in served._pending.content
    assert served.apply.disabled


def test_what_cannot_be_done_is_said_and_changes_nothing(served: EditPage) -> None:
    session, state = served.session, served.session.hash
    while session.can_undo:
        session.undo()
    served.do("Undo")
    told = _done(served)
    assert "<b>refused</b>" in told
    assert "expected something to undo" in told
    served.prescription._controls["thickness_mm"].set(9.0)
    assert served.queue.wait_idle(20)
    assert "expected thickness_min_mm &lt;= thickness_mm" in served._pending.content
    assert served.apply.disabled
    served.prescription.take(session.design.spec)
    assert served.queue.wait_idle(20)
    assert "As the part is." in served._pending.content
    served.log.folder.value = ""
    served.log._save_as()
    assert "expected the name of a folder to save to" in _done(served)
    assert session.hash == state


def _ray_at(served: EditPage, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a place of the outer surface, and a ray that meets it from outside the head."""
    part = served.panel.view.scene.parts[0].shown
    head = served.session.design.skull.to_mm((np.array(served.session.design.skull.shape) - 1) / 2)
    ahead = np.asarray(part.vertices, float).mean(axis=0) - head
    ahead /= np.linalg.norm(ahead)
    across = np.cross(ahead, (0.0, 0.0, 1.0))
    origin = head + 200 * ahead + share * 10 * across
    distance_mm, _ = RayCaster(part).first(origin[None], -ahead[None])
    return origin - distance_mm[0] * ahead, origin, -ahead


def test_a_tool_works_on_a_picked_place_only_when_it_is_applied(served: EditPage) -> None:
    session, tools = served.session, served.tools
    lines, state = len(session.log), session.hash
    tools.tool.value = "Bulge"
    assert served.queue.wait_idle(20)
    assert tools.edit is None
    assert tools.apply.disabled
    place, origin, ahead = _ray_at(served, 0.0)
    tools._pick(origin, ahead)
    tools.by.value, tools.radius.value = 2.0, 12.0
    assert served.queue.wait_idle(20)
    edit = tools.edit
    assert edit is not None
    assert edit.parameters["point_mm"] == pytest.approx(place.tolist(), abs=0.01)
    assert (edit.parameters["by_mm"], edit.parameters["radius_mm"]) == (2.0, 12.0)
    assert not tools.apply.disabled
    tools.radius.value = 3.0  # too steep
    assert served.queue.wait_idle(20)
    assert tools.apply.disabled
    assert "give a radius of at least 4 mm" in tools._told.content
    assert (len(session.log), session.hash) == (lines, state)
    tools.radius.value = 12.0
    served.queue.submit("apply tool", tools._apply)
    assert "bulge: done in" in _done(served)
    assert len(session.log) == lines + 1
    assert tools.tool.value == "Turn the view"
    raised, _, _ = _ray_at(served, 0.0)
    assert 1.4 < (raised - place) @ -ahead < 2.6
    served.do("Undo")
    assert "undo: done" in _done(served)
    assert session.hash == state


def test_a_plane_is_where_it_was_dragged_to(served: EditPage) -> None:
    tools = served.tools
    tools.tool.value = "Cut by a plane"
    assert served.queue.wait_idle(20)
    assert tools._gizmo is not None
    tools._gizmo.position = (1.0, 2.0, 3.0)
    edit = tools.edit
    assert edit is not None
    plane = {"point_mm": [1.0, 2.0, 3.0], "normal": pytest.approx([1.0, 0.0, 0.0], abs=1e-6)}
    assert edit.parameters["plane"] == plane
    served.queue.submit(None, tools.put_away)
    assert served.queue.wait_idle(20)
    assert tools.edit is None
    assert served.server.viser.scene.get_handle_by_name("/tool/plane") is None


def test_a_distance_is_measured_between_two_places(served: EditPage) -> None:
    tools = served.tools
    tools.tool.value = "Measure a distance"
    assert served.queue.wait_idle(20)
    (first, *ray), (second, *other) = _ray_at(served, -1.0), _ray_at(served, 1.0)
    tools._pick(*ray)
    tools._pick(*other)
    assert f"{np.linalg.norm(second - first):.1f} mm" in tools._told.content
    assert np.linalg.norm(second - first) > 8
    served.queue.submit(None, tools.put_away)
    assert served.queue.wait_idle(20)
    assert served.server.viser.scene.get_handle_by_name("/tool/line") is None


_KILLED = """
import sys, threading
from meshimplant import EditPage, EditSession
from meshimplant.spec.edits import Edit

def apply(*, progress):
    def told(name):
        print(name, flush=True)
        threading.Event().wait()
    page.session.apply(Edit("set", {"thickness_mm": 3.4}), progress=told)

with EditPage(EditSession.open(sys.argv[1])) as page:
    page.start("edit", apply)
    page.wait()
"""


def test_a_server_that_is_killed_in_an_edit_loses_that_edit_only(untouched: Path, tmp_path: Path) -> None:
    folder = tmp_path / "case"
    shutil.copytree(untouched, folder)
    session = EditSession.open(folder)
    session.apply(Edit("set", {"thickness_max_mm": 5.5}))
    state = session.hash
    session._release()  # what was not saved is in the log
    command = [sys.executable, "-c", _KILLED, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    session = EditSession.open(folder)
    assert [line.edit.parameters for line in session.log] == [{"thickness_max_mm": 5.5}]
    assert session.hash == state
    session._release()


@pytest.mark.browser
def test_another_thickness_is_measured_and_seen_and_undo_brings_back_the_bytes(
    seen: Visit, served: EditPage
) -> None:
    page, session = seen.page, served.session
    before, first = session.hash, session.design.implant.vertices.tobytes()
    _wait(lambda: bool((np.ptp(_picture(page), axis=2) > 60).mean() > 0.02))
    assert page.get_attribute("[data-state]", "data-state") == before
    picture = _picture(page)
    _set_thickness(page, "3")
    _wait(lambda: session.hash != before and "done in" in _told(page), 180.0)
    assert session.design.report.measures["thickness_median_mm"] == pytest.approx(3.0, abs=0.05)
    assert session.log[-1].edit.parameters == {"thickness_mm": 3.0}
    assert page.get_attribute("[data-state]", "data-state") == session.hash != before
    _wait(lambda: bool((np.abs(_picture(page) - picture).max(axis=2) > 40).mean() > 0.01))
    page.mouse.move(*MIDDLE)
    page.keyboard.press("Control+z")
    _wait(lambda: session.hash == before and _told(page).startswith("undo: done"), 180.0)
    assert session.design.implant.vertices.tobytes() == first
    assert _number(page, "Thickness, mm").input_value() == "4"
    assert seen.errors == []


@pytest.mark.browser
def test_a_finding_leads_to_its_place(seen: Visit, served: EditPage) -> None:
    page = seen.page
    (client,) = served.server.viser.get_clients().values()
    places = [each for each in served.session.design.report.findings if each.location_mm is not None]
    assert places
    page.get_by_role("tab", name="Findings").click()
    assert page.locator("[data-numbers] tr").count() == 6
    page.get_by_role("button", name=f"Show {places[-1].code}").last.click()
    _wait(lambda: bool(np.linalg.norm(client.camera.look_at - np.array(places[-1].location_mm)) < 0.5))
    page.get_by_role("tab", name="View").click()
    page.get_by_role("button", name="Outer").click()
    part = served.session.design.implant.bounds.mean(axis=0)
    _wait(lambda: bool(np.linalg.norm(client.camera.look_at - part) < 20))
