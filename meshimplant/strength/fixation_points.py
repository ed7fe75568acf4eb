"""`read_fixation_points`: where a part is fixed, from files of this package and of others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.implant.features import Feature, Hold
from meshimplant.implant.features_file import read_features
from meshimplant.io.curves import read_curve


def fixing_points(features: Iterable[Feature]) -> NDArray[np.float64]:
    """Return the points (n, 3) at which features fix a part, LPS mm.

    These are its screws and pockets, but not those screws of plates that hold in the bone beside it.
    """
    known = tuple(features)
    plates = {each.label for each in known if each.kind == "plate"}
    pockets = {each.label for each in known if each.kind == "pocket"}
    points = [
        each.point_mm
        for each in known
        if each.kind == "pocket"
        or (each.kind == "screw" and not _beside(each.hold, plates) and not _of(each.hold, pockets))
    ]
    return np.array(points, float).reshape(-1, 3)


def _of(hold: Hold | None, labels: set[str]) -> bool:
    return hold is not None and hold.fixation in labels


def _beside(hold: Hold | None, plates: set[str]) -> bool:
    """Return whether a screw holds in the bone beside a part, at the other end of a plate."""
    return hold is not None and hold.fixation in plates and hold.material == "bone"


def read_fixation_points(path: str | Path, *, frame: str = "LPS") -> NDArray[np.float64]:
    """Read fixation points as LPS millimetres.

    Parameters
    ----------
    path : str or Path
        Features as `write_features` writes them as ``.json``, of which `fixing_points` takes some; or
        whatever `read_curve` reads: markups of 3D Slicer, ``.csv``, ``.txt``, ``.npy``.
    frame : str
        "LPS" or "RAS": the frame of the file's numbers, unless the file states its own.

    Returns
    -------
    (n, 3) array
        Points, n >= 1.

    Raises
    ------
    FileReadError
        The file is missing, damaged, or holds no points.
    InputError
        The features hold no screw and no pocket.
    GeometryError
        The points cannot be millimetres on a head, or the frame is unknown.
    """
    path = Path(path)
    if path.suffix.lower() == ".json" and not path.name.lower().endswith(".mrk.json"):
        try:
            features = read_features(path)
        except FileReadError:
            return read_curve(path, frame=frame)
        fixing = fixing_points(features)
        if not len(fixing):
            raise InputError(
                f"expected screws or pockets among the features in {path.name}, got none: give the points of "
                "fixation"
            )
        return fixing
    return read_curve(path, frame=frame)
