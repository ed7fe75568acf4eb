"""Locate the packaged samples, in an installed package or in a checkout."""

from __future__ import annotations

from pathlib import Path

from meshimplant.errors import FileReadError


def sample_folder() -> Path:
    """Return the folder of the packaged samples.

    An installed package carries them as ``meshimplant/sample_meshes``; a checkout, and so an editable
    install, has them beside the package.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "sample_meshes", package.parent / "sample_meshes"):
        if folder.is_dir():
            return folder
    raise FileReadError(
        "expected the folder sample_meshes in or beside the package, got neither: install meshimplant again"
    )


def sample_path(name: str) -> Path:
    """Return the path of one packaged sample, such as ``"defective.nrrd"``.

    Raises `FileReadError` if there is no sample of that name; the message lists the available ones.
    """
    path = sample_folder() / name
    if not path.is_file():
        known = ", ".join(sorted(p.name for p in sample_folder().glob("*") if p.suffix in (".nrrd", ".stl")))
        raise FileReadError(f"expected one of the samples {known}, got {name!r}: choose one of them")
    return path
