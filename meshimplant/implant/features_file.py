"""Features in files: our own JSON, which is read back; markups of 3D Slicer and CSV for other programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from meshimplant.errors import FileReadError, InputError
from meshimplant.implant.features import FEATURE_KINDS, Feature, Hold, require_own_labels
from meshimplant.io.atomic import atomic_path
from meshimplant.io.curves import MARKUPS_SCHEMA
from meshimplant.runtime.regular_files import parse_json, read_regular

#: Endings of the files that features can be written to; only ``.json`` is read.
FEATURE_SUFFIXES = (".json", ".mrk.json", ".csv")
#: What a file of features says it is; the number changes when its fields do.
_SCHEMA = "meshimplant features 1"
_COLUMNS = (
    *("label", "kind", "x_mm", "y_mm", "z_mm", "axis_x", "axis_y", "axis_z", "diameter_mm", "length_mm"),
    *("span_x_mm", "span_y_mm", "span_z_mm"),
    *("fixation", "holds_in", "held_mm", "tip_to_inner_mm", "next_fixation", "next_mm"),
)


def write_features(path: str | Path, features: Sequence[Feature]) -> None:
    """Write features in LPS millimetres, as the file's ending says.

    Parameters
    ----------
    path : str or Path
        ``.json``: all fields, for `read_features`. ``.mrk.json``: a list of points for 3D Slicer, with label
        and description. ``.csv``: a heading and one line each.
    features : sequence of Feature
        The features, whose labels differ.

    Raises
    ------
    InputError
        The ending is another one, or two features share a label.
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    require_own_labels(features)
    name = path.name.lower()
    if name.endswith(".mrk.json"):
        text = json.dumps(_markups(features), indent=1)
    elif name.endswith(".json"):
        content = {
            "schema": _SCHEMA,
            "frame": "LPS",
            "unit": "mm",
            "features": [f.to_dict() for f in features],
        }
        text = json.dumps(content, indent=1)
    elif name.endswith(".csv"):
        text = _rows(features)
    else:
        raise InputError(
            f"expected features ending in {', '.join(FEATURE_SUFFIXES)}, got {path.name}: change the ending"
        )
    with atomic_path(path) as target:
        target.write_text(text, encoding="utf-8")


def read_features(path: str | Path) -> tuple[Feature, ...]:
    """Read the features that `write_features` wrote as ``.json``.

    Parameters
    ----------
    path : str or Path
        The file, such as the ``features.json`` of a case.

    Returns
    -------
    tuple of Feature
        In the order of the file.

    Raises
    ------
    FileReadError
        The file is missing, damaged, or holds anything else.
    InputError
        Two features share a label.
    """
    path = Path(path)
    try:
        content = parse_json(read_regular(path).decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _foreign(path.name) from error
    except FileReadError:
        raise
    except ValueError as error:
        raise _foreign(path.name) from error
    if not isinstance(content, dict) or content.get("schema") != _SCHEMA or content.get("frame") != "LPS":
        raise _foreign(path.name)
    try:
        features = tuple(_feature(each) for each in content["features"])
    except (KeyError, TypeError, ValueError) as error:
        raise _foreign(path.name) from error
    require_own_labels(features)
    return features


def _feature(values: dict[str, Any]) -> Feature:
    """Return a feature; raise `ValueError` for numbers that cannot be one."""
    point, axis = np.array(values["point_mm"], float), np.array(values["axis"], float)
    diameter_mm, length_mm = float(values["diameter_mm"]), float(values["length_mm"])
    span = np.array(values["span_mm"], float)
    finite = np.isfinite([*point, *axis, *span, diameter_mm, length_mm]).all()
    vectors = point.shape == axis.shape == span.shape == (3,)
    if not vectors or not finite or abs(np.linalg.norm(axis) - 1) > 1e-6:
        raise ValueError("not a place and a unit direction")
    if values["kind"] not in FEATURE_KINDS or not isinstance(values["label"], str):
        raise ValueError("not a kind of feature")
    if diameter_mm < 0 or length_mm < 0:
        raise ValueError("not a size")
    sizes = diameter_mm, length_mm, (*span.tolist(),)
    hold = _hold(values.get("hold"))
    return Feature(values["kind"], values["label"], (*point.tolist(),), (*axis.tolist(),), *sizes, hold)


def _hold(values: dict[str, Any] | None) -> Hold | None:
    """Return what a screw holds in, if the file tells; raise `ValueError` for what cannot be."""
    if values is None:
        return None
    hold = Hold(**values)
    words = hold.fixation, hold.material, hold.next_fixation or ""
    numbers = hold.held_mm, hold.tip_to_inner_mm, 0.0 if hold.next_mm is None else hold.next_mm
    if not all(isinstance(word, str) for word in words) or not np.isfinite(numbers).all():
        raise ValueError("not what a screw holds in")
    return hold


def _markups(features: Sequence[Feature]) -> dict[str, Any]:
    points = [
        {
            "id": str(number),
            "label": feature.label,
            "description": f"{feature.kind}, {feature.diameter_mm:g} x {feature.length_mm:g} mm",
            "position": list(feature.point_mm),
            "positionStatus": "defined",
        }
        for number, feature in enumerate(features, 1)
    ]
    markup = {"type": "Fiducial", "coordinateSystem": "LPS", "coordinateUnits": "mm", "controlPoints": points}
    return {"@schema": MARKUPS_SCHEMA, "markups": [markup]}


def _rows(features: Sequence[Feature]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for each in features:
        numbers = [*each.point_mm, *each.axis, each.diameter_mm, each.length_mm, *each.span_mm]
        row = [each.label, each.kind, *(f"{number:.6f}" for number in numbers)]
        writer.writerow(row + _held(each.hold))
    return text.getvalue()


def _held(hold: Hold | None) -> list[str]:
    """Return the last columns of a line: what a screw holds in."""
    if hold is None:
        return [""] * 6
    further = "" if hold.next_mm is None else f"{hold.next_mm:.6f}"
    held = f"{hold.held_mm:.6f}", f"{hold.tip_to_inner_mm:.6f}"
    return [hold.fixation, hold.material, *held, hold.next_fixation or "", further]


def _foreign(name: str) -> FileReadError:
    return FileReadError(
        f"expected features as meshimplant writes them in {name}, got a damaged file or another kind: "
        "give the features.json of the case"
    )
