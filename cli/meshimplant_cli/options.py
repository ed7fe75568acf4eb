"""Options that several verbs share, each written once with its help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant.complete.methods import Method as MethodName
from meshimplant_cli.terminal import UsageError

if TYPE_CHECKING:
    from meshimplant.head.mean_vault import Model
    from meshimplant.networks.open_network import Network
    from meshimplant.skull.segment import SkullInput
    from meshimplant.spec import ImplantSpec
    from meshimplant.voxels.volume import Volume

Output = Annotated[Path, Parameter(alias="-o", help="Where to write.")]
SkullFile = Annotated[Path, Parameter(help="Defective skull: mask, CT, DICOM folder or closed mesh.")]
Frame = Annotated[
    Literal["LPS", "RAS"], Parameter(help="Frame of mesh and point files; voxel files carry their own.")
]
Level = Annotated[
    float,
    Parameter(help="Value of the surface; when left out, 0 for distances, 0.5 for masks and probabilities."),
]
Method = Annotated[MethodName, Parameter(help="How to complete; auto chooses and reports why.")]
Template = Annotated[
    Path,
    Parameter(
        help="Model of your own, by average or shape-model, or open: the packaged mean without a non-commercial licence."
    ),
]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Positive = Annotated[float, Parameter(validator=Number(gt=0))]
NotNegative = Annotated[float, Parameter(validator=Number(gte=0))]
Vector = tuple[float, float, float]
Six = tuple[float, float, float, float, float, float]
Bevel = Annotated[float, Parameter(help="Angle by which the border leans inward at least; 0 to 45 degrees.")]
Force = Annotated[bool, Parameter(help="Replace an output that is already there.")]
AsJson = Annotated[bool, Parameter(help="Print the result as JSON on stdout.")]


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """What happens to an output that is there, and how the result is printed."""

    force: Force = False
    json: AsJson = False


@Parameter(name="*")
@dataclass(frozen=True)
class PrintOptions:
    """How the result of a verb that writes no file is printed."""

    json: AsJson = False


@Parameter(name="*")
@dataclass(frozen=True)
class SkullOptions:
    """How a skull is read."""

    threshold_hu: Annotated[
        float | None, Parameter(name="--threshold-hu", help="Bone threshold of a CT, Hounsfield units.")
    ] = None
    label: Annotated[
        int | None, Parameter(help="The label that is bone, in a map of tissues; all but 0 when left out.")
    ] = None
    frame: Frame = "LPS"

    def skull(self, path: Path) -> SkullInput:
        """Read a skull as these options say."""
        from meshimplant import read_skull

        return read_skull(path, threshold_hu=self.threshold_hu, label=self.label, frame=self.frame)

    def bone(self, path: Path | None) -> Volume | None:
        """Read the mask of a skull, where one is given."""
        return None if path is None else self.skull(path).mask


@Parameter(name="*")
@dataclass(frozen=True)
class NetworkOptions:
    """What a network is run with, where one is asked for."""

    weights: Annotated[
        Path | None,
        Parameter(
            help="Weights of your own, by train, for --method network; the packaged ones when left out."
        ),
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Parameter(help="Where a network runs; auto takes a GPU where there is one."),
    ] = "auto"

    def require_used(self, method: str) -> None:
        """Refuse weights that the method would not use."""
        if self.weights is not None and method != "network":
            raise UsageError(f"expected --weights with --method network, got {method}: leave one out")

    def opened(self, method: str) -> Network | None:
        """Return the network that is asked for; None for methods without one."""
        from meshimplant import open_network

        return open_network(self.weights, device=self.device) if method == "network" else None


@Parameter(name="*")
@dataclass(frozen=True)
class PrescriptionOptions:
    """The prescription: a file, and flags laid over it."""

    spec: Annotated[Path | None, Parameter(help="Prescription as .toml or .json; flags override it.")] = None
    thickness_mm: Annotated[float | None, Parameter(help="Distance from outer to inner surface.")] = None
    clearance_mm: Annotated[float | None, Parameter(help="Designed distance from border to bone.")] = None
    bevel_deg: Bevel | None = None

    def prescription(self) -> ImplantSpec:
        """Return the spec of the file, or the default one, with the flags laid over it.

        Raises `UsageError` for a flag out of range, and the library's errors for a wrong file.
        """
        from meshimplant.errors import SpecError
        from meshimplant.spec import ImplantSpec

        base = ImplantSpec() if self.spec is None else ImplantSpec.read(self.spec)
        names = ("thickness_mm", "clearance_mm", "bevel_deg")
        flags: dict[str, Any] = {name: getattr(self, name) for name in names}
        try:
            return base.with_values(**flags)
        except SpecError as error:
            raise UsageError(f"{error}: change the flag, or set all of them in a --spec file") from error


def read_template(path: Path | None, method: str) -> Model | None:
    """Read the model that was asked for, if one was; refuse one that the method would not use."""
    from meshimplant.complete.models import read_model

    if path is not None and method in ("mirror", "network"):
        raise UsageError(
            f"expected --template with a method that uses one, got --method {method}: leave one out"
        )
    return None if path is None else read_model(path)
