"""`screened`: the finished part under load, if the prescription asks for it."""

from __future__ import annotations

from numpy.typing import ArrayLike

from meshimplant.design.design import PartSteps
from meshimplant.design.step_runner import StepRunner
from meshimplant.errors import MeshImplantError
from meshimplant.report import Finding
from meshimplant.spec.implant_spec import ImplantSpec
from meshimplant.strength.fixation_points import fixing_points
from meshimplant.strength.screen_strength import screen_strength
from meshimplant.strength.screening import StrengthScreening


def screened(
    made: PartSteps, spec: ImplantSpec, line: StepRunner, *, inside_mm: ArrayLike
) -> StrengthScreening | None:
    """Screen the finished part as prescribed, and record what was found.

    The part is held at its fixation, or all round its border where it has none. A screening that cannot be
    made is a warning: the part is what it is without it.

    Returns
    -------
    StrengthScreening or None
        None without a prescription of it, and where it could not be made.
    """
    if spec.strength is None:
        return None
    points = fixing_points(made.features)
    try:
        screening = line.run(
            "strength",
            screen_strength,
            made.implant,
            material=spec.material,
            fixation_mm=points if len(points) else None,
            inside_mm=inside_mm,
            loads_n=(spec.strength.load_n,),
            pressure_kpa=spec.strength.pressure_kpa,
            voxel_mm=spec.strength.voxel_mm,
        )
    except MeshImplantError as error:
        message = f"The part could not be screened under load: {error}"
        line.report.add([Finding("strength.missing", "warning", message)])
        return None
    worst = screening.shown_case
    line.report.strength = screening.to_dict()
    line.report.measures |= {
        "strength_load_n": worst.load,
        "strength_deflection_max_mm": max(case.deflection_mm for case in screening.cases),
        "strength_stress_max_mpa": max(case.stress_mpa for case in screening.cases),
        "strength_ratio_min": min(case.strength_ratio for case in screening.cases),
        "strength_failure_load_n": screening.failure_load_n,
    }
    line.report.add(screening.findings)
    return screening
