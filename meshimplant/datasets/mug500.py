"""List the cases of MUG500+: healthy skulls, and craniotomies with a designed implant."""

from __future__ import annotations

import os
import re
from pathlib import Path

from meshimplant.datasets.case import Case
from meshimplant.errors import FileReadError

_SKULL = re.compile(r"([AB]\d{4})(_implant|_clear)?(\.nrrd|\.stl)", re.IGNORECASE)
_DEEPEST = 4


def is_mug500(folder: Path) -> bool:
    """Return whether the names of files in or below a folder are those of MUG500+."""
    return bool(_files(folder))


def list_mug500(folder: str | Path) -> tuple[Case, ...]:
    """List the skulls of a folder by name: A0001 ... are complete, B0001 ... have a craniotomy.

    A complete skull has ``complete`` (``A0001.nrrd``) only; `craniectomy` cuts defects into it. A craniotomy
    has ``defective`` (``B0001.nrrd``) and ``implant`` (``B0001_implant.stl``), a mesh designed by hand. It is
    thinner than bone and therefore no truth for voxel metrics. The other meshes (``A0001.stl``,
    ``A0001_clear.stl``, ``B0001.stl``) repeat the voxels.

    Files are found by their names, up to four folders deep, so that the article's folders (Li et al., Data in
    Brief 39:107524, 2021), the archives of the repository (``A0491-A0495/A0491/A0491.nrrd``,
    ``craniotomy_skull/B0001/B0001.nrrd``; its maintainers list them), unpacked together or each in a folder
    of its own, and a folder with all ``.nrrd`` side by side are read alike. Any number of skulls may be
    there.

    Raises
    ------
    FileReadError
        There is no such file, a skull lacks its ``.nrrd``, or a file exists twice.
    """
    folder = Path(folder)
    files = _files(folder)
    names = sorted({name for name, _ in files})
    if not names:
        raise FileReadError(
            f"expected skulls such as A0001.nrrd or B0001.nrrd under {folder.name}/, got none: "
            "unpack the archives, and pass the folder that holds them"
        )
    lacking = [name for name in names if (name, ".nrrd") not in files]
    if lacking:
        raise FileReadError(
            f"expected a .nrrd of each skull under {folder.name}/, got {', '.join(lacking[:5])} "
            f"{'and more ' if len(lacking) > 5 else ''}without: complete the copy or remove them"
        )
    return tuple(_case(name, files) for name in names)


def _case(name: str, files: dict[tuple[str, str], Path]) -> Case:
    skull, group = files[name, ".nrrd"], f"mug500-{name}"
    if name.startswith("A"):
        return Case(name, complete=skull, group=group, dataset="mug500")
    implant = files.get((name, "_implant.stl"))
    return Case(name, None, implant, skull, "clinical", group, "mug500")


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the path of each file by skull and remainder of the name."""
    found: dict[tuple[str, str], Path] = {}
    for place, folders, names in os.walk(folder):
        if len(Path(place).relative_to(folder).parts) >= _DEEPEST:
            folders.clear()
        for name in sorted(names):
            match = _SKULL.fullmatch(name)
            if match:
                key = match[1].upper(), f"{match[2] or ''}{match[3]}".lower()
                path = Path(place) / name
                if key in found:
                    raise FileReadError(
                        f"expected {name} once under {folder.name}/, got it in {found[key].parent.name}/ and "
                        f"{path.parent.name}/: remove one of them"
                    )
                found[key] = path
    return found
