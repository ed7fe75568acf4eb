"""Configuration of networks and their training: one TOML file per network, read into frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from meshimplant.errors import FileReadError, InputError
from meshimplant.networks.config_tables import read_table, require_keys, require_positive, require_widths
from meshimplant.networks.training_config import Training
from meshimplant.runtime.regular_files import parse_toml, read_regular

Stage = Literal["coarse", "fine"]
#: Possible input channels: signed distances in the head's frame, and three with the position in it; see
#: `channels`.
CHANNELS = ("defective", "opening", "prior", "mirror", "mean", "side", "back", "top")
#: Channels that a network may correct.
BASES = ("prior", "defective")


@dataclass(frozen=True)
class Data:
    """The input of a network, and the channel that it corrects.

    Attributes
    ----------
    channels : tuple of str
        Names from `CHANNELS`, in the order of the network's input.
    base : str
        One of `BASES`, also in `channels`: the output of an untrained network.
    """

    channels: tuple[str, ...] = ("defective", "opening", "prior", "mirror", "side", "back", "top")
    base: str = "prior"

    def __post_init__(self) -> None:
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown or len(set(self.channels)) != len(self.channels) or not self.channels:
            raise InputError(
                f"expected channels among {', '.join(CHANNELS)}, each once, "
                f"got {', '.join(self.channels) or 'none'}: correct data.channels"
            )
        if self.base not in BASES or self.base not in self.channels:
            raise InputError(
                f"expected a base among {' and '.join(BASES)} that is a channel too, got {self.base!r}: "
                "correct data.base"
            )


@dataclass(frozen=True)
class Coarse:
    """The dense network on the coarse grid.

    Attributes
    ----------
    architecture : str
        ``unet``, or ``none``: the fine stage does all the work.
    widths : tuple of int
        Channels per level, finest first.
    residual : bool
        Whether blocks have residual connections.
    """

    architecture: str = "unet"
    widths: tuple[int, ...] = (12, 24, 48)
    residual: bool = True

    def __post_init__(self) -> None:
        require_widths(self.widths, "coarse.widths")


@dataclass(frozen=True)
class Fine:
    """The network that refines the coarse result on the fine grid.

    Attributes
    ----------
    architecture : str
        ``sparse-unet`` and ``point-voxel`` process the voxels in a band around the coarse surface,
        ``patch-unet`` all voxels by windows, ``slice-unet`` all voxels by slices.
    widths : tuple of int
        Channels per level, finest first.
    band_mm : float
        Voxels within this distance of the coarse surface, or of the base's surface, are refined.
    margin_mm : float
        Largest distance of refined voxels beyond the opening; the coarse network's corrections fade out over
        it.
    window_mm : float
        Edge of the windows of ``patch-unet``, and thickness of the slab for one training step of
        ``slice-unet``.
    cell_mm : float
        Edge of the cells of ``point-voxel``.
    """

    architecture: str = "sparse-unet"
    widths: tuple[int, ...] = (16, 24, 32)
    band_mm: float = 3.0
    margin_mm: float = 3.0
    window_mm: float = 48.0
    cell_mm: float = 4.0

    def __post_init__(self) -> None:
        require_widths(self.widths, "fine.widths")
        for name in ("band_mm", "margin_mm", "window_mm", "cell_mm"):
            require_positive(getattr(self, name), f"fine.{name}")


@dataclass(frozen=True)
class Latent:
    """A variational autoencoder of complete skulls, trained beside the coarse network, whose loss it extends.

    The additional term is `weight` times the squared distance between the codes of the prediction and of the
    truth, so that predictions are shapes that skulls have. The autoencoder is not part of the exported
    network.

    Attributes
    ----------
    widths : tuple of int
        Channels per level, finest first; each level halves the grid. The last is the size of the code of a
        position.
    weight : float
        Weight of the squared distance between the codes (mm per unit).
    divergence : float
        Weight of the Kullback-Leibler divergence of the codes in the autoencoder's own loss.
    learning_rate : float
        Learning rate of the autoencoder.
    """

    widths: tuple[int, ...] = (8, 16, 16)
    weight: float = 0.1
    divergence: float = 1e-3
    learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        require_widths(self.widths, "latent.widths")
        for name in ("weight", "divergence", "learning_rate"):
            require_positive(getattr(self, name), f"latent.{name}")


@dataclass(frozen=True)
class Config:
    """A network: its input, its two stages, and the training of each.

    Attributes
    ----------
    name : str
        Name of the file that it was read from.
    data : Data
    coarse : Coarse
    fine : Fine or None
        None: the coarse network's output is the result.
    training : dict of Training
        By stage, ``coarse`` and ``fine``.
    latent : Latent or None
        None: no additional loss.
    """

    name: str = "head"
    data: Data = Data()
    coarse: Coarse = Coarse()
    fine: Fine | None = Fine()
    training: Mapping[str, Training] = field(
        default_factory=lambda: {"coarse": Training(), "fine": Training()}
    )
    latent: Latent | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return tables of plain values, from which `config_from` restores the config."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def config_from(tables: Mapping[str, Any], *, name: str = "head") -> Config:
    """Return the config that tables of plain values describe.

    Raises `InputError` for an unknown key, a value of the wrong type, or one out of range.
    """
    known = ("name", "data", "coarse", "fine", "latent", "training")
    require_keys(tables, known, "")
    stages = tables.get("training", {})
    require_keys(stages, ("coarse", "fine"), "training.")
    return Config(
        name=str(tables.get("name", name)),
        data=read_table(Data, tables.get("data", {}), "data."),
        coarse=read_table(Coarse, tables.get("coarse", {}), "coarse."),
        fine=read_table(Fine, tables["fine"], "fine.") if "fine" in tables else None,
        latent=read_table(Latent, tables["latent"], "latent.") if "latent" in tables else None,
        training={
            stage: read_table(Training, stages.get(stage, {}), f"training.{stage}.")
            for stage in ("coarse", "fine")
        },
    )


def read_config(path: str | Path) -> Config:
    """Read a network's TOML file, or a packaged one by its name, such as ``head``.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    FileReadError
        There is no such file, or it is not TOML.
    InputError
        A key is unknown, or a value is out of range.
    """
    path = Path(path)
    packaged = _folder() / f"{path.name}.toml"
    found = path if path.suffix == ".toml" or path.is_file() else packaged
    try:
        tables = parse_toml(read_regular(found).decode("utf-8"))
    except ValueError as error:
        raise FileReadError(
            f"expected a network's TOML file or one of {', '.join(packaged_configs())}, got {path.name}, "
            "which is neither: correct the name or the file"
        ) from error
    return config_from(tables, name=found.stem)


def packaged_configs() -> tuple[str, ...]:
    """Return the names of the packaged configs."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def _folder() -> Path:
    return Path(str(files("meshimplant.networks"))) / "configs"
