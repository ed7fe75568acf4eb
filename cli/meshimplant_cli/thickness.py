"""The verb `thickness`: measure and set the wall thickness of a part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant_cli.options import NotNegative, OutputOptions, Positive, SkullOptions, Vector
from meshimplant_cli.terminal import (
    CHECK_FAILED,
    DONE,
    MESH_SUFFIXES,
    UsageError,
    describe_finding,
    require_free_file,
    show,
    table,
    working,
)

if TYPE_CHECKING:
    import numpy as np
    import trimesh
    from numpy.typing import NDArray

#: Findings that are printed; with --json all are.
_SHOWN_FINDINGS = 20


_FACTS = ("median_mm", "p5_mm", "p95_mm", "min_mm", "min_location_mm", "margin_mm")


Share = Annotated[float, Parameter(validator=Number(gt=0, lte=2))]


@Parameter(name="*")
@dataclass(frozen=True)
class ThicknessOptions:
    """How thick a part is to become."""

    target_mm: Annotated[Positive | None, Parameter(help="Make the part this thick.")] = None
    fraction: Annotated[
        Share | None,
        Parameter(help="Make it this share of the skull's local thickness; of its own without --skull."),
    ] = None
    skull: Annotated[
        Path | None,
        Parameter(help="The skull that --fraction is of: mask, CT, DICOM folder or closed mesh."),
    ] = None
    map: Annotated[
        Path | None,
        Parameter(help="Make it as thick as a map says, .npy or .csv: x y z value, or one value per vertex."),
    ] = None
    feather_mm: Annotated[
        NotNegative, Parameter(help="Width along the border over which the thickness fades to --rim-mm.")
    ] = 0.0
    rim_mm: Annotated[
        Positive | None,
        Parameter(help="Thickness at the border with --feather-mm; the part's own if left out."),
    ] = None
    fixation: Annotated[
        Path | None,
        Parameter(help="Points where the part is fixed, mm: .csv .txt .npy .json (3D Slicer); gives bosses."),
    ] = None
    fixation_thickness_mm: Annotated[Positive | None, Parameter(help="Thickness of the bosses.")] = None
    fixation_radius_mm: Annotated[Positive, Parameter(help="Radius of their full thickness.")] = 6.0

    @property
    def asked(self) -> dict[str, object]:
        """The ways of saying how thick it is to become that were used; at most one may be."""
        ways = {"--target-mm": self.target_mm, "--fraction": self.fraction, "--map": self.map}
        return {name: value for name, value in ways.items() if value is not None}

    def require_whole(self) -> None:
        """Raise `UsageError` where one option needs another."""
        together = [
            ("--skull", self.skull, "--fraction", self.fraction),
            ("--feather-mm", self.feather_mm or None, "--target-mm, --fraction or --map", self.asked or None),
            ("--rim-mm", self.rim_mm, "--feather-mm", self.feather_mm or None),
            ("--fixation", self.fixation, "--fixation-thickness-mm", self.fixation_thickness_mm),
            ("--fixation-thickness-mm", self.fixation_thickness_mm, "--fixation", self.fixation),
        ]
        for name, given, needed, other in together:
            if given is not None and other is None:
                raise UsageError(
                    f"expected {needed} with {name}, got {name} alone: add it, or leave both out"
                )


@Parameter(name="*")
@dataclass(frozen=True)
class ThicknessLimits:
    """What the wall must keep."""

    min_mm: Annotated[
        Positive | None,
        Parameter(
            help="Thinnest wall allowed: --fraction and --map stay above; every thinner place is told."
        ),
    ] = None
    max_mm: Annotated[Positive | None, Parameter(help="Thickest wall allowed, likewise.")] = None
    spec: Annotated[
        Path | None, Parameter(help="Prescription as .toml or .json, for limits that no flag gives.")
    ] = None

    def range_mm(self) -> tuple[float | None, float | None]:
        """Return the thinnest and the thickest wall allowed, None where there is no limit."""
        least, most = self.min_mm, self.max_mm
        if self.spec is not None:
            from meshimplant.spec import MATERIALS_MIN_THICKNESS_MM, ImplantSpec

            spec = ImplantSpec.read(self.spec)
            least = least or max(spec.thickness_min_mm, MATERIALS_MIN_THICKNESS_MM[spec.material])
            most = most or spec.thickness_max_mm
        if least is not None and most is not None and least > most:
            raise UsageError(
                f"expected --min-mm up to --max-mm, got {least:g} and {most:g}: change one of them"
            )
        return least, most


def thickness(
    mesh: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o", help="Where to write the changed mesh.")] = None,
    chosen: ThicknessOptions = ThicknessOptions(),
    factors: Annotated[
        Vector | None, Parameter(help="Scale the inner surface by l1 l2 l3 about --centre-mm.")
    ] = None,
    centre_mm: Annotated[Vector | None, Parameter(help="Centre of --factors, LPS x y z.")] = None,
    limits: ThicknessLimits = ThicknessLimits(),
    inside_mm: Annotated[
        Vector | None, Parameter(help="A point inside the head, LPS; when left out, by the mesh's curvature.")
    ] = None,
    write_map: Annotated[
        Path | None, Parameter(help="Write the measured thickness per vertex as .npy or .csv: x y z value.")
    ] = None,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Measure the thickness of a part; or set it, or rescale its inner surface, and measure the result.

    The outer surface never moves. Measures only, unless one of --target-mm, --fraction, --map, --fixation and
    --factors is given. A part that gets thicker may meet bone: trim it afterwards. Exit code 3, and a finding for
    each place, where a limit of --min-mm, --max-mm or --spec is not kept.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    _require_one_change(output, chosen, factors, centre_mm)
    least, most = limits.range_mm()
    _require_within(chosen.target_mm, least, most)
    if output is not None:
        require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    if write_map is not None:
        require_free_file(write_map, (".npy", ".csv"), force=output_options.force)
    from meshimplant import (
        find_violations,
        measure_thickness,
        read_mesh,
        rescale_inner,
        set_thickness,
        write_mesh,
    )
    from meshimplant import write_map as write_thickness_map

    with working("thickness"):
        part = read_mesh(mesh, frame=skull_options.frame)
        if factors is not None and centre_mm is not None:
            part = rescale_inner(part, factors, centre_mm=centre_mm, inside_mm=inside_mm)
        elif output is not None:
            target = _target(part, chosen, limits, inside_mm, skull_options)
            part = set_thickness(part, target, inside_mm=inside_mm)
        measured = measure_thickness(part, inside_mm=inside_mm)
        found = find_violations(part, measured, least_mm=least, most_mm=most)
        if output is not None:
            write_mesh(part, output, frame=skull_options.frame)
        if write_map is not None:
            write_thickness_map(write_map, part.vertices, measured.thickness_mm, frame=skull_options.frame)
    facts: dict[str, Any] = {name: getattr(measured, name) for name in _FACTS}
    lines = [table(facts.items()), *map(describe_finding, found[:_SHOWN_FINDINGS])]
    if len(found) > _SHOWN_FINDINGS:
        lines.append(f"and {len(found) - _SHOWN_FINDINGS} more places; --json lists all")
    findings = [finding.to_dict() for finding in found]
    show({**facts, "findings": findings}, as_json=output_options.json, text="\n".join(lines))
    return CHECK_FAILED if found else DONE


def _require_one_change(
    output: Path | None, chosen: ThicknessOptions, factors: Vector | None, centre_mm: Vector | None
) -> None:
    """Raise `UsageError` unless the options say one thing."""
    asked = [*chosen.asked, *(["--factors"] if factors is not None else [])]
    if len(asked) > 1:
        raise UsageError(
            f"expected one of --target-mm, --fraction, --map and --factors, got {len(asked)}: choose one"
        )
    if factors is not None and chosen.fixation is not None:
        raise UsageError("expected --fixation without --factors, got both: rescale first, then add bosses")
    if (factors is None) != (centre_mm is None):
        raise UsageError("expected --factors and --centre-mm together, got one of them: add the other")
    chosen.require_whole()
    if (output is None) != (not asked and chosen.fixation is None):
        raise UsageError(
            "expected -o together with --target-mm, --fraction, --map, --fixation or --factors, got one without "
            "the other: leave both out to measure"
        )


def _require_within(target_mm: float | None, least: float | None, most: float | None) -> None:
    """Raise `UsageError` for one thickness that the limits forbid."""
    if target_mm is None:
        return
    if least is not None and target_mm < least:
        raise UsageError(f"expected --target-mm within its limit of {least:g} mm or more, got {target_mm:g}")
    if most is not None and target_mm > most:
        raise UsageError(f"expected --target-mm within its limit of {most:g} mm or less, got {target_mm:g}")


def _target(
    part: trimesh.Trimesh,
    chosen: ThicknessOptions,
    limits: ThicknessLimits,
    inside_mm: Vector | None,
    skull_options: SkullOptions,
) -> NDArray[np.float64]:
    """Return the thickness that is asked for at each vertex: within the limits, then faded, then with bosses."""
    import numpy as np

    from meshimplant import feather, read_curve, thicken_at

    least, most = limits.range_mm()
    target = _base(part, chosen, inside_mm, skull_options)
    if chosen.fraction is not None or chosen.map is not None:
        target = np.clip(target, least, most)
    if chosen.feather_mm > 0:
        target = feather(part, target, width_mm=chosen.feather_mm, rim_mm=chosen.rim_mm, inside_mm=inside_mm)
    if chosen.fixation is not None and chosen.fixation_thickness_mm is not None:
        target = thicken_at(
            part,
            target,
            read_curve(chosen.fixation, frame=skull_options.frame),
            thickness_mm=chosen.fixation_thickness_mm,
            radius_mm=chosen.fixation_radius_mm,
            inside_mm=inside_mm,
        )
    return target


def _base(
    part: trimesh.Trimesh, chosen: ThicknessOptions, inside_mm: Vector | None, skull_options: SkullOptions
) -> NDArray[np.float64]:
    """Return the thickness (n,) away from the border and from bosses; the part's own where no other is asked."""
    import numpy as np

    from meshimplant import measure_thickness, read_map, skull_thickness

    if chosen.target_mm is not None:
        return np.full(len(part.vertices), chosen.target_mm)
    if chosen.map is not None:
        return read_map(chosen.map, part.vertices, frame=skull_options.frame)
    share = 1.0 if chosen.fraction is None else chosen.fraction
    if chosen.skull is not None:
        return share * skull_thickness(part, skull_options.skull(chosen.skull).mask, inside_mm=inside_mm)
    return share * measure_thickness(part, inside_mm=inside_mm).thickness_mm
