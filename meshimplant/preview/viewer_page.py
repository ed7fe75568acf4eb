"""`write_viewer`: an interactive view of the implant in its skull, one HTML file that works offline."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.preview.colour_scales import BONE, IMPLANT, NO_VALUE, ColourScale, css_colour
from meshimplant.preview.html_templates import render_template, write_text
from meshimplant.preview.picture_errors import picture_errors
from meshimplant.preview.preview_scene import IMPLANT_GLOSS, PreviewScene, prepare_preview
from meshimplant.preview.verdict_kinds import VERDICT_KINDS
from meshimplant.preview.view_directions import View, page_views
from meshimplant.report import Verdict

#: Range of values that the page can hold, mm, in steps of 1 um; overlap is a negative gap, 65535 no value.
_SMALLEST_MM, _LARGEST_MM = -10.0, 55.0

#: Key that selects each view.
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
#: Labels of the views that show the implant close up; other views are labelled by their letter.
_LABELS = {"facing": "Outer side", "inner": "Inner side"}


def write_viewer(
    path: str | Path,
    *,
    implant: trimesh.Trimesh,
    skull: trimesh.Trimesh | None = None,
    thickness_mm: ArrayLike | None = None,
    gap_mm: ArrayLike | None = None,
    verdict: Verdict | None = None,
    asked_thickness_mm: float | None = None,
    title: str = "",
) -> None:
    """Write a self-contained HTML page that shows the meshes with WebGL.

    The page needs no network and no library. It can be rotated, moved and zoomed; implant and skull can be
    hidden and the skull made transparent; the implant can be coloured by thickness or gap; the value and the
    coordinates under the pointer are shown. The camera is orthographic, with a scale bar and anatomical
    letters (LPS). The skull is decimated to 120 k faces, the implant to 150 k; positions are stored to
    0.01 mm and values to 1 um.

    Parameters
    ----------
    path : str or Path
        HTML file to write.
    implant : Trimesh
        LPS mm.
    skull : Trimesh, optional
        LPS mm.
    thickness_mm, gap_mm : (n,) array, optional
        One value per vertex of the implant, NaN where there is none.
    verdict : str, optional
        The verdict on the part, beside the title.
    asked_thickness_mm : float, optional
        The prescribed thickness, on which the colours of the thickness are centred.
    title : str
        Title of the page.

    Raises
    ------
    MissingDependencyError
        embreex, which computes the ambient light, is not installed.
    InputError
        The number of values differs from the number of vertices.
    MeshError
        A mesh is empty or has vertices that are not finite.
    OutputError
        The file cannot be written.
    """
    with picture_errors("interactive preview"):
        preview, values_mm = prepare_preview(implant, skull, thickness_mm=thickness_mm, gap_mm=gap_mm)
        write_text(path, draw_page(preview, values_mm, title, verdict, asked_thickness_mm))


def draw_page(
    preview: PreviewScene,
    values_mm: dict[str, NDArray[np.float64]],
    title: str,
    verdict: Verdict | None = None,
    asked_thickness_mm: float | None = None,
) -> str:
    """Return the page as text, from decimated meshes and checked per-vertex values (n,) by quantity."""
    scales = {
        name: ColourScale.of_prescription(name, column, asked_thickness_mm=asked_thickness_mm)
        for name, column in values_mm.items()
    }
    views = page_views(preview.implant, preview.skull)
    return render_template(
        "viewer.html.j2",
        title=title or "Implant preview",
        verdict=verdict,
        verdict_kind=None if verdict is None else VERDICT_KINDS[verdict],
        scales={name: _legend(scale) for name, scale in scales.items()},
        views=[
            {
                "name": name,
                "key": _KEYS[name],
                "title": f"{name.capitalize()} view"
                if name not in _LABELS
                else f"{_LABELS[name]} of the implant",
                "label": _LABELS.get(name, name[0].upper()),
            }
            for name in views
        ],
        has_skull=preview.skull is not None,
        neutral=css_colour(NO_VALUE),
        data=_data(preview, values_mm, scales, views),
    )


def _data(
    preview: PreviewScene,
    values_mm: dict[str, NDArray[np.float64]],
    scales: dict[str, ColourScale],
    views: dict[str, View],
) -> dict[str, Any]:
    """Return the data that the script of the page reads, as JSON-ready values."""
    implant, skull = preview.implant, preview.skull
    meshes = [implant] if skull is None else [implant, skull]
    implant_light, skull_light = preview.vertex_light
    corners = np.concatenate([mesh.bounds for mesh in meshes])
    centre = (corners.min(axis=0) + corners.max(axis=0)) / 2
    return {
        "centre_mm": _rounded(centre),
        "diagonal_mm": float(np.linalg.norm(np.ptp(corners, axis=0))),
        "neutral": list(NO_VALUE),
        "smallest_mm": _SMALLEST_MM,
        "views": {
            name: _view_data(view, implant if name in _LABELS else None, meshes, centre)
            for name, view in views.items()
        },
        "scales": {name: _scale_data(scale) for name, scale in scales.items()},
        "implant": _mesh_data(implant, implant_light, IMPLANT, IMPLANT_GLOSS, values_mm),
        "skull": None if skull is None else _mesh_data(skull, skull_light, BONE, 0.0, {}),
    }


def _mesh_data(
    mesh: trimesh.Trimesh,
    light: NDArray[np.float32],
    colour: tuple[float, float, float],
    gloss: float,
    values_mm: dict[str, NDArray[np.float64]],
) -> dict[str, Any]:
    """Return a mesh as base64 arrays: positions in steps of its box / 65535, faces, light, and its values."""
    low, high = np.asarray(mesh.bounds, float)
    step = np.maximum((high - low) / 65535, 1e-9)
    positions = np.rint((mesh.vertices - low) / step).astype("<u2")
    return {
        "positions": _text(positions),
        "low_mm": low.tolist(),
        "step_mm": step.tolist(),
        "faces": _text(np.asarray(mesh.faces).astype("<u4")),
        "light": _text(np.rint(np.clip(light, 0, 1) * 255).astype(np.uint8)),
        "colour": list(colour),
        "gloss": gloss,
        **{name: _text(_micrometres(column)) for name, column in values_mm.items()},
    }


def _micrometres(values_mm: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Return values (n,) as micrometres above the smallest that can be stored; NaN becomes 65535."""
    known = np.isfinite(values_mm)
    clipped = np.clip(np.where(known, values_mm, 0), _SMALLEST_MM, _LARGEST_MM)
    return np.where(known, np.rint((clipped - _SMALLEST_MM) * 1000), 65535).astype("<u2")


