"""`surface_of`: the surface of whatever a volume shows, as a mesh: a body, or the bone of a CT."""

from __future__ import annotations

import trimesh

from meshimplant.errors import InputError, require_type
from meshimplant.io.volumes import LoadedVolume
from meshimplant.line.extract import extract
from meshimplant.skull.segment import skull_of
from meshimplant.values.read_values import read_body, read_values
from meshimplant.voxels.volume import Volume

__all__ = ["surface_of"]


def surface_of(
    loaded: Volume | LoadedVolume,
    *,
    level: float | None = None,
    values: str | None = None,
    threshold_hu: float | None = None,
) -> tuple[trimesh.Trimesh, tuple[str, ...]]:
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

    Returns
    -------
    mesh : Trimesh
        Closed, LPS mm.
    notes : tuple of str
        What the values were taken for.

    Raises
    ------
    InputError
        The values have no meaning or more than one, or `level` comes with `threshold_hu` or `values`.
    """
    require_type(loaded, (Volume, LoadedVolume), "the volume")
    if isinstance(loaded, Volume):
        loaded = LoadedVolume(loaded)
    if level is not None and threshold_hu is not None:
        raise InputError("expected --level or --threshold-hu, got both: leave one out")
    is_ct = loaded.is_ct or threshold_hu is not None
    if level is None and (is_ct or read_values(loaded.volume, values).kind == "ct"):
        skull = skull_of(loaded, threshold_hu=threshold_hu, values=values)
        return extract(skull.mask.with_array(skull.mask.array != 0)), skull.notes
    body = read_body(loaded.volume, level=level, values=values)
    return extract(body.volume, level=body.level), (body.note or f"a {body.kind}",)
