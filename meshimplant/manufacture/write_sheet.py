"""`write_sheet`: a plate as files, with its screws and its stamps."""

from __future__ import annotations

from pathlib import Path

from meshimplant.implant.features_file import FEATURE_SUFFIXES, write_features
from meshimplant.io.meshes import write_mesh
from meshimplant.manufacture.sheet import Sheet


def write_sheet(sheet: Sheet, folder: Path, *, frame: str = "LPS") -> None:
    """Write sheet.stl in the patient's millimetres, its screws, and each stamp as it is printed.

    The screws are screws.json, screws.mrk.json for 3D Slicer and screws.csv, always LPS.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    write_mesh(sheet.mesh, folder / "sheet.stl", frame=frame)
    for suffix in FEATURE_SUFFIXES:
        write_features(folder / f"screws{suffix}", sheet.features)
    for name, body in (sheet.stamps.printed if sheet.stamps else {}).items():
        write_mesh(body, folder / f"{name}.stl", name=name)
