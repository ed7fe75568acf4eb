"""Options that several verbs share, each defined once with its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import Parameter, Token
from cyclopts.validators import Number

from meshimplant.complete.methods import Method as MethodName
from meshimplant.spec.implant_spec import (
    ImplantSpec,
)
from meshimplant.values.value_words import Asking, ValueWord
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.prescription_file import overridden
from meshimplant_cli.table_options import flags_of, with_flags_of

if TYPE_CHECKING:
    from meshimplant.head.mean_vault import Model
    from meshimplant.networks.open_network import Network
    from meshimplant.skull.segment import SkullInput

Options = TypeVar("Options")


def read_threshold(_: object, tokens: Sequence[Token]) -> float | None:
    """Return the value of --threshold-hu; None for auto. A word that is neither is a `ValueError`."""
    word = tokens[0].value
    try:
        return None if word == "auto" else float(word)
    except ValueError:
        raise ValueError(f"expected auto or a number, got {word!r}") from None


Output = Annotated[Path, Parameter(alias="-o", help="Where to write.")]
SkullFile = Annotated[Path, Parameter(help="Defective skull: mask, CT, DICOM study or closed mesh.")]
Series = Annotated[
    str,
    Parameter(
        help="Series of a DICOM study: its number as info lists it, or its UID. Default: the best for bone."
    ),
]
Frame = Annotated[
    Literal["LPS", "RAS"], Parameter(help="Frame of mesh and point files; voxel files state their own.")
]
Orientation = Annotated[
    str,
    Parameter(
        help="Sides to which the voxel axes run (RAS: right, anterior, superior), for a header without them."
    ),
]
SegmentName = Annotated[
    str,
    Parameter(
        name="--segment",
        help="Name or number of a segment of a DICOM SEG, an RTSTRUCT or a .seg.nrrd, such as bone.",
    ),
]
Level = Annotated[
    float,
    Parameter(help="Value at the surface. Default: 0 for distances, 0.5 for masks and probabilities."),
]
ThresholdHu = Annotated[
    float,
    Parameter(
        name="--threshold-hu",
        converter=read_threshold,
        help="Lowest value of bone in a CT, Hounsfield units. Default: auto, which follows soft tissue and "
        "noise, and puts each edge at 0.58 of its height.",
    ),
]
Values = Annotated[
    ValueWord,
    Parameter(
        help="What the values of the volume are. Default: what they show, or a question. "
        "Distances are positive inside unless outside is said; hu is a CT in Hounsfield units."
    ),
]
BodyValues = Annotated[ValueWord, Parameter(help="What the values of BODY are, where they do not show it.")]
#: The options that a message about the values of BODY names.
ASKING_BODY = Asking("--body-values", None)
Method = Annotated[MethodName, Parameter(help="How to complete; auto chooses and reports why.")]
Template = Annotated[
    Path,
    Parameter(help="Your own model, by average or shape-model; or open, the packaged mean for any use."),
]
Count = Annotated[int, Parameter(validator=Number(gte=1))]
Positive = Annotated[float, Parameter(validator=Number(gt=0))]
NotNegative = Annotated[float, Parameter(validator=Number(gte=0))]
Vector = tuple[float, float, float]
Six = tuple[float, float, float, float, float, float]
Bevel = Annotated[
    float,
    Parameter(
        help="Angle by which the border leans inward at least, degrees.", validator=Number(gte=0, lte=45)
    ),
]
FeaturesFile = Annotated[
    Path,
    Parameter(
        help="The features.json of the part: holes, screws and marks that it has already, to keep clear of."
    ),
]
Material = Annotated[Literal["PEEK", "PMMA", "titanium", "ceramic"], Parameter(help="Material of the part.")]
InsideMm = Annotated[
    tuple[float, float, float],
    Parameter(
        help="A point inside the head, LPS x y z, as printed by complete. Default: from the skull's symmetry."
    ),
]
#: Characters that the title of a picture holds.
LABEL_LENGTH = 24
Force = Annotated[bool, Parameter(help="Replace an existing output.")]
Strict = Annotated[bool, Parameter(help="Warnings fail the check, too: exit code 3.")]
AsJson = Annotated[bool, Parameter(help="Print the result as JSON on stdout.")]


@Parameter(name="*")
@dataclass(frozen=True)
class OutputOptions:
    """Whether an existing output is replaced, and how the result is printed."""

    force: Force = False
    json: AsJson = False


@Parameter(name="*")
@dataclass(frozen=True)
class DocumentOptions:
    """What a report is called, whether it is also written for print, and how the part is coloured."""

    label: Annotated[
        str,
        Parameter(
            name="--case-label",
            help="What the case is called, in report, pictures and pages: a number, never a patient's name.",
        ),
    ] = ""
    pdf: Annotated[
        Literal["A4", "letter"] | None,
        Parameter(
            help="Also write report.pdf, two pages of this size to print and sign; needs meshimplant[pdf]."
        ),
    ] = None

    colour_by: Annotated[
        Literal["thickness", "gap"] | None,
        Parameter(help="Colour the part in implant.3mf by what was measured. Default: one colour."),
    ] = None

    def require_usable(self) -> None:
        """Refuse a label that no line can hold, and a PDF without the package that writes it."""
        if len(self.label) > LABEL_LENGTH or not self.label.isprintable():
            raise UsageError(
                f"expected a label of at most {LABEL_LENGTH} printable characters, "
                f"got {len(self.label)}: shorten it"
            )
        if self.pdf is not None:
            from meshimplant.preview.report_pdf import require_reportlab

            require_reportlab()

    def given(self) -> dict[str, Any]:
        """Return label, date of today, page size and colours, as `Design.save` takes them."""
        from meshimplant.runtime.today import today

        return {"label": self.label, "date": today(), "pdf": self.pdf, "colour_by": self.colour_by}


@Parameter(name="*")
@dataclass(frozen=True)
class PrintOptions:
    """How the result of a verb that writes no file is printed."""

    json: AsJson = False


@Parameter(name="*")
@dataclass(frozen=True)
class SkullOptions:
    """How a skull is read."""

    threshold_hu: ThresholdHu | None = None
    label: Annotated[
        int | None, Parameter(help="The label of bone in a label map. Default: all labels but 0.")
    ] = None
    series: Series | None = None
    values: Annotated[
        ValueWord | None,
        Parameter(
            help="What the values of the skull's volume are, where they do not show it. With hu+1024, "
            "--threshold-hu is in Hounsfield units; without, in the unit of the file."
        ),
    ] = None
    frame: Frame = "LPS"
    orientation: Orientation | None = None
    segment: SegmentName | None = None
    remove_flap: Annotated[
        bool,
        Parameter(help="Leave out a bone flap that lies in the skull, so that the part replaces it."),
    ] = False

    def skull(self, path: Path) -> SkullInput:
        """Read a skull with these options."""
        from meshimplant import read_skull

        return read_skull(
            path,
            threshold_hu=self.threshold_hu,
            label=self.label,
            series=self.series,
            values=self.values,
            frame=self.frame,
            orientation=self.orientation,
            segment=self.segment,
        )


@Parameter(name="*")
@dataclass(frozen=True)
class NetworkOptions:
    """Weights and device of a network."""

    weights: Annotated[
        Path | None,
        Parameter(
            help="Your own weights, made by train, for --method network. Default: the packaged weights."
        ),
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"],
        Parameter(help="Device for the network; auto uses a GPU if there is one."),
    ] = "auto"

    def require_used(self, method: str) -> None:
        """Raise `UsageError` for weights that the method would not use."""
        if self.weights is not None and method != "network":
            raise UsageError(
                f"expected --weights with --method network, got --method {method}: leave one out"
            )

    def opened(self, method: str) -> Network | None:
        """Open the network; None for methods without one."""
        from meshimplant import open_network

        return open_network(self.weights, device=self.device) if method == "network" else None


@Parameter(name="*")
@dataclass(frozen=True)
@with_flags_of(ImplantSpec)
class PrescriptionOptions:
    """The prescription: a file, and one option for each field, which overrides the file."""

    spec: Annotated[
        Path | None, Parameter(help="Prescription as .toml or .json; the options below override it.")
    ] = None

    def prescription(self, default: ImplantSpec | None = None) -> ImplantSpec:
        """Return the prescription of the file, or the default one, overridden by the options.

        Raises `UsageError` for an option out of range, and the library's errors for an invalid file.
        """
        base = default or ImplantSpec() if self.spec is None else ImplantSpec.read(self.spec)
        return overridden(base, flags_of(self, ImplantSpec))


def read_template(path: Path | None, method: str) -> Model | None:
    """Read a model; raise `UsageError` for one that the method would not use. None without a path."""
    from meshimplant.complete.models import read_model

    if path is not None and method in ("mirror", "network"):
        raise UsageError(
            f"expected --template with a method that uses one, got --method {method}: leave one out"
        )
    return None if path is None else read_model(path)
