"""`write_mould`: the pieces of a mould as files, each as it is printed, and together around the part."""

from __future__ import annotations

from pathlib import Path

from meshimplant.io.assemblies import write_assembly
from meshimplant.io.meshes import write_mesh
from meshimplant.manufacture.mould import Mould


def write_mould(mould: Mould, folder: Path) -> None:
    """Write each piece of a mould as STL, flat base on z = 0, and all as the objects of mould.3mf.

    The STL files hold the pieces as they are printed, mm; mould.3mf holds them as they stand around the part,
    LPS mm.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    for name, body in mould.printed.items():
        write_mesh(body, folder / f"{name}.stl", name=name)
    write_assembly(mould.pieces, folder / "mould.3mf", name="mould")
