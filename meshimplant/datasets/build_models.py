"""Build the packaged models of the vault (the maintainer's command).

    python -m meshimplant.datasets.build_models skullfix SKULLFIX_FOLDER --readings FOLDER
    python -m meshimplant.datasets.build_models lower SKULLFIX_FOLDER --readings FOLDER
    python -m meshimplant.datasets.build_models open PLASTIC_SKULL_CT --readings FOLDER

The first builds the mean and both shape models from SkullFix's training skulls (non-commercial). The second
builds the mean of brow, orbits, temples and base from the same skulls, aligned to the mean of the first. The
third builds a mean without that restriction, from a cast of one real skull (BSD-2) and this package's own
phantoms.
The same input gives the same bytes on one machine, with the same number of threads and the same code. A later
rebuild of the packaged files changed up to five values in ten thousand by the last of their 16 bits. Each
skull is read once and stored in the readings' folder, from which an interrupted run continues. The registry
is rewritten.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import meshimplant.complete.lower_mean as lower_mean
import meshimplant.complete.models as models
from meshimplant.complete.image_model import ImageModel
from meshimplant.complete.population import (
    MODES,
    HeadVault,
    align_heads,
    build_vault_mean,
    read_head_vault,
    surfaces_of,
)
from meshimplant.complete.shape_model import ShapeModel
from meshimplant.datasets.phantom import skull_phantom
from meshimplant.datasets.skullfix import TRAINING, list_skullfix
from meshimplant.head.align import align_head
from meshimplant.head.pose import fit_pose
from meshimplant.io.atomic import atomic_path
from meshimplant.io.payload import sha256_of
from meshimplant.io.volumes import read_volume
from meshimplant.voxels.volume import Volume

SKULLFIX = {
    "data": "SkullFix (Li et al., Data in Brief 35:106902, 2021), derived from CQ500",
    "licence": "CC BY-NC-SA 4.0: non-commercial",
    "split": "training",
}
OPEN = {
    "data": "a cast of one skull (neurolabusc/dcm_qa_ct, In/Philips/S21570) and phantoms of this package",
    "licence": "BSD-2-Clause (cast), and this package's own",
}
#: Phantoms beside the cast. They differ in size, length and thickness, and carry no one's shape.
_PHANTOMS = 4
#: Number of skulls in the mean of the lower head, the first ones. A mean vault of ten does as well as of 60.
_LOWER_SKULLS = 24
_WHAT = {
    "vault_mean.npz": "mean vault",
    "shape_model.npz": "shape model on points",
    "image_model.npz": "shape model on images",
    "open_mean.npz": "mean vault",
    lower_mean.FILE: "mean of brow, orbits, temples and base",
}


def main() -> None:
    """Read the skulls not yet read, build the models, and write the registry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", choices=("skullfix", "lower", "open"))
    parser.add_argument("source", type=Path, help="SkullFix folder, or the cast's CT")
    parser.add_argument(
        "--readings", type=Path, required=True, help="folder for the vault read from each skull"
    )
    options = parser.parse_args()
    options.readings.mkdir(parents=True, exist_ok=True)
    builders = {"skullfix": _build_skullfix, "lower": _build_lower, "open": _build_open}
    builders[options.which](options.source, options.readings)
    _write_registry()


def _build_skullfix(folder: Path, readings: Path) -> None:
    mean, laid = align_heads(_heads(_training_skulls(folder), readings), about=SKULLFIX)
    mean.save(_packaged("vault_mean.npz"))
    surfaces = surfaces_of(laid)
    ShapeModel.of(surfaces, MODES, mean.about).save(_packaged("shape_model.npz"))
    ImageModel.of(surfaces, MODES, mean.about).save(_packaged("image_model.npz"))


def _build_lower(folder: Path, readings: Path) -> None:
    skulls = dict(list(_training_skulls(folder).items())[:_LOWER_SKULLS])
    halves = [half for name, read in skulls.items() for half in _halves(read, readings / f"{name}-lower.npy")]
    about = {**SKULLFIX, "skulls": len(skulls)}
    lower_mean.LowerMean.of(np.array(halves), about).save(_packaged(lower_mean.FILE))


def _training_skulls(folder: Path) -> dict[str, Callable[[], Volume]]:
    """Return a reader of each training skull by name."""
    files = {
        case.name: case.complete for case in list_skullfix(folder) if case.complete and case.name in TRAINING
    }
    return {name: _reader(path) for name, path in files.items()}


def _halves(read: Callable[[], Volume], stored: Path) -> NDArray[np.float16]:
    """Return both lower halves of a skull (2, i, j, k), from the stored reading if there is one."""
    if not stored.exists():
        skull = read()
        pose, _ = align_head(skull, fit_pose(skull), models.packaged_mean())
        with atomic_path(stored) as temporary, temporary.open("wb") as file:
            np.save(file, lower_mean.read_halves(skull, pose).astype(np.float16))
        sys.stderr.write(f"\r{stored.stem}   ")
    return np.asarray(np.load(stored), np.float16)


def _build_open(cast: Path, readings: Path) -> None:
    from meshimplant.skull.segment import read_skull

    sources: dict[str, Callable[[], Volume]] = {"cast": lambda: read_skull(cast).mask}
    for seed in range(_PHANTOMS):
        sources[f"phantom-{seed}"] = lambda seed=seed: skull_phantom(spacing_mm=1.0, seed=seed)  # type: ignore[misc]
    build_vault_mean(_heads(sources, readings), about=OPEN).save(_packaged("open_mean.npz"))


def _heads(sources: dict[str, Callable[[], Volume]], readings: Path) -> Iterator[HeadVault]:
    """Yield each skull's vault, from its stored reading if there is one."""
    for number, (name, read) in enumerate(sources.items(), start=1):
        sys.stderr.write(f"\r{number} of {len(sources)}: {name}   ")
        stored = readings / f"{name}.npz"
        if not stored.exists():
            read_head_vault(read()).save(stored)
        yield read_head_vault(stored)


def _reader(path: Path) -> Callable[[], Volume]:
    return lambda: read_volume(path)


def _packaged(name: str) -> Path:
    return models.models_folder() / name


def _write_registry() -> None:
    """Write the registry of the packaged models from the models themselves."""
    lines = ["# Models in this package; written by python -m meshimplant.datasets.build_models."]
    for name, what in _WHAT.items():
        if not _packaged(name).exists():
            continue
        read = lower_mean.read_lower_mean if name == lower_mean.FILE else models.read_model
        about: dict[str, Any] = {"what": what, **read(_packaged(name)).about}
        about["sha256"] = sha256_of(_packaged(name))
        lines += ["", f'["{name}"]', *(f"{key} = {_toml(value)}" for key, value in about.items())]
    with atomic_path(_packaged(models.REGISTRY)) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    return str(value) if isinstance(value, int) else '"' + str(value).replace('"', "'") + '"'


if __name__ == "__main__":
    main()
