"""The options of the verb `thickness`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant_cli.exit_codes import UsageError
from meshimplant_cli.options import NotNegative, Positive
from meshimplant_cli.prescription_file import read_prescription

Share = Annotated[float, Parameter(validator=Number(gt=0, lte=2))]


@Parameter(name="*")
@dataclass(frozen=True)
class ThicknessOptions:
    """The thickness to set."""

    target_mm: Annotated[Positive | None, Parameter(help="Set this thickness.")] = None
    fraction: Annotated[
        Share | None,
        Parameter(
            help="Set this fraction of the local thickness of the skull, or without --skull of the part."
        ),
    ] = None
    skull: Annotated[
        Path | None,
        Parameter(help="The skull of --fraction and --clearance-mm: mask, CT, DICOM study or closed mesh."),
    ] = None
    clearance_mm: Annotated[
        Positive | None,
        Parameter(help="Trim the part again if it becomes thicker and comes nearer to the bone of --skull."),
    ] = None
    map: Annotated[
        Path | None,
        Parameter(help="Set the thickness of a map, .npy or .csv: x y z value, or one value per vertex."),
    ] = None
    feather_mm: Annotated[
        NotNegative, Parameter(help="Width along the border over which the thickness fades to --rim-mm.")
    ] = 0.0
    rim_mm: Annotated[
        Positive | None,
        Parameter(help="Thickness at the border with --feather-mm. Default: the part's own."),
    ] = None
    fixation: Annotated[
        Path | None,
        Parameter(help="Fixation points, mm: .csv .txt .npy .json (3D Slicer); the part gets bosses there."),
    ] = None
    fixation_thickness_mm: Annotated[Positive | None, Parameter(help="Thickness of the bosses.")] = None
    fixation_radius_mm: Annotated[Positive, Parameter(help="Radius of their full thickness.")] = 6.0

    @property
    def given(self) -> dict[str, object]:
        """The options that set a thickness and were given; at most one may be."""
        options = {"--target-mm": self.target_mm, "--fraction": self.fraction, "--map": self.map}
        return {name: value for name, value in options.items() if value is not None}

    def require_whole(self) -> None:
        """Raise `UsageError` if an option lacks another that it needs."""
        together = [
            ("--skull", self.skull, "--fraction or --clearance-mm", self.fraction or self.clearance_mm),
            ("--clearance-mm", self.clearance_mm, "--skull", self.skull),
            ("--feather-mm", self.feather_mm or None, "--target-mm, --fraction or --map", self.given or None),
            ("--rim-mm", self.rim_mm, "--feather-mm", self.feather_mm or None),
            ("--fixation", self.fixation, "--fixation-thickness-mm", self.fixation_thickness_mm),
            ("--fixation-thickness-mm", self.fixation_thickness_mm, "--fixation", self.fixation),
        ]
        for name, value, needed, other in together:
            if value is not None and other is None:
                raise UsageError(
                    f"expected {needed} with {name}, got {name} alone: add it, or leave both out"
                )


@Parameter(name="*")
@dataclass(frozen=True)
class ThicknessLimits:
    """The limits of the wall thickness."""

    min_mm: Annotated[
        Positive | None,
        Parameter(
            help="Smallest thickness: --fraction and --map stay above; every thinner place is reported."
        ),
    ] = None
    max_mm: Annotated[Positive | None, Parameter(help="Largest allowed thickness, likewise.")] = None
    spec: Annotated[
        Path | None,
        Parameter(
            help="Prescription as .toml or .json, for limits without an option and its [[regions]]; with -o "
            "and no option that sets a thickness, also for its own."
        ),
    ] = None

    def range_mm(self) -> tuple[float | None, float | None]:
        """Return the smallest and the largest allowed thickness, None without a limit."""
        least, most = self.min_mm, self.max_mm
        if self.spec is not None:
            from meshimplant.implant.wall_thickness import least_wall_mm

            spec = ImplantSpec.read(self.spec)
            least = least or least_wall_mm(spec)
            most = most or spec.thickness_max_mm
        if least is not None and most is not None and least > most:
            raise UsageError(
                f"expected --min-mm to be at most --max-mm, got {least:g} and {most:g}: change one of them"
            )
        return least, most

    def prescription(self, change: ThicknessOptions) -> ImplantSpec:
        """Return the prescription with the thickness and the clearance of the options."""
        if self.spec is None:
            return ImplantSpec()
        return read_prescription(self.spec, thickness_mm=change.target_mm, clearance_mm=change.clearance_mm)
