"""`show`: a pyvista scene of a part in its skull, in a window or a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError
from meshimplant.mesh.convert import to_pyvista
from meshimplant.preview.colour_scales import BONE, IMPLANT, NO_VALUE, ColourScale
from meshimplant.preview.picture_errors import checked_values, require_drawable
from meshimplant.preview.skull_surface import skull_surface
from meshimplant.preview.view_directions import outward_direction, picture_top
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.voxels.volume import Volume

if TYPE_CHECKING:
    import pyvista

_CAPTIONS = {"thickness": "Thickness, mm", "gap": "Gap to bone, mm"}


class _CheckLike(Protocol):
    """What `show` reads of a `PartCheck`."""

    @property
    def thickness_mm(self) -> NDArray[np.float64] | None:
        """Thickness at each vertex (n,)."""

    @property
    def gap_mm(self) -> NDArray[np.float64] | None:
        """Gap to bone at each vertex (n,)."""


class DesignLike(Protocol):
    """What `show` reads of a `meshimplant.Design`."""

    @property
    def implant(self) -> trimesh.Trimesh:
        """The part, LPS mm."""

    @property
    def skull(self) -> Volume:
        """The defective skull."""

    @property
    def spec(self) -> ImplantSpec:
        """The prescription."""

    @property
    def check(self) -> _CheckLike:
        """Per-vertex maps of the part."""


def show(
    part: DesignLike | trimesh.Trimesh,
    *,
    skull: trimesh.Trimesh | Volume | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    colour_by: Literal["thickness", "gap"] | None = None,
    skull_opacity: float = 1.0,
    show: bool = True,
    off_screen: bool = False,
) -> pyvista.Plotter:
    """Open a pyvista scene of a part in its skull, coloured by thickness or gap.

    A window opens, or a scene in the output of a notebook cell. The part carries its values as the point
    arrays ``thickness_mm`` and ``gap_mm``. The actors are named ``implant`` and ``skull``.

    Parameters
    ----------
    part : Design or Trimesh
        A design brings its skull, thickness and gap; a mesh is in LPS mm.
    skull : Trimesh or Volume, optional
        LPS mm, or a mask of bone.
    thickness_mm, gap_mm : (n,) array, optional
        One value per vertex of the part, NaN where there is none.
    colour_by : {"thickness", "gap"}, optional
        Default: thickness if it is known, else one colour.
    skull_opacity : float
        0 to 1.
    show : bool
        False returns the plotter without opening it, to add to the scene.
    off_screen : bool
        True renders without a window, for `pyvista.Plotter.screenshot`.

    Returns
    -------
    pyvista.Plotter
        The scene: orthographic, facing the outer side of the part.

    Raises
    ------
    InputError
        The number of values differs from the number of vertices, `skull_opacity` is out of range, or the part
        has no values of `colour_by`.
    MeshError
        A mesh is empty or has vertices that are not finite.

    Examples
    --------
    >>> import trimesh
    >>> plotter = show(trimesh.creation.box((30.0, 30.0, 4.0)), show=False, off_screen=True)
    >>> "implant" in plotter.actors
    True
    """
    asked_mm = None
    if not isinstance(part, trimesh.Trimesh):
        asked_mm = part.spec.thickness_mm
        skull = part.skull if skull is None else skull
        thickness_mm = part.check.thickness_mm if thickness_mm is None else thickness_mm
        gap_mm = part.check.gap_mm if gap_mm is None else gap_mm
        part = part.implant
    if not 0 <= skull_opacity <= 1:
        raise InputError(f"expected skull_opacity between 0 and 1, got {skull_opacity:g}")
    require_drawable(part, name="the part")
    values_mm = {
        "thickness": checked_values(thickness_mm, part, name="thickness_mm"),
        "gap": checked_values(gap_mm, part, name="gap_mm"),
    }
    colour_by = colour_by or ("thickness" if values_mm["thickness"] is not None else None)
    if colour_by is not None and values_mm.get(colour_by) is None:
        raise InputError(f"expected values of {colour_by} to colour by, got none: pass {colour_by}_mm")
    bone = skull_surface(skull) if isinstance(skull, Volume) else skull
    if bone is not None:
        require_drawable(bone, name="the skull")

    import pyvista

    plotter = pyvista.Plotter(off_screen=off_screen)
    _add_part(plotter, part, values_mm, colour_by, asked_mm)
    if bone is not None:
        plotter.add_mesh(
            to_pyvista(bone),
            color=BONE,
            opacity=skull_opacity,
            smooth_shading=True,
            name="skull",
            render=False,
        )
    _point_camera(plotter, part, bone)
    if show:
        plotter.show()
    return plotter


def _add_part(
    plotter: pyvista.Plotter,
    part: trimesh.Trimesh,
    values_mm: dict[str, NDArray[np.float64] | None],
    colour_by: str | None,
    asked_thickness_mm: float | None,
) -> None:
    """Add the part with its values as point arrays, coloured by one of them or uniformly."""
    import pyvista

    surface = to_pyvista(part)
    for name, column in values_mm.items():
        if column is not None:
            surface.point_data[f"{name}_mm"] = column
    values = None if colour_by is None else values_mm[colour_by]
    if colour_by is None or values is None:
        plotter.add_mesh(
            surface, color=IMPLANT, specular=0.3, smooth_shading=True, name="implant", render=False
        )
        return
    scale = ColourScale.of_prescription(colour_by, values, asked_thickness_mm=asked_thickness_mm)
    colours = np.rint(np.column_stack([scale.table, np.ones(len(scale.table))]) * 255).astype(np.uint8)
    table = pyvista.LookupTable(values=colours, scalar_range=(scale.low, scale.high))
    table.nan_color = NO_VALUE
    bar = {
        "title": _CAPTIONS[colour_by],
        "n_labels": len(scale.ticks),
        "fmt": "%.2f",
        "color": "black",
    }
    plotter.add_mesh(
        surface,
        scalars=f"{colour_by}_mm",
        cmap=table,
        scalar_bar_args={**bar, "render": False},
        smooth_shading=True,
        name="implant",
        render=False,
    )


def _point_camera(plotter: pyvista.Plotter, part: trimesh.Trimesh, bone: trimesh.Trimesh | None) -> None:
    """Point the camera at the outer side of the part, and mark the anatomical directions."""
    outward = outward_direction(part, bone)
    centre = part.bounds.mean(axis=0)
    plotter.set_background("white")
    plotter.camera.parallel_projection = True
    plotter.camera.position = centre + 500 * outward
    plotter.camera.focal_point = centre
    plotter.camera.up = picture_top(outward)
    plotter.camera.parallel_scale = 0.7 * float(np.linalg.norm(part.extents))
    plotter.camera.reset_clipping_range()
    plotter.add_axes(xlabel="L", ylabel="P", zlabel="S", interactive=False)
