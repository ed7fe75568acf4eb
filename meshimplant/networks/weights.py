"""Read and write trained networks: arrays, config and origin in one ``.npz``.

No pickle is read or written, so a file from an unknown source cannot execute code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from meshimplant.errors import FileReadError, InputError
from meshimplant.head.model_files import save_model
from meshimplant.io.arrays import read_arrays
from meshimplant.io.payload import sha256_of
from meshimplant.networks.architectures import build_coarse, build_fine
from meshimplant.networks.config import Config, Stage, config_from
from meshimplant.networks.packaged import default_weights
from meshimplant.runtime.regular_files import parse_json

if TYPE_CHECKING:
    from torch import nn

#: Version of the weights format.
FORMAT = 1
_HEADER = ("format", "config")
_Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Weights:
    """A trained network.

    Attributes
    ----------
    config : Config
    modules : dict of torch modules
        By stage, ready for use, without gradients; ``fine`` is absent if the file has one stage.
    about : dict
        Training data, licence, hardware, time, as passed to `write_weights`.
    name, sha256 : str
        Name and hash of the file.
    """

    config: Config
    modules: dict[Stage, nn.Module]
    about: dict[str, Any]
    name: str
    sha256: str


def write_weights(
    path: str | Path, config: Config, modules: Mapping[Stage, nn.Module], about: Mapping[str, Any]
) -> None:
    """Write a network as a compressed ``.npz`` of float16 arrays; the same network gives the same bytes.

    Parameters
    ----------
    path : str or Path
    config : Config
        The config that the modules were built from.
    modules : dict of Module
        By stage: ``coarse``, and ``fine`` if there is one.
    about : dict
        Plain values: training data, licence, skulls, hardware, time.

    Raises
    ------
    InputError
        A weight is not finite in float16: the training has diverged.
    """
    arrays = {
        f"{stage}.{name}": values.detach().cpu().float().numpy()
        for stage, module in modules.items()
        for name, values in module.state_dict().items()
    }
    with np.errstate(over="ignore"):
        diverged = [
            name for name, values in arrays.items() if not np.isfinite(values.astype(np.float16)).all()
        ]
    if diverged:
        raise InputError(
            f"expected finite weights below 65504, got others in {diverged[0]}: train again at a lower rate"
        )
    save_model(path, {**about, "format": FORMAT, "config": config.to_dict()}, **arrays)


def read_weights(path: str | Path) -> Weights:
    """Read a network written by `write_weights`, ready for use.

    Raises
    ------
    FileReadError
        The file is missing, damaged, of another kind or of another version, or its arrays do not match its
        config.
    """
    path = Path(path)
    arrays, header = _contents(path)
    about = {key: value for key, value in header.items() if key not in _HEADER}
    stages = {name.partition(".")[0] for name in arrays}
    with torch.device("meta"):  # without memory: these sizes are not yet known to be those of the arrays
        _, sketch = _build_modules(path, header["config"], stages)
    _require_sizes(path, sketch, arrays)
    config, modules = _build_modules(path, header["config"], stages)
    _load_arrays(path, modules, arrays)
    return Weights(config, modules, about, path.name, sha256_of(path))


def open_weights(path: str | Path | None = None) -> Weights:
    """Return the network in a file, or the packaged one; raises like `read_weights` and `default_weights`."""
    return read_weights(default_weights() if path is None else path)


def _contents(path: Path) -> tuple[_Arrays, dict[str, Any]]:
    """Return the arrays of a file, float32, and its description."""
    try:
        stored = read_arrays(path)
        about = parse_json(str(stored.pop("about")))
        arrays = {name: values.astype(np.float32) for name, values in stored.items()}
    except (KeyError, ValueError, TypeError) as error:
        raise FileReadError(
            f"expected weights written by meshimplant train in {path.name}, got: {error}: "
            "choose another file, or fetch it again"
        ) from error
    if not isinstance(about, dict) or not {*_HEADER} <= set(about):
        raise FileReadError(
            f"expected weights of a network in {path.name}, got an .npz of another kind: "
            "choose a file written by meshimplant train"
        )
    if about["format"] != FORMAT:
        raise FileReadError(
            f"expected weights of format {FORMAT} in {path.name}, got format {about['format']}: "
            "install the version of meshimplant that wrote them, or train again"
        )
    return arrays, about


def _build_modules(path: Path, tables: Any, stages: set[str]) -> tuple[Config, dict[Stage, nn.Module]]:
    """Return a config and its modules, for those stages that the file has arrays of."""
    try:
        config = config_from(tables)
        modules: dict[Stage, nn.Module] = {"coarse": build_coarse(config)}
        if config.fine is not None and "fine" in stages:
            modules["fine"] = build_fine(config)
    except (InputError, TypeError, AttributeError) as error:
        raise FileReadError(
            f"expected a network that this version knows in {path.name}, got: {error}: "
            "install the version of meshimplant that wrote it"
        ) from error
    return config, modules


def _require_sizes(path: Path, modules: Mapping[Stage, nn.Module], arrays: _Arrays) -> None:
    """Refuse arrays that do not match the modules exactly."""
    expected = {
        f"{stage}.{name}": tuple(values.shape)
        for stage, module in modules.items()
        for name, values in module.state_dict().items()
    }
    if {name: values.shape for name, values in arrays.items()} != expected:
        odd = sorted(
            {
                name
                for name in {*expected, *arrays}
                if expected.get(name) != getattr(arrays.get(name), "shape", None)
            }
        )
        raise FileReadError(
            f"expected the arrays of the network that {path.name} describes, got others: {odd[0]}: "
            "fetch it again"
        )


def _load_arrays(path: Path, modules: Mapping[Stage, nn.Module], arrays: _Arrays) -> None:
    """Load the arrays into the modules."""
    if not all(np.isfinite(values).all() for values in arrays.values()):
        raise FileReadError(f"expected finite weights in {path.name}, got others: fetch it again")
    for stage, module in modules.items():
        own = {name: torch.from_numpy(arrays[f"{stage}.{name}"]) for name in module.state_dict()}
        module.load_state_dict(own)
        module.eval().requires_grad_(False)
