"""`read_fixation_points`: where a part is fixed, from files of this package and of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.implant.features_file import read_features
from meshimplant.io.curves import read_curve

#: Features that fix a part to the skull.
_FIXING = ("screw", "pocket")


def read_fixation_points(path: str | Path, *, frame: str = "LPS") -> NDArray[np.float64]:
    """Read fixation points as LPS millimetres.

    Parameters
    ----------
    path : str or Path
        Features as `write_features` writes them as ``.json``, of which screws and pockets are taken; or
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
        fixing = [feature.point_mm for feature in features if feature.kind in _FIXING]
        if not fixing:
            raise InputError(
                f"expected screws or pockets among the features in {path.name}, got none: give the points of "
                "fixation"
            )
        return np.array(fixing)
    return read_curve(path, frame=frame)
