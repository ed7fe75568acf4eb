"""`surface_of`: the surface of whatever a volume shows, as a mesh: a body, or the bone of a CT."""

from __future__ import annotations

from dataclasses import dataclass

import trimesh

from meshimplant.errors import EmptyMaskError, InputError, require_type
from meshimplant.io.volumes import LoadedVolume
from meshimplant.line.extract import extract
from meshimplant.report import Finding
from meshimplant.skull.segment import skull_of
from meshimplant.values.distinct_values import as_whole_numbers
from meshimplant.values.read_values import read_body, read_values
from meshimplant.voxels.volume import Volume

__all__ = ["Surface", "surface_of"]


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of what a volume shows.

    Attributes
    ----------
    mesh : Trimesh
        Closed, LPS mm.
    notes : tuple of str
        What the values were taken for.
    findings : tuple of Finding
        What was found of the file and of the skull in it.
    """

    mesh: trimesh.Trimesh
    notes: tuple[str, ...]
    findings: tuple[Finding, ...] = ()


def surface_of(
    loaded: Volume | LoadedVolume,
    *,
    level: float | None = None,
    values: str | None = None,
    threshold_hu: float | None = None,
    label: int | None = None,
) -> Surface:
    """Mesh a body at its surface, or the bone of a CT, segmented as `read_skull` does.

    Parameters
    ----------
    loaded : Volume or LoadedVolume
        A volume; what `load_volume` returned states by itself whether it is a CT.
    level : float, optional
        Value at the surface, in the unit of the file; nothing is then segmented.
    values : str, optional
        What the values are, one of `VALUE_MEANINGS`; by default it follows from them.
    threshold_hu : float, optional
        Lowest value of bone, as in `read_skull`.
    label : int, optional
        The label of a map of tissues to mesh; default: all but 0.

    Returns
    -------
    Surface

    Raises
    ------
    InputError
        The values have no meaning or several, or several of `level`, `threshold_hu` and `label` are given.
    EmptyMaskError
        No voxel has the label.
    """
    require_type(loaded, (Volume, LoadedVolume), "the volume")
    if isinstance(loaded, Volume):
        loaded = LoadedVolume(loaded)
    if sum(option is not None for option in (level, threshold_hu, label)) > 1:
        raise InputError(
            "expected one of --level, --threshold-hu and --label, got several: leave the others out"
        )
    if label is not None:
        body = read_body(_labelled(loaded.volume, label))
        return Surface(extract(body.volume, level=body.level), (f"label {label}",), loaded.findings)
    is_ct = loaded.is_ct or threshold_hu is not None
    if level is None and (is_ct or read_values(loaded.volume, values).kind == "ct"):
        skull = skull_of(loaded, threshold_hu=threshold_hu, values=values)
        mesh = extract(skull.mask.with_array(skull.mask.array != 0))
        return Surface(mesh, skull.notes, (*loaded.findings, *skull.findings))
    body = read_body(loaded.volume, level=level, values=values)
    mesh = extract(body.volume, level=body.level)
    return Surface(mesh, (body.note or f"a {body.kind}",), loaded.findings)


def _labelled(volume: Volume, label: int) -> Volume:
    """Return one label of a map as a mask."""
    chosen = as_whole_numbers(volume.array) == label
    if not chosen.any():
        raise EmptyMaskError(f"expected voxels of label {label}, got none: info lists the labels of the file")
    return volume.with_array(chosen)
