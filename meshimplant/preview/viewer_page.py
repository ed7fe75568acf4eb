"""`write_viewer`: the implant in its skull as one HTML file that opens offline and turns with the mouse."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colours import BONE, IMPLANT, NO_VALUE, ColourScale
from meshimplant.preview.lighter_mesh import carried_over, thinned
from meshimplant.preview.panels import IMPLANT_GLOSS
from meshimplant.preview.picture_errors import checked_values, picture_errors, require_drawable
from meshimplant.preview.soft_light import Lit
from meshimplant.preview.templates import render_template, write_text
from meshimplant.preview.views import View, outward_direction, upright

#: Faces beyond which a mesh is thinned out: 120 k faces are 2 MB of text and turn on any office PC.
MAX_SKULL_FACES = 120_000
MAX_IMPLANT_FACES = 150_000
#: Values that a file can hold, mm, in steps of 1 um (overlap is a negative gap); 65535 is "no value".
_SMALLEST_MM, _LARGEST_MM = -10.0, 55.0

_KEYS = {
    "anterior": "a",
    "posterior": "p",
    "left": "l",
    "right": "r",
    "superior": "s",
    "inferior": "i",
    "facing": "f",
    "inner": "n",
}
_LABELS = {"facing": "Implant", "inner": "Inside"}


def write_viewer(
    path: str | Path,
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    title: str = "",
) -> None:
    """Write one HTML file with the meshes and a small WebGL program: nothing is fetched, no library is
    inside.

    The reader turns, moves and zooms, switches implant and skull, thins the bone, colours the implant by
    thickness or gap, and reads millimetres under the pointer. The camera is orthographic with a scale bar
    and LPS letters at the edges. A large skull is thinned out to 120 k faces and an implant to 150 k;
    positions are kept to 0.01 mm, values to 1 um.

    Parameters
    ----------
    implant, skull
        LPS mm.
    thickness_mm, gap_mm : (n,)
        One value per vertex of the implant; not-a-number where there is none.

    Raises
    ------
    MissingDependencyError
        embreex is not installed (it computes the soft light).
    InputError, MeshError, OutputError
        Values that do not belong to the mesh, a mesh that cannot be drawn, a file that cannot be written.
    """
    with picture_errors("interactive preview"):
        require_drawable(implant, name="the implant")
        if skull is not None:
            require_drawable(skull, name="the skull")
        values = {
            "thickness": checked_values(thickness_mm, implant, name="thickness_mm"),
            "gap": checked_values(gap_mm, implant, name="gap_mm"),
        }
        shown = thinned(implant, max_faces=MAX_IMPLANT_FACES)
        bone = None if skull is None else thinned(skull, max_faces=MAX_SKULL_FACES)
        numbers = {k: carried_over(v, implant, shown) for k, v in values.items() if v is not None}
        write_text(path, draw_page(Lit(shown, bone), numbers, title))


def draw_page(lit: Lit, values: dict[str, NDArray[np.float64]], title: str) -> str:
    """Return the page of `write_viewer`, from meshes that are light enough and values (n,) that were checked."""
    scales = {name: ColourScale.of_values(name, numbers) for name, numbers in values.items()}
    views = _views(lit.implant, lit.skull)
    return render_template(
        "viewer.html.j2",
        title=title or "Implant preview",
        scales={name: _legend(scale) for name, scale in scales.items()},
        views=[
            {
                "name": name,
                "key": _KEYS[name],
                "title": name.capitalize(),
                "label": _LABELS.get(name, name[0].upper()),
            }
            for name in views
        ],
        has_skull=lit.skull is not None,
        neutral=_css(NO_VALUE),
        data=_data(lit, values, scales, views),
    )


def _data(
    lit: Lit,
    values: dict[str, NDArray[np.float64]],
    scales: dict[str, ColourScale],
    views: dict[str, View],
) -> dict[str, Any]:
    """Return everything that the page's program reads, as JSON-ready values."""
    meshes = [lit.implant] if lit.skull is None else [lit.implant, lit.skull]
    implant_light, skull_light = lit.light
    whole = np.concatenate([mesh.bounds for mesh in meshes])
    centre = (whole.min(axis=0) + whole.max(axis=0)) / 2
    return {
        "centre_mm": _rounded(centre),
        "reach_mm": float(np.linalg.norm(np.ptp(whole, axis=0))),
        "neutral": list(NO_VALUE),
        "smallest_mm": _SMALLEST_MM,
        "views": {
            name: _view_data(view, lit.implant if name in _LABELS else None, meshes, centre)
            for name, view in views.items()
        },
        "scales": {name: _scale_data(scale) for name, scale in scales.items()},
        "implant": _mesh_data(lit.implant, implant_light, IMPLANT, IMPLANT_GLOSS, values),
        "skull": None if lit.skull is None else _mesh_data(lit.skull, skull_light, BONE, 0.0, {}),
    }


