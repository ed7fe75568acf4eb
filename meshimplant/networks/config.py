"""What a network is and how it is trained: one TOML file per network, read into frozen values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from meshimplant.errors import FileReadError, InputError
from meshimplant.networks.tables import require_keys, require_positive, require_widths, table_as

Stage = Literal["coarse", "fine"]
#: Fields that a network may be shown: signed distances in the head's frame, and three that tell the place in it; see `channels`.
CHANNELS = ("defective", "opening", "prior", "mirror", "mean", "side", "back", "top")
#: Fields that a network may correct.
BASES = ("prior", "defective")


@dataclass(frozen=True)
class Data:
    """What a network is shown, and which of it it corrects.

    Attributes
    ----------
    channels : tuple of str
        Among `CHANNELS`, in the order in which the network gets them.
    base : str
        Among `BASES` and `channels`: the answer of an untrained network.
    """

    channels: tuple[str, ...] = ("defective", "opening", "prior", "mirror", "side", "back", "top")
    base: str = "prior"

    def __post_init__(self) -> None:
        unknown = [name for name in self.channels if name not in CHANNELS]
        if unknown or len(set(self.channels)) != len(self.channels) or not self.channels:
            raise InputError(
                f"expected channels among {', '.join(CHANNELS)}, each once, got {', '.join(self.channels) or 'none'}: "
                "correct data.channels"
            )
        if self.base not in BASES or self.base not in self.channels:
            raise InputError(
                f"expected a base among {' and '.join(BASES)} that is a channel too, got {self.base!r}: correct data.base"
            )


@dataclass(frozen=True)
class Coarse:
    """The dense network on the coarse grid.

    Attributes
    ----------
    architecture : str
        ``unet``, or ``none``: the second stage does all the work.
    widths : tuple of int
        Channels per level, finest first.
    residual : bool
        Blocks that add to their input.
    """

    architecture: str = "unet"
    widths: tuple[int, ...] = (12, 24, 48)
    residual: bool = True

    def __post_init__(self) -> None:
        require_widths(self.widths, "coarse.widths")


@dataclass(frozen=True)
class Fine:
    """The network that refines the coarse one's answer on the fine grid.

    Attributes
    ----------
    architecture : str
        ``sparse-unet`` and ``point-voxel`` see the voxels in a band around the coarse surface, ``patch-unet`` all voxels, a
        window at a time, ``slice-unet`` all voxels, a slice at a time.
    widths : tuple of int
        Channels per level, finest first.
    band_mm : float
        Voxels this near to the coarse network's surface, or to its base's, are refined.
    margin_mm : float
        How far beyond the opening they may lie; over this distance the coarse network's corrections fade out.
    window_mm : float
        Edge of the windows of ``patch-unet``, and of the slab of slices that a step of ``slice-unet`` learns from.
    cell_mm : float
        Edge of the cells in which ``point-voxel`` brings its points together.
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
    """A variational autoencoder of complete skulls that learns beside the coarse network and judges its answers.

    To the loss comes `weight` times the distance between what it makes of the answer and of the truth, so that answers are shapes
    that skulls have. It is not part of the network that is used.

    Attributes
    ----------
    widths : tuple of int
        Channels per level, finest first; each level halves the grid. The last is the size of a place's code.
    weight : float
        Of the squared distance between the codes (mm per unit).
    divergence : float
        Weight of the codes' divergence from the normal distribution in the autoencoder's own loss.
    learning_rate : float
        Of the autoencoder.
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
class Training:
    """How one of the two networks is trained.

    Attributes
    ----------
    steps, batch : int
        Steps of the optimiser, and samples in each.
    learning_rate, weight_decay : float
        Of AdamW; the rate falls with a cosine to a hundredth after `warmup` steps of rise.
    clip : float
        Largest norm of the gradient.
    seed : int
        Of the weights and of every sample.
    huber_mm : float
        Errors beyond this count linearly.
    margin_mm : float
        How far beyond the opening errors count in full.
    near_mm : float
        How far from the true surface, or the base's, they do; at most 7, for distances are clipped at 8.
    outside_weight : float
        Weight of the errors elsewhere.
    jitter_fraction : float
        Share of the samples that are turned, shifted and sized; the others are only mirrored, or not, and thickened.
    rotation_deg, shift_mm, scale_fraction, thickness_mm : float
        Largest turn, shift, change of size and change of thickness of a sample.
    astray_mm : float
        Largest error of a sample's completion beyond its own: constant, and along each axis.
    average : float
        Share of the running mean of the weights that a step leaves as it was; that mean is what is used.
    patch_mm : float
        Edge of the part of a sample's band that a step of the fine stage learns from.
    every, checkpoint : int
        Steps between two looks at the tuning cases, and between two checkpoints.
    looked_at : int
        How many tuning cases are looked at, spread over all; at the end it is all of them.
    without : tuple of str
        Kinds of defect that are not learnt from.
    """

    steps: int = 6000
    batch: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup: int = 100
    clip: float = 1.0
    seed: int = 0
    huber_mm: float = 1.0
    margin_mm: float = 4.0
    near_mm: float = 4.0
    outside_weight: float = 0.02
    jitter_fraction: float = 0.5
    rotation_deg: float = 4.0
    shift_mm: float = 2.0
    scale_fraction: float = 0.05
    thickness_mm: float = 0.6
    astray_mm: float = 0.3
    average: float = 0.998
    patch_mm: float = 60.0
    every: int = 250
    checkpoint: int = 100
    looked_at: int = 20
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "steps", "batch", "learning_rate", "clip", "huber_mm", "patch_mm", "every", "checkpoint", "looked_at",
        ):  # fmt: skip
            require_positive(getattr(self, name), f"training.*.{name}")
        for name in (
            "weight_decay", "warmup", "seed", "margin_mm", "near_mm", "outside_weight", "rotation_deg", "shift_mm",
            "scale_fraction", "thickness_mm", "astray_mm", "jitter_fraction", "average",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise InputError(
                    f"expected training.*.{name} of at least 0, got {getattr(self, name):g}: correct it"
                )


@dataclass(frozen=True)
class Config:
    """A network: what it sees, its two stages, and how each is trained.

    Attributes
    ----------
    name : str
        Of the file that it was read from.
    data : Data
    coarse : Coarse
    fine : Fine or None
        None: the coarse network's answer is the result.
    training : dict of Training
        By stage, ``coarse`` and ``fine``.
    latent : Latent or None
        None: answers are judged voxel by voxel only.
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
        """Return tables of plain values, from which `config_from` makes the same network."""
        told = asdict(self)
        return {key: value for key, value in told.items() if value is not None}


