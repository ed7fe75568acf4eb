"""Build the packaged models of the vault (the maintainer's command).

    python -m meshimplant.datasets.build_models skullfix SKULLFIX_FOLDER --readings FOLDER
    python -m meshimplant.datasets.build_models open PLASTIC_SKULL_CT --readings FOLDER

The first builds the mean and both shape models from SkullFix's training skulls (non-commercial). The second
builds a mean without that restriction, from a cast of one real skull (BSD-2) and this package's own phantoms.
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
_WHAT = {
    "vault_mean.npz": "mean vault",
    "shape_model.npz": "shape model on points",
    "image_model.npz": "shape model on images",
    "open_mean.npz": "mean vault",
}


def main() -> None:
    """Read the skulls not yet read, build the models, and write the registry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("which", choices=("skullfix", "open"))
    parser.add_argument("source", type=Path, help="SkullFix folder, or the cast's CT")
    parser.add_argument(
        "--readings", type=Path, required=True, help="folder for the vault read from each skull"
    )
    options = parser.parse_args()
    options.readings.mkdir(parents=True, exist_ok=True)
    build = _build_skullfix if options.which == "skullfix" else _build_open
    build(options.source, options.readings)
    _write_registry()


def _build_skullfix(folder: Path, readings: Path) -> None:
    files = {
        case.name: case.complete for case in list_skullfix(folder) if case.complete and case.name in TRAINING
    }
    sources = {name: _reader(path) for name, path in files.items()}
    mean, laid = align_heads(_heads(sources, readings), about=SKULLFIX)
    mean.save(_packaged("vault_mean.npz"))
    surfaces = surfaces_of(laid)
    ShapeModel.of(surfaces, MODES, mean.about).save(_packaged("shape_model.npz"))
    ImageModel.of(surfaces, MODES, mean.about).save(_packaged("image_model.npz"))


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
        about: dict[str, Any] = {"what": what, **models.read_model(_packaged(name)).about}
        about["sha256"] = sha256_of(_packaged(name))
        lines += ["", f'["{name}"]', *(f"{key} = {_toml(value)}" for key, value in about.items())]
    with atomic_path(_packaged(models.REGISTRY)) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: Any) -> str:
    return str(value) if isinstance(value, int) else '"' + str(value).replace('"', "'") + '"'


if __name__ == "__main__":
    main()
