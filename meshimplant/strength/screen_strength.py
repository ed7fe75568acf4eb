"""`screen_strength`: how far a part bends, and how much of its material's strength loads use."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np
import trimesh
from numpy.typing import ArrayLike, NDArray

from meshimplant.errors import InputError, require_type
from meshimplant.implant.surfaces import INNER, OUTER, WALL
from meshimplant.implant.wall_thickness import measure_thickness
from meshimplant.mesh.areas import enclosed_mm3
from meshimplant.mesh.deviation import distances_mm
from meshimplant.mesh.nearest import surface_tree
from meshimplant.mesh.topology import edge_uses, face_groups
from meshimplant.report import Place, place_of
from meshimplant.runtime.threads import one_blas_thread
from meshimplant.strength.border import border_points, hole_points
from meshimplant.strength.cut_cubes import CutCubes, cut_cubes
from meshimplant.strength.equations import assemble
from meshimplant.strength.held import hold_near, require_held
from meshimplant.strength.loads import pad_forces, pads, pressure_forces
from meshimplant.strength.materials import Material, material_of
from meshimplant.strength.part_distances import part_distances
from meshimplant.strength.responses import Responses, read_responses
from meshimplant.strength.screening import LoadCase, LoadName, StrengthScreening
from meshimplant.strength.screening_findings import screening_findings
from meshimplant.strength.solve import Solver
from meshimplant.strength.surface_samples import SurfaceSamples, refined, sample_surface, thinned
from meshimplant.strength.weakest_places import weakest_places

Floats = NDArray[np.float64]

#: Radius around a fixation point, and depth from the border, within which the part cannot move, mm. Our
#: choice: the head of a screw with the plate under it; the part of a border that bone or plates can hold.
HELD_RADIUS_MM, HELD_DEPTH_MM = 3.0, 2.0
#: Width of the zone around what is held in which stresses do not count, mm: there the model is singular. Our
#: choice: two voxels.
EXCLUDED_MM = 2.0
#: The stress around a hole is read this far from its wall, mm. Our choice: the width of a cube.
BESIDE_HOLE_MM = 2.0
#: Voxel edges that can be asked for, mm.
VOXEL_RANGE_MM = (0.25, 2.0)
#: A wall needs this many voxels, so that its middle is not cut away between them, and this many sub-cells, so
#: that it becomes too stiff in bending by at most 3 %.
_VOXELS_PER_WALL, _SUB_CELLS_PER_WALL = 1.75, 5.6
#: The percentile of the thickness away from the border that voxels and sub-cells are chosen for.
_THIN_PERCENT = 1
#: Voxels and sub-cells along the edge of a cube, at least and at most. Sub-cells are even in number.
_VOXELS_PER_EDGE, _SUB_COUNT = (2, 8), (8, 16)
#: Longest edge of a face, mm: parts of CAD programs may have no corner but on their border.
_LONGEST_MM = 4.0
#: Distance between the points at which displacement and stress are read, mm.
_READ_APART_MM = 0.8


@one_blas_thread()
def screen_strength(
    part: trimesh.Trimesh,
    *,
    material: str | Material = "PEEK",
    fixation_mm: ArrayLike | None = None,
    inside_mm: ArrayLike | None = None,
    loads_n: Sequence[float] = (50.0, 100.0),
    pressure_kpa: float = 2.0,
    voxel_mm: float = 1.0,
) -> StrengthScreening:
    """Screen a part by linear elasticity on voxels of its own signed distances.

    A pad of 10 mm presses straight on the outer surface, at its middle and at the weakest place found; a
    pressure acts on the inner surface. The weakest place is that with the highest stress per newton among the
    middle and the places that move most. It is a screening under its assumptions (`SCREENING_NOTE`), not a
    proof of strength.

    Parameters
    ----------
    part : Trimesh
        A closed implant, LPS mm; holes in it are taken as they are.
    material : str or Material
        A name of `MATERIALS`, or a material of your own.
    fixation_mm : (k, 3) array-like, optional
        Fixation points on the part, LPS mm: it cannot move within 3 mm of each. None: it cannot move within 2
        mm of its border, all round. By the plate formulas a flat part whose border only rests on bone bends
        2.5 times as far under a pad, and four times as far under pressure.
    inside_mm : (3,) array-like, optional
        A point inside the head, LPS mm, that distinguishes outer from inner. None: derived from the implant's
        curvature.
    loads_n : sequence of float
        Forces on the pad, N. The default holds the 100 N that a 510(k) (K161090) names for acceptance.
    pressure_kpa : float
        Pressure from inside. Default 2 kPa: 15 mmHg.
    voxel_mm : float
        Voxel edge, 0.25 to 2 mm. The cubes of the solution have two such edges. A wall thinner than 1.75
        voxels gets finer distances in cubes of the same size.

    Returns
    -------
    StrengthScreening
        Deflection, stress and strength ratio of each load, maps on the surface, and findings.

    Raises
    ------
    InputError
        A number is out of range, or a fixation point lies more than 3 mm off the part.
    MeshError
        The part is open or no shell; a body of it is not held; the iterations do not converge.

    Notes
    -----
    Measured against textbooks at 1 mm: clamped discs of 2 and 3 mm, 40 mm wide, up to 4 % too stiff in any
    direction; stresses 1 to 5 % too low; supported discs, beams and domes within 5 %. Measured on one core: a
    dome of 119 mm and 4 mm on six points, 170 000 faces, 12 000 cubes, 32 s and 1.3 GB; one of 90 mm and 0.6
    mm, 12 s and 0.8 GB.
    """
    require_type(part, trimesh.Trimesh, "the part")
    chosen = material_of(material)
    forces = _checked(loads_n, pressure_kpa, voxel_mm)
    points = None if fixation_mm is None else _on_the_part(part, fixation_mm)
    part = refined(part, longest_mm=_LONGEST_MM)
    wall = measure_thickness(part, inside_mm=inside_mm)
    samples, labels = sample_surface(part), wall.surfaces.face_labels
    outer, inner = (samples.chosen(labels[samples.faces] == side) for side in (OUTER, INNER))
    body = _cubes(part, float(np.percentile(wall.thickness_mm[wall.counted], _THIN_PERCENT)), voxel_mm)
    held_mm = border_points(part, wall.surfaces, samples) if points is None else points
    depth_mm = HELD_DEPTH_MM if points is None else HELD_RADIUS_MM
    held = hold_near(body, held_mm, radius_mm=depth_mm)
    require_held(body, held)
    solver = Solver(body, assemble(body, young_mpa=chosen.young_mpa, poisson=chosen.poisson, held=held))
    tried_mm = np.concatenate([_middle(outer), weakest_places(body, solver, outer)])
    unit_loads = [pad_forces(body, under) for under in pads(outer, tried_mm)] + [pressure_forces(body, inner)]
    moved = solver.displacements(np.stack(unit_loads, axis=1))
    read_mm = samples.points_mm[thinned(samples.points_mm, apart_mm=_READ_APART_MM)]
    excluded_mm = depth_mm + EXCLUDED_MM
    responses = read_responses(body, moved, read_mm, chosen, held_mm=held_mm, excluded_mm=excluded_mm)
    weakest = int(np.argmax([responses.stress(load)[0] for load in range(len(tried_mm))]))
    cases = _cases(responses, tried_mm, weakest, forces, pressure_kpa, chosen)
    failure_load_n = chosen.strength_mpa / responses.stress(weakest)[0]
    edges_mm = (
        hole_points(part, wall.surfaces, samples)
        if (wall.surfaces.face_labels == WALL).any()
        else read_mm[:0]
    )
    beside_holes = _beside_holes(responses, edges_mm, weakest, max(forces), pressure_kpa)
    part_mm3 = enclosed_mm3(part)
    return StrengthScreening(
        material=chosen,
        fixation="border" if points is None else "points",
        fixation_mm=np.zeros((0, 3)) if points is None else points,
        excluded_mm=excluded_mm,
        cases=cases,
        failure_load_n=failure_load_n,
        tried_mm=tried_mm,
        points_mm=read_mm,
        deflection_mm=responses.deflection_mm[:, weakest] * max(forces),
        stress_mpa=responses.stress_mpa[:, weakest] * max(forces),
        counted=responses.counted,
        voxel_mm=voxel_mm,
        cubes=len(body.cubes),
        mass_g=part_mm3 / 1000 * chosen.density_g_cm3,
        findings=screening_findings(
            cases,
            failure_load_n,
            chosen.strength_mpa,
            body.volume_mm3 / part_mm3,
            _hole_count(part),
            beside_holes,
        ),
    )


def _checked(loads_n: Sequence[float], pressure_kpa: float, voxel_mm: float) -> list[float]:
    """Return the forces; raise `InputError` for numbers out of range."""
    low, high = VOXEL_RANGE_MM
    if not low <= voxel_mm <= high:
        raise InputError(f"expected voxels of {low:g} to {high:g} mm, got {voxel_mm!r}")
    forces = [float(force) for force in np.atleast_1d(loads_n)]
    if not forces or not all(0 < number < np.inf for number in (*forces, pressure_kpa)):
        raise InputError(
            f"expected at least one force and a pressure, all above 0, got {forces} N and {pressure_kpa:g} "
            f"kPa"
        )
    return forces


def _on_the_part(part: trimesh.Trimesh, fixation_mm: ArrayLike) -> Floats:
    """Return fixation points (k, 3); raise `InputError` for one that lies off the part."""
    points = np.asarray(fixation_mm, float)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points) or not np.isfinite(points).all():
        raise InputError(f"expected fixation points as a finite array (k, 3), got shape {points.shape}")
    apart = distances_mm(points, part)
    worst = int(np.argmax(apart))
    if apart[worst] > HELD_RADIUS_MM:
        raise InputError(
            f"expected fixation points within {HELD_RADIUS_MM:g} mm of the part, got "
            f"{np.round(points[worst], 1).tolist()}, {apart[worst]:.1f} mm off: check the frame (LPS or "
            "RAS), or give points on the part and not on the bone"
        )
    return points


def _cubes(part: trimesh.Trimesh, wall_mm: float, voxel_mm: float) -> CutCubes:
    """Return the cubes of a part with a wall of a thickness."""
    edge_mm = 2 * voxel_mm
    voxels = int(np.clip(ceil(edge_mm * _VOXELS_PER_WALL / wall_mm), *_VOXELS_PER_EDGE))
    sub_count = int(np.clip(2 * ceil(edge_mm * _SUB_CELLS_PER_WALL / wall_mm / 2), *_SUB_COUNT))
    field = part_distances(part, spacing_mm=edge_mm / voxels)
    return cut_cubes(field, voxels_per_edge=voxels, sub_count=sub_count)


def _hole_count(part: trimesh.Trimesh) -> int:
    """Return the number of holes through a closed part: its genus, by Euler's formula."""
    faces = np.asarray(part.faces)
    edges = edge_uses(faces)[0]
    euler = len(np.unique(faces)) - len(edges) + len(faces)
    return int(face_groups(faces).max()) + 1 - euler // 2


