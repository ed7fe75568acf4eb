"""`SceneView`: draws a `ShownScene`: parts in colours, the skull, its cut, and planes of the scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import trimesh
from numpy.typing import NDArray

from meshimplant.edit_page.coloured_glb import coloured_glb
from meshimplant.edit_page.shown_scene import ShownScene
from meshimplant.preview.colour_scales import BONE, IMPLANT, NO_VALUE, ColourScale
from meshimplant.preview.scan_plane import OUTLINE, PLANES, Plane, draw_plane, section_lines

if TYPE_CHECKING:
    import viser

Floats = NDArray[np.float64]

#: Pixel of a plane of the scan, mm, and the widest picture, pixels: sharp at the size of a head on a screen.
_PIXEL_MM, _MOST_PX = 0.5, 512
#: Light from every side, strongest from above: viser's own, from one room, whitens what faces its windows, so
#: that colours could not be read against the legend.
_AMBIENT = 0.6
_LIGHTS = {(0, 0, 1): 1.8, (0, -1, 0): 1.7, (0, 1, 0): 1.7, (1, 0, 0): 1.7, (-1, 0, 0): 1.7, (0, 0, -1): 0.7}


@dataclass(frozen=True)
class Cut:
    """Where the skull is cut open to look inside.

    Attributes
    ----------
    plane : Plane
        The anatomical plane.
    level_mm : float
        LPS coordinate along its axis.
    keep_positive : bool
        Whether the side towards left, posterior or superior stays.
    """

    plane: Plane
    level_mm: float
    keep_positive: bool = False


class SceneView:
    """The nodes of a page that show a scene.

    Parameters
    ----------
    server : viser.ViserServer
        The page's server.
    scene : ShownScene
        What is shown.
    """

    def __init__(self, server: viser.ViserServer, scene: ShownScene) -> None:
        self._server = server
        self.scene = scene
        self.skull_node: viser.MeshHandle | None = None
        self.shown_skull: trimesh.Trimesh | None = None
        self.part_nodes: list[viser.GlbHandle] = []
        _set_lights(server)

    def draw_parts(self, quantity: str) -> ColourScale | None:
        """Draw the parts in one colour or by a quantity; return the scale, None in one colour."""
        scale = None if quantity == "plain" else self.scene.scale(quantity)
        nodes = []
        for number, part in enumerate(self.scene.parts):
            values = None if scale is None else self.scene.values_mm(part, quantity)
            if scale is not None and values is not None:
                colours = scale.colours(values)
            else:
                colours = np.array(IMPLANT if quantity == "plain" else NO_VALUE)
                colours = np.broadcast_to(colours, (len(part.shown.vertices), 3))
            data = coloured_glb(part.shown, colours)
            nodes.append(self._server.scene.add_glb(f"/part/{number}", data))
        self.part_nodes = nodes
        return scale

    def show_parts(self, visible: list[bool]) -> None:
        """Show or hide each part."""
        for node, shown in zip(self.part_nodes, visible, strict=True):
            node.visible = shown

    def draw_skull(self, cut: Cut | None) -> None:
        """Draw the skull, as far as it is not cut away."""
        if self.scene.head is None:
            return
        surface = self.scene.head.shown
        if cut is not None:
            surface = cut_open(surface, cut)
        self.skull_node = self._server.scene.add_mesh_simple(
            "/skull",
            np.asarray(surface.vertices, np.float32),
            np.asarray(surface.faces, np.uint32),
            color=_bytes(BONE),
            side="double",
        )
        self.shown_skull = surface

    def fade_skull(self, opacity: float) -> None:
        """Make the skull transparent; an opacity of 0 hides it."""
        if self.skull_node is None:
            return
        self.skull_node.opacity = None if opacity >= 1 else opacity
        self.skull_node.visible = (
            opacity > 0 and self.shown_skull is not None and len(self.shown_skull.faces) > 0
        )

    def draw_slice(self, plane: Plane, level_mm: float, *, visible: bool) -> None:
        """Draw a plane of the scan with the outlines of the parts in it, or hide it."""
        name = f"/slice/{plane.name.lower()}"
        if self.scene.head is None or not visible:
            if self._server.scene.get_handle_by_name(name) is not None:
                self._server.scene.remove_by_name(name)
            return
        low, high = self.scene.bounds_mm
        middle = (low + high) / 2
        middle[plane.axis] = level_mm
        extent_mm = (high - low)[[plane.right, plane.down]] + 10.0
        mm_per_px = max(_PIXEL_MM, float(extent_mm.max()) / _MOST_PX)
        width, height = (round(float(each) / mm_per_px) for each in extent_mm)
        part = self._all_parts()
        scan = self.scene.head.slices_of
        picture = draw_plane(part, scan, plane, middle, mm_per_px=mm_per_px, size_px=(width, height))
        self._server.scene.add_image(
            name,
            picture,
            width * mm_per_px,
            height * mm_per_px,
            format="png",
            wxyz=_turn_to(plane),
            position=middle,
        )

    def draw_outline(self, cut: Cut | None) -> None:
        """Draw the outline of the parts in the plane of a cut."""
        lines = np.zeros((0, 2, 3))
        if cut is not None:
            lines = section_lines(self._all_parts(), cut.plane.axis, cut.level_mm)
        self._server.scene.add_line_segments(
            "/outline",
            lines.astype(np.float32) if len(lines) else np.zeros((1, 2, 3), np.float32),
            np.array(OUTLINE),
            thickness=3.0,
            thickness_units="screen",
            visible=len(lines) > 0,
        )

    def _all_parts(self) -> trimesh.Trimesh:
        from meshimplant.mesh.convert import join_meshes, new_mesh

        if not self.scene.parts:
            return new_mesh(np.zeros((0, 3)), np.zeros((0, 3), int))
        return join_meshes([part.shown for part in self.scene.parts])


def _set_lights(server: viser.ViserServer) -> None:
    server.scene.configure_default_lights(enabled=False)
    server.scene.configure_environment_map(None)
    server.scene.add_light_ambient("/light/all", intensity=_AMBIENT)
    for number, (direction, intensity) in enumerate(_LIGHTS.items()):
        place = 1000.0 * np.array(direction, float)
        server.scene.add_light_directional(f"/light/{number}", intensity=intensity, position=tuple(place))


def cut_open(surface: trimesh.Trimesh, cut: Cut) -> trimesh.Trimesh:
    """Return the side of a surface that stays, cut along a plane and left open there."""
    from meshimplant.mesh.convert import new_mesh

    normal = np.zeros(3)
    normal[cut.plane.axis] = 1.0 if cut.keep_positive else -1.0
    origin = np.zeros(3)
    origin[cut.plane.axis] = cut.level_mm
    vertices, faces, _ = trimesh.intersections.slice_faces_plane(
        np.asarray(surface.vertices), np.asarray(surface.faces), plane_normal=normal, plane_origin=origin
    )
    return new_mesh(vertices, faces)


def plane_named(name: str) -> Plane:
    """Return the anatomical plane of a name."""
    return next(plane for plane in PLANES if plane.name == name)


def _turn_to(plane: Plane) -> Floats:
    """Return the quaternion (4,) that turns an image (x to the right, y down) into a plane."""
    turned = np.zeros((3, 3))
    turned[plane.right, 0] = 1.0
    turned[plane.down, 1] = plane.down_sign
    turned[:, 2] = np.cross(turned[:, 0], turned[:, 1])
    matrix = np.eye(4)
    matrix[:3, :3] = turned
    return np.asarray(trimesh.transformations.quaternion_from_matrix(matrix), float)


def _bytes(colour: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * each) for each in colour)
    return red, green, blue
