"""The verb `strength`: how far a part bends, and how much of its strength loads use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from meshimplant.spec.implant_spec import MATERIALS_MIN_THICKNESS_MM
from meshimplant_cli.exit_codes import UsageError, exit_code_of
from meshimplant_cli.inputs import Inputs
from meshimplant_cli.options import OutputOptions, Positive, SkullFile, SkullOptions, Strict, Vector
from meshimplant_cli.outputs import require_free_file, suffix_of
from meshimplant_cli.terminal import describe_finding, json_text, show, table, working

if TYPE_CHECKING:
    import numpy as np
    import trimesh
    from numpy.typing import NDArray

    from meshimplant.strength.screening import StrengthScreening

Voxel = Annotated[float, Parameter(validator=Number(gte=0.25, lte=2))]


def strength(
    part: Path,
    /,
    *,
    points: Annotated[
        Path | None,
        Parameter(
            help="Fixation points on the part, mm: features.json, .csv .txt .npy .json (3D Slicer). "
            "Default: it is held all round its border."
        ),
    ] = None,
    skull: Annotated[SkullFile | None, Parameter(help="The skull, which tells outer from inner.")] = None,
    inside_mm: Annotated[
        Vector | None,
        Parameter(help="A point inside the head, LPS x y z. Default: from the mesh's curvature, or --skull."),
    ] = None,
    material: Annotated[
        Literal[tuple(MATERIALS_MIN_THICKNESS_MM)],  # type: ignore[valid-type]
        Parameter(help="Material of the part."),
    ] = "PEEK",
    load_n: Annotated[tuple[float, ...], Parameter(help="Forces on the pad, N.")] = (50.0, 100.0),
    pressure_kpa: Annotated[Positive, Parameter(help="Pressure from inside, kPa.")] = 2.0,
    voxel_mm: Annotated[Voxel, Parameter(help="Voxel edge; the cubes of the solution have two.")] = 1.0,
    output: Annotated[
        Path | None, Parameter(alias="-o", help="Where to write a picture (.png) or all numbers (.json).")
    ] = None,
    strict: Strict = False,
    skull_options: SkullOptions = SkullOptions(),
    output_options: OutputOptions = OutputOptions(),
) -> int:
    """Screen how far a part bends, and how much of its strength is used, under a pad and a pressure.

    A pad of 10 mm presses on the middle and on the weakest place found, a pressure acts from inside. Warns
    where the part bends by more than 2 mm, or where the stress reaches the material's strength below 100 N.
    It is a screening by linear elasticity under the assumptions that are printed, never a proof of strength.

    Parameters
    ----------
    part
        Closed implant mesh: .stl .3mf .ply .obj .glb.
    """
    if not load_n or min(load_n) <= 0:
        raise UsageError(f"expected forces above 0 N with --load-n, got {load_n}: correct them")
    if output is not None:
        require_free_file(output, (".png", ".json"), force=output_options.force)
    from meshimplant import screen_strength
    from meshimplant.report import verdict_of
    from meshimplant.strength.fixation_points import read_fixation_points
    from meshimplant.strength.screening import SCREENING_NOTE

    inputs = Inputs()
    with working("screening"):
        mesh = inputs.mesh(part, skull_options.frame)
        fixation_mm = None if points is None else read_fixation_points(points, frame=skull_options.frame)
        screening = screen_strength(
            mesh,
            material=material,
            fixation_mm=fixation_mm,
            inside_mm=_inside_mm(mesh, skull, inside_mm, skull_options, inputs),
            loads_n=load_n,
            pressure_kpa=pressure_kpa,
            voxel_mm=voxel_mm,
        )
        if output is not None:
            _write(output, part.stem, mesh, screening)
    lines = [_headline(part.name, screening), _case_table(screening)]
    lines += [f"stress reaches the strength at {screening.failure_load_n:.0f} N on the weakest place"]
    lines += [*map(describe_finding, screening.findings), SCREENING_NOTE]
    show(screening.to_dict(), as_json=output_options.json, text="\n".join(lines), inputs=inputs)
    return exit_code_of(verdict_of(screening.findings), strict=strict)


def _inside_mm(
    mesh: trimesh.Trimesh,
    skull: Path | None,
    inside_mm: tuple[float, float, float] | None,
    skull_options: SkullOptions,
    inputs: Inputs,
) -> NDArray[np.float64] | tuple[float, float, float] | None:
    """Return the point inside the head that was given, or that of the skull; None without either."""
    if inside_mm is not None or skull is None:
        return inside_mm
    from meshimplant.implant.site import inner_point

    return inner_point(mesh, inputs.skull(skull, skull_options))


def _write(output: Path, title: str, mesh: trimesh.Trimesh, screening: StrengthScreening) -> None:
    """Write the picture, or all numbers."""
    if suffix_of(output) == ".png":
        from meshimplant import render_strength

        render_strength(output, part=mesh, screening=screening, title=f"{title}: strength screening")
        return
    from meshimplant.io.atomic import atomic_path

    with atomic_path(output) as target:
        target.write_text(json_text(screening.to_dict()) + "\n", encoding="utf-8")


def _headline(name: str, screening: StrengthScreening) -> str:
    material, count = screening.material, len(screening.fixation_mm)
    held = f"held at {count} points" if count else "held all round its border"
    return (
        f"{name}: {material.name} ({material.young_mpa / 1000:g} GPa, {material.strength_kind} strength "
        f"{material.strength_mpa:g} MPa), {screening.mass_g:.1f} g, {held}"
    )


def _case_table(screening: StrengthScreening) -> str:
    """Return a row for each load: deflection, stress and its place, strength over stress."""
    rows: list[tuple[object, ...]] = [
        ("load", "deflection mm", "stress MPa", "strength ratio", "at (LPS mm)", "highest stress at")
    ]
    for case in screening.cases:
        rows.append(
            (
                f"{case.load:g} {case.unit}, {case.name}",
                f"{case.deflection_mm:.4f}",
                f"{case.stress_mpa:.2f}",
                f"{case.strength_ratio:.1f}",
                case.place_mm,
                case.stress_place_mm,
            )
        )
    return table(rows)