def _view_data(
    view: View,
    close_up_of: trimesh.Trimesh | None,
    meshes: list[trimesh.Trimesh],
    centre_mm: NDArray[np.float64],
) -> dict[str, Any]:
    """Return a view that fits all meshes, or `close_up_of` with a margin around it."""
    shown = meshes if close_up_of is None else [close_up_of]
    points = np.concatenate([mesh.vertices for mesh in shown])
    middle, size = view.frame(points)
    margin = 1.0 if close_up_of is None else 1.35
    return {
        "right": _rounded(view.right),
        "up": _rounded(view.up),
        "centre_mm": _rounded(middle - centre_mm),
        "size_mm": _rounded(size * margin),
    }


def _scale_data(scale: ColourScale) -> dict[str, Any]:
    """Return the range and the colour table of a scale."""
    return {
        "range_mm": [scale.low, scale.high],
        "table": _text(np.rint(scale.table * 255).astype(np.uint8)),
    }


def _legend(scale: ColourScale) -> dict[str, Any]:
    """Return caption, colour stops and ticks of a colour bar."""
    width = scale.high - scale.low
    ticks = [
        {"percent": round(100 * (tick - scale.low) / width, 3), "label": label}
        for tick, label in zip(scale.ticks, scale.labels, strict=True)
    ]
    captions = {"thickness": "Thickness, mm", "gap": "Gap to bone, mm"}
    return {
        "caption": captions[scale.quantity],
        "stops": [css_colour(c) for c in scale.table[::15]],
        "ticks": ticks,
    }


def _rounded(vector: NDArray[np.float64]) -> list[float]:
    """Return a vector with seven decimals."""
    return [round(float(number), 7) for number in vector]


def _text(array: NDArray[Any]) -> str:
    """Return the bytes of an array as base64 text."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
