"""`ViewPanel`: the controls with which a scene is looked at. Nothing here changes a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from meshimplant.edit_page.legend import legend_html
from meshimplant.edit_page.page_views import BUTTONS, PageViews
from meshimplant.edit_page.scene_view import Cut, SceneView, plane_named
from meshimplant.edit_page.shown_scene import ShownScene
from meshimplant.edit_page.work_queue import WorkQueue
from meshimplant.preview.scan_plane import PLANES, SIDES

if TYPE_CHECKING:
    import viser

#: Label of each colouring and its quantity.
COLOURINGS = {"Plain": "plain", "Thickness": "thickness", "Gap": "gap", "Mirrored side": "deviation"}
NO_CUT = "Whole"


class ViewPanel:
    """The part of the panel that every page has.

    Parameters
    ----------
    server : viser.ViserServer
        The page's server.
    scene : ShownScene
        What is shown.
    queue : WorkQueue
        Does the drawing.
    """

    def __init__(self, server: viser.ViserServer, scene: ShownScene, queue: WorkQueue) -> None:
        self._server, self._queue = server, queue
        self._drawn_cut: Cut | None = None
        #: Called when parts or skull were drawn anew, whose nodes then are others.
        self.on_drawn: Callable[[], None] = lambda: None
        self.view = SceneView(server, scene)
        self.views = PageViews(server, scene)
        gui = server.gui
        gui.main_panel.dock_right()
        self._buttons = gui.add_button_group("View", tuple(BUTTONS))
        self._buttons.on_click(self._go)
        first = next(label for label, quantity in COLOURINGS.items() if quantity == scene.first)
        self.colouring = gui.add_dropdown(
            "Colour by", tuple(COLOURINGS), initial_value=first, visible=bool(scene.parts)
        )
        self.colouring.on_update(lambda _: queue.submit("colours", self._recolour))
        self._legend = gui.add_html("")
        self._shown = []
        if len(scene.parts) > 1:
            with gui.add_folder("Parts"):
                self._shown = [gui.add_checkbox(part.name, True) for part in scene.parts]
            for box in self._shown:
                box.on_update(lambda _: queue.submit("parts", self._show_parts))
        if scene.head is not None:
            self._add_skull_controls(scene)
        self._dark = gui.add_checkbox("Dark", False, hint="Light on dark, for a dim room")
        self._dark.on_update(lambda _: self._apply_theme())
        self._apply_theme()
        self._draw_all()

    def scene_changed(self, scene: ShownScene) -> None:
        """Draw another scene with the controls as they stand; no camera moves."""
        self.view.scene = scene
        self.views.scene_changed(scene)
        self._recolour()
        if scene.head is not None:
            self._draw_planes()

    def _draw_all(self) -> None:
        """Draw everything."""
        self._recolour()
        if self.view.scene.head is not None:
            self.view.draw_skull(None)
            self._draw_planes()

    def _add_skull_controls(self, scene: ShownScene) -> None:
        gui, queue = self._server.gui, self._queue
        self._opacity = gui.add_slider("Skull opacity, %", 0, 100, 5, 100, hint="0 hides the skull")
        self._opacity.on_update(lambda _: queue.submit("opacity", self._fade))
        names = tuple(plane.name for plane in PLANES)
        self._cut = gui.add_dropdown(
            "Skull", (NO_CUT, *(f"Cut {name.lower()}" for name in names)), initial_value=NO_CUT
        )
        self._keep_positive = gui.add_checkbox("Keep the other side", False, visible=False)
        self._cut.on_update(lambda _: queue.submit("cut", self._draw_planes))
        self._keep_positive.on_update(lambda _: queue.submit("cut", self._draw_planes))
        low, high = scene.bounds_mm
        middle = scene.parts[0].shown.bounds.mean(axis=0) if scene.parts else (low + high) / 2
        self._levels, self._slices = {}, {}
        with gui.add_folder("Planes of the scan", expand_by_default=True):
            for plane in PLANES:
                self._slices[plane.name] = gui.add_checkbox(plane.name, False)
                first, last = float(np.floor(low[plane.axis])), float(np.ceil(high[plane.axis]))
                positive, negative = SIDES[plane.axis][0], SIDES[plane.axis][1]
                level = gui.add_slider(
                    f"at {positive}, mm",
                    first,
                    last,
                    0.5,
                    round(2 * float(middle[plane.axis])) / 2,
                    hint=f"Place of the {plane.name.lower()} plane, and of a cut; below 0: {negative}",
                )
                self._levels[plane.name] = level
                level.on_update(lambda _: queue.submit("cut", self._draw_planes))
                self._slices[plane.name].on_update(lambda _: queue.submit("cut", self._draw_planes))

    def _go(self, event: viser.GuiEvent[viser.GuiButtonGroupHandle]) -> None:
        if event.client is not None:
            self.views.go(event.client, BUTTONS[event.target.value])

    def _recolour(self) -> None:
        quantity = COLOURINGS[self.colouring.value]
        self._legend.content = _WAIT
        scale = self.view.draw_parts(quantity)
        self._legend.content = legend_html(scale, quantity)
        self._show_parts()
        self.on_drawn()

    def _show_parts(self) -> None:
        if self._shown:
            self.view.show_parts([box.value for box in self._shown])

    def _fade(self) -> None:
        self.view.fade_skull(self._opacity.value / 100)

    def _draw_planes(self) -> None:
        """Draw the skull's cut, the part's outline in it, and the planes of the scan."""
        cut = None
        self._keep_positive.visible = self._cut.value != NO_CUT
        if self._cut.value != NO_CUT:
            plane = plane_named(self._cut.value.removeprefix("Cut ").capitalize())
            cut = Cut(plane, self._levels[plane.name].value, self._keep_positive.value)
        with self._server.atomic():
            if cut != self._drawn_cut:
                self.view.draw_skull(cut)
                self._drawn_cut = cut
                self.on_drawn()
            self._fade()
            self.view.draw_outline(cut)
            for plane in PLANES:
                level_mm, shown = self._levels[plane.name].value, self._slices[plane.name].value
                self.view.draw_slice(plane, level_mm, visible=shown)

    def _apply_theme(self) -> None:
        self._server.gui.configure_theme(
            control_width="large", dark_mode=self._dark.value, show_logo=False, show_share_button=False
        )


_WAIT = '<div style="padding:2px 12px;font-size:13px">Measuring ...</div>'