def _mesh_data(
    mesh: trimesh.Trimesh,
    light: NDArray[np.float32],
    colour: tuple[float, float, float],
    gloss: float,
    values: dict[str, NDArray[np.float64]],
) -> dict[str, Any]:
    low, high = np.asarray(mesh.bounds, float)
    step = np.maximum((high - low) / 65535, 1e-9)
    place = np.rint((mesh.vertices - low) / step).astype("<u2")
    return {
        "place": _text(place),
        "low_mm": low.tolist(),
        "step_mm": step.tolist(),
        "faces": _text(np.asarray(mesh.faces).astype("<u4")),
        "light": _text(np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8)),
        "colour": list(colour),
        "gloss": gloss,
        **{name: _text(_micrometres(column)) for name, column in values.items()},
    }


def _micrometres(values_mm: NDArray[np.float64]) -> NDArray[np.uint16]:
    known = np.isfinite(values_mm)
    held = np.clip(np.where(known, values_mm, 0), _SMALLEST_MM, _LARGEST_MM)
    whole = np.rint((held - _SMALLEST_MM) * 1000)
    return np.where(known, whole, 65535).astype("<u2")


def _views(implant: trimesh.Trimesh, skull: trimesh.Trimesh | None) -> dict[str, View]:
    outward = outward_direction(implant, skull)
    facing = View.along("facing", -outward, upright(outward))
    return {
        "anterior": View.along("anterior", (0, 1, 0), (0, 0, 1)),
        "posterior": View.along("posterior", (0, -1, 0), (0, 0, 1)),
        "left": View.along("left", (-1, 0, 0), (0, 0, 1)),
        "right": View.along("right", (1, 0, 0), (0, 0, 1)),
        "superior": View.along("superior", (0, 0, -1), (0, -1, 0)),
        "inferior": View.along("inferior", (0, 0, 1), (0, -1, 0)),
        "facing": facing,
        "inner": View.along("inner", outward, facing.up),
    }


def _view_data(
    view: View, closest: trimesh.Trimesh | None, meshes: list[trimesh.Trimesh], centre_mm: NDArray[np.float64]
) -> dict[str, Any]:
    """Return a view that fits the whole scene, or, given the implant, that with some room around it."""
    points = np.concatenate([mesh.vertices for mesh in meshes]) if closest is None else closest.vertices
    middle, size = view.frame(points)
    room = 1.0 if closest is None else 1.35
    return {
        "right": _rounded(view.right),
        "up": _rounded(view.up),
        "centre_mm": _rounded(middle - centre_mm),
        "size_mm": _rounded(size * room),
    }


def _scale_data(scale: ColourScale) -> dict[str, Any]:
    return {
        "range_mm": [scale.low_mm, scale.high_mm],
        "table": _text(np.rint(scale.table * 255).astype(np.uint8)),
    }


def _legend(scale: ColourScale) -> dict[str, Any]:
    """Return what the page writes beside a colour scale."""
    width = scale.high_mm - scale.low_mm
    ticks = [
        {"percent": round(100 * (t - scale.low_mm) / width, 3), "label": f"{t:g}"} for t in scale.ticks_mm
    ]
    captions = {"thickness": "Thickness, mm", "gap": "Gap to bone, mm"}
    return {
        "caption": captions[scale.quantity],
        "stops": [_css(c) for c in scale.table[::15]],
        "ticks": ticks,
    }


def _css(colour: ArrayLike) -> str:
    red, green, blue = (round(255 * float(c)) for c in np.asarray(colour))
    return f"rgb({red} {green} {blue})"


def _rounded(vector: NDArray[np.float64]) -> list[float]:
    return [round(float(number), 7) for number in vector]


def _text(array: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
