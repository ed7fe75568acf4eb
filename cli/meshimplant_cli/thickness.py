"""The verb `thickness`: measure and set the wall thickness of a part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from meshimplant_cli.exit_codes import UsageError, exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import OutputOptions, SkullOptions, Strict, Vector
from meshimplant_cli.outputs import MESH_SUFFIXES, require_free_file
from meshimplant_cli.terminal import describe_finding, measure_table, show, working
from meshimplant_cli.thickness_options import ThicknessLimits, ThicknessOptions

if TYPE_CHECKING:
    import numpy as np
    import trimesh
    from numpy.typing import NDArray

    from meshimplant.implant.place_regions import PlacedRegions
    from meshimplant.voxels.volume import Volume

#: Findings that are printed; with --json all are.
_SHOWN_FINDINGS = 20
_FACTS = ("median_mm", "p5_mm", "p95_mm", "min_mm", "min_location_mm", "margin_mm")


def thickness(
    mesh: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o", help="Where to write the changed mesh.")] = None,
    change: ThicknessOptions = ThicknessOptions(),
    factors: Annotated[
        Vector | None, Parameter(help="Scale the inner surface by l1 l2 l3 about --centre-mm.")
    ] = None,
    centre_mm: Annotated[Vector | None, Parameter(help="Centre of --factors, LPS x y z.")] = None,
    limits: ThicknessLimits = ThicknessLimits(),
    inside_mm: Annotated[
        Vector | None,
        Parameter(help="A point inside the head, LPS x y z. Default: from the mesh's curvature."),
    ] = None,
    write_map: Annotated[
        Path | None,
        Parameter(help="Where to write the measured thickness per vertex, .npy or .csv: x y z value."),
    ] = None,
    strict: Strict = False,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Measure the thickness of a part; or set it, or rescale the inner surface, and measure the result.

    The outer surface never moves. Only measures without -o. With it one of --target-mm, --fraction, --map,
    --fixation and --factors says what to set, or --spec alone the prescribed thickness; [[regions]] of --spec
    have theirs, and need --skull or --inside-mm. A part that gets thicker may meet bone: add --skull and
    --clearance-mm, or trim it afterwards. A finding for each place where a limit of --min-mm, --max-mm or
    --spec is violated: too thin is an error (exit code 3), too thick a warning.

    Parameters
    ----------
    mesh
        Closed implant mesh.
    """
    _require_one_change(output, change, factors, centre_mm, prescribed=limits.spec is not None)
    least, most = limits.range_mm()
    _require_within(change.target_mm, least, most)
    if output is not None:
        require_free_file(output, MESH_SUFFIXES, force=output_options.force)
    if write_map is not None:
        require_free_file(write_map, (".npy", ".csv"), force=output_options.force)
    from meshimplant import (
        find_violations,
        measure_thickness,
        rescale_inner,
        set_thickness,
        write_mesh,
    )
    from meshimplant import write_map as write_thickness_map
    from meshimplant.check.check_regions import measure_regions
    from meshimplant.design.steps import keep_clearance, part_site, regions_on
    from meshimplant.report import verdict_of
    from meshimplant.runtime.value_text import count_of

    inputs = Inputs()
    with working("thickness"):
        part = inputs.mesh(mesh, skull_options.frame)
        bone = None if change.skull is None else inputs.skull(change.skull, skull_options)
        spec = limits.prescription(change)
        placed = regions_on(spec, bone, inside_mm=inside_mm)
        site = None
        if bone is not None and change.clearance_mm is not None:
            site = part_site(part, bone, inside_mm=inside_mm)
            inside_mm = tuple(site.inside_mm)
        if factors is not None and centre_mm is not None:
            part = rescale_inner(part, factors, centre_mm=centre_mm, inside_mm=inside_mm)
        elif output is not None:
            target = _target(part, change, limits, placed, bone, inside_mm, frame=skull_options.frame)
            part = set_thickness(part, target, inside_mm=inside_mm)
            if site is not None and change.clearance_mm is not None:
                clearance = placed.clearance_mm if spec.regions else change.clearance_mm
                part = keep_clearance(part, site, clearance_mm=clearance)
        measured = measure_thickness(part, inside_mm=inside_mm)
        violations = find_violations(part, measured, least_mm=least, most_mm=most)
        by_region, deviating = measure_regions(part, measured, None, placed)
        violations = (*violations, *deviating)
        if output is not None:
            write_mesh(part, output, frame=skull_options.frame)
        if write_map is not None:
            write_thickness_map(write_map, part.vertices, measured.thickness_mm, frame=skull_options.frame)
    facts: dict[str, Any] = {name: getattr(measured, name) for name in _FACTS} | by_region
    verdict = verdict_of(violations)
    lines = [f"{mesh.name}: {verdict}", measure_table(facts.items())]
    lines += map(describe_finding, violations[:_SHOWN_FINDINGS])
    if len(violations) > _SHOWN_FINDINGS:
        lines.append(f"and {count_of(len(violations) - _SHOWN_FINDINGS, 'more place')}; --json lists all")
    findings = [finding.to_dict() for finding in violations]
    show(
        {"verdict": verdict, **facts, "findings": findings},
        as_json=output_options.json,
        text="\n".join(lines),
        inputs=inputs,
    )
    return exit_code_of(verdict, strict=strict)