def _beside_holes(
    responses: Responses,
    edges_mm: Floats,
    weakest: int,
    force_n: float,
    pressure_kpa: float,
) -> tuple[float, Place] | None:
    """Return the largest stress of any load read within `BESIDE_HOLE_MM` of a hole, and its place."""
    if not len(edges_mm):
        return None
    near = responses.counted & (surface_tree(edges_mm).query(responses.points_mm)[0] <= BESIDE_HOLE_MM)
    if not near.any():
        return None
    stress = responses.stress_mpa * np.array(
        [force_n if load in (0, weakest) else 0.0 for load in range(responses.stress_mpa.shape[1] - 1)]
        + [pressure_kpa / 1000]
    )
    largest = np.where(near, stress.max(axis=1), -1.0)
    place = int(largest.argmax())
    return float(largest[place]), place_of(responses.points_mm[place])


def _middle(outer: SurfaceSamples) -> Floats:
    """Return the point (1, 3) of an outer surface that is nearest to its centroid, LPS mm."""
    centroid = np.average(outer.points_mm, axis=0, weights=outer.areas_mm2)
    nearest = np.argmin(np.linalg.norm(outer.points_mm - centroid, axis=1))
    return outer.points_mm[[nearest]]


def _cases(
    responses: Responses,
    tried_mm: Floats,
    weakest: int,
    forces_n: Sequence[float],
    pressure_kpa: float,
    material: Material,
) -> tuple[LoadCase, ...]:
    """Return the forces at the middle and at the weakest place, and the pressure, each as a case."""
    pads: list[tuple[LoadName, int]] = [("middle", 0), ("weakest place", weakest)]
    cases = [
        _case(responses, name, load, force, force, material, tried_mm[load])
        for name, load in pads
        for force in forces_n
    ]
    pressure = _case(responses, "pressure", len(tried_mm), pressure_kpa, pressure_kpa / 1000, material, None)
    return (*cases, pressure)


def _case(
    responses: Responses,
    name: LoadName,
    load: int,
    size: float,
    factor: float,
    material: Material,
    place_mm: Floats | None,
) -> LoadCase:
    """Return the case of a unit load, `factor` times as large."""
    deflection_mm, bent_mm = responses.deflection(load)
    stress_mpa, stressed_mm = responses.stress(load)
    return LoadCase(
        name,
        size,
        "kPa" if place_mm is None else "N",
        None if place_mm is None else place_of(place_mm),
        factor * deflection_mm,
        bent_mm,
        factor * stress_mpa,
        stressed_mm,
        material.strength_mpa / (factor * stress_mpa),
    )
