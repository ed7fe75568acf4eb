"""Where the camera stands for each view, and the letters around what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit_page.shown_scene import ShownScene
from meshimplant.mesh.convert import join_meshes
from meshimplant.preview.view_directions import View, outward_direction, page_views, picture_top

if TYPE_CHECKING:
    import viser

Floats = NDArray[np.float64]

#: Vertical field of view, degrees: so narrow that far things look hardly smaller than near ones, as in the
#: parallel views of the pictures; viser has no parallel camera.
FIELD_OF_VIEW_DEG = 18.0
#: What is shown fills this share of the window's height; letters need room.
_FILL = 0.8
#: Nothing nearer to the camera is drawn, mm. From within the head, the skull on this side of the part would
#: hide it: there only what lies this far before the part is drawn.
_NEAR_MM, _SEEN_BEFORE_MM = 1.0, 15.0
#: A view of a place shows this much around it, mm.
PLACE_MM = 60.0

#: Label of each button and its view.
BUTTONS = {
    "Left": "left",
    "Right": "right",
    "Anterior": "anterior",
    "Posterior": "posterior",
    "Superior": "superior",
    "Inferior": "inferior",
    "Outer": "facing",
    "Inner": "inner",
}
#: Letter and unit direction, LPS, of each side of the head.
LETTERS = {
    "L": (1, 0, 0),
    "R": (-1, 0, 0),
    "P": (0, 1, 0),
    "A": (0, -1, 0),
    "S": (0, 0, 1),
    "I": (0, 0, -1),
}


def camera_of(view: View, points_mm: Floats, *, size_mm: float | None = None) -> tuple[Floats, Floats]:
    """Return where the camera stands (3,) and where it looks (3,) for a view that holds points."""
    middle, size = view.frame(points_mm)
    height_mm = float(max(size)) if size_mm is None else size_mm
    distance_mm = height_mm / _FILL / (2 * np.tan(np.radians(FIELD_OF_VIEW_DEG) / 2))
    return middle - distance_mm * view.forward, middle


class PageViews:
    """The views of a scene, and the cameras of the browsers that look at it.

    Parameters
    ----------
    server : viser.ViserServer
        The page's server.
    scene : ShownScene
        What is shown.
    """

    def __init__(self, server: viser.ViserServer, scene: ShownScene) -> None:
        self._server = server
        server.scene.set_up_direction("+z")
        server.initial_camera.fov = float(np.radians(FIELD_OF_VIEW_DEG))
        server.initial_camera.near, server.initial_camera.far = _NEAR_MM, 5000.0
        self.scene_changed(scene)
        self._add_letters()
        first = "facing" if scene.parts else "left"
        position, target = self._camera(first)
        server.initial_camera.position, server.initial_camera.look_at = position, target
        server.initial_camera.up = self.views[first].up

    def scene_changed(self, scene: ShownScene) -> None:
        """Take over another scene; no camera moves."""
        self._scene = scene
        skull = None if scene.head is None else scene.head.shown
        part = join_meshes([each.shown for each in scene.parts]) if scene.parts else skull
        assert part is not None
        self._part: trimesh.Trimesh = part
        self.views = page_views(part, skull)

    def go(self, client: viser.ClientHandle, name: str) -> None:
        """Move a browser's camera to a view."""
        position, target = self._camera(name)
        near_mm = _NEAR_MM
        if name == "inner":
            depth_mm = float(np.ptp(np.asarray(self._part.vertices) @ self.views[name].forward))
            near_mm = float(np.linalg.norm(target - position)) - depth_mm / 2 - _SEEN_BEFORE_MM
        self._move(client, position, target, self.views[name].up, near_mm)

    def go_to_place(self, client: viser.ClientHandle, place_mm: Floats) -> None:
        """Move a browser's camera to face a place of the part from outside the head."""
        place = np.asarray(place_mm, float)
        skull = None if self._scene.head is None else self._scene.head.shown
        outward = outward_direction(self._part, skull)
        if skull is not None:
            away = place - skull.bounds.mean(axis=0)
            outward = away / max(float(np.linalg.norm(away)), 1e-9)
        view = View.along("place", -outward, picture_top(outward))
        position, target = camera_of(view, place[None], size_mm=PLACE_MM)
        self._move(client, position, target, view.up)

    def _camera(self, name: str) -> tuple[Floats, Floats]:
        view = self.views[name]
        if name in ("facing", "inner"):
            points = np.asarray(self._part.vertices, float)
            return camera_of(view, points, size_mm=1.6 * float(max(view.frame(points)[1])))
        corners = np.array(np.meshgrid(*self._scene.bounds_mm.T)).reshape(3, -1).T
        return camera_of(view, corners)

    @staticmethod
    def _move(
        client: viser.ClientHandle, position: Floats, target: Floats, up: Floats, near_mm: float = _NEAR_MM
    ) -> None:
        with client.atomic():
            client.camera.near = max(near_mm, _NEAR_MM)
            client.camera.up_direction = up
            client.camera.position = position
            client.camera.look_at = target
        client.flush()

    def _add_letters(self) -> None:
        low, high = self._scene.bounds_mm
        middle, half = (low + high) / 2, (high - low) / 2
        for letter, direction in LETTERS.items():
            place = middle + np.array(direction) * (half + 8.0)
            self._server.scene.add_label(
                f"/letters/{letter}", letter, position=place, anchor="center-center", depth_test=True
            )