def _require_one_change(
    output: Path | None,
    change: ThicknessOptions,
    factors: Vector | None,
    centre_mm: Vector | None,
    *,
    prescribed: bool,
) -> None:
    """Raise `UsageError` unless the options ask for one change."""
    asked = [*change.given, *(["--factors"] if factors is not None else [])]
    if len(asked) > 1:
        raise UsageError(
            f"expected one of --target-mm, --fraction, --map and --factors, got {len(asked)}: choose one"
        )
    if factors is not None and change.fixation is not None:
        raise UsageError("expected --fixation without --factors, got both: rescale first, then add bosses")
    if (factors is None) != (centre_mm is None):
        raise UsageError("expected --factors and --centre-mm together, got one of them: add the other")
    change.require_whole()
    changes = bool(asked) or change.fixation is not None
    if (changes and output is None) or (output is not None and not changes and not prescribed):
        raise UsageError(
            "expected -o together with --target-mm, --fraction, --map, --fixation, --factors or --spec, "
            "got one without the other: leave both out to measure"
        )


def _require_within(target_mm: float | None, least: float | None, most: float | None) -> None:
    """Raise `UsageError` for a thickness outside the limits."""
    if target_mm is None:
        return
    if least is not None and target_mm < least:
        raise UsageError(f"expected --target-mm within its limit of {least:g} mm or more, got {target_mm:g}")
    if most is not None and target_mm > most:
        raise UsageError(f"expected --target-mm within its limit of {most:g} mm or less, got {target_mm:g}")


def _target(
    part: trimesh.Trimesh,
    change: ThicknessOptions,
    limits: ThicknessLimits,
    placed: PlacedRegions,
    skull: Volume | None,
    inside_mm: Vector | None,
    *,
    frame: str,
) -> NDArray[np.float64]:
    """Return the thickness to set at each vertex: by region, within the limits, faded, with bosses."""
    import numpy as np

    from meshimplant import feather, read_curve, thicken_at
    from meshimplant.implant.regional_value import RegionalValue, base_of

    least, most = limits.range_mm()
    asked = placed.thickness_mm
    if limits.spec is not None and not change.given and change.fixation is None:
        target = np.full(len(part.vertices), base_of(asked))
    else:
        target = _base(part, change, skull, inside_mm, frame=frame)
    if isinstance(asked, RegionalValue):
        target = asked.at(part.vertices, base=target)
    if change.fraction is not None or change.map is not None:
        target = np.clip(target, least, most)
    if change.feather_mm > 0:
        target = feather(part, target, width_mm=change.feather_mm, rim_mm=change.rim_mm, inside_mm=inside_mm)
    if change.fixation is not None and change.fixation_thickness_mm is not None:
        target = thicken_at(
            part,
            target,
            read_curve(change.fixation, frame=frame),
            thickness_mm=change.fixation_thickness_mm,
            radius_mm=change.fixation_radius_mm,
            inside_mm=inside_mm,
        )
    return target


def _base(
    part: trimesh.Trimesh,
    change: ThicknessOptions,
    skull: Volume | None,
    inside_mm: Vector | None,
    *,
    frame: str,
) -> NDArray[np.float64]:
    """Return the thickness (n,) away from border and bosses; the part's own where none is set."""
    import numpy as np

    from meshimplant import measure_thickness, read_map, skull_thickness

    if change.target_mm is not None:
        return np.full(len(part.vertices), change.target_mm)
    if change.map is not None:
        return read_map(change.map, part.vertices, frame=frame)
    share = 1.0 if change.fraction is None else change.fraction
    if skull is not None and change.fraction is not None:
        return share * skull_thickness(part, skull, inside_mm=inside_mm)
    return share * measure_thickness(part, inside_mm=inside_mm).thickness_mm
