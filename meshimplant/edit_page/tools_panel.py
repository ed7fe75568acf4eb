"""`ToolsPanel`: tools that work on a picked place. Turning the view changes nothing, with any tool.

A tool is chosen, then a place is clicked; what would be done is drawn, and can be dragged or set with
numbers; only the button "Apply" does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit_page.gui_values import note, set_value
from meshimplant.edit_page.picked_points import picked_point
from meshimplant.edit_page.view_panel import ViewPanel
from meshimplant.edit_page.work_queue import WorkQueue
from meshimplant.errors import SpecError
from meshimplant.mesh.vectors import unit_vectors
from meshimplant.spec.edits import VERBS, Edit

if TYPE_CHECKING:
    import viser

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Tool:
    """A tool: its verb in the log, what the user is told, and the numbers that it takes."""

    verb: str
    told: str
    by_mm: float = 0.0
    radius_mm: float = 15.0
    has_width: bool = False


TURN, MEASURE, CUT = "Turn the view", "Measure a distance", "Cut by a plane"
_TOOLS = {
    "Bulge": _Tool("bulge", "Click a place of the part; drag the arrow, or set how far outward.", 3.0),
    "Move the border": _Tool("border", "Click the border; drag the arrow, or set how far it moves.", 2.0),
    "Thicken": _Tool("thicken_here", "Click a place of the part; set how much thicker it becomes.", 1.0),
    "Smooth": _Tool("smooth_here", "Click a place of the part.", 0.0, 15.0, has_width=True),
    CUT: _Tool("cut", "Drag the plane where it shall cut; the side with the arrow goes."),
}
TOOLS = {name: tool for name, tool in _TOOLS.items() if tool.verb in VERBS}
_ORANGE = (214, 96, 0)
_LEFT = np.array([1.0, 0.0, 0.0])
#: What a tool draws; what hangs on the plane goes with it.
_DRAWN = ("radius", "line", "distance", "point/0", "point/1", "arrow", "plane")
_NOTHING = "Nothing is chosen: dragging turns the view."


class ToolsPanel:
    """The tools of a page.

    Parameters
    ----------
    server : viser.ViserServer
        The page's server.
    view_panel : ViewPanel
        What is shown, and can be clicked.
    queue : WorkQueue
        Does the drawing.
    on_apply : callable
        Called with an edit that shall be made; None where nothing is edited, and only distances are measured.
    """

    def __init__(
        self,
        server: viser.ViserServer,
        view_panel: ViewPanel,
        queue: WorkQueue,
        on_apply: Callable[[Edit], None] | None,
    ) -> None:
        self._server, self._panel, self._queue, self._on_apply = server, view_panel, queue, on_apply
        self._points: list[Floats] = []
        self._outward = np.array([0.0, 0.0, 1.0])
        self._gizmo: viser.TransformControlsHandle | None = None
        gui = server.gui
        names = (TURN, MEASURE, *(TOOLS if on_apply is not None else ()))
        self.tool = gui.add_dropdown("Tool", names, initial_value=TURN)
        self._told = gui.add_html("")
        self.by = gui.add_slider("By, mm", -20.0, 20.0, 0.1, 2.0, visible=False)
        self.radius = gui.add_slider("Radius, mm", 3.0, 80.0, 0.5, 15.0, visible=False)
        self.width = gui.add_slider("Bumps up to, mm", 1.0, 20.0, 0.5, 6.0, visible=False)
        self.apply = gui.add_button("Apply", visible=False, disabled=True, color="orange")
        self.tool.on_update(lambda _: queue.submit("tool", self._chosen))
        for number in (self.by, self.radius):
            number.on_update(lambda _: queue.submit("preview", self._draw))
        self.apply.on_click(lambda _: queue.submit("apply tool", self._apply))
        view_panel.on_drawn = self._listen
        self._told.content = note(_NOTHING)

    def put_away(self) -> None:
        """Forget what was picked, and choose no tool."""
        set_value(self.tool, TURN)
        self._chosen()

    @property
    def edit(self) -> Edit | None:
        """The edit that the tool would make; None while a place is missing."""
        tool = TOOLS.get(self.tool.value)
        if tool is None:
            return None
        if tool.verb == "cut":
            if self._gizmo is None:
                return None
            turn = trimesh.transformations.quaternion_matrix(self._gizmo.wxyz)[:3, :3]
            plane = {"point_mm": _plain(self._gizmo.position), "normal": _plain(turn[:, 2])}
            return Edit("cut", {"plane": plane, "keep": "below"})
        if not self._points:
            return None
        values: dict[str, Any] = {"point_mm": _plain(self._points[0]), "radius_mm": float(self.radius.value)}
        if tool.has_width:
            values["width_mm"] = float(self.width.value)
        else:
            values["by_mm"] = round(float(self.by.value), 3)
        return Edit(tool.verb, values)

    def _chosen(self) -> None:
        """Lay out the controls of the tool that was chosen."""
        self._points = []
        self._remove_drawn()
        tool = TOOLS.get(self.tool.value)
        is_local = tool is not None and tool.verb != "cut"
        self.by.visible = is_local and tool is not None and not tool.has_width
        self.radius.visible = is_local
        self.width.visible = tool is not None and tool.has_width
        self.apply.visible = tool is not None
        self.apply.disabled = True
        if tool is not None:
            set_value(self.by, tool.by_mm)
            set_value(self.radius, tool.radius_mm)
            self._told.content = note(tool.told)
        else:
            is_measure = self.tool.value == MEASURE
            self._told.content = note("Click two places." if is_measure else _NOTHING)
        if self.tool.value == CUT:
            self._add_plane()
        self._listen()

    def _listen(self) -> None:
        """Make what is shown clickable, or not, according to the tool."""
        parts = list(self._panel.view.part_nodes)
        skull = self._panel.view.skull_node
        wanted = self.tool.value not in (TURN, CUT)
        for node in parts:
            node.remove_click_callback("all")
            if wanted:
                node.on_click(self._clicked)
        if skull is not None:
            skull.remove_click_callback("all")
            if self.tool.value == MEASURE:
                skull.on_click(self._clicked)

    def _clicked(self, event: viser.SceneNodePointerEvent[Any]) -> None:
        origin, direction = np.array(event.ray_origin), np.array(event.ray_direction)
        self._queue.submit(None, lambda: self._pick(origin, direction))

    def _pick(self, origin_mm: Floats, direction: Floats) -> None:
        scene = self._panel.view.scene
        meshes = [part.shown for part in scene.parts]
        if self.tool.value == MEASURE and self._panel.view.shown_skull is not None:
            meshes.append(self._panel.view.shown_skull)
        found = picked_point(meshes, origin_mm, direction)
        if found is None:
            return
        place, self._outward = found
        if self.tool.value == MEASURE:
            self._points = [*self._points, place] if len(self._points) == 1 else [place]
        else:
            self._points = [place]
            self._add_arrow()
        self._draw()

    def _draw(self) -> None:
        """Draw the picked places and what the tool would do."""
        if not self._points:
            return
        scene = self._server.scene
        for number, point in enumerate(self._points):
            scene.add_icosphere(
                f"/tool/point/{number}", 1.0, color=_ORANGE, position=point, cast_shadow=False
            )
        if self.tool.value == MEASURE:
            self._draw_distance()
            return
        scene.add_icosphere(
            "/tool/radius", float(self.radius.value), color=_ORANGE, opacity=0.18, position=self._points[0]
        )
        if self._gizmo is not None:
            self._gizmo.position = self._points[0] + float(self.by.value) * self._way()
        try:
            ready = self.edit is not None
            self._told.content = note(TOOLS[self.tool.value].told)
        except SpecError as error:
            ready = False
            self._told.content = note(str(error))
        self.apply.disabled = not ready

    def _draw_distance(self) -> None:
        if len(self._points) < 2:
            for name in ("/tool/line", "/tool/distance", "/tool/point/1"):
                self._remove(name)
            self._told.content = note("Click the other place.")
            return
        first, second = self._points
        distance_mm = float(np.linalg.norm(second - first))
        ends = np.array([[first, second]], np.float32)
        self._server.scene.add_line_segments(
            "/tool/line", ends, np.array(_ORANGE), thickness=3.0, thickness_units="screen"
        )
        text = f"{distance_mm:.1f} mm"
        self._server.scene.add_label("/tool/distance", text, position=(first + second) / 2)
        self._told.content = note(f"<b data-distance>{text}</b>, straight. Click again for another one.")

    def _way(self) -> Floats:
        """Return the direction (3,) in which a picked place is moved: outward, or across the border."""
        if TOOLS[self.tool.value].verb != "border":
            return self._outward
        part = self._panel.view.scene.parts[0].shown
        away = self._points[0] - np.asarray(part.vertices, float).mean(axis=0)
        return unit_vectors(away)

    def _add_arrow(self) -> None:
        """Add an arrow that can be dragged along the way a place moves."""
        tool = TOOLS[self.tool.value]
        if tool.by_mm == 0:
            return
        gizmo = self._server.scene.add_transform_controls(
            "/tool/arrow",
            scale=14.0,
            active_axes=(False, False, True),
            disable_sliders=True,
            disable_rotations=True,
            depth_test=False,
            wxyz=_towards(self._way()),
            position=self._points[0] + float(self.by.value) * self._way(),
        )

        def dragged(event: viser.TransformControlsEvent) -> None:
            if self._points and event.phase == "end":
                moved = float((np.asarray(gizmo.position) - self._points[0]) @ self._way())
                set_value(self.by, round(float(np.clip(moved, -20.0, 20.0)), 1))

        gizmo.on_update(dragged)
        self._gizmo = gizmo

    def _add_plane(self) -> None:
        """Add a plane through the middle of the part that can be dragged and turned."""
        part = self._panel.view.scene.parts[0].shown
        middle = np.asarray(part.vertices, float).mean(axis=0)
        size = 0.7 * float(np.linalg.norm(part.extents))
        self._gizmo = self._server.scene.add_transform_controls(
            "/tool/plane",
            scale=0.5 * size,
            depth_test=False,
            wxyz=_towards(_LEFT),
            position=middle,
        )
        corners = size * np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32)
        faces = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)
        self._server.scene.add_mesh_simple(
            "/tool/plane/sheet", corners, faces, color=_ORANGE, opacity=0.25, side="double"
        )
        ends = np.array([[[0, 0, 0], [0, 0, 0.6 * size]]], np.float32)
        self._server.scene.add_arrows(
            "/tool/plane/goes", ends, np.array(_ORANGE), shaft_radius=0.8, head_radius=2.5, head_length=6.0
        )
        self.apply.disabled = False

    def _apply(self) -> None:
        edit = self.edit
        if edit is not None and self._on_apply is not None:
            self._on_apply(edit)

    def _remove_drawn(self) -> None:
        self._gizmo = None
        for name in _DRAWN:
            self._remove(f"/tool/{name}")

    def _remove(self, name: str) -> None:
        if self._server.scene.get_handle_by_name(name) is not None:
            self._server.scene.remove_by_name(name)


def _plain(vector: Any) -> list[float]:
    return [round(float(each), 4) for each in vector]


def _towards(direction: Floats) -> Floats:
    """Return the quaternion (4,) that turns z into a direction (3,)."""
    matrix = trimesh.geometry.align_vectors((0, 0, 1), direction)
    return np.asarray(trimesh.transformations.quaternion_from_matrix(matrix), float)
