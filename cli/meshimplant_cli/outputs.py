"""Outputs that a verb may write: their endings, and whether the place is free, before any work is done."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from meshimplant_cli.exit_codes import UsageError

VOXEL_SUFFIXES = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd")
WRITABLE_VOXEL_SUFFIXES = (".nrrd", ".nii.gz", ".nii", ".mha")
MESH_SUFFIXES = (".stl", ".3mf", ".ply", ".obj", ".glb")


def suffix_of(path: Path) -> str:
    """Return the file ending in lower case, ``.nii.gz`` as one."""
    return ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()


def is_mesh(path: Path) -> bool:
    """Return whether a file has the ending of a mesh, or is a ZIP archive that holds one."""
    from meshimplant.io.zipped import holds_one_of

    return suffix_of(path) in MESH_SUFFIXES or holds_one_of(path, MESH_SUFFIXES)


def require_free_file(path: Path, allowed: Sequence[str], *, force: bool) -> None:
    """Refuse an output file that cannot be written, before any work is done.

    Raises `UsageError` for an ending that the verb does not write, and `OutputError` for an existing file
    (unless `force`), a missing folder, or a folder without write permission.
    """
    from meshimplant.errors import OutputError

    if suffix_of(path) not in allowed:
        raise UsageError(
            f"expected an output ending in {' '.join(allowed)}, got {path.name}: change its ending"
        )
    if path.exists() and not force:
        raise OutputError(
            f"expected an output that does not exist yet, got {path.name}, which does: "
            "choose another name, or add --force to replace it"
        )
    if not path.absolute().parent.is_dir():
        raise OutputError(
            f"expected a folder to write {path.name} into, got {path.absolute().parent.name}, "
            "which is none: create it first"
        )
    _require_writable(path.absolute().parent)


def require_free_features(path: Path | None, *, force: bool) -> None:
    """Refuse a file of features that cannot be written, before any work is done; None is no file."""
    if path is not None:
        from meshimplant.implant.features_file import FEATURE_SUFFIXES

        require_free_file(path, FEATURE_SUFFIXES, force=force)


def require_free_folder(path: Path, *, force: bool) -> None:
    """Refuse a folder that is not empty (unless `force`) or cannot be made, before any work is done."""
    from meshimplant.errors import OutputError

    if path.exists() and not path.is_dir():
        raise OutputError(f"expected a folder to write into, got the file {path.name}: choose another name")
    if path.is_dir() and any(path.iterdir()) and not force:
        raise OutputError(
            f"expected a new or empty output folder, got {path.name}, which holds files: "
            "choose another name, or add --force to replace the files of an earlier run"
        )
    home = path.absolute()
    while not home.exists():
        home = home.parent
    _require_writable(home)


@contextmanager
def free_folder(path: Path, *, force: bool) -> Iterator[None]:
    """Refuse an output folder as `require_free_folder` does, and keep other runs out during the block."""
    from meshimplant.io.folder_lock import claim_folder

    require_free_folder(path, force=force)
    with claim_folder(path):
        require_free_folder(path, force=force)
        yield


def _require_writable(folder: Path) -> None:
    from meshimplant.errors import OutputError

    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"expected a folder that can be written to, got {folder.name or folder}: "
            "choose another output, or change its permissions"
        )