def config_from(tables: Mapping[str, Any], *, name: str = "head") -> Config:
    """Return the network that tables of plain values describe.

    Raises `InputError` for an unknown key, a value of another type, or one out of range.
    """
    known = ("name", "data", "coarse", "fine", "latent", "training")
    require_keys(tables, known, "")
    stages = tables.get("training", {})
    require_keys(stages, ("coarse", "fine"), "training.")
    return Config(
        name=str(tables.get("name", name)),
        data=table_as(Data, tables.get("data", {}), "data."),
        coarse=table_as(Coarse, tables.get("coarse", {}), "coarse."),
        fine=table_as(Fine, tables["fine"], "fine.") if "fine" in tables else None,
        latent=table_as(Latent, tables["latent"], "latent.") if "latent" in tables else None,
        training={
            stage: table_as(Training, stages.get(stage, {}), f"training.{stage}.")
            for stage in ("coarse", "fine")
        },
    )


def read_config(path: str | Path) -> Config:
    """Read a network's TOML file, or one of those in the package by its name, such as ``head``.

    Raises
    ------
    FileReadError
        No such file, or not TOML.
    InputError
        An unknown key, or a value that cannot be.
    """
    path = Path(path)
    packaged = _folder() / f"{path.name}.toml"
    found = path if path.suffix == ".toml" or path.is_file() else packaged
    try:
        tables = tomllib.loads(found.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileReadError(
            f"expected a network's TOML file or one of {', '.join(packaged_configs())}, got {path.name} "
            f"({type(error).__name__}): correct the name or the file"
        ) from error
    return config_from(tables, name=found.stem)


def packaged_configs() -> tuple[str, ...]:
    """Return the names of the networks in the package."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def _folder() -> Path:
    return Path(str(files("meshimplant.networks"))) / "configs"
