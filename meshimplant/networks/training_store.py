"""The training set on disk: complete skulls in the head's frame, and virtual defects in them.

It is patients' anatomy, however it is packed: treat it like the skulls that it was made from.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.io.arrays import read_arrays
from meshimplant.io.atomic import atomic_path
from meshimplant.networks.head_grid import FINE, STEP_MM
from meshimplant.runtime.regular_files import parse_json, read_regular

SKULLS, DEFECTS, ABOUT = "skulls", "defects", "store.json"
SPLITS = ("training", "tuning")
#: Separates, in the name of a synthetic head, the deformed skull from the one whose shape it takes on.
NEW_HEAD = "+"
_VERSION = 1
_FIELDS = ("defective", "prior", "opening")
_RADII = ("outer_mm", "thickness_mm")


@dataclass(frozen=True, eq=False)
class StoredCase:
    """One virtual defect of one skull on `FINE`, fields packed by `pack_field`.

    Attributes
    ----------
    complete, defective, prior, opening : (*FINE.shape) int8 arrays
        Signed distances: of the complete skull, of the defective one, of its completion without a network,
        and to the opening's edge.
    outer_mm, thickness_mm : (n,) arrays
        The mean vault fitted to this head, along `direction_sphere`.
    """

    complete: NDArray[np.int8]
    defective: NDArray[np.int8]
    prior: NDArray[np.int8]
    opening: NDArray[np.int8]
    outer_mm: NDArray[np.float64]
    thickness_mm: NDArray[np.float64]


@dataclass(frozen=True)
class CaseName:
    """Name of a case: skull, number and kind of its defect; as text ``skull-number-kind``."""

    skull: str
    number: int
    kind: str

    def __str__(self) -> str:
        return f"{self.skull}-{self.number}-{self.kind}"

    @classmethod
    def of(cls, text: str) -> CaseName:
        """Parse a file name without its suffix."""
        skull, number, kind = text.rsplit("-", 2)
        return cls(skull, int(number), kind)


@dataclass(frozen=True)
class Store:
    """A training set.

    Attributes
    ----------
    folder : Path
    about : dict
        Its origin: ``data``, ``seed``, ``defects`` per skull, and the split of each of its ``skulls``.
    """

    folder: Path
    about: Mapping[str, Any]

    def skulls(self, split: str) -> tuple[str, ...]:
        """Return the stored skulls of a split and the synthetic heads made from them, sorted by name."""
        stored = (path.stem for path in (self.folder / SKULLS).glob("[!.]*.npz"))
        splits = self.about["skulls"]
        return tuple(sorted(name for name in stored if splits.get(name.split(NEW_HEAD)[0]) == split))

    def cases(self, split: str, *, without: tuple[str, ...] = ()) -> tuple[CaseName, ...]:
        """Return the stored cases of a split, sorted, `without` some kinds of defect."""
        skulls = set(self.skulls(split))
        stored = (CaseName.of(path.stem) for path in (self.folder / DEFECTS).glob("[!.]*.npz"))
        chosen = [case for case in stored if case.skull in skulls and case.kind not in without]
        return tuple(sorted(chosen, key=lambda case: (case.skull, case.number)))

    def path_of(self, case: CaseName) -> Path:
        """Return the path of a case's fields."""
        return self.folder / DEFECTS / f"{case}.npz"

    def skull_path(self, skull: str) -> Path:
        """Return the path of a complete skull."""
        return self.folder / SKULLS / f"{skull}.npz"

    def read_skull(self, skull: str) -> NDArray[np.int8]:
        """Return the signed distance of a complete skull on `FINE`, packed by `pack_field`."""
        return _read(self.skull_path(skull), ("complete",))["complete"]

    def read(self, case: CaseName) -> StoredCase:
        """Read a case.

        Raises `FileReadError` if a file is missing or does not belong to this store.
        """
        arrays = _read(self.path_of(case), (*_FIELDS, *_RADII))
        radii = {name: arrays.pop(name).astype(float) for name in _RADII}
        return StoredCase(complete=self.read_skull(case.skull), **arrays, **radii)


def open_store(folder: str | Path) -> Store:
    """Open a training set, complete or still being built.

    Raises `FileReadError` if the folder is not a training set.
    """
    folder = Path(folder)
    try:
        about = parse_json(read_regular(folder / ABOUT))
    except (OSError, ValueError) as error:
        got = "a damaged one" if (folder / ABOUT).is_file() else "none"
        raise FileReadError(
            f"expected a training set with {ABOUT} in {folder.name}, got {got}: "
            "make it with meshimplant training-set"
        ) from error
    if about.get("version") != _VERSION or about.get("grid") != _grid():
        raise FileReadError(
            f"expected a training set of version {_VERSION} on the grid {_grid()}, "
            f"got version {about.get('version')}: "
            "build it again"
        )
    return Store(folder, about)


def start_store(
    folder: str | Path, *, data: str, skulls: Mapping[str, str], seed: int, defects: int
) -> Store:
    """Open the store in a folder, or start one if the folder is empty or new.

    Parameters
    ----------
    folder : str or Path
    data : str
        Description of the skulls; stored.
    skulls : dict of str
        The split of each skull, one of `SPLITS`.
    seed : int
    defects : int
        Defects per skull; may be raised later.

    Returns
    -------
    Store

    Raises
    ------
    InputError
        The folder holds a store with other skulls, splits or another seed.
    """
    folder = Path(folder)
    about = {"version": _VERSION, "grid": _grid(), "data": data, "seed": seed, "skulls": dict(skulls)}
    if (folder / ABOUT).is_file():
        stored = open_store(folder).about
        differs = [name for name, value in about.items() if stored.get(name) != value]
        if differs:
            raise InputError(
                f"expected {folder.name} empty or with a training set of the same {differs[0]}, got another: "
                "choose another folder, or pass the same skulls and seed to continue"
            )
    for name in (SKULLS, DEFECTS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / ABOUT) as temporary:
        temporary.write_text(json.dumps(about | {"defects": defects}, indent=1), encoding="utf-8")
    return open_store(folder)


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays as a compressed ``.npz``, atomically; the same arrays give the same bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    with atomic_path(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _read(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    try:
        arrays = read_arrays(path, names)
    except ValueError as error:
        raise FileReadError(
            f"expected fields of a training set in {path.name}, got: {error}: "
            "remove the file and make the training set again"
        ) from error
    wrong = [n for n, a in arrays.items() if a.dtype == np.int8 and a.shape != FINE.shape]
    if wrong:
        raise FileReadError(
            f"expected {wrong[0]} of shape {FINE.shape} in {path.name}, got {arrays[wrong[0]].shape}: "
            "remove the file and make the training set again"
        )
    return arrays


def _grid() -> dict[str, Any]:
    return {
        "low_mm": list(FINE.low_mm),
        "shape": list(FINE.shape),
        "spacing_mm": FINE.spacing_mm,
        "step_mm": STEP_MM,
    }
